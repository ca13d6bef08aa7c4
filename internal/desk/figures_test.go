package desk_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

func hashNumber(n int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(n)))
	return hex.EncodeToString(sum[:])
}

func (p *place) figures(who desk.Agent, since, until time.Time) desk.Figures {
	p.t.Helper()
	f, err := p.desk.Figures(p.t.Context(), who, since, until)
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

// TestFigures counts a day with one case of each kind.
func TestFigures(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, day := t.Context(), p.clock.Now()
	b := p.enrol(ownerOfAll())
	p.history(b, day.AddDate(0, 0, -7), day.AddDate(0, 0, -14), day.AddDate(0, 0, -14))

	answered := p.enrol(ownerOfAll())
	c := p.ready(answered, "+49301")
	p.clock.Add(10 * time.Minute)
	if _, err := p.reveal(ann(), c.Number, answered.challenge(t, 0).String()); err != nil {
		t.Fatal(err)
	}
	p.clock.Add(20 * time.Minute)
	if _, err := p.desk.CloseCase(ctx, ann(), c.Number, desk.Ending{Outcome: "solved", PasswordSet: "yes", CallerIn: "yes"}); err != nil {
		t.Fatal(err)
	}
	waits := p.openCase(bob(), p.enrol(ownerOfAll()), "+49302")
	p.add(bob(), waits.Number, desk.EvidenceAddress, desk.EvidenceCallback)
	p.openCase(bob(), b, "+49303")
	_, err := p.desk.AddEvidence(ctx, ann(), waits.Number, desk.Given{Kind: desk.EvidenceDocument, Note: rightNote})
	isKind(t, "ann in bob's case", err, rekey.ErrDenied)

	f := p.figures(sue(), day, day.Add(2*time.Hour))
	if f.Opened != 3 || f.Answered != 1 || f.Outcomes["solved"] != 1 || len(f.Outcomes) != 1 || f.Refused != 0 {
		t.Errorf("opened %d, answered %d, outcomes %v, refused %d", f.Opened, f.Answered, f.Outcomes, f.Refused)
	}
	if f.Stages[desk.StageApproval] != 1 || f.Stages[desk.StageEvidence] != 1 || len(f.Stages) != 2 {
		t.Errorf("stages %v", f.Stages)
	}
	if len(f.Waiting) != 1 || f.Waiting[0].Number != waits.Number || len(f.Waiting[0].Targets) != 2 || strings.Contains(f.Waiting[0].Targets[0].Address, "petra") {
		t.Errorf("waiting %+v", f.Waiting)
	}
	if f.ToAnswer.Count != 1 || f.ToAnswer.Median != 600 || f.ToClose.Most != 1800 {
		t.Errorf("times %+v, %+v", f.ToAnswer, f.ToClose)
	}
	if len(f.Hours) != 2 || f.Hours[0].Opened != 3 || f.Hours[0].Answered != 1 || f.Hours[0].Usual != 0.75 || f.Hours[1] != (desk.Hour{At: day.Add(time.Hour)}) {
		t.Errorf("hours %+v", f.Hours)
	}
	want := []desk.AgentFigures{{Agent: "ann", Opened: 1, Answered: 1, Refused: 1}, {Agent: "bob", Opened: 2}, {Agent: "carol", Approved: 1}}
	if len(f.Agents) != 3 || f.Agents[0] != want[0] || f.Agents[1] != want[1] || f.Agents[2] != want[2] {
		t.Errorf("agents %+v", f.Agents)
	}
	program := desk.Agent{Name: "crm", Role: staff.RoleProgram, Scopes: []staff.Scope{staff.ScopeFigures}}
	if f := p.figures(program, day, day.Add(time.Hour)); len(f.Waiting) != 0 || f.Stages[desk.StageApproval] != 1 {
		t.Errorf("a program without the right to cases sees %+v", f.Waiting)
	}
}

func TestSpanOfFigures(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	day := p.clock.Now()
	for name, span := range map[string][2]time.Time{
		"nothing": {}, "backwards": {day, day.Add(-time.Hour)}, "empty": {day, day},
		"93 days": {day, day.AddDate(0, 0, 93)}, "since ever": {{}, day},
	} {
		_, err := p.desk.Figures(t.Context(), sue(), span[0], span[1])
		isKind(t, name, err, rekey.ErrInput)
		var out bytes.Buffer
		isKind(t, name+" to export", p.desk.Export(t.Context(), sue(), &out, "csv", span[0], span[1]), rekey.ErrInput)
		_, err = p.desk.Reconcile(t.Context(), sue(), span[0], span[1])
		isKind(t, name+" to reconcile", err, rekey.ErrInput)
	}
	berlin := time.FixedZone("", 3600)
	f := p.figures(sue(), day.In(berlin).AddDate(0, 0, -92), day.In(berlin))
	if len(f.Hours) != 92*24 || f.Since.Location() != time.UTC {
		t.Errorf("%d hours since %s", len(f.Hours), f.Since)
	}
}

// TestExport: every case once, in both formats, and nothing of a person.
func TestExport(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, day := t.Context(), p.clock.Now()
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 30 1234567")
	if _, err := p.reveal(ann(), c.Number, b.challenge(t, 0).String()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.desk.AddNote(ctx, ann(), c.Number, "Petra Example called twice"); err != nil {
		t.Fatal(err)
	}
	if err := p.desk.Edit(ctx, `UPDATE recorders SET model = '=cmd()'`); err != nil {
		t.Fatal(err)
	}
	p.history(b, many(day.Add(time.Minute), 450)...) // more than one page

	var table, lines bytes.Buffer
	for format, out := range map[string]*bytes.Buffer{"csv": &table, "json": &lines} {
		if err := p.desk.Export(ctx, otto(), out, format, day, day.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		for _, personal := range []string{"Petra", "example.org", "1234567", c.Caller, "twice", "admin"} {
			if strings.Contains(out.String(), personal) {
				t.Errorf("%s holds %q", format, personal)
			}
		}
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 452 || len(rows[0]) != len(rows[1]) || rows[1][0] != "1" || rows[1][2] != "'=cmd()" || rows[1][8] != "carol" {
		t.Errorf("%d rows, %q: %v", len(rows), rows[min(1, len(rows)-1)], err)
	}
	all := strings.Split(strings.TrimSpace(lines.String()), "\n")
	var first struct {
		Case       int64
		Split      bool
		AnsweredBy string `json:"answered_by"`
		Evidence   string
	}
	if err := json.Unmarshal([]byte(all[0]), &first); err != nil || len(all) != 451 || first.Case != 1 || !first.Split || first.AnsweredBy != "ann" || first.Evidence != "E2,E6" {
		t.Errorf("%d lines, %s: %v", len(all), all[0], err)
	}
	var empty bytes.Buffer
	if err := p.desk.Export(ctx, otto(), &empty, "csv", day.Add(-time.Hour), day); err != nil || strings.Count(empty.String(), "\r\n") != 1 {
		t.Errorf("of nothing: %q: %v", empty.String(), err)
	}
	isKind(t, "xml", p.desk.Export(ctx, otto(), &empty, "xml", day, day.Add(time.Hour)), rekey.ErrInput)
	isKind(t, "an agent", p.desk.Export(ctx, ann(), &empty, "csv", day, day.Add(time.Hour)), rekey.ErrDenied)
}

func waits(next <-chan struct{}) bool {
	select {
	case <-next:
		return false
	default:
		return true
	}
}

func (p *place) news(d *desk.Desk, who desk.Agent) <-chan struct{} {
	p.t.Helper()
	next, err := d.News(p.t.Context(), who)
	if err != nil {
		p.t.Fatal(err)
	}
	return next
}

// TestNews: a change wakes those who wait, at this process at once and at
// another when it looks; reading wakes nobody.
func TestNews(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, b := t.Context(), p.enrol(ownerOfAll())
	here := p.desk
	p.open()
	there := p.desk
	if err := there.LookForNews(ctx); err != nil {
		t.Fatal(err)
	}
	near, alsoNear, far := p.news(here, ann()), p.news(here, sue()), p.news(there, sue())
	if _, err := here.Recorder(ctx, ann(), b.id); err != nil {
		t.Fatal(err)
	}
	if err := there.LookForNews(ctx); err != nil || !waits(near) || !waits(alsoNear) || !waits(far) {
		t.Errorf("reading woke somebody: %v", err)
	}
	if _, err := here.OpenCase(ctx, ann(), desk.NewCase{DeviceID: b.id, Account: "admin", Caller: "+49301"}); err != nil {
		t.Fatal(err)
	}
	if waits(near) || waits(alsoNear) || !waits(far) {
		t.Error("a change woke the wrong ones")
	}
	if err := there.LookForNews(ctx); err != nil || waits(far) {
		t.Errorf("a change at another process woke nobody: %v", err)
	}
	near = p.news(here, ann())
	if err := there.Raise(ctx, "notme", "x", "not them", 0); err != nil {
		t.Fatal(err)
	}
	if err := here.LookForNews(ctx); err != nil || waits(near) {
		t.Errorf("an alarm at another process woke nobody: %v", err)
	}
}

// TestRunEnds with its context; goleak sees what stays.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.desk.Run(ctx) }()
	until(t, "it reconciles", func() bool { return p.recorded(0, "reconcile", "ok") > 0 })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := p.alarms("keys"); len(got) != 0 {
		t.Errorf("a new desk does not agree with itself: %+v", got)
	}
}

// TestFiguresTellProgramsNoDuress: what waits for approval is told to programs in
// the words that agents read, and to supervisors as it is.
func TestFiguresTellProgramsNoDuress(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.openCase(ann(), p.enrol(ownerOfAll()), "+49301")
	p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
	if err := p.edit(`UPDATE cases SET duress = 1 WHERE number = $1`, c.Number); err != nil {
		t.Fatal(err)
	}
	program := desk.Agent{Name: "crm", Role: staff.RoleProgram, Scopes: []staff.Scope{staff.ScopeFigures, staff.ScopeCases}}
	for who, tells := range map[string]bool{"crm": false, "sue": true} {
		by := program
		if tells {
			by = sue()
		}
		f, err := p.desk.Figures(t.Context(), by, p.clock.Now().Add(-day), p.clock.Now().Add(time.Hour))
		if err != nil || len(f.Waiting) != 1 || strings.Contains(strings.Join(f.Waiting[0].Reasons, "\n"), "duress") != tells {
			t.Errorf("%s: %+v: %v", who, f.Waiting, err)
		}
	}
}
