package desk_test

import (
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
)

// TestClockSetBack: nothing is approved or answered while the clock is behind
// the last record, until it is right again or a supervisor has looked.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	for name, settled := range map[string]bool{"until it is right": false, "until a supervisor has looked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			b := p.enrol(ownerOfAll())
			c := p.ready(b, "+49301")
			waits := p.openCase(ann(), p.enrol(ownerOfAll()), "+49302")
			p.add(ann(), waits.Number, desk.EvidenceAddress, desk.EvidenceCallback)
			p.clock.Jump(-time.Hour)
			begun := len(p.records())
			ch := b.challenge(t, 0).String()
			proof := p.proof(ann(), desk.ActReveal, c.Number, ch)
			_, err := p.desk.Reveal(t.Context(), ann(), c.Number, ch, proof)
			isKind(t, "an answer", err, rekey.ErrConflict)
			_, err = p.approve(carol(), waits.Number)
			isKind(t, "an approval", err, rekey.ErrConflict)
			if err == nil || !strings.Contains(err.Error(), "clock") {
				t.Errorf("it does not say why: %v", err)
			}
			if p.recorded(begun, "clock.jump", "ok") != 1 || p.recorded(begun, "challenge.answer", "refused") != 1 || p.recorded(begun, "code.reveal", "") != 0 {
				t.Errorf("records %+v", p.records()[begun:])
			}
			alarms := p.alarms("clock")
			if len(alarms) != 1 || !strings.Contains(alarms[0].Words, "set back by 1h0m0s") {
				t.Fatalf("alarms %+v", alarms)
			}
			if settled {
				if _, err := p.desk.SettleAlarm(t.Context(), sue(), alarms[0].ID, "the time server was wrong before"); err != nil {
					t.Fatal(err)
				}
			} else {
				p.clock.Jump(time.Hour)
			}
			if _, err := p.approve(carol(), waits.Number); err != nil {
				t.Errorf("an approval after it: %v", err)
			}
		})
	}
}

// TestClockSetForward shortens no hold, whether or not the desk was running
// when it was set.
func TestClockSetForward(t *testing.T) {
	t.Parallel()
	for name, reopened := range map[string]bool{"while it runs": false, "while it does not": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			b := p.enrol(desk.Owner{Name: "Petra Example", Since: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)})
			c := p.openCase(ann(), b, "+49301")
			p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
			c, err := p.approve(carol(), c.Number)
			if err != nil || c.Stage != desk.StageHold {
				t.Fatalf("stage %q: %v", c.Stage, err)
			}
			p.clock.Add(time.Hour)
			p.clock.Jump(26 * time.Hour)
			if reopened {
				p.open()
			}
			c = p.seen(ann(), c.Number)
			if want := p.clock.Now().Add(23 * time.Hour); c.Stage != desk.StageHold || !c.HoldUntil.Equal(want) {
				t.Errorf("stage %q until %s, want until %s", c.Stage, c.HoldUntil, want)
			}
			if got := p.alarms("clock"); len(got) != 1 || !strings.Contains(got[0].Words, "forward by 26h0m0s") {
				t.Errorf("alarms %+v", got)
			}
			p.clock.Add(23*time.Hour + time.Minute)
			if c = p.seen(ann(), c.Number); c.Stage != desk.StageChallenge {
				t.Errorf("stage %q after the hold", c.Stage)
			}
			if got := p.alarms("clock"); len(got) != 1 {
				t.Errorf("one jump, alarms %+v", got)
			}
		})
	}
}

// TestClockOfAnHonestDesk: time that goes by, and small steps, are no jump.
func TestClockOfAnHonestDesk(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for range 5 {
		p.clock.Add(30 * time.Hour)
		p.clock.Jump(20 * time.Second)
		if _, err := p.desk.SearchRecorders(t.Context(), ann(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if p.recorded(0, "clock.jump", "") != 0 || len(p.alarms("clock")) != 0 {
		t.Error("a jump was seen")
	}
}

// TestSystemClock: without clocks of its own a desk runs on the machine's.
func TestSystemClock(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d, err := desk.Open(t.Context(), p.dir, desk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	for range 2 {
		if _, err := d.Agents(t.Context(), desk.Operator()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNobodyDatesAChangeBack: an address that is put in while the clock is set
// back counts as new all the same.
func TestNobodyDatesAChangeBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	p.clock.Jump(-40 * day)
	p.setAddresses(b, crook)
	p.clock.Jump(40 * day)
	c := p.openCase(ann(), b, "+49301")
	p.flush()
	p.wantStage(c.Number, desk.StageEvidence, "high")
	if len(p.mail.Of("former.open")) != 1 {
		t.Error("the address of before heard nothing")
	}
}
