package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
)

// alarms are the open alarms of a kind, newest first.
func (p *place) alarms(kind string) (all []desk.Alarm) {
	p.t.Helper()
	open, err := p.desk.Alarms(p.t.Context(), sue(), true)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, a := range open {
		if a.Kind == kind {
			all = append(all, a)
		}
	}
	return all
}

// TestAlarmOnceADay: the same cause within a day is one alarm, also at another
// process; another day, or another subject, is another.
func TestAlarmOnceADay(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	other := p.desk
	p.open()
	raise := func(d *desk.Desk, subject string) {
		t.Helper()
		if err := d.Raise(t.Context(), "browser", subject, "one browser", 7); err != nil {
			t.Fatal(err)
		}
	}
	begun := len(p.records())
	raise(p.desk, "7")
	raise(p.desk, "7")
	raise(other, "7")
	if got := p.alarms("browser"); len(got) != 1 || got[0].Case != 7 || !got[0].At.Equal(p.clock.Now()) {
		t.Errorf("alarms %+v", got)
	}
	if n := p.recorded(begun, "alarm.raised", "ok"); n != 1 {
		t.Errorf("%d records of one alarm", n)
	}
	raise(p.desk, "8")
	p.clock.Add(25 * time.Hour)
	raise(p.desk, "7")
	if got := p.alarms("browser"); len(got) != 3 {
		t.Errorf("alarms %+v", got)
	}
}

func TestSettleAlarm(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	if err := p.desk.Raise(ctx, "notme", "x", "not them", 3); err != nil {
		t.Fatal(err)
	}
	a := p.alarms("notme")[0]
	for _, note := range []string{"", "  x ", strings.Repeat("x", 501)} {
		_, err := p.desk.SettleAlarm(ctx, sue(), a.ID, note)
		isKind(t, "note of "+note[:min(5, len(note))], err, rekey.ErrInput)
	}
	_, err := p.desk.SettleAlarm(ctx, otto(), a.ID, "looked at it")
	isKind(t, "an auditor settles", err, rekey.ErrDenied)
	_, err = p.desk.SettleAlarm(ctx, sue(), 99, "looked at it")
	isKind(t, "no such alarm", err, rekey.ErrNotFound)
	got, err := p.desk.SettleAlarm(ctx, sue(), a.ID, " called the owner; it was them ")
	if err != nil || got.SettledBy != "sue" || got.Note != "called the owner; it was them" || !got.SettledAt.Equal(p.clock.Now()) {
		t.Errorf("%+v: %v", got, err)
	}
	_, err = p.desk.SettleAlarm(ctx, sue(), a.ID, "once more")
	isKind(t, "settled before", err, rekey.ErrConflict)
	all, err := p.desk.Alarms(ctx, otto(), false)
	if err != nil || len(all) != 1 || all[0] != got || len(p.alarms("notme")) != 0 {
		t.Errorf("%+v: %v", all, err)
	}
}

// TestAlarmOfOneCaller: five wrong numbers of one caller, over two recorders,
// raise it; an agent's own mistakes do not.
func TestAlarmOfOneCaller(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	first := p.openCase(ann(), p.enrol(ownerOfAll()), "+49301")
	second := p.openCase(ann(), p.enrol(ownerOfAll()), "+49301")
	another := p.openCase(ann(), p.enrol(ownerOfAll()), "+49302")
	wrong := func(number int64) {
		t.Helper()
		right := p.code(ann(), number, byMail).Reveal()
		digit := byte('0')
		if right[0] == digit {
			digit = '1'
		}
		given := desk.Given{Kind: desk.EvidenceAddress, Code: rekey.NewSecret(string(digit) + right[1:])}
		if _, err := p.desk.AddEvidence(ctx, ann(), number, given); err == nil {
			t.Fatal("a wrong number was taken")
		}
		p.clock.Add(2 * time.Minute)
	}
	for range 3 {
		_, err := p.desk.AddEvidence(ctx, bob(), first.Number, desk.Given{Kind: desk.EvidenceCallback, Note: rightNote})
		isKind(t, "bob in ann's case", err, rekey.ErrDenied)
		_, err = p.desk.AddEvidence(ctx, ann(), first.Number, desk.Given{Kind: desk.EvidenceCallback, Note: "x"})
		isKind(t, "a short note", err, rekey.ErrInput)
	}
	for _, number := range []int64{first.Number, second.Number, another.Number, first.Number, second.Number} {
		wrong(number)
	}
	if got := p.alarms("caller"); len(got) != 0 {
		t.Fatalf("after 4: %+v", got)
	}
	wrong(second.Number)
	wrong(second.Number)
	got := p.alarms("caller")
	if len(got) != 1 || !strings.Contains(got[0].Words, first.Caller) || got[0].Case != second.Number {
		t.Errorf("after 6: %+v", got)
	}
}

// history puts answers into the database, as if they had been given at these times.
func (p *place) history(b *box, times ...time.Time) {
	p.t.Helper()
	if len(times) == 0 {
		return
	}
	n, err := p.desk.CountReveals(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	var cases, reveals []string
	for i, at := range times {
		number, micros := 1000+n+i, at.UnixMicro()
		cases = append(cases, fmt.Sprintf(`(%d, '%s', 'admin', 0, 'x', 'ann', %d, 0, 0, 0, %d, 'solved')`, number, b.id, micros-60e6, micros+120e6))
		reveals = append(reveals, fmt.Sprintf(`('%s', %d, '%s', 'admin', 0, 'x', 'ann', NULL, 'E1,E2', %d, 'yes', 1)`, hashNumber(number), number, b.id, micros))
	}
	for _, statement := range []string{
		`INSERT INTO cases (number, device_id, account, purpose, caller, opened_by, opened_at, counter_behind, approved_at, approved_level, closed_at, outcome) VALUES ` + strings.Join(cases, ", "),
		`INSERT INTO reveals (challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at, delivered, split) VALUES ` + strings.Join(reveals, ", "),
	} {
		if err := p.desk.Edit(p.t.Context(), statement); err != nil {
			p.t.Fatal(err)
		}
	}
}

func many(at time.Time, n int) (all []time.Time) {
	for i := range n {
		all = append(all, at.Add(time.Duration(i)*time.Second))
	}
	return all
}

// TestAlarmOfVolume: three times the usual of the hour, and ten at least.
func TestAlarmOfVolume(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	hour := p.clock.Now().Truncate(time.Hour)
	for name, c := range map[string]struct {
		eachWeek, now int
		alarm         bool
	}{
		"a new desk, nine":      {0, 9, false},
		"a new desk, ten":       {0, 10, true},
		"usual four, eleven":    {4, 11, false},
		"usual four, twelve":    {4, 12, true},
		"usual two, seven":      {2, 7, false},
		"usual twenty, fifty":   {20, 50, false},
		"usual five, ten in it": {5, 10, false},
	} {
		for _, table := range []string{"reveals", "cases", "alarms"} {
			if err := p.desk.Edit(t.Context(), `DELETE FROM `+table); err != nil {
				t.Fatal(err)
			}
		}
		for week := range 4 {
			p.history(b, many(hour.AddDate(0, 0, -7*(week+1)), c.eachWeek)...)
		}
		p.history(b, many(hour.AddDate(0, 0, -1), 60)...) // another day counts for nothing
		p.history(b, many(hour, c.now)...)
		for range 2 {
			if err := p.desk.WatchVolume(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.alarms("volume"); (len(got) == 1) != c.alarm || len(got) > 1 {
			t.Errorf("%s: alarms %+v, want one: %v", name, got, c.alarm)
		}
	}
}
