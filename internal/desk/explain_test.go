package desk_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/seclog"
)

func (p *place) report() desk.LogReport {
	p.t.Helper()
	r, err := p.desk.VerifyLog(p.t.Context(), otto())
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// TestExplainedLog: an auditor reads what led to the one answer, and what the
// log proves, with its own numbers.
func TestExplainedLog(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b, c := p.answeredCase("+49301")
	_, err := p.desk.Case(t.Context(), root(), c.Number)
	isKind(t, "an administrator reads a case", err, rekey.ErrDenied)
	r := p.report()
	if r.Problem != "" || len(r.Findings) != 0 || r.Issued != 1 || len(r.Answers) != 1 {
		t.Fatalf("%q, findings %q, answers %+v", r.Problem, r.Findings, r.Answers)
	}
	a := r.Answers[0]
	if a.Agent != "ann" || a.Case != strconv.FormatInt(c.Number, 10) || a.DeviceID != b.id.String() || a.Level != "raised" || !a.Covered || len(a.Missing) != 0 {
		t.Errorf("%+v", a)
	}
	var steps []string
	for _, s := range a.Steps {
		steps = append(steps, s.Actor+": "+s.Words)
	}
	story := strings.Join(steps, "\n")
	rest := story
	for _, in := range []string{"ann: the case has its number", "(notice.open)", "(E2)", "(E6)", "carol: a second person approves a case or turns it down (approve)", "ann: a challenge is entered"} {
		_, after, ok := strings.Cut(rest, in)
		if !ok {
			t.Errorf("%q is not in the story, in its order:\n%s", in, story)
		}
		rest = after
	}
	proves := strings.Join(r.Proves, "\n")
	for _, in := range []string{"holds " + strconv.FormatInt(r.Records, 10) + " records", "2 March 2026", "1 answer was issued", "1 of them needed a second person; for 1 of these"} {
		if !strings.Contains(proves, in) {
			t.Errorf("it does not say %q:\n%s", in, proves)
		}
	}
	if not := strings.Join(r.ProvesNot, "\n"); !strings.Contains(not, r.Root.String()) || !strings.Contains(not, "copies the desk's keys") {
		t.Errorf("what it does not prove: %s", not)
	}
}

// TestExplainFindsWhatIsMissing: records of answers as a changed program would
// write them, which leaves out what must come first.
func TestExplainFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	rec := func(actor, event, number string, detail ...string) seclog.Record {
		r := seclog.Record{Actor: actor, Event: event, Case: number, Result: "allowed", Detail: map[string]string{}}
		for i := 0; i < len(detail); i += 2 {
			r.Detail[detail[i]] = detail[i+1]
		}
		return r
	}
	failed := func(r seclog.Record) seclog.Record { r.Result = "failed"; return r }
	refused := func(r seclog.Record) seclog.Record { r.Result = "refused"; return r }
	evidence := rec("ann", "evidence.add", "1", "kind", "E2")
	approve := rec("carol", "case.approve", "1", "decision", "approve")
	challenge := rec("ann", "challenge.answer", "1")
	reveal := rec("ann", "code.reveal", "1", "level", "raised", "evidence", "E2", "approved_by", "carol")
	for name, c := range map[string]struct {
		records []seclog.Record
		says    string // empty = nothing is missing
	}{
		"all there":            {[]seclog.Record{evidence, approve, challenge, reveal}, ""},
		"confirmed by a link":  {[]seclog.Record{rec("owner", "owner.confirm", "1"), approve, challenge, reveal}, ""},
		"no approval":          {[]seclog.Record{evidence, challenge, reveal}, "no record before it that carol approved it"},
		"approval after":       {[]seclog.Record{evidence, challenge, reveal, approve}, "no record before it that carol approved it"},
		"approval refused":     {[]seclog.Record{evidence, refused(approve), challenge, reveal}, "no record before it that carol approved it"},
		"approval failed":      {[]seclog.Record{evidence, approve, failed(approve), challenge, reveal}, "no record before it that carol approved it"},
		"turned down":          {[]seclog.Record{evidence, rec("carol", "case.approve", "1", "decision", "deny"), challenge, reveal}, "no record before it that carol approved it"},
		"of another case":      {[]seclog.Record{evidence, rec("carol", "case.approve", "2", "decision", "approve"), challenge, reveal}, "no record before it that carol approved it"},
		"nobody":               {[]seclog.Record{evidence, challenge, rec("ann", "code.reveal", "1", "level", "high", "evidence", "E2")}, "nobody approved it"},
		"themselves":           {[]seclog.Record{evidence, rec("ann", "case.approve", "1", "decision", "approve"), challenge, rec("ann", "code.reveal", "1", "level", "high", "evidence", "E2", "approved_by", "ann")}, "approved it and got the answer"},
		"worked it":            {[]seclog.Record{rec("carol", "evidence.add", "1", "kind", "E2"), approve, challenge, reveal}, "approved it and worked it"},
		"no evidence":          {[]seclog.Record{approve, challenge, reveal}, "the evidence E2 was given"},
		"evidence failed":      {[]seclog.Record{evidence, failed(evidence), approve, challenge, reveal}, "the evidence E2 was given"},
		"no challenge":         {[]seclog.Record{evidence, approve, reveal}, "ann entered the challenge"},
		"normal, by one alone": {[]seclog.Record{evidence, challenge, rec("ann", "code.reveal", "1", "level", "normal", "evidence", "E2")}, ""},
	} {
		x := desk.Explain(c.records...)
		found := strings.Join(x.Findings, "\n")
		if (c.says == "") != (found == "") || !strings.Contains(found, c.says) || x.Issued != 1 {
			t.Errorf("%s: it finds %q, not %q", name, found, c.says)
		}
	}
	jump := desk.Explain(rec("desk", "clock.jump", "", "by", "1h0m0s"))
	if len(jump.Findings) != 1 || !strings.Contains(jump.Findings[0], "1h0m0s") {
		t.Errorf("a clock that was set: %q", jump.Findings)
	}
}

