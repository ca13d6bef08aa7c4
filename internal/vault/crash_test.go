package vault

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rekey"
	"rekey/internal/durable"
)

var errPower = errors.New("power cut")

// cut lets n writes through and stops the next one: before it, or after it
// reached the disk but before anybody heard of it; what a cut leaves in the
// folder is a temporary file.
func cut(v *Vault, n int, after bool) {
	v.write = func(name string, data []byte, perm fs.FileMode) error {
		if n--; n >= 0 {
			return durable.WriteFile(name, data, perm)
		}
		if after {
			return errors.Join(durable.WriteFile(name, data, perm), errPower)
		}
		return errors.Join(os.WriteFile(filepath.Join(filepath.Dir(name), ".left.tmp-1"), data[:len(data)/2], perm), errPower)
	}
}

// The life of a change of password, cut at every write: at every instant the
// vault holds the password that opens the recorder, whichever that is.
func TestPowerCutAtEveryWrite(t *testing.T) {
	t.Parallel()
	const writes = 4 // propose, confirm, propose, confirm
	for n := range writes + 1 {
		for _, after := range []bool{false, true} {
			dir := t.TempDir()
			v := newVault(t, dir)
			cut(v, n, after)
			inForce := changeTwice(t, v)
			v = newVault(t, dir)
			if inForce != "" && !holds(t, v, inForce) {
				t.Errorf("cut at write %d (after: %v): no entry that may be in force opens the recorder", n, after)
			}
			if n < writes {
				// settling goes on where it was broken off
				for _, e := range entries(t.Context(), t, v) {
					if p, err := v.Reveal(t.Context(), e.ID); err == nil && p.Reveal() == inForce {
						if err := v.Confirm(t.Context(), e.ID); err != nil {
							t.Errorf("cut at write %d: settling: %v", n, err)
						}
					}
				}
			}
		}
	}
}

// changeTwice changes a recorder's password twice, in the order of a run:
// propose, set, confirm. It stops at the cut and returns what the recorder takes.
func changeTwice(t *testing.T, v *Vault) (inForce string) {
	t.Helper()
	for _, p := range []string{"first-pass", "second-pass"} {
		e, err := v.Propose(t.Context(), Entry{Recorder: "R", Account: "admin"}, rekey.NewSecret(p))
		if err != nil {
			return inForce
		}
		inForce = p
		if err := v.Confirm(t.Context(), e.ID); err != nil {
			return inForce
		}
	}
	return inForce
}

func entries(ctx context.Context, t rapid.TB, v *Vault) []Entry {
	t.Helper()
	es, err := v.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return es
}

// holds reports whether the password stands as current or proposed.
func holds(t *testing.T, v *Vault, password string) bool {
	t.Helper()
	return slices.ContainsFunc(entries(t.Context(), t, v), func(e Entry) bool {
		p, err := v.Reveal(t.Context(), e.ID)
		return err == nil && p.Reveal() == password && e.State != Former
	})
}

// quickVault does not sync: what is asked here is order, not endurance.
func quickVault(t *testing.T, dir string) *Vault {
	t.Helper()
	v := newVault(t, dir)
	v.write = func(name string, data []byte, perm fs.FileMode) error {
		return errors.Join(os.WriteFile(name+".new", data, perm), os.Rename(name+".new", name))
	}
	return v
}

// Any order of calls, with power cuts among them, against a plain model.
func TestStatesProperty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		v := quickVault(t, dir)
		before, err := filepath.Glob(filepath.Join(v.dir, recordsDir, "*", "*"))
		if err != nil {
			rt.Fatal(err)
		}
		for _, name := range before {
			if err := os.Remove(name); err != nil {
				rt.Fatal(err)
			}
		}
		states := map[string]State{}
		pick := func() string {
			ids := make([]string, 0, len(states))
			for id := range states {
				ids = append(ids, id)
			}
			slices.Sort(ids)
			return rapid.SampledFrom(ids).Draw(rt, "id")
		}
		rt.Repeat(map[string]func(*rapid.T){
			"propose": func(rt *rapid.T) {
				e, err := v.Propose(t.Context(), Entry{Recorder: "R", Account: "admin"}, rekey.NewSecret("pass"))
				if err != nil {
					rt.Fatal(err)
				}
				states[e.ID] = Proposed
			},
			"confirm": func(rt *rapid.T) {
				if len(states) == 0 {
					rt.Skip()
				}
				id := pick()
				if err := v.Confirm(t.Context(), id); err != nil {
					rt.Fatal(err)
				}
				for other, s := range states {
					if s == Current {
						states[other] = Former
					}
				}
				states[id] = Current
			},
			"withdraw": func(rt *rapid.T) {
				if len(states) == 0 {
					rt.Skip()
				}
				id := pick()
				err := v.Withdraw(t.Context(), id)
				if (states[id] == Current) != errors.Is(err, rekey.ErrConflict) {
					rt.Fatalf("withdraw of a %s entry: %v", states[id], err)
				}
				if states[id] == Proposed {
					states[id] = Former
				}
			},
			"power cut in a confirmation": func(rt *rapid.T) {
				if len(states) == 0 {
					rt.Skip()
				}
				cut(v, 0, false)
				id := pick()
				if err := v.Confirm(t.Context(), id); states[id] != Current && !errors.Is(err, errPower) {
					rt.Fatalf("cut confirmation: %v", err)
				}
				v = quickVault(t, dir)
			},
			"": func(rt *rapid.T) {
				for _, e := range entries(t.Context(), rt, v) {
					if e.State != states[e.ID] {
						rt.Fatalf("entry is %s, want %s", e.State, states[e.ID])
					}
				}
			},
		})
	})
}

func FuzzRecord(f *testing.F) {
	s, err := newSealer(make([]byte, dataKeySize))
	if err != nil {
		f.Fatal(err)
	}
	const id = "0123456789abcdef01234567-0123456789abcdef"
	good, err := record{Recorder: "R", Account: "admin", Password: "p"}.encode(s, id)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(recordMagic))
	f.Add([]byte(`{"recorder":"R","account":"admin","password":"p","changed":"2026-11-22T12:00:00Z","confirmed":7}`))
	f.Add([]byte(`{"recorder":"R","account":"a","password":"p","changed":"2026-11-22T12:00:00Z","confirmed":-1}{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := decode(s, id, data); err == nil && r.Password == "" {
			t.Error("a record without a password was taken")
		}
		r, err := parseRecord(data)
		if err != nil {
			return
		}
		file, err := r.encode(s, id)
		if err != nil {
			return // too large
		}
		again, err := decode(s, id, file)
		if err != nil || again.entry(id, 7) != r.entry(id, 7) || again.Password != r.Password {
			t.Errorf("record does not survive a round: %v", err)
		}
	})
}
