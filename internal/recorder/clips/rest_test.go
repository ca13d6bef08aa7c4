package clips

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"rekey"
)

// turned is a key that can be taken away, and changed.
type turned struct {
	key     atomic.Pointer[[]byte]
	refused atomic.Bool
}

func newTurned(key []byte) *turned {
	k := &turned{}
	k.key.Store(&key)
	return k
}

func (k *turned) FootageKey() ([]byte, error) {
	if k.refused.Load() {
		return nil, rekey.ErrDenied
	}
	return *k.key.Load(), nil
}

// inMemory is a clip at rest.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

func atRest(t testing.TB, size int) (text, file []byte, c Clip) {
	t.Helper()
	text = make([]byte, size)
	for i := range text {
		text[i] = byte(rand.IntN(256))
	}
	c = Clip{Channel: 1, Start: now.UTC(), End: now.UTC().Add(time.Minute), Path: "/mnt/dvr/a.mp4", Size: int64(size), Kind: "mp4"}
	file, err := sealed(text, testKey, c)
	if err != nil {
		t.Fatal(err)
	}
	return text, file, c
}

func read(file []byte, c Clip, key Key) ([]byte, error) {
	r, err := newReader(inMemory{bytes.NewReader(file)}, c, key, key)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// sizes lie around the borders of chunks.
var sizes = []int{1, 15, chunkSize - 1, chunkSize, chunkSize + 1, 2*chunkSize - 1, 2 * chunkSize, 3*chunkSize + 7}

// A file at rest is as long as it must be, opens to what it was, and behaves as
// an io.ReadSeeker must.
func TestAtRest(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		text, file, c := atRest(t, size)
		chunks := (size + chunkSize - 1) / chunkSize
		if len(file) != saltSize+size+chunks*tagSize {
			t.Errorf("%d bytes lie in %d", size, len(file))
		}
		if size > 15 && bytes.Contains(file, text[:16]) {
			t.Errorf("%d bytes lie in the plain", size)
		}
		r, err := newReader(inMemory{bytes.NewReader(file)}, c, testKey, testKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, text); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// Any place can be read without what lies before it, across the borders of
// chunks as well.
func TestSeekOverChunks(t *testing.T) {
	t.Parallel()
	text, file, c := atRest(t, 3*chunkSize+7)
	r, err := newReader(inMemory{bytes.NewReader(file)}, c, testKey, testKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2*chunkSize - 3, 3*chunkSize + 6, 3*chunkSize + 7} {
		for _, length := range []int{0, 1, 5, chunkSize, 2 * chunkSize} {
			for whence, offset := range []int{from, from - 11, from - len(text)} {
				_, _ = r.Seek(11, io.SeekStart)
				at, err := r.Seek(int64(offset), whence)
				if err != nil || at != int64(from) {
					t.Fatalf("seek to %d: %d, %v", from, at, err)
				}
				want := text[from:min(from+length, len(text))]
				got := make([]byte, len(want))
				if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes from %d are others: %v", length, from, err)
				}
			}
		}
	}
	for _, bad := range []struct {
		offset int64
		whence int
	}{{-1, io.SeekStart}, {-int64(len(text)) - 1, io.SeekEnd}, {0, 3}} {
		_, _ = r.Seek(9, io.SeekStart)
		if at, err := r.Seek(bad.offset, bad.whence); !errors.Is(err, rekey.ErrInput) || at != 9 {
			t.Errorf("seek %d from %d: %d, %v", bad.offset, bad.whence, at, err)
		}
	}
	if at, err := r.Seek(5, io.SeekEnd); err != nil || at != int64(len(text))+5 {
		t.Errorf("beyond the end: %d, %v", at, err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("reading there: %d, %v", n, err)
	}
}

// Whatever is done to a file or to what the index says of it, there is an error
// and no picture from the damaged chunk.
func TestDamageIsAnError(t *testing.T) {
	t.Parallel()
	text, file, c := atRest(t, 2*chunkSize+100)
	const sealedChunk = chunkSize + tagSize
	flip := func(at int) func([]byte, *Clip) []byte {
		return func(f []byte, _ *Clip) []byte { f[at] ^= 1; return f }
	}
	for name, damage := range map[string]func(f []byte, c *Clip) []byte{
		"the first bit":         flip(0),
		"the last bit of salt":  flip(saltSize - 1),
		"the first chunk":       flip(saltSize),
		"the tag of a chunk":    flip(saltSize + chunkSize),
		"the second chunk":      flip(saltSize + sealedChunk + 5),
		"the last bit":          flip(len(file) - 1),
		"cut by a byte":         func(f []byte, _ *Clip) []byte { return f[:len(f)-1] },
		"cut by a chunk":        func(f []byte, _ *Clip) []byte { return f[:saltSize+2*sealedChunk] },
		"cut, and so the index": func(f []byte, c *Clip) []byte { c.Size = 2 * chunkSize; return f[:saltSize+2*sealedChunk] },
		"nothing left":          func([]byte, *Clip) []byte { return nil },
		"chunks swapped": func(f []byte, _ *Clip) []byte {
			first, second := f[saltSize:][:sealedChunk], f[saltSize+sealedChunk:][:sealedChunk]
			return slices.Concat(f[:saltSize], second, first, f[saltSize+2*sealedChunk:])
		},
		"a chunk twice": func(f []byte, _ *Clip) []byte {
			return slices.Concat(f[:saltSize+sealedChunk], f[saltSize:][:sealedChunk], f[saltSize+2*sealedChunk:])
		},
		"told to be shorter":     func(f []byte, c *Clip) []byte { c.Size--; return f },
		"told to be longer":      func(f []byte, c *Clip) []byte { c.Size++; return f },
		"told to be empty":       func(f []byte, c *Clip) []byte { c.Size = 0; return f },
		"told to be negative":    func(f []byte, c *Clip) []byte { c.Size = -5; return f },
		"another channel":        func(f []byte, c *Clip) []byte { c.Channel = 2; return f },
		"another time":           func(f []byte, c *Clip) []byte { c.Start = c.Start.Add(time.Second); return f },
		"another end":            func(f []byte, c *Clip) []byte { c.End = c.End.Add(time.Second); return f },
		"moved to another place": func(f []byte, c *Clip) []byte { c.Path = "/mnt/dvr/b.mp4"; return f },
	} {
		told := c
		got, err := read(damage(bytes.Clone(file), &told), told, testKey)
		if !errors.Is(err, rekey.ErrStorage) {
			t.Errorf("%s: got %d bytes and %v, want ErrStorage", name, len(got), err)
		}
		if !bytes.HasPrefix(text, got) {
			t.Errorf("%s: bytes came out that were never in", name)
		}
	}
	other := Key(bytes.Repeat([]byte{1}, KeySize))
	if got, err := read(file, c, other); !errors.Is(err, rekey.ErrStorage) || len(got) > 0 {
		t.Errorf("another key: %d bytes, %v", len(got), err)
	}
}

// Every chunk of every file has a key and nonce of its own.
func TestNoncesNeverRepeat(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := range int64(1000) {
		for _, last := range []bool{false, true} {
			nonce := string(nonceOf(n, last))
			if seen[nonce] || len(nonce) != nonceSize {
				t.Fatalf("chunk %d, last %v: nonce %x again", n, last, nonce)
			}
			seen[nonce] = true
		}
	}
	same := bytes.Repeat([]byte{7}, chunkSize)
	c := Clip{Size: chunkSize, Path: "/a"}
	one, err1 := sealed(same, testKey, c)
	two, err2 := sealed(same, testKey, c)
	if err := errors.Join(err1, err2); err != nil || bytes.Equal(one[:saltSize], two[:saltSize]) || bytes.Equal(one[saltSize:][:32], two[saltSize:][:32]) {
		t.Errorf("the same clip at rest twice is the same: %v", err)
	}
}

// FuzzReadAtRest reads and seeks in any order: what comes is what a plain file
// gives, or an error where a bit was flipped, and then no wrong byte.
func FuzzReadAtRest(f *testing.F) {
	f.Add(uint32(3*chunkSize+7), []byte{0, 0, 0, 1, 1, 0, 200, 0, 2, 0, 255, 1}, uint32(0))
	f.Add(uint32(chunkSize), []byte{0, 255, 255, 0}, uint32(chunkSize))
	f.Add(uint32(1), []byte{2, 0, 0, 9}, uint32(17))
	f.Fuzz(func(t *testing.T, size uint32, steps []byte, flip uint32) {
		text, file, c := atRest(t, int(size%(3*chunkSize))+1)
		if flip > 0 {
			file[int(flip)%len(file)] ^= 0x40
		}
		r, err := newReader(inMemory{bytes.NewReader(file)}, c, testKey, testKey)
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.NewReader(text)
		for ; len(steps) >= 4; steps = steps[4:] {
			offset := int64(steps[1])<<10 + int64(steps[2])*255
			whence := int(steps[0]) % 3
			if whence == io.SeekEnd {
				offset = -offset
			}
			a, errA := r.Seek(offset, whence)
			b, errB := want.Seek(offset, whence)
			if (errA == nil) != (errB == nil) || errA == nil && a != b {
				t.Fatalf("seek %d from %d: %d, %v; a plain file: %d, %v", offset, whence, a, errA, b, errB)
			}
			length := int(steps[3]) << 9
			got, plain := make([]byte, length), make([]byte, length)
			n, errA := io.ReadFull(r, got)
			m, errB := io.ReadFull(want, plain)
			if !bytes.Equal(got[:n], plain[:min(n, m)]) || n > m {
				t.Fatalf("%d bytes, of a plain file %d, and not the same", n, m)
			}
			if errA != nil && errors.Is(errA, rekey.ErrStorage) {
				if flip == 0 {
					t.Fatal(errA)
				}
				return
			}
			if n != m || (errA == nil) != (errB == nil) {
				t.Fatalf("%d bytes and %v; of a plain file %d and %v", n, errA, m, errB)
			}
		}
	})
}

// No file of the store holds a picture in the clear, and the range of a download
// is that of the plain file.
func TestFootageLiesEncrypted(t *testing.T) {
	t.Parallel()
	dir, s := made(t, Spec{Channels: 1, Days: 1, ClipSeconds: 30, Now: now})
	c := all(t, s)[0]
	text := plain(t, s, c)
	if len(text) <= chunkSize {
		t.Fatalf("a clip of %d bytes is within one chunk", len(text))
	}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if bytes.Contains(data, testKey) || bytes.Contains(data, text[:24]) || bytes.Contains(data, text[chunkSize:chunkSize+24]) {
			t.Errorf("%s holds pictures or the key in the clear", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := s.Open(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Range", "bytes=65530-65545")
	http.ServeContent(w, r, "", time.Time{}, f)
	if w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), text[65530:65546]) {
		t.Errorf("a range over the border of a chunk: %d, %d bytes", w.Code, w.Body.Len())
	}
}

// Sealed footage is closed at every door, a download that is under way
// included, and open again with the key.
func TestSealedFootageIsClosed(t *testing.T) {
	t.Parallel()
	dir, s := made(t, Spec{Channels: 1, Days: 1, ClipSeconds: 30, Now: now})
	c := all(t, s)[0]
	keys := newTurned(testKey)
	store, err := Open(dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	f, _, err := store.Open(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 100)
	if _, err := f.Read(buf); err != nil {
		t.Fatal(err)
	}
	keys.refused.Store(true)
	_, errFind := store.Find(0, time.Time{}, now.AddDate(1, 0, 0))
	_, _, errOpen := store.Open(c.Path)
	_, errUnits := store.Units(c.Path)
	n, errRead := f.Read(buf)
	for door, err := range map[string]error{"find": errFind, "open": errOpen, "units": errUnits, "a download under way": errRead} {
		if !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("%s: %v, want ErrDenied", door, err)
		}
	}
	if n != 0 {
		t.Error("bytes after the seal")
	}
	if store.Used() == 0 {
		t.Error("the disk is told to be empty")
	}
	again, err := Open(dir, keys) // a boot while sealed
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	keys.refused.Store(false)
	if !bytes.Equal(plain(t, again, c), plain(t, s, c)) {
		t.Error("other pictures after the seal")
	}
	if _, err := f.Read(buf); err != nil {
		t.Errorf("the download goes on: %v", err)
	}
}

// A new key erases: nothing is found, nothing is read, no file is left, not even
// where the power went half-way.
func TestErasedFootageIsGone(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"while it runs": false, "at the next boot": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, s := made(t, Spec{Channels: 2, Days: 1, ClipSeconds: 2, Now: now})
			c := all(t, s)[0]
			keys := newTurned(testKey)
			store, err := Open(dir, keys)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			f, _, err := store.Open(c.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			fresh := bytes.Repeat([]byte{9}, KeySize)
			keys.key.Store(&fresh)
			if _, err := f.Read(make([]byte, 9)); !errors.Is(err, rekey.ErrNotFound) {
				t.Errorf("a download under way: %v", err)
			}
			if restart {
				if err := os.RemoveAll(filepath.Join(dir, filepath.Dir(c.Path))); err != nil { // half-way
					t.Fatal(err)
				}
				if store, err = Open(dir, keys); err != nil {
					t.Fatal(err)
				}
				defer store.Close()
			}
			if found := all(t, store); len(found) != 0 || store.Used() != 0 {
				t.Errorf("%d clips of %d bytes are left", len(found), store.Used())
			}
			if _, _, err := store.Open(c.Path); !errors.Is(err, rekey.ErrNotFound) {
				t.Errorf("opened: %v", err)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) != 1 || left[0].Name() != indexName {
				t.Errorf("left: %v, %v", left, err)
			}
			if again, err := Open(dir, keys); err != nil || again.Close() != nil {
				t.Errorf("the boot after: %v", err)
			}
		})
	}
}

func TestBadKeysAndIndexes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	spec := Spec{Channels: 1, Days: 1, ClipSeconds: 1, Now: now}
	if err := Make(dir, spec, testKey[1:]); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("a key of 31 bytes: %v", err)
	}
	for _, old := range []string{"{}", "\n[{\"channel\":", `{"format":1,"key":"","clips":[]}x`, `{"format":3,"key":"","clips":[]}`} {
		if err := os.WriteFile(filepath.Join(dir, indexName), []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, testKey); !errors.Is(err, rekey.ErrStorage) {
			t.Errorf("index %q: %v", old, err)
		}
	}
	if err := Make(dir, spec, testKey); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, testKey[1:]); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("opened with a key of 31 bytes: %v", err)
	}
}
