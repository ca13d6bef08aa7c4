package desk_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
)

// answeredCase is a case of ann's with its answer.
func (p *place) answeredCase(caller string) (*box, desk.Case) {
	p.t.Helper()
	b := p.enrol(ownerOfAll())
	c := p.ready(b, caller)
	if _, err := p.reveal(ann(), c.Number, b.challenge(p.t, 0).String()); err != nil {
		p.t.Fatal(err)
	}
	return b, c
}

func (p *place) reconciled() desk.Reconciled {
	p.t.Helper()
	now := p.clock.Now()
	r, err := p.desk.Reconcile(p.t.Context(), otto(), now.Add(-24*time.Hour), now.Add(time.Minute))
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// TestReconcileAgrees: an answer by voice, one by QR code, and one that could not
// be delivered.
func TestReconcileAgrees(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	p.answeredCase("+49301")
	byQR := p.enrol(ownerOfAll())
	c := p.openCase(ann(), byQR, "+49302")
	ch := byQR.challenge(t, 0)
	if _, err := p.desk.AddEvidence(ctx, ann(), c.Number, desk.Given{Kind: desk.EvidenceQR, QR: byQR.qr(t, ch)}); err != nil {
		t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceAddress)
	p.flush()
	p.mail.SetDown(true)
	p.sms.SetDown(true)
	_, err := p.reveal(ann(), c.Number, ch.String())
	isKind(t, "with the mail down", err, rekey.ErrUnreachable)
	r := p.reconciled()
	if r.Reveals != 2 || r.Recorded != 2 || r.KeyUses != 2 || len(r.Problems) != 0 || len(p.alarms("keys")) != 0 {
		t.Errorf("%+v", r)
	}
	if n := p.recorded(0, "key.use", "ok"); n != 3 {
		t.Errorf("%d uses of keys, want 3: two answers and one QR code", n)
	}
}

// TestReconcileFindsAnInsider: somebody with the database, or the log's files, in hand.
func TestReconcileFindsAnInsider(t *testing.T) {
	t.Parallel()
	edit := func(statement string) func(*place) error {
		return func(p *place) error { return p.desk.Edit(p.t.Context(), statement) }
	}
	for name, c := range map[string]struct {
		does func(*place) error
		says string
	}{
		"deletes the row": {edit(`DELETE FROM reveals`), "somebody deleted it"},
		"adds a row": {edit(`INSERT INTO reveals (challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at, delivered, split)
			SELECT 'ab', number + 1, device_id, account, purpose, caller, 'bob', NULL, '', (SELECT at FROM reveals), 'yes', 0 FROM cases WHERE number = 1`), "no record of it"},
		"names another agent":    {edit(`UPDATE reveals SET agent = 'bob'`), `agent is "bob", recorded "ann"`},
		"invents an approver":    {edit(`UPDATE reveals SET approver = 'sue'`), `approver is "sue", recorded "carol"`},
		"moves it to a recorder": {edit(`UPDATE reveals SET device_id = (SELECT MAX(device_id) FROM recorders WHERE device_id <> (SELECT device_id FROM reveals))`), "recorder is"},
		"changes a record":       {onRecords(`"event":"code.reveal"`, `"event":"case.read"  `), "does not verify"},
		"strips a record":        {stripReveal, "does not verify"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.answeredCase("+49301")
			p.openCase(bob(), p.enrol(ownerOfAll()), "+49302")
			if r := p.reconciled(); len(r.Problems) != 0 {
				t.Fatalf("before it: %q", r.Problems)
			}
			if err := c.does(p); err != nil {
				t.Fatal(err)
			}
			if r, err := p.desk.Reconciled(t.Context()); err != nil && !strings.Contains(name, "record") {
				t.Fatal(err)
			} else if all := strings.Join(r.Problems, "\n"); !strings.Contains(all, c.says) {
				t.Errorf("it says %q, not %q", all, c.says)
			}
			if !strings.Contains(name, "record") || name == "moves it to a recorder" {
				if got := p.alarms("keys"); len(got) != 1 || !strings.Contains(got[0].Words, c.says) {
					t.Errorf("alarms %+v", got)
				}
			}
		})
	}
}

// onRecords changes the log's records without its keys.
func onRecords(from, to string) func(*place) error {
	return func(p *place) error {
		name := filepath.Join(p.dir, desk.LogDir, "records.jsonl")
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, bytes.Replace(text, []byte(from), []byte(to), 1), 0o600)
	}
}

func stripReveal(p *place) error {
	name := filepath.Join(p.dir, desk.LogDir, "records.jsonl")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var kept []byte
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(`"event":"code.reveal"`)) {
			kept = append(kept, line...)
		}
	}
	return os.WriteFile(name, kept, 0o600)
}

// TestDailyReconciliation raises the alarm once, and is recorded.
func TestDailyReconciliation(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.answeredCase("+49301")
	if err := p.desk.Edit(t.Context(), `DELETE FROM reveals`); err != nil {
		t.Fatal(err)
	}
	p.clock.Add(time.Hour)
	for range 2 {
		if err := p.desk.LookDaily(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.alarms("keys"); len(got) != 1 || p.recorded(0, "reconcile", "ok") != 2 {
		t.Errorf("alarms %+v", got)
	}
}
