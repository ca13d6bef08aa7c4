package desk_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

const (
	supportPhrase = "Blue kettle, seven lamps"
	duressWord    = "Grandmother Wilhelmine"
)

func (p *place) setPhrases(b *box, support, duress string) {
	p.t.Helper()
	err := p.desk.SetPhrases(p.t.Context(), desk.Operator(), b.id, desk.Phrases{Support: rekey.NewSecret(support), Duress: rekey.NewSecret(duress)}, desk.StepUp{})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) say(number int64, words string) (desk.Case, error) {
	return p.desk.AddEvidence(p.t.Context(), ann(), number, desk.Given{Kind: desk.EvidencePhrase, Phrase: rekey.NewSecret(words)})
}

// TestSupportPhrase: as it is heard, not as it is written; a wrong one, one of a
// recorder that has none, and the right one after five tries are refused in the
// same words.
func TestSupportPhrase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	with, without := p.enrol(ownerOfAll()), p.enrol(ownerOfAll())
	p.setPhrases(with, supportPhrase, "")
	c := p.openCase(ann(), with, "+49301")
	if c, err := p.say(c.Number, "  blue KETTLE seven-lamps "); err != nil || len(c.Evidence) != 1 || c.Evidence[0].Kind != desk.EvidencePhrase {
		t.Errorf("%+v: %v", c.Evidence, err)
	}
	_, err := p.say(c.Number, supportPhrase)
	wantKind(t, err, rekey.ErrConflict)

	words := map[string]bool{}
	refused := func(number int64, said string) {
		t.Helper()
		_, err := p.say(number, said)
		wantKind(t, err, rekey.ErrDenied)
		words[err.Error()] = true
	}
	c = p.openCase(ann(), with, "+49301")
	for range 5 {
		refused(c.Number, "blue kettle eight lamps")
	}
	refused(c.Number, supportPhrase) // too late
	other := p.openCase(ann(), without, "+49301")
	refused(other.Number, supportPhrase)
	if len(words) != 1 {
		t.Errorf("refusals differ: %v", words)
	}
	_, err = p.say(other.Number, " ")
	wantKind(t, err, rekey.ErrInput)
	if n := p.count(`SELECT phrase_tries FROM cases WHERE number = $1`, other.Number); n != 1 {
		t.Errorf("%d tries spent, want 1: what is mistyped costs nothing", n)
	}
	_, err = p.desk.AddEvidence(t.Context(), ann(), other.Number, desk.Given{Kind: desk.EvidencePhrase, Note: "they knew it"})
	wantKind(t, err, rekey.ErrInput) // never by a note
}

