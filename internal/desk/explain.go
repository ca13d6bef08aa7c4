package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rekey/seclog"
)

// Explanation says to a layman what a security log shows, and what it cannot show.
type Explanation struct {
	Proves    []string      `json:"proves"`
	ProvesNot []string      `json:"proves_not"`
	Findings  []string      `json:"findings"` // what does not fit, in words; empty = all fits
	Issued    int           `json:"issued"`   // answers, by the log
	Answers   []AnswerProof `json:"answers"`  // the newest of them, newest first
}

// AnswerProof is what the log tells of one answer: the records of its case that
// led to it, and whether they are all there.
type AnswerProof struct {
	Record   int64       `json:"record"` // its place in the log
	At       time.Time   `json:"at"`
	Case     string      `json:"case"`
	DeviceID string      `json:"device_id"`
	Agent    string      `json:"agent"`
	Level    string      `json:"level"`
	Covered  bool        `json:"covered"` // by the signed checkpoint
	Steps    []ProofStep `json:"steps"`   // oldest first
	Missing  []string    `json:"missing"` // what should be there and is not, in words; empty = nothing
}

// ProofStep is one record on the way to an answer.
type ProofStep struct {
	Record int64     `json:"record"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Words  string    `json:"words"`

	event, kind string
}

// answersExplained is how many answers are told one by one; the findings are of all.
const answersExplained = 50

// mostFindings bounds what is told.
const mostFindings = 200

// explainer reads a log once, in its order.
type explainer struct {
	first, last      time.Time
	refused, failed  int
	jumps, recovered int
	due, approved    int // answers that needed a second person, and had one
	issued           int
	steps            map[string][]ProofStep // of each case that is not closed
	answers          newest[AnswerProof]
	findings         []string
}

func newExplainer() *explainer {
	return &explainer{steps: map[string][]ProofStep{}, answers: newest[AnswerProof]{most: answersExplained}}
}

func (e *explainer) take(rec seclog.Record) {
	if e.first.IsZero() {
		e.first = rec.Time
	}
	e.last = rec.Time
	switch rec.Event {
	case seclog.EventRecovered:
		e.recovered++
	case "clock.jump":
		e.jumps++
		e.find("the clock was set by %s (record %d): times around it need care", rec.Detail["by"], rec.Seq)
	case eventReveal:
		e.answer(rec)
	}
	switch rec.Result {
	case "refused":
		e.refused++
	case "failed":
		e.failed++
		e.unstep(rec)
		return
	}
	if rec.Case != "" && rec.Result != "refused" && isStep(rec.Event) {
		e.steps[rec.Case] = append(e.steps[rec.Case], stepOf(rec))
	}
	if rec.Event == string(ActCaseClose) {
		delete(e.steps, rec.Case)
	}
}

// isStep tells events on the way to an answer from the rest.
func isStep(event string) bool {
	return slices.Contains([]string{"case.opened", string(ActEvidenceAdd), string(ActCodeSend), string(ActOwnerConfirm), string(ActCaseHandOver),
		string(ActCaseApprove), "notify.over", string(ActReveal), string(ActCaseThaw), string(ActCaseFreeze), string(ActOwnerNotMe)}, event)
}

func stepOf(rec seclog.Record) ProofStep {
	kind := rec.Detail["kind"] + rec.Detail["decision"]
	words := EventWords(rec.Event)
	if kind != "" {
		words += " (" + clip(kind) + ")"
	}
	return ProofStep{rec.Seq, rec.Time, rec.Actor, words, rec.Event, kind}
}

// unstep takes back the step that a later record says has failed.
func (e *explainer) unstep(rec seclog.Record) {
	all := e.steps[rec.Case]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].event == rec.Event && all[i].Actor == rec.Actor {
			e.steps[rec.Case] = slices.Delete(all, i, i+1)
			return
		}
	}
}

// answer holds the record of an answer against what is there before it.
func (e *explainer) answer(rec seclog.Record) {
	e.issued++
	p := AnswerProof{Record: rec.Seq, At: rec.Time, Case: rec.Case, DeviceID: rec.Object, Agent: rec.Actor, Level: rec.Detail["level"],
		Steps: slices.Clone(e.steps[rec.Case]), Missing: []string{}}
	if !p.has(string(ActReveal), rec.Actor, "") {
		p.miss("no record before it that %s entered the challenge", rec.Actor)
	}
	for kind := range strings.SplitSeq(rec.Detail["evidence"], ",") {
		confirmed := kind == string(EvidenceAddress) && p.has(string(ActOwnerConfirm), "", "")
		if kind != "" && !confirmed && !p.has(string(ActEvidenceAdd), "", kind) {
			p.miss("no record before it that the evidence %s was given", kind)
		}
	}
	e.secondPerson(&p, rec.Detail["approved_by"])
	for _, missing := range p.Missing {
		e.find("the answer of case %s (record %d): %s", p.Case, p.Record, missing)
	}
	e.answers.add(p)
}

// secondPerson checks the approval, where the level asks for one.
func (e *explainer) secondPerson(p *AnswerProof, approver string) {
	if p.Level == LevelNormal.String() && approver == "" {
		return
	}
	if p.Level != LevelNormal.String() {
		e.due++
	}
	before := len(p.Missing)
	switch {
	case approver == "":
		p.miss("its level was %q, but nobody approved it", p.Level)
	case approver == p.Agent:
		p.miss("%s approved it and got the answer", approver)
	case !p.has(string(ActCaseApprove), approver, "approve"):
		p.miss("no record before it that %s approved it", approver)
	case p.has(string(ActEvidenceAdd), approver, "") || p.has(string(ActCodeSend), approver, ""):
		p.miss("%s approved it and worked it", approver)
	}
	if p.Level != LevelNormal.String() && len(p.Missing) == before {
		e.approved++
	}
}

// has reports a step of the event; empty actor or kind = any.
func (p *AnswerProof) has(event, actor, kind string) bool {
	return slices.ContainsFunc(p.Steps, func(s ProofStep) bool {
		return s.event == event && (actor == "" || s.Actor == actor) && (kind == "" || s.kind == kind)
	})
}

func (p *AnswerProof) miss(format string, args ...any) {
	p.Missing = append(p.Missing, fmt.Sprintf(format, args...))
}

func (e *explainer) find(format string, args ...any) {
	if len(e.findings) < mostFindings {
		e.findings = append(e.findings, fmt.Sprintf(format, args...))
	}
}

// explain puts what was read into words, with the numbers of this log.
func (e *explainer) explain(r LogReport) Explanation {
	x := Explanation{Issued: e.issued, Answers: e.answers.newestFirst(), ProvesNot: provesNot(r), Findings: []string{}}
	for i := range x.Answers {
		x.Answers[i].Covered = r.Problem == "" && x.Answers[i].Record < r.Records
	}
	if r.Problem != "" {
		x.Findings = append(x.Findings, "The log does not verify: "+r.Problem+". From there on it proves nothing.")
		x.Proves = []string{"Nothing: the log was changed after it was written, or parts of it are missing."}
	} else {
		x.Proves = e.proves(r)
	}
	x.Findings = append(x.Findings, e.findings...)
	return x
}

func (e *explainer) proves(r LogReport) []string {
	const layout = "2 January 2006, 15:04:05 UTC"
	all := []string{
		fmt.Sprintf("The log holds %s, from %s to %s. One signature covers them all: since they were written none was changed, taken out, put in between, or put into another order.",
			several(r.Records, "record", "records"), e.first.Format(layout), e.last.Format(layout)),
	}
	all = append(all, e.provesOfAnswers()...)
	all = append(all,
		fmt.Sprintf("%s refused, and %s allowed but did not succeed; the log holds these as well.",
			several(e.refused, "act was", "acts were"), several(e.failed, "was", "were")))
	if e.recovered > 0 {
		all = append(all, fmt.Sprintf("The machine stopped in the middle of a record %s; the log tells which records were kept then.", several(e.recovered, "time", "times")))
	}
	return all
}

func (e *explainer) provesOfAnswers() []string {
	if e.issued == 0 {
		return []string{"No answer was issued."}
	}
	second := "None of them needed a second person."
	if e.due > 0 {
		second = fmt.Sprintf("%d of them needed a second person; for %d of these the log holds the approval by somebody else, before the answer.", e.due, e.approved)
	}
	return []string{
		fmt.Sprintf("%s issued. The record of each, with the case, the recorder, the agent, the evidence and a fingerprint of the challenge, was signed before the answer was worked out.",
			several(e.issued, "answer was", "answers were")),
		second,
	}
}

// several is a number with its word.
func several[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func provesNot(r LogReport) []string {
	return []string{
		"That what agents wrote down is true, such as which document they saw. It shows who wrote it, and when.",
		"Who sat at a browser. It shows whose passkey was used.",
		"That the times are right. They are of the desk's own clock; where that was set, the log says so.",
		"That no answer was made elsewhere. Whoever copies the desk's keys from its machine can work out answers that are in no log; they still need the challenge that a recorder shows.",
		fmt.Sprintf("That this is the only log. Whoever takes the signing key can write another one, and an old copy of the folder lacks what came after. To see that, keep these two elsewhere, and compare later: %d records, root %s.", r.Records, r.Root),
		"Any password or answer. The log holds none.",
	}
}
