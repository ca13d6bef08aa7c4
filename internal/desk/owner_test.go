package desk_test

import (
	"slices"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

const day = 24 * time.Hour

// TestChangesInTheRegistry: whoever talks the desk into another owner or
// another address for a recorder that is enrolled gains nothing by it for 30
// days, whichever way the change takes.
func TestChangesInTheRegistry(t *testing.T) {
	t.Parallel()
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	mallory := []string{"mailto:mallory@example.org"}
	same := ownerOfAll()
	for name, test := range map[string]struct {
		owner desk.Owner
		risk  string
	}{
		"another name":             {desk.Owner{Name: "Mallory"}, "the owner changed less than 30 days ago"},
		"another name, dated back": {desk.Owner{Name: "Mallory", Since: long}, "the owner changed less than 30 days ago"},
		"another date":             {desk.Owner{Since: long}, "the owner changed less than 30 days ago"},
		"other addresses":          {desk.Owner{Addresses: mallory}, "the registered addresses changed less than 30 days ago"},
		"one address more":         {desk.Owner{Addresses: append(mallory, same.Addresses...)}, "the registered addresses changed less than 30 days ago"},
		"the same again":           {same, ""},
		"the same in another form": {desk.Owner{Addresses: []string{"tel:0049-30-1234567", same.Addresses[0], same.Addresses[0]}}, ""},
		"nothing":                  {desk.Owner{}, ""},
	} {
		for way, change := range map[string]func(*place, *box) error{
			"recorder": func(p *place, b *box) error {
				return p.desk.SetOwner(t.Context(), desk.Operator(), b.id, test.owner, desk.StepUp{})
			},
			"enrolled again": func(p *place, b *box) error {
				_, err := p.desk.Enrol(t.Context(), desk.Operator(), p.enrolment(b, 1), test.owner)
				return err
			},
		} {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				b := p.enrol(ownerOfAll())
				p.clock.Add(day)
				if err := change(p, b); err != nil {
					t.Fatal(err)
				}
				risk := func() string {
					c := p.openCase(sue(), b, "+49301")
					i := slices.IndexFunc(c.Reasons, func(r string) bool { return r == test.risk })
					if (c.Level == "high") != (i >= 0) {
						t.Errorf("level %s because of %q", c.Level, c.Reasons)
					}
					if i < 0 {
						return ""
					}
					return c.Reasons[i]
				}
				p.clock.Add(30*day - time.Second)
				if got := risk(); got != test.risk {
					t.Errorf("got %q, want %q", got, test.risk)
				}
				p.clock.Add(time.Second)
				if got := risk(); got != "" {
					t.Errorf("after 30 days: %q", got)
				}
			})
		}
	}
}

// TestAddressAddedDuringTheHold: without an address there is a day's wait. An
// address that is put in meanwhile does not end it: it takes another approval and
// another day.
func TestAddressAddedDuringTheHold(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(desk.Owner{Name: "Petra Example", Since: ownerOfAll().Since})
	c := p.openCase(ann(), b, "+49301")
	p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	if err := p.desk.SetOwner(t.Context(), desk.Operator(), b.id, desk.Owner{Addresses: []string{"mailto:mallory@example.org"}}, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		_, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String())
		return err
	}
	wantKind(t, ask(), rekey.ErrConflict)
	if c := p.seen(ann(), c.Number); c.Stage != desk.StageApproval {
		t.Errorf("stage %q: the approval was given without the address", c.Stage)
	}
	if c, err := p.approve(carol(), c.Number); err != nil || c.Stage != desk.StageHold {
		t.Errorf("stage %q: %v", c.Stage, err)
	}
	wantKind(t, ask(), rekey.ErrConflict)
	p.clock.Add(day)
	if err := p.desk.TellLate(t.Context()); err != nil { // of the case, at the address that was not there
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Errorf("after the day: %v", err)
	}
}
