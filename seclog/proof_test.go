package seclog

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestProofs(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 11)
	fsys, key := os.DirFS(dir), keyOf(t, dir)
	other := newLog(t, 11)
	for n := range int64(12) {
		p, err := Prove(fsys, n)
		must(t, err)
		b, err := json.Marshal(p)
		must(t, err)
		back, err := ParseProof(b)
		must(t, err)
		r, err := CheckProof(back, key)
		if err != nil || r.Seq != n {
			t.Fatalf("proof of record %d: %+v, %v", n, r, err)
		}
		if _, err := CheckProof(p, keyOf(t, other)); !errors.Is(err, ErrTampered) {
			t.Errorf("proof of record %d under another key: %v", n, err)
		}
		for name, spoil := range map[string]func(*Proof){
			"index":  func(p *Proof) { p.Index = (n + 1) % 12 },
			"minus":  func(p *Proof) { p.Index = -1 },
			"record": func(p *Proof) { p.Record = strings.Replace(p.Record, "ok", "no", 1) },
			"hash":   func(p *Proof) { p.Hashes[0][3] ^= 1 },
			"more":   func(p *Proof) { p.Hashes = append(p.Hashes, tlog.Hash{}) },
			"fewer":  func(p *Proof) { p.Hashes = p.Hashes[1:] },
			"other":  func(p *Proof) { p.Checkpoint = string(read(t, other, checkpointFile)) },
			"none":   func(p *Proof) { *p = Proof{} },
		} {
			bad := p
			bad.Hashes = append([]tlog.Hash(nil), p.Hashes...)
			spoil(&bad)
			if _, err := CheckProof(bad, key); !errors.Is(err, ErrTampered) {
				t.Errorf("record %d: spoilt %s: %v, want ErrTampered", n, name, err)
			}
		}
	}
	for _, n := range []int64{-1, 12} {
		if _, err := Prove(fsys, n); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("prove record %d: %v, want fs.ErrNotExist", n, err)
		}
	}
}

// A prover does not hand out a proof that does not hold.
func TestProveRefusesADamagedLog(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 6)
	ls := lines(t, dir)
	ls[3] = change(ls[3])
	writeLines(t, dir, ls)
	if _, err := Prove(os.DirFS(dir), 3); badRecord(err) != 3 {
		t.Errorf("got %v, want record 3 named", err)
	}
	if _, err := Prove(os.DirFS(dir), 5); err != nil {
		t.Errorf("another record: %v", err)
	}
	write(t, dir, recordsFile, bytes.Join(ls[:2], nil))
	if _, err := Prove(os.DirFS(dir), 4); badRecord(err) != 2 {
		t.Errorf("got %v, want record 2 named", err)
	}
}

// failing is a log on a disk that fails while the records are read.
type failing struct{ fs.FS }

func (f failing) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if name != recordsFile || err != nil {
		return file, err
	}
	return badDisk{file}, nil
}

type badDisk struct{ fs.File }

func (badDisk) Read([]byte) (int, error) { return 0, syscall.EIO }

// A failing disk is not an attack.
func TestFailingDiskIsNoTampering(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 3)
	fsys := failing{os.DirFS(dir)}
	_, proved := Prove(fsys, 2)
	_, verified := Verify(t.Context(), fsys, keyOf(t, dir), nil)
	_, exported := Export(fsys, io.Discard)
	for what, err := range map[string]error{"prove": proved, "verify": verified, "export": exported} {
		if !errors.Is(err, syscall.EIO) || errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v, want the disk's error", what, err)
		}
	}
}

func TestConsistencyProofs(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 0)
	earlier := [][]byte{read(t, dir, checkpointFile)}
	l := reopen(t, dir)
	for i := range 9 {
		e, err := l.Append(t.Context(), event(i))
		must(t, err)
		earlier = append(earlier, e.Checkpoint)
	}
	must(t, l.Close())
	fsys, key := os.DirFS(dir), keyOf(t, dir)
	for i, old := range earlier {
		p, err := ProveConsistency(fsys, int64(i+1))
		must(t, err)
		b, err := json.Marshal(p)
		must(t, err)
		back, err := ParseConsistencyProof(b)
		must(t, err)
		cp, err := CheckConsistency(back, old, key)
		if err != nil || cp.Size != 10 {
			t.Fatalf("size %d: %+v, %v", i+1, cp, err)
		}
		if _, err := CheckConsistency(p, earlier[(i+1)%10], key); !errors.Is(err, ErrTampered) {
			t.Errorf("size %d with another checkpoint: %v", i+1, err)
		}
	}
	forked := copyDir(t, dir)
	ls := lines(t, forked)
	ls[1] = change(ls[1])
	writeLines(t, forked, ls)
	resign(t, forked)
	p, err := ProveConsistency(os.DirFS(forked), 5)
	must(t, err)
	if _, err := CheckConsistency(p, earlier[4], key); !errors.Is(err, ErrTampered) {
		t.Errorf("a rewritten log proved to be consistent: %v", err)
	}
	for _, n := range []int64{0, 11} {
		if _, err := ProveConsistency(fsys, n); err == nil {
			t.Errorf("consistency with %d records was proved", n)
		}
	}
}

