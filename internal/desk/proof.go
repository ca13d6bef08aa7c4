package desk

import (
	"slices"
	"strings"
	"time"

	"rekey/internal/desk/staff"
	"rekey/recovery"
)

// RoleProof is the object that a proof of presence is begun for (see BeginStepUp)
// to add an agent or to change their role: whoever sits in between cannot keep the
// touch and put another role in its place. So are the others here.
func RoleProof(name string, role staff.Role) string { return lines(name, string(role)) }

// SSOProof is the object for an agent's address at the identity provider.
func SSOProof(name, email string) string { return lines(name, email) }

// KeyProof is the object for an API key: its name, its scopes sorted with a blank
// between, and the day of its end (UTC).
func KeyProof(name string, scopes []staff.Scope, until time.Time) string {
	return lines(name, scopeWords(scopes), until.UTC().Format(time.DateOnly))
}

// OwnerProof is the object for a recorder's owner and addresses: the Device ID, the
// word owner, the name, the day since when (UTC), and the addresses as they are sent,
// in their order. What is left out is an empty line.
func OwnerProof(id recovery.DeviceID, o Owner) string {
	since := ""
	if !o.Since.IsZero() {
		since = o.Since.UTC().Format(time.DateOnly)
	}
	return lines(id.String(), "owner", o.Name, since, strings.Join(o.Addresses, "\n"))
}

// PhrasesProof is the object for a recorder's phrases as they are sent. It holds
// them: it is for no record.
func PhrasesProof(id recovery.DeviceID, p Phrases) string {
	return lines(id.String(), "phrases", p.Support.Reveal(), p.Duress.Reveal())
}

// FoundProof is the object for a recorder that is stolen no more.
func FoundProof(id recovery.DeviceID) string { return lines(id.String(), "found") }

// lines are values of which none has a line end: names, roles, scopes, addresses and
// phrases that hold one are refused by the act itself.
func lines(values ...string) string { return strings.Join(values, "\n") }

// lineEnds are what no such value holds.
const lineEnds = "\r\n"

// scopeWords are the scopes, sorted.
func scopeWords(scopes []staff.Scope) string {
	words := make([]string, 0, len(scopes))
	for _, s := range scopes {
		words = append(words, string(s))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}
