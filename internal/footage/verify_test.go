package footage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"rekey"
)

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 3, 1000)
	const file = "CH01/2026-11-22/08-00-05_08-00-10.mp4"
	for name, c := range map[string]struct {
		do   func(dir string) error
		want string
	}{
		"one bit":          {func(dir string) error { damage(t, dir, file); return nil }, file},
		"cut":              {func(dir string) error { return os.Truncate(filepath.Join(dir, file), 10) }, file},
		"gone":             {func(dir string) error { return os.Remove(filepath.Join(dir, file)) }, file},
		"settings changed": {func(dir string) error { damage(t, dir, "settings/UPnP.txt"); return nil }, "settings/UPnP.txt"},
		"one more":         {func(dir string) error { return os.WriteFile(filepath.Join(dir, "CH01", "more.mp4"), nil, 0o600) }, "CH01/more.mp4"},
		"manifest edited": {func(dir string) error {
			return edit(dir, func(s string) string { return strings.Replace(s, "08-00-05_08-00-10", "08-00-05_08-00-11", 1) })
		}, ManifestName},
		"manifest of another version": {func(dir string) error {
			return edit(dir, func(s string) string { return strings.Replace(s, `"version": 1`, `"version": 2`, 1) })
		}, "version 2"},
		"manifest leads out": {func(dir string) error {
			return edit(dir, func(s string) string { return strings.Replace(s, file, "CH01/../../../etc/passwd", 1) })
		}, "etc/passwd"},
		"manifest cut": {func(dir string) error { return edit(dir, func(s string) string { return s[:len(s)/2] }) }, ManifestName},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mustExport(t, b, dir, options)
			if err := c.do(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(t.Context(), dir); !errors.Is(err, rekey.ErrVerify) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func edit(dir string, change func(string) string) error {
	name := filepath.Join(dir, ManifestName)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	changed := change(string(text))
	if changed == string(text) {
		return errors.New("the change changed nothing")
	}
	return os.WriteFile(name, []byte(changed), 0o600)
}

func TestVerifyCanceled(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 1, 1000)
	dir := t.TempDir()
	mustExport(t, b, dir, options)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Our tree hash against an independent one: that of the Go checksum database.
func TestTreeHash(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		data := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 0, 70).Draw(rt, "leaves")
		var leaves [][sha256.Size]byte
		var stored []tlog.Hash
		reader := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
			for _, i := range at {
				out = append(out, stored[i])
			}
			return out, nil
		})
		for i, d := range data {
			sum := sha256.Sum256(d)
			leaves = append(leaves, leafHash(sum, string(d)))
			hashes, err := tlog.StoredHashes(int64(i), append(sum[:], d...), reader)
			if err != nil {
				rt.Fatal(err)
			}
			stored = append(stored, hashes...)
		}
		want := tlog.Hash(sha256.Sum256(nil)) // RFC 6962: the hash of an empty tree
		if len(data) > 0 {
			var err error
			if want, err = tlog.TreeHash(int64(len(data)), reader); err != nil {
				rt.Fatal(err)
			}
		}
		if got := treeHash(leaves); got != want {
			rt.Fatalf("%d leaves: %x, want %x", len(leaves), got, want)
		}
	})
}

func FuzzManifest(f *testing.F) {
	root := sha256.Sum256(nil)
	empty := Manifest{Format: ManifestFormat, Version: ManifestVersion, MerkleRoot: hex.EncodeToString(root[:])}
	text, err := json.Marshal(empty)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":"rekey-footage","version":1,"files":[{"path":"CH01/x","sha256":"00"}]}`))
	f.Add([]byte(`{"from":7}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		for path := range m.paths() {
			if !filepath.IsLocal(path) {
				t.Errorf("path %q leads out", path)
			}
		}
		again, err := json.Marshal(m)
		if err != nil {
			return // a time that JSON cannot hold
		}
		if _, err := parseManifest(again); err != nil {
			t.Errorf("a manifest does not survive a round: %v", err)
		}
	})
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"format":"rekey-footage-journal","version":1,"recorder":"R","from":"2026-11-22T08:00:00","to":"2026-11-23T08:00:00"}` + "\n" +
		`{"path":"CH01/2026-11-22/a.mp4","size":1,"sha256":"aa","channel":1,"start":"2026-11-22T08:00:00","end":"2026-11-22T08:00:05","kind":"mp4","source":"/x"}` + "\n" + `{"path":"CH0`))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := parseJournal(bytes.NewReader(text))
		if err != nil {
			t.Errorf("a damaged journal costs downloads, never an error: %v", err)
		}
		for path := range k.files {
			if !safePath(path) {
				t.Errorf("path %q", path)
			}
		}
	})
}