// TestSearchLog pages through the records with filters.
func TestSearchLog(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	_, c := p.answeredCase("+49301")
	search := func(s desk.LogSearch) desk.LogPage {
		t.Helper()
		page, err := p.desk.SearchLog(ctx, otto(), s)
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	for name, s := range map[string]desk.LogSearch{
		"one event": {Event: "code.reveal"}, "a kind of events": {Event: "case.", Most: 500}, "an actor": {Actor: "carol"}, "a case": {Case: c.Number},
	} {
		page := search(s)
		if len(page.Records) == 0 || page.Next != 0 {
			t.Errorf("%s: %d records, next %d", name, len(page.Records), page.Next)
		}
		for _, rec := range page.Records {
			if s.Event != "" && !strings.HasPrefix(rec.Event, s.Event) || s.Actor != "" && rec.Actor != s.Actor || s.Case != 0 && rec.Case != strconv.FormatInt(s.Case, 10) || rec.Words == rec.Event {
				t.Errorf("%s: %+v", name, rec)
			}
		}
	}
	all := p.records()
	var got []int64
	for next, first := int64(len(all)), true; first || next != 0; first = false {
		page := search(desk.LogSearch{Most: 7, Before: next})
		for _, rec := range page.Records {
			got = append(got, rec.Seq)
		}
		next = page.Next
	}
	if len(got) != len(all) {
		t.Fatalf("%d records by pages, of %d", len(got), len(all))
	}
	for i, seq := range got {
		if seq != int64(len(all)-1-i) {
			t.Fatalf("record %d at the place %d", seq, i)
		}
	}
	_, err := p.desk.SearchLog(ctx, otto(), desk.LogSearch{Most: 501})
	isKind(t, "too many", err, rekey.ErrInput)
	_, err = p.desk.SearchLog(ctx, ann(), desk.LogSearch{})
	isKind(t, "an agent", err, rekey.ErrDenied)
}

// TestWordsForEveryEvent: acts, and whatever the code of the desk hands to note.
func TestWordsForEveryEvent(t *testing.T) {
	t.Parallel()
	events := map[string]bool{seclog.EventCreated: true, seclog.EventRecovered: true}
	for _, act := range desk.Acts() {
		events[string(act)] = true
	}
	isEvent := regexp.MustCompile(`^[a-z]+\.[a-z ]+$`)
	for _, pattern := range []string{"*.go", "staff/*.go", "courier/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, text := range notedIn(t, name) {
				if isEvent.MatchString(text) {
					events[text] = true
				}
			}
		}
	}
	for _, known := range []string{"code.reveal", "key.use", "half.sent", "limit.refused", "agent.login", "passkey.add", "notify.over", "notify.given up", "clock.jump", "alarm.raised", "case.opened"} {
		if !events[known] {
			t.Errorf("the code was searched for events, but %q was not found", known)
		}
	}
	for event := range events {
		if desk.EventWords(event) == event {
			t.Errorf("no words for the event %q", event)
		}
	}
}

// notedIn are the texts that a file hands to what writes records, and the
// constants and variables that it could.
func notedIn(t *testing.T, name string) (texts []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	add := func(all ...ast.Expr) {
		for _, one := range all {
			if lit, ok := one.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, text)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			called := ""
			switch f := n.Fun.(type) {
			case *ast.SelectorExpr:
				called = f.Sel.Name
			case *ast.Ident:
				called = f.Name
			}
			switch called {
			case "note", "Note", "recorded", "refused":
				add(n.Args...)
			}
		case *ast.AssignStmt:
			if len(n.Lhs) > 0 {
				if id, ok := n.Lhs[0].(*ast.Ident); ok && strings.HasPrefix(id.Name, "event") {
					add(n.Rhs...)
				}
			}
		case *ast.ValueSpec:
			if strings.HasPrefix(n.Names[0].Name, "event") {
				add(n.Values...)
			}
		}
		return true
	})
	return texts
}

// TestExplainedTampering: a log that was changed proves nothing, and says where.
func TestExplainedTampering(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.answeredCase("+49301")
	p.clock.Add(time.Minute)
	if err := onRecords(`"actor":"carol"`, `"actor":"alice"`)(p); err != nil {
		t.Fatal(err)
	}
	r, err := p.desk.VerifyLog(t.Context(), otto())
	if err != nil {
		t.Fatal(err)
	}
	if r.Problem == "" || len(r.Findings) == 0 || !strings.HasPrefix(r.Findings[0], "The log does not verify") || !strings.HasPrefix(r.Proves[0], "Nothing") || r.Answers[0].Covered {
		t.Errorf("%q, findings %q, proves %q", r.Problem, r.Findings, r.Proves)
	}
}
