package clips

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rekey"
	"rekey/internal/durable"
)

// changeIndex rewrites the index of a store.
func changeIndex(t *testing.T, dir string, change func(x *index)) {
	t.Helper()
	x, err := readIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	changed := *x
	change(&changed)
	if err := writeIndex(dir, changed); err != nil {
		t.Fatal(err)
	}
}

// The name of the key in the index is a hint: where it is damaged nothing is
// erased, since the files still open.
func TestADamagedKeyNameErasesNothing(t *testing.T) {
	t.Parallel()
	dir, s := made(t, Spec{Channels: 2, Days: 1, ClipSeconds: 1, Now: now})
	before := all(t, s)
	want := plain(t, s, before[1])
	changeIndex(t, dir, func(x *index) { x.Key = "0123456789abcdef" })
	if err := os.Remove(filepath.Join(dir, before[0].Path)); err != nil { // one is damaged as well
		t.Fatal(err)
	}
	for range 2 {
		again, err := Open(dir, testKey)
		if err != nil {
			t.Fatal(err)
		}
		if found := all(t, again); len(found) != len(before) {
			t.Fatalf("%d clips are left of %d", len(found), len(before))
		}
		if !bytes.Equal(plain(t, again, before[1]), want) {
			t.Error("other pictures")
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if x, err := readIndex(dir); err != nil || x.Key != keyName(testKey) {
		t.Errorf("the name was not mended: %v", err)
	}
}

// The index cannot tell another hour by another zone, nor move a name from one
// field to the next.
func TestIndexTellsWhatWasSealed(t *testing.T) {
	t.Parallel()
	_, file, c := atRest(t, 100)
	for name, change := range map[string]func(c *Clip){
		"another zone":      func(c *Clip) { c.Start = c.Start.In(time.FixedZone("", 5*3600)) },
		"of the end":        func(c *Clip) { c.End = c.End.In(time.FixedZone("", -5*3600)) },
		"part of a second":  func(c *Clip) { c.Start = c.Start.Add(time.Millisecond) },
		"kind and path":     func(c *Clip) { c.Kind, c.Path = "mp4\x00/mnt", "dvr/a.mp4" },
		"path within kind":  func(c *Clip) { c.Kind, c.Path = c.Kind+"\x00"+c.Path, "" },
		"not a right UTF-8": func(c *Clip) { c.Path += "\xff" },
	} {
		told := c
		change(&told)
		if _, err := read(file, told, testKey); !errors.Is(err, rekey.ErrStorage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Footage that an earlier rekey kept in the clear is encrypted when it is opened,
// also where the power went half-way; a file that is damaged stays an error.
func TestFootageOfAnEarlierRekey(t *testing.T) {
	t.Parallel()
	dir, s := made(t, Spec{Channels: 2, Days: 1, ClipSeconds: 1, Now: now})
	clips := all(t, s)
	var texts [][]byte
	for i, c := range clips {
		texts = append(texts, plain(t, s, c))
		if i > 0 { // the first one was encrypted before the power went
			if err := os.WriteFile(filepath.Join(dir, c.Path), texts[i], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Truncate(filepath.Join(dir, clips[1].Path), 7); err != nil {
		t.Fatal(err)
	}
	old, err := json.MarshalIndent(clips, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(filepath.Join(dir, indexName), old, 0o600); err != nil {
		t.Fatal(err)
	}
	keys := newTurned(testKey)
	keys.refused.Store(true)
	if _, err := Open(dir, keys); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("without the key: %v", err)
	}
	for range 2 {
		again, err := Open(dir, testKey)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if found := all(t, again); len(found) != len(clips) {
			t.Fatalf("%d clips, want %d", len(found), len(clips))
		}
		for i, c := range clips {
			if i == 1 {
				if _, _, err := again.Open(c.Path); !errors.Is(err, rekey.ErrStorage) {
					t.Errorf("the damaged one: %v", err)
				}
				continue
			}
			if !bytes.Equal(plain(t, again, c), texts[i]) {
				t.Errorf("clip %d: other pictures", i)
			}
			if at, err := os.ReadFile(filepath.Join(dir, c.Path)); err != nil || bytes.Contains(at, texts[i][:24]) {
				t.Errorf("clip %d lies in the clear: %v", i, err)
			}
		}
	}
}

// Stat tells what can be opened now.
func TestStat(t *testing.T) {
	t.Parallel()
	dir, s := made(t, Spec{Channels: 1, Days: 1, ClipSeconds: 1, Now: now})
	c := all(t, s)[0]
	keys := newTurned(testKey)
	store, err := Open(dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if got, err := store.Stat(c.Path); err != nil || got != c {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := store.Stat("/mnt/dvr/none"); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("no such clip: %v", err)
	}
	keys.refused.Store(true)
	if _, err := store.Stat(c.Path); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("sealed: %v", err)
	}
	keys.refused.Store(false)
	fresh := bytes.Repeat([]byte{9}, KeySize)
	keys.key.Store(&fresh)
	if _, err := store.Stat(c.Path); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("erased: %v", err)
	}
}
