package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey"
)

// drawLine is any line that a run writes after its first one.
func drawLine(t *rapid.T) line {
	l := line{Time: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	word := rapid.StringMatching(`[a-zA-Z0-9 .'"\\é]{0,12}`)
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		yes := rapid.Bool().Draw(t, "changing")
		l.Changing = &yes
	case 1:
		l.Own = &OwnAccount{
			Interface: rapid.SampledFrom([]rekey.InterfaceKind{rekey.InterfaceONVIF, rekey.InterfaceRTSP}).Draw(t, "door"),
			Word:      rapid.SampledFrom([]OwnWord{OwnSet, OwnShared, OwnNone, OwnNotSet, OwnUnknown}).Draw(t, "word"), Note: word.Draw(t, "note"),
		}
	case 2:
		at := l.Time.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "clock")) * time.Second)
		l.Clock = &at
	case 3:
		l.Watched = &watched{Notes: rapid.SliceOfN(word, 1, 3).Draw(t, "notes"), Stale: []StaleClient{{
			Account: word.Draw(t, "account"), Address: word.Draw(t, "address"), Tries: rapid.IntRange(1, 9).Draw(t, "tries"), First: l.Time, Last: l.Time, Silent: rapid.Bool().Draw(t, "silent"),
		}}, Channels: []ChannelChange{{Number: rapid.IntRange(1, 64).Draw(t, "channel"), Before: rapid.Bool().Draw(t, "before"), Why: word.Draw(t, "why")}}}
	case 4:
		l.Proofs = &[]Proof{{Interface: rekey.Interface{Kind: rekey.InterfaceRPC2}, New: Opens, Old: Dead, NoDriver: rapid.Bool().Draw(t, "no driver"), Locked: rapid.Bool().Draw(t, "locked")}}
	case 5:
		l.Outcome = new(rekey.Outcome)
		*l.Outcome = rapid.SampledFrom([]rekey.Outcome{rekey.Changed, rekey.Unchanged, rekey.Unknown}).Draw(t, "outcome")
	case 6:
		l.Refused = &refusals{New: rapid.Bool().Draw(t, "new"), Old: rapid.Bool().Draw(t, "old")}
	}
	return l
}

// Whatever a run writes, another process reads the same state out of it, and
// where a crash cut the file, the state before the torn line.
func TestJournalReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var raw []byte
		var ends []int
		states := []journal{{ID: "run"}}
		j := journal{ID: "run"}
		for _, l := range rapid.SliceOfN(rapid.Custom(drawLine), 1, 12).Draw(t, "lines") {
			text, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			raw = append(append(raw, text...), '\n')
			ends = append(ends, len(raw))
			j.apply(l)
			now := j
			now.Own = slices.Clone(j.Own)
			states = append(states, now)
		}
		cut := rapid.IntRange(0, len(raw)).Draw(t, "cut")
		whole, _ := slices.BinarySearch(ends, cut+1)
		got := journal{ID: "run"}
		if err := got.replay(raw[:cut]); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, states[whole]) {
			t.Fatalf("cut at %d of %v:\n got %+v\nwant %+v", cut, ends, got, states[whole])
		}
	})
}

// An account in a list of its own is set once a run, whatever is written later.
func TestOwnIsNeverForgotten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var j journal
		sent := map[rekey.InterfaceKind]OwnWord{}
		for _, l := range rapid.SliceOf(rapid.Custom(drawLine)).Draw(t, "lines") {
			j.apply(l)
			if l.Own != nil {
				sent[l.Own.Interface] = l.Own.Word
			}
			if len(j.Own) != len(sent) {
				t.Fatalf("%d lists were begun, %d are known", len(sent), len(j.Own))
			}
			for _, o := range j.Own {
				if sent[o.Interface] != o.Word {
					t.Fatalf("%s is %q, last written was %q", o.Interface, o.Word, sent[o.Interface])
				}
			}
		}
	})
}

// TestWrongTriesNeverAddUp proves recorders with any doors, any of them broken,
// and any lock: no account is locked; with sound doors no more than one wrong try
// ever stands, with broken ones two; and none stands at the end.
func TestWrongTriesNeverAddUp(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, _ := b.runner(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		kinds := []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI, rekey.InterfaceRTSP, rekey.InterfaceONVIF, rekey.InterfaceSDK}
		doors := rapid.Permutation(kinds).Draw(t, "doors")
		deaf := rapid.SliceOfDistinct(rapid.SampledFrom(kinds[1:]), rapid.ID).Draw(t, "deaf")
		gone := rapid.SampledFrom(append(kinds[1:], "")).Draw(t, "gone")
		own := rapid.SampledFrom([]map[string]string{nil, {"admin": labOld}, {"admin": "x"}, {"admin": labNew}, {}}).Draw(t, "own")
		b.set(func() {
			b.limit, b.wrong, b.most, b.deaf, b.own = rapid.IntRange(2, 10).Draw(t, "limit"), 0, 0, deaf, own
			b.passwords = map[string]string{"admin": labNew}
			b.id.Serial = fmt.Sprint("S", n) // a recorder of its own, with a book of its own
			b.doors = nil
			for _, kind := range doors {
				d := b.door(kind, false)
				if kind == gone {
					d.Port = 1
				}
				b.doors = append(b.doors, d)
			}
		})
		u := proving(t, r, b, rapid.Bool().Draw(t, "old is known"))
		ctx := context.Background()
		err := u.verify(ctx)
		u.close(ctx)
		if err != nil {
			t.Fatal(err)
		}
		sound := len(deaf) == 0 && own == nil
		most := 2
		if (sound && gone == "") || b.limit == 3 { // there the count is cleared between the old and the new one
			most = 1
		}
		if b.most > most || b.most >= b.limit || b.wrong != 0 {
			t.Fatalf("%d wrong tries stood at once and %d stand, of %d: %s", b.most, b.wrong, b.limit, matrix(u.j.Proofs))
		}
		for _, p := range u.j.Proofs {
			if p.Interface.Kind == rekey.InterfaceSDK != p.NoDriver {
				t.Fatalf("%s: nobody can try it: %v", p.Interface, p.NoDriver)
			}
		}
	})
}

// proving is a run whose change has been made and settled.
func proving(t *rapid.T, r *Runner, b *lab, oldKnown bool) *run {
	id := b.id
	u := &run{Runner: r, key: id.Serial, req: b.request(), new: rekey.NewSecret(labNew), plan: rekey.Plan{Recorder: id, Account: "admin", Way: rekey.Way{ID: rekey.WayAnotherAdmin}}}
	if oldKnown {
		u.old = rekey.NewSecret(labOld)
	}
	err := u.equip(id)
	if err == nil {
		err = u.tries.limit("admin", b.limit)
	}
	u.policy = rekey.LockPolicy{Enabled: true, Tries: b.limit}
	if err == nil {
		u.j, err = createJournal(r.runsDir(), newRunID(r.Now())+"-"+strings.ToLower(id.Serial), sealed{}, begun{Key: u.key, Target: u.req.Target, Plan: u.plan, Started: r.Now()})
	}
	done := rekey.Changed
	if err = errors.Join(err, u.j.append(line{Time: r.Now(), Outcome: &done})); err != nil {
		t.Fatal(err)
	}
	u.proved = true
	return u
}
