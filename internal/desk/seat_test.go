package desk_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/seclog"
)

// TestPrivateWindow: one person with two names opens a private window, or deletes
// the cookies, and approves their own case as somebody else. The desk cannot know
// that it is one person and refuses nothing; it says what it saw, in the record of
// the approval and as an alarm. Whoever sits elsewhere, or at a browser that the
// desk has known, raises none.
func TestPrivateWindow(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	office, home := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.9")
	for name, at := range map[string]struct {
		from  netip.Addr
		known time.Duration // before the case was opened
		alarm bool
	}{
		"private window":     {office, -time.Minute, true},
		"window of before":   {office, 24 * time.Hour, false},
		"new machine abroad": {home, -time.Minute, false},
	} {
		p.clock.Add(24 * time.Hour)
		worker, judge := ann(), carol()
		worker.From, judge.From = office, at.from
		c := p.openCase(worker, b, "+49 30 3001")
		p.add(worker, c.Number, desk.EvidenceAddress, desk.EvidenceCallback)
		judge.Browser, judge.BrowserSince = "a window for "+name, c.OpenedAt.Add(-at.known)
		if _, err := p.approve(judge, c.Number); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		alarms, err := p.desk.Alarms(t.Context(), sue(), true)
		if err != nil {
			t.Fatal(err)
		}
		raised := slices.ContainsFunc(alarms, func(a desk.Alarm) bool {
			return a.Kind == "browser" && a.Case == c.Number && strings.Contains(a.Words, "private window")
		})
		if raised != at.alarm {
			t.Errorf("%s: alarm %v", name, raised)
		}
		all := p.records()
		told := all[slices.IndexFunc(all, func(r seclog.Record) bool { return r.Event == "case.approve" && r.Case == fmt.Sprint(c.Number) })]
		if told.Detail["browser"] != judge.Browser[:12] || told.Detail["browser_since"] != judge.BrowserSince.Format(time.RFC3339) {
			t.Errorf("%s: on record is %v", name, told.Detail)
		}
	}
}

// TestThawAtTheWorkersBrowser: who works a frozen case thaws it as somebody else
// from the browser that they work it from. It is refused, and an alarm.
func TestThawAtTheWorkersBrowser(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	p.add(ann(), c.Number, desk.EvidenceCallback)
	if _, err := p.desk.Freeze(t.Context(), sue(), c.Number, "the owner was not sure"); err != nil {
		t.Fatal(err)
	}
	thaw := func(who desk.Agent) error {
		_, err := p.desk.Thaw(t.Context(), who, c.Number, "called the owner", p.proof(who, desk.ActCaseThaw, c.Number, fmt.Sprint(c.Number)))
		return err
	}
	there := sue()
	there.Browser = ann().Browser
	wantKind(t, thaw(there), rekey.ErrDenied)
	p.wantEvent("sue case.thaw failed")
	if alarms, err := p.desk.Alarms(t.Context(), sue(), true); err != nil || len(alarms) == 0 || alarms[0].Kind != "browser" || alarms[0].Case != c.Number {
		t.Errorf("alarms %+v: %v", alarms, err)
	}
	if c := p.seen(otto(), c.Number); c.Stage != desk.StageFrozen {
		t.Errorf("stage %q", c.Stage)
	}
	if err := thaw(sue()); err != nil {
		t.Error(err)
	}
}

