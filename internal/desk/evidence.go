package desk

import (
	"slices"
	"strings"

	"rekey"
)

// Evidence is a kind of proof that a caller may give. What a caller knows, such
// as a serial number or the names of cameras, is never evidence (NIST SP
// 800-63A: no knowledge-based verification).
type Evidence string

// The kinds of evidence.
const (
	EvidenceQR       Evidence = "E1"
	EvidenceAddress  Evidence = "E2"
	EvidencePhrase   Evidence = "E3"
	EvidenceDocument Evidence = "E4"
	EvidenceIdentity Evidence = "E5"
	EvidenceCallback Evidence = "E6"
)

// EvidenceKind is a kind of evidence in words for the agent.
type EvidenceKind struct {
	Kind  Evidence
	Title string
	Ask   string // what to say to the caller
	Check string // what the agent does, and what goes into the note
}

// EvidenceKinds are all kinds, in the order in which a page offers them.
func EvidenceKinds() []EvidenceKind {
	return []EvidenceKind{
		{EvidenceQR, "Recorder's QR code",
			"Please press Forgot password on the recorder, scan the QR code with your telephone and send me the text, all of it.",
			"Paste the text. The desk checks that this recorder made it."},
		{EvidenceAddress, "Control of a registered address",
			"I am sending a number to the address we have registered for you. Please read it to me.",
			"Send to an address of the registry, never to one the caller tells you. Note which, and that the number was right."},
		{EvidenceCallback, "Call back to the registered number",
			"I will hang up now and call the number we have registered for you.",
			"Call the number of the registry. Note the time of the call."},
		{EvidencePhrase, "Saved sheet or support phrase",
			"Please read me the support phrase from the sheet you printed when you set up the recorder.",
			"Compare it with the registry. Do not tell the caller which part was wrong. Never write the phrase into the note."},
		{EvidenceDocument, "Sale or registration document",
			"Please send us the invoice or the registration of the recorder.",
			"Match it to the registry. Note the number of the document."},
		{EvidenceIdentity, "Identity document by live video",
			"I am starting a video call. Please hold your identity document beside your face.",
			"Compare name and face. Note what kind of document it was, not its number."},
	}
}

// ParseEvidence reads E1 to E6.
func ParseEvidence(s string) (Evidence, error) {
	e := Evidence(strings.ToUpper(strings.TrimSpace(s)))
	if slices.ContainsFunc(EvidenceKinds(), func(k EvidenceKind) bool { return k.Kind == e }) {
		return e, nil
	}
	return "", refuse(rekey.ErrInput, "evidence %q: expected E1 to E6", clip(s))
}

// Title is the kind in words.
func (e Evidence) Title() string {
	for _, k := range EvidenceKinds() {
		if k.Kind == e {
			return k.Title
		}
	}
	return string(e)
}