func TestBundle(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 9)
	b := read(t, dir, recordsFile)
	write(t, dir, recordsFile, append(bytes.Clone(b), "{\"seq\":10,\"ti"...)) // a writer at work
	var one, two bytes.Buffer
	cp, err := Export(os.DirFS(dir), &one)
	must(t, err)
	_, err = Export(os.DirFS(dir), &two)
	must(t, err)
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the same log gives two bundles")
	}
	bundle, err := zip.NewReader(bytes.NewReader(one.Bytes()), int64(one.Len()))
	must(t, err)
	report, err := Verify(t.Context(), bundle, keyOf(t, dir), nil)
	if err != nil || report.Records != 10 || cp.Size != 10 || !report.Hashes || report.TornBytes != 0 {
		t.Fatalf("bundle: %+v, %v", report, err)
	}
	secret := strings.TrimSpace(string(read(t, dir, keyFile)))
	for _, f := range bundle.File {
		content, err := fs.ReadFile(bundle, f.Name)
		must(t, err)
		if strings.Contains(string(content), secret[len(secret)-40:]) || f.Name == keyFile {
			t.Errorf("%s holds the signing key", f.Name)
		}
	}
	if n := len(bundle.File); n != 4 {
		t.Errorf("the bundle has %d files, want 4", n)
	}
	if _, err := Prove(bundle, 1); err == nil {
		t.Error("a proof was made from a bundle that cannot be read at random")
	}
	write(t, dir, recordsFile, b[:len(b)/2])
	if _, err := Export(os.DirFS(dir), &two); !errors.Is(err, ErrTampered) {
		t.Errorf("export of half a log: %v, want ErrTampered", err)
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add("rekey.example/test\n12\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	f.Add("a\n00\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	f.Add("a\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nextension\n")
	f.Add("go.sum database tree\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCheckpoint(text)
		if err == nil && c.Marshal() != text {
			t.Fatalf("%q is read as %+v, which is written as %q", text, c, c.Marshal())
		}
	})
}

func TestParseCheckpointRefuses(t *testing.T) {
	t.Parallel()
	root := tlog.Hash{1}.String()
	for _, text := range []string{
		"", "\n", "o\n1\n", "o\n1\n" + root, "o\n1\n" + root + "\nextension\n", "o\n01\n" + root + "\n", "o\n+1\n" + root + "\n", "o\n-1\n" + root + "\n",
		"o\n1\n" + root[:40] + "\n", "o\r\n1\n" + root + "\n", "\n1\n" + root + "\n", "o\n" + fmt.Sprint(int64(maxSize)+1) + "\n" + root + "\n", "o\n9223372036854775808\n" + root + "\n",
		"o\n1\n" + root[:42] + "B=\n",
	} {
		if c, err := ParseCheckpoint(text); err == nil {
			t.Errorf("%q was read as %+v", text, c)
		}
	}
}

// FuzzCheckProof: nothing but a record of the log can be proved to be in it.
func FuzzCheckProof(f *testing.F) {
	dir := newLog(f, 5)
	key := keyOf(f, dir)
	stored := map[string]bool{}
	for _, line := range strings.Split(string(read(f, dir, recordsFile)), "\n") {
		stored[line] = true
	}
	for n := range int64(6) {
		p, err := Prove(os.DirFS(dir), n)
		must(f, err)
		b, err := json.Marshal(p)
		must(f, err)
		f.Add(b)
	}
	f.Add([]byte(`{"index":1,"record":"","hashes":null,"checkpoint":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProof(b)
		if err != nil {
			return
		}
		if _, err := CheckProof(p, key); err == nil && !stored[p.Record] {
			t.Fatalf("%q was proved to be in the log", p.Record)
		}
	})
}

func FuzzConsistencyProof(f *testing.F) {
	dir := newLog(f, 5)
	key, checkpoint := keyOf(f, dir), read(f, dir, checkpointFile)
	p, err := ProveConsistency(os.DirFS(dir), 6)
	must(f, err)
	b, err := json.Marshal(p)
	must(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseConsistencyProof(b)
		if err != nil {
			return
		}
		if cp, err := CheckConsistency(p, checkpoint, key); err == nil && cp.Size != 6 {
			t.Fatalf("consistent with an unknown log of %d records", cp.Size)
		}
	})
}

// FuzzVerifyBundle: a bundle that verifies holds the records of the log.
func FuzzVerifyBundle(f *testing.F) {
	dir := newLog(f, 3)
	key, want := keyOf(f, dir), read(f, dir, recordsFile)
	var b bytes.Buffer
	_, err := Export(os.DirFS(dir), &b)
	must(f, err)
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		bundle, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if _, err := Verify(t.Context(), bundle, key, nil); err != nil {
			return
		}
		got, err := fs.ReadFile(bundle, recordsFile)
		if err != nil || !bytes.HasPrefix(got, want) {
			t.Fatalf("verified other records: %q, %v", got, err)
		}
	})
}
