package clips

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rekey"
	"rekey/internal/durable"
)

// Store reads the footage that Make wrote. It is safe for concurrent use.
type Store struct {
	name    string
	dir     *os.Root
	keys    Keys
	erasing sync.Mutex
	index   atomic.Pointer[index]
}

// Open reads the index in dir. ErrNotFound: no footage was made there. Keys that
// refuse are no error here: footage that is sealed is there, and closed. What
// lies under another key than theirs is erased: its key is gone for good. What an
// earlier rekey kept in the clear is encrypted.
func Open(dir string, keys Keys) (*Store, error) {
	x, err := readIndex(dir)
	if err != nil {
		return nil, err
	}
	if x.Format < indexFormat {
		if x, err = encrypt(dir, x.Clips, keys); err != nil {
			return nil, err
		}
	}
	s := &Store{name: dir, keys: keys}
	s.index.Store(x)
	if s.dir, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("%w: open footage: %w", rekey.ErrStorage, err)
	}
	if _, _, err := s.present(); err != nil && !errors.Is(err, rekey.ErrDenied) {
		return nil, errors.Join(err, s.dir.Close())
	}
	return s, nil
}

func readIndex(dir string) (*index, error) {
	data, err := os.ReadFile(filepath.Join(dir, indexName)) //nolint:gosec // the recorder's own folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no footage in %s", rekey.ErrNotFound, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read footage index: %w", rekey.ErrStorage, err)
	}
	var x index
	into := any(&x)
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		x.Format, into = 1, &x.Clips
	}
	if err := json.Unmarshal(data, into); err != nil {
		return nil, fmt.Errorf("%w: read footage index in %s: %w", rekey.ErrStorage, dir, err)
	}
	if x.Format < 1 || x.Format > indexFormat {
		return nil, fmt.Errorf("%w: the footage index in %s has format %d, this rekey knows %d", rekey.ErrStorage, dir, x.Format, indexFormat)
	}
	return &x, nil
}

// encrypt takes over the clips of an earlier rekey, which kept them in the clear.
// The index goes last. After a power cut files of both kinds lie there, told apart
// by their length; of one that is damaged, Store.Open tells.
func encrypt(dir string, clips []Clip, keys Keys) (*index, error) {
	key, err := keys.FootageKey()
	if err == nil {
		err = checkKey(key)
	}
	if err != nil {
		return nil, err
	}
	for _, c := range clips {
		name := filepath.Join(dir, nameOf(c.Path))
		plain, err := os.ReadFile(name) //nolint:gosec // the recorder's own folder
		if err != nil || int64(len(plain)) != c.Size {
			continue
		}
		file, err := sealed(plain, key, c)
		if err == nil {
			err = durable.WriteFile(name, file, 0o600)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: encrypt footage: %w", rekey.ErrStorage, err)
		}
	}
	x := &index{Key: keyName(key), Clips: clips}
	return x, writeIndex(dir, *x)
}

// nameOf is where a clip of that path lies in the folder; no path leads out of it.
func nameOf(clip string) string { return filepath.FromSlash(path.Join("/", clip)[1:]) }

// Close gives the folder back. Files that are open stay open.
func (s *Store) Close() error { return s.dir.Close() }

// present gives the key and the index of what it opens. Everything that reads
// footage begins here.
func (s *Store) present() (key []byte, x *index, err error) {
	if key, err = s.keys.FootageKey(); err != nil {
		return nil, nil, err
	}
	if err := checkKey(key); err != nil {
		return nil, nil, err
	}
	if x = s.index.Load(); x.Key == keyName(key) {
		return key, x, nil
	}
	return s.erase()
}

// erase removes the files of a key that is gone. They could not be read any
// more; the index goes last, so that a power cut leaves nothing behind for good.
// The key's name in the index is a hint only: where a file opens with the key, the
// name was damaged, and is mended.
func (s *Store) erase() (key []byte, x *index, err error) {
	s.erasing.Lock()
	defer s.erasing.Unlock()
	if key, err = s.keys.FootageKey(); err != nil {
		return nil, nil, err
	}
	name := keyName(key)
	if x = s.index.Load(); x.Key == name {
		return key, x, nil // somebody else was first
	}
	x = &index{Key: name, Clips: x.Clips}
	if !slices.ContainsFunc(x.Clips, func(c Clip) bool { return s.opens(c, key) }) {
		x.Clips = nil
		top, _, _ := strings.Cut(strings.TrimPrefix(root, "/"), "/")
		if err := s.dir.RemoveAll(top); err != nil {
			return nil, nil, fmt.Errorf("%w: remove erased footage: %w", rekey.ErrStorage, err)
		}
	}
	if err := writeIndex(s.name, *x); err != nil {
		return nil, nil, err
	}
	s.index.Store(x)
	return key, x, nil
}

// opens tells whether the file of a clip lies under the key.
func (s *Store) opens(c Clip, key []byte) bool {
	r, err := s.reader(c, key)
	if err != nil {
		return false
	}
	return errors.Join(r.load(0), r.Close()) == nil
}

// Find returns the clips of a channel that overlap [from, to), oldest first.
// Channels count from 1; 0 is every channel. Footage that is sealed is
// rekey.ErrDenied.
func (s *Store) Find(channel int, from, to time.Time) ([]Clip, error) {
	_, x, err := s.present()
	if err != nil {
		return nil, err
	}
	var found []Clip
	for _, c := range x.Clips {
		if (channel == 0 || c.Channel == channel) && c.Start.Before(to) && c.End.After(from) {
			found = append(found, c)
		}
	}
	return found, nil
}

// Used is how many bytes all clips take, sealed ones included.
func (s *Store) Used() int64 {
	_, x, err := s.present()
	if err != nil {
		x = s.index.Load()
	}
	var sum int64
	for _, c := range x.Clips {
		sum += c.Size
	}
	return sum
}

// Stat tells of the clip that the recorder names path, while Open would open it.
// It is for whoever has read it already and goes on showing it.
func (s *Store) Stat(name string) (Clip, error) {
	c, _, err := s.clip(name)
	return c, err
}

func (s *Store) clip(name string) (c Clip, key []byte, err error) {
	key, x, err := s.present()
	if err != nil {
		return Clip{}, nil, err
	}
	at := slices.IndexFunc(x.Clips, func(c Clip) bool { return c.Path == name })
	if at < 0 {
		return Clip{}, nil, fmt.Errorf("%w: no recording of that name", rekey.ErrNotFound)
	}
	return x.Clips[at], key, nil
}

// Open opens the clip that the recorder names path. Only names in the index are
// known, so that no other file can be reached. ErrNotFound: no such clip. A file
// that was changed in any way is ErrStorage, at the latest when the place is read.
func (s *Store) Open(name string) (io.ReadSeekCloser, Clip, error) {
	c, key, err := s.clip(name)
	if err != nil {
		return nil, Clip{}, err
	}
	r, err := s.reader(c, key)
	if err != nil {
		return nil, Clip{}, err
	}
	return r, c, nil
}

func (s *Store) reader(c Clip, key []byte) (*reader, error) {
	f, err := s.dir.Open(nameOf(c.Path))
	if err != nil {
		return nil, fmt.Errorf("%w: open recording: %w", rekey.ErrStorage, err)
	}
	r, err := newReader(f, c, s.keys, key)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// Units reads the pictures of a clip, in order, without parameter sets.
func (s *Store) Units(name string) ([]Unit, error) {
	f, _, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	file, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	return unitsOf(file)
}