// TestPhraseTriesAreExact: a dozen at once, and five are compared.
func TestPhraseTriesAreExact(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	p.setPhrases(b, supportPhrase, duressWord)
	c := p.openCase(ann(), b, "+49301")
	var wg sync.WaitGroup
	var taken atomic.Int32
	for range 12 {
		wg.Go(func() {
			if _, err := p.say(c.Number, "blue kettle eight lamps"); err == nil {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if n := p.count(`SELECT phrase_tries FROM cases WHERE number = $1`, c.Number); n != 5 || taken.Load() != 0 {
		t.Errorf("%d tries, %d taken", n, taken.Load())
	}
}

// TestDuress: to the agent the duress word is the phrase. The case waits for
// documents, a second person and a day; supervisor, approver and auditor know
// why, and there is an alarm.
func TestDuress(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b, moved := p.enrol(ownerOfAll()), p.enrol(ownerOfAll())
	p.setPhrases(b, supportPhrase, duressWord)
	p.setPhrases(moved, supportPhrase, duressWord)
	p.clock.Add(time.Hour)
	if err := p.desk.SetOwner(t.Context(), desk.Operator(), moved.id, desk.Owner{Addresses: []string{"mailto:petra@example.net", "tel:+49307654321"}}, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	c, plain := p.openCase(ann(), b, "+49301"), p.openCase(ann(), moved, "+49302")
	p.add(ann(), c.Number, desk.EvidenceAddress)
	p.add(ann(), plain.Number, desk.EvidenceAddress)
	c, err := p.say(c.Number, duressWord)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err = p.say(plain.Number, supportPhrase); err != nil {
		t.Fatal(err)
	}
	text := func(c desk.Case) string {
		c.Number, c.DeviceID, c.Caller, c.Targets = 0, recovery.DeviceID{}, "", nil
		all, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	// What the agent has in hand is what they have after a change of address.
	if text(c) != text(plain) || strings.Contains(text(c), "duress") || c.Stage != desk.StageEvidence {
		t.Errorf("under duress the agent reads\n%s\nand after a change of address\n%s", text(c), text(plain))
	}
	for _, who := range []desk.Agent{sue(), carol(), otto()} {
		if all := p.seen(who, c.Number).Reasons; !strings.Contains(strings.Join(all, "; "), "duress") {
			t.Errorf("%s reads %q", who.Name, all)
		}
	}
	alarms, err := p.desk.Alarms(t.Context(), sue(), true)
	if err != nil || len(alarms) != 1 || alarms[0].Kind != "duress" || alarms[0].Case != c.Number {
		t.Errorf("alarms %+v: %v", alarms, err)
	}
	p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	p.wantStage(c.Number, desk.StageHold, "high")
	p.clock.Add(day - time.Second)
	p.wantStage(c.Number, desk.StageHold, "high")
}

// TestDuressAfterApproval: what was approved before the word was said does not
// count any more.
func TestDuressAfterApproval(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	p.setPhrases(b, supportPhrase, duressWord)
	c, err := p.desk.OpenCase(t.Context(), ann(), desk.NewCase{DeviceID: b.id, Account: "admin", Purpose: recovery.PurposeUnseal, Caller: "+49301"})
	if err != nil {
		t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	p.flush()
	p.wantStage(c.Number, desk.StageChallenge, "high")
	if _, err := p.say(c.Number, duressWord); err != nil {
		t.Fatal(err)
	}
	p.wantStage(c.Number, desk.StageApproval, "high")
	_, err = p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposeUnseal).String())
	wantKind(t, err, rekey.ErrConflict)
	p.clock.Add(day)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	p.wantStage(c.Number, desk.StageHold, "high") // the day begins with the new approval
}

// TestPhrasesAreNowhere: neither in the database nor in the log.
func TestPhrasesAreNowhere(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	p.setPhrases(b, supportPhrase, duressWord)
	c := p.openCase(ann(), b, "+49301")
	if _, err := p.say(c.Number, supportPhrase); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(p.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, secret := range []string{"kettle", "Wilhelmine", "wilhelmine"} { // four letters would stand by chance in what is base64
			if strings.Contains(string(text), secret) {
				t.Errorf("%s holds a phrase", filepath.Base(path))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPhrasesThatAreNone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	for _, bad := range [][2]string{{"short", ""}, {supportPhrase, "abc"}, {supportPhrase, "BLUE kettle seven lamps"}, {"-- .,.,.,.,.,", ""}, {strings.Repeat("a", 201), ""}, {"blue kettle\nseven lamps", ""}, {supportPhrase, "grand\rmother"}} {
		err := p.desk.SetPhrases(t.Context(), desk.Operator(), b.id, desk.Phrases{Support: rekey.NewSecret(bad[0]), Duress: rekey.NewSecret(bad[1])}, desk.StepUp{})
		wantKind(t, err, rekey.ErrInput)
	}
	err := p.desk.SetPhrases(t.Context(), ann(), b.id, desk.Phrases{}, desk.StepUp{})
	wantKind(t, err, rekey.ErrDenied)
	p.setPhrases(b, supportPhrase, "")
	p.setPhrases(b, "", "") // removed
	_, err = p.say(p.openCase(ann(), b, "+49301").Number, supportPhrase)
	wantKind(t, err, rekey.ErrDenied)
}
