package desk_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/desk"
)

// TestSearchCases: over recorders, callers and notes, in any case of letters,
// and what is a pattern to the database is a letter to a person.
func TestSearchCases(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	petra, other := p.enrol(ownerOfAll()), p.enrol(desk.Owner{Name: "Jürgen O'Neill 100%_sure", Since: ownerOfAll().Since, Addresses: ownerOfAll().Addresses})
	one := p.openCase(ann(), petra, "+49 30 1001").Number
	two := p.openCase(bob(), petra, "+49 30 1002").Number
	three := p.openCase(ann(), other, "+49-30-1001").Number
	if _, err := p.desk.AddNote(t.Context(), ann(), three, `Backslash \ and Café at the corner`); err != nil {
		t.Fatal(err)
	}
	if _, err := p.desk.CloseCase(t.Context(), bob(), two, desk.Ending{Outcome: "given up"}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		search desk.Search
		want   []int64
	}{
		"everything":          {desk.Search{}, []int64{three, two, one}},
		"a recorder":          {desk.Search{DeviceID: strings.ToLower(petra.id.String())}, []int64{two, one}},
		"a caller":            {desk.Search{Caller: "0049 (30) 1001"}, []int64{three, one}},
		"a caller by name":    {desk.Search{Caller: p.seen(otto(), two).Caller}, []int64{two}},
		"a caller of no case": {desk.Search{Caller: "+49 30 9999"}, nil},
		"withheld":            {desk.Search{Caller: "withheld"}, nil},
		"open":                {desk.Search{Open: true}, []int64{three, one}},
		"a stage":             {desk.Search{Stage: desk.StageClosed}, []int64{two}},
		"who works":           {desk.Search{WorkedBy: "bob"}, []int64{two}},
		"owner":               {desk.Search{Text: "PETRA exa"}, []int64{two, one}},
		"owner, umlaut":       {desk.Search{Text: "JÜRGEN"}, []int64{three}},
		"note":                {desk.Search{Text: "café AT"}, []int64{three}},
		"percent":             {desk.Search{Text: "100%_"}, []int64{three}},
		"percent alone":       {desk.Search{Text: "%"}, []int64{three}},
		"underscore alone":    {desk.Search{Text: "_"}, []int64{three}},
		"backslash":           {desk.Search{Text: `\`}, []int64{three}},
		"quote":               {desk.Search{Text: "o'neill"}, []int64{three}},
		"no such text":        {desk.Search{Text: "x%a"}, nil},
		"model, caller":       {desk.Search{Text: "n841", Caller: "+49301001", WorkedBy: "ann", Open: true}, []int64{three, one}},
		"a page":              {desk.Search{Most: 2}, []int64{three, two}},
		"the next page":       {desk.Search{Most: 2, Before: two}, []int64{one}},
	} {
		found, err := p.desk.SearchCases(t.Context(), otto(), test.search)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []int64
		for _, c := range found {
			got = append(got, c.Number)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	for _, bad := range []desk.Search{{DeviceID: "nonsense"}, {Text: strings.Repeat("a", 65)}, {Text: "\xff"}} {
		_, err := p.desk.SearchCases(t.Context(), ann(), bad)
		wantKind(t, err, rekey.ErrInput)
	}
	_, err := p.desk.SearchCases(t.Context(), root(), desk.Search{})
	wantKind(t, err, rekey.ErrDenied)
}

func TestSearchRecorders(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	petra, other := p.enrol(ownerOfAll()), p.enrol(desk.Owner{Name: "Jürgen"})
	for text, want := range map[string]int{"": 2, "n841": 2, "PETRA": 1, "jürgen": 1, "nd0000": 2, petra.id.String(): 1,
		strings.ToLower(strings.ReplaceAll(other.id.String(), "-", "")): 1, other.id.String()[:6]: 1, "%": 0, "petra@": 0} {
		found, err := p.desk.SearchRecorders(t.Context(), ann(), text)
		if err != nil || len(found) != want {
			t.Errorf("%q: %d recorders (%v), want %d", text, len(found), err, want)
		}
	}
}

// TestFlood: a caller, and an agent, who open case after case for a recorder are
// stopped; its owner gets their answer all the same.
func TestFlood(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	try := func(who desk.Agent, caller string) error {
		_, err := p.desk.OpenCase(t.Context(), who, desk.NewCase{DeviceID: b.id, Account: "admin", Caller: caller})
		return err
	}
	forged := &box{id: b.id, keys: p.enrol(ownerOfAll()).keys}
	for range 3 {
		c := p.openCase(ann(), b, "+49 30 666")
		// Each tries to get something, and burns what is their own.
		for _, given := range []desk.Given{
			{Kind: desk.EvidencePhrase, Phrase: rekey.NewSecret("guess of a liar")},
			{Kind: desk.EvidenceQR, QR: forged.qr(t, forged.challenge(t, 0))},
		} {
			if _, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, given); err == nil {
				t.Errorf("%s was taken", given.Kind)
			}
		}
		_, err := p.reveal(ann(), c.Number, b.challenge(t, 0).String())
		wantKind(t, err, rekey.ErrConflict)
	}
	wantKind(t, try(ann(), "+49-30-666"), rekey.ErrBudget)
	wantKind(t, try(bob(), "+49 30 666"), rekey.ErrBudget)
	for i := range 2 {
		p.openCase(ann(), b, fmt.Sprintf("+49 30 700%d", i))
	}
	wantKind(t, try(ann(), "+49 30 7009"), rekey.ErrBudget) // five by one agent
	c := p.openCase(bob(), b, "+49 30 1234567")             // the owner
	p.add(bob(), c.Number, desk.EvidenceAddress, desk.EvidenceCallback)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	ch := b.challenge(t, 0)
	if got, err := p.reveal(bob(), c.Number, ch.String()); err != nil || p.whole(c.Number, got) != b.answer(t, "admin", ch) {
		t.Errorf("the owner: %v", err)
	}
	// What is closed, or older than a case lives, makes room.
	found, err := p.desk.SearchCases(t.Context(), ann(), desk.Search{Caller: "+49 30 666"})
	if err != nil || len(found) != 3 {
		t.Fatalf("%d cases: %v", len(found), err)
	}
	if _, err := p.desk.CloseCase(t.Context(), ann(), found[0].Number, desk.Ending{Outcome: "suspicious"}); err != nil {
		t.Fatal(err)
	}
	if err := try(bob(), "+49 30 666"); err != nil {
		t.Error(err)
	}
	p.clock.Add(8 * day)
	if err := try(ann(), "+49 30 666"); err != nil {
		t.Error(err)
	}
}

// TestFirmware: what the maker enrolled is shown and found, and is new after
// another enrolment.
func TestFirmware(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	found, err := p.desk.SearchRecorders(t.Context(), ann(), "v4.30")
	if err != nil || len(found) != 1 || found[0].Firmware != "V4.30.005" {
		t.Fatalf("%+v: %v", found, err)
	}
	c := p.openCase(ann(), b, "+49301")
	if all, err := p.desk.SearchCases(t.Context(), ann(), desk.Search{Text: "4.30.005"}); err != nil || len(all) != 1 || all[0].Number != c.Number {
		t.Errorf("%+v: %v", all, err)
	}
	enrol := func(epoch uint8, firmware string) error {
		file := bytes.Replace(p.enrolment(b, epoch), []byte("V4.30.005"), []byte(firmware), 1)
		_, err := p.desk.Enrol(t.Context(), desk.Operator(), file, desk.Owner{})
		return err
	}
	if err := enrol(1, "V4.31"); err != nil {
		t.Fatal(err)
	}
	if r, err := p.desk.Recorder(t.Context(), ann(), b.id); err != nil || r.Firmware != "V4.31" {
		t.Errorf("%+v: %v", r, err)
	}
	for _, bad := range []string{"V4\u202e", strings.Repeat("x", 200)} {
		wantKind(t, enrol(2, bad), rekey.ErrInput)
	}
}