// TestBadInputOfWhoMayNot: somebody without the right tries each act with input
// that no act takes. They hear that they may not, not what the act expects, and
// each try is recorded once; who may do the act hears what was wrong.
func TestBadInputOfWhoMayNot(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	ctx, n, id := t.Context(), c.Number, c.DeviceID
	none := time.Time{}
	for act, try := range map[desk.Act]struct {
		may, not desk.Agent
		do       func(desk.Agent) error
	}{
		desk.ActCaseFreeze:   {sue(), otto(), func(w desk.Agent) error { _, err := p.desk.Freeze(ctx, w, n, ""); return err }},
		desk.ActCaseThaw:     {sue(), ann(), func(w desk.Agent) error { _, err := p.desk.Thaw(ctx, w, n, "", desk.StepUp{}); return err }},
		desk.ActRecorderThaw: {sue(), ann(), func(w desk.Agent) error { _, err := p.desk.ThawRecorder(ctx, w, id, "", desk.StepUp{}); return err }},
		desk.ActCaseNote:     {ann(), otto(), func(w desk.Agent) error { _, err := p.desk.AddNote(ctx, w, n, ""); return err }},
		desk.ActCasePause:    {ann(), bob(), func(w desk.Agent) error { _, err := p.desk.Pause(ctx, w, n, ""); return err }},
		desk.ActEvidenceAdd: {ann(), bob(), func(w desk.Agent) error {
			_, err := p.desk.AddEvidence(ctx, w, n, desk.Given{Kind: desk.EvidenceQR})
			return err
		}},
		desk.ActCaseClose:     {ann(), bob(), func(w desk.Agent) error { _, err := p.desk.CloseCase(ctx, w, n, desk.Ending{}); return err }},
		desk.ActCaseOpen:      {ann(), otto(), func(w desk.Agent) error { _, err := p.desk.OpenCase(ctx, w, desk.NewCase{DeviceID: id}); return err }},
		desk.ActRecorderEnrol: {root(), ann(), func(w desk.Agent) error { _, err := p.desk.Enrol(ctx, w, []byte("{}"), desk.Owner{}); return err }},
		desk.ActRecorderUpdate: {root(), ann(), func(w desk.Agent) error {
			return p.desk.SetPhrases(ctx, w, id, desk.Phrases{Support: rekey.NewSecret("x")}, desk.StepUp{})
		}},
		desk.ActDealerAdd:   {root(), ann(), func(w desk.Agent) error { return p.desk.AddDealer(ctx, w, desk.Dealer{}, desk.StepUp{}) }},
		desk.ActAlarmSettle: {sue(), ann(), func(w desk.Agent) error { _, err := p.desk.SettleAlarm(ctx, w, 1, ""); return err }},
		desk.ActFigures:     {sue(), ann(), func(w desk.Agent) error { _, err := p.desk.Figures(ctx, w, none, none); return err }},
		desk.ActReconcile:   {sue(), ann(), func(w desk.Agent) error { _, err := p.desk.Reconcile(ctx, w, none, none); return err }},
		desk.ActExport:      {sue(), ann(), func(w desk.Agent) error { return p.desk.Export(ctx, w, nil, "xls", none, none) }},
		desk.ActLogVerify:   {otto(), ann(), func(w desk.Agent) error { _, err := p.desk.SearchLog(ctx, w, desk.LogSearch{Most: -1}); return err }},
	} {
		begun := len(p.records())
		isKind(t, string(act)+" by who may", try.do(try.may), rekey.ErrInput)
		if got := p.records()[begun:]; len(got) != 0 {
			t.Errorf("%s: a mistake is on record: %+v", act, got)
		}
		isKind(t, string(act)+" by who may not", try.do(try.not), rekey.ErrDenied)
		if got := p.records()[begun:]; len(got) != 1 || got[0].Event != string(act) || got[0].Result != "refused" || got[0].Actor != try.not.Name {
			t.Errorf("%s: records %+v", act, got)
		}
	}
}

// TestHookOnRecord: a webhook's URL may hold a password, a token in its path, its
// query or behind #, or be no URL at all; the record names the host alone.
func TestHookOnRecord(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, url := range []string{"https://user:hunter2@crm.example.com/hunter2?t=hunter2#hunter2", "https://crm.example.com#hunter2", "https:/user:hunter2@crm.example.com", "hunter2", "//hunter2@"} {
		_, _, err := p.desk.AddHook(t.Context(), desk.Operator(), url, nil, desk.StepUp{})
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("refused with %v", err)
		}
	}
	for _, r := range p.records() {
		if strings.Contains(fmt.Sprint(r), "hunter2") {
			t.Errorf("on record is %+v", r)
		}
	}
}
