package front

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"rekey/internal/desk"
)

// caseView is what a case's page shows.
type caseView struct {
	desk.Case
	who      desk.Agent
	recorder desk.Recorder
	takers   []string // who may take the case over
	now      time.Time
	problem  string
	shown    string     // a registered number in full, this once
	form     url.Values // that was sent and refused
	scanned  string     // the text of a QR code that was uploaded
}

func (f *front) caseOf(c *call) (reply, error) {
	number, err := c.number()
	if err != nil {
		return reply{}, err
	}
	return f.casePage(c, number, nil)
}

// casePage is a case, with what went wrong above it: wrong is returned again.
func (f *front) casePage(c *call, number int64, wrong error) (reply, error) {
	v, err := f.viewCase(c, number)
	if err != nil {
		return reply{}, cmp.Or(wrong, err)
	}
	v.problem = told(wrong)
	return c.showCase(v), wrong
}

func (c *call) showCase(v caseView) reply {
	return reply{title: caseTitle(v.Number), page: casePage(v), camera: v.asksForQR()}
}

func (f *front) viewCase(c *call, number int64) (caseView, error) {
	v := caseView{who: c.who, now: f.desk.Now(), form: c.r.PostForm, scanned: c.r.URL.Query().Get("qr")}
	if v.form == nil {
		v.form = url.Values{}
	}
	file, err := f.desk.CaseFile(c.r.Context(), c.who, number)
	v.Case, v.recorder, v.takers = file.Case, file.Recorder, file.Takers
	return v, err
}

// works tells whether the page is for whom the case waits: its worker.
func (v caseView) works() bool {
	return v.WorkedBy == v.who.Name && desk.May(v.who, desk.ActEvidenceAdd)
}

// takes tells whether they may take up a case that nobody works yet, as a
// program opened it.
func (v caseView) takes() bool {
	return v.WorkedBy == "" && v.open() && v.ApprovedBy != v.who.Name && desk.May(v.who, desk.ActCaseHandOver)
}

// worker is who works the case, in words.
func (v caseView) worker() string { return orElse(v.WorkedBy, "Nobody") }

// cares tells whether they may put the case aside, hand it over or close it.
func (v caseView) cares() bool {
	return isSupervisor(v.who) || v.WorkedBy == v.who.Name && desk.May(v.who, desk.ActCaseClose)
}

// stops tells whether nothing that is typed for the next step can be sent any more.
func (v caseView) stops() bool {
	return slices.Contains([]desk.Stage{desk.StageFrozen, desk.StageRefused, desk.StageClosed}, v.Stage)
}

// open tells whether anything can still be done in the case.
func (v caseView) open() bool { return v.Stage != desk.StageClosed }

// hadPart tells whether they did anything in the case before an approval.
func (v caseView) hadPart() bool {
	return v.who.Name == v.OpenedBy || v.who.Name == v.WorkedBy ||
		slices.ContainsFunc(v.Evidence, func(p desk.Proof) bool { return p.By == v.who.Name })
}

func (v caseView) approves() bool { return desk.May(v.who, desk.ActCaseApprove) && !v.hadPart() }

// evidenceKinds finds the kinds that a line of Case.Missing names.
var evidenceKinds = regexp.MustCompile(`\((E[1-6])\)`)

// asked are the kinds of evidence that are still asked for, the first line's
// first: one of each line is needed.
func (v caseView) asked() (kinds []desk.EvidenceKind) {
	var names []string
	for _, line := range v.Missing {
		for _, m := range evidenceKinds.FindAllStringSubmatch(line, -1) {
			names = append(names, m[1])
		}
	}
	if v.QRChallenge == "" && slices.Contains([]desk.Stage{desk.StageApproval, desk.StageEvidence}, v.Stage) && v.Level != desk.LevelRefuse.String() {
		names = append(names, string(desk.EvidenceQR)) // it always makes the case an easier one
	}
	for _, name := range names {
		for _, k := range desk.EvidenceKinds() {
			if string(k.Kind) == name && v.possible(k.Kind) && !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	return kinds
}

// leadIn joins a further kind of evidence to the one before it: it takes the
// place of that one, or is needed beside it.
func (v caseView) leadIn(kind desk.Evidence) string {
	asked := v.asked()
	i := slices.IndexFunc(asked, func(k desk.EvidenceKind) bool { return k.Kind == kind })
	if i > 0 && v.line(asked[i-1].Kind) < v.line(kind) {
		return "And: "
	}
	return "Or: "
}

// line is the line of Case.Missing that names a kind; that of none is the first.
func (v caseView) line(kind desk.Evidence) int {
	return max(0, slices.IndexFunc(v.Missing, func(line string) bool { return strings.Contains(line, "("+string(kind)+")") }))
}

// possible leaves out what this recorder's registration cannot give, and what the
// case has.
func (v caseView) possible(kind desk.Evidence) bool {
	if v.has(kind) && kind != desk.EvidenceQR {
		return false
	}
	byTelephone := func(t desk.Target) bool { return t.Kind == "sms" }
	switch kind {
	case desk.EvidenceAddress:
		return len(v.Targets) > 0
	case desk.EvidenceCallback:
		return slices.ContainsFunc(v.Targets, byTelephone)
	}
	return true
}

func (v caseView) has(kind desk.Evidence) bool {
	return slices.ContainsFunc(v.Evidence, func(p desk.Proof) bool { return p.Kind == kind })
}

func (v caseView) asksForQR() bool {
	return v.works() && (v.Stage == desk.StageChallenge || slices.ContainsFunc(v.asked(), func(k desk.EvidenceKind) bool { return k.Kind == desk.EvidenceQR }))
}

// codeOut tells whether a number was sent that still counts.
func (v caseView) codeOut() bool { return v.now.Before(v.CodeUntil) }

// sentTo is the address that gets the owner's half.
func (v caseView) sentTo() string {
	for _, t := range v.Targets {
		if t.Index == v.SendTo {
			return t.Address
		}
	}
	return ""
}

// again is what was sent in a field of a form that was refused. Codes and
// phrases never come back.
func (v caseView) again(field string) string { return v.form.Get(field) }
