package clips

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"rekey"
)

// Store reads the footage that Make wrote. It is safe for concurrent use.
type Store struct {
	dir    *os.Root
	clips  []Clip // by start, then channel
	byPath map[string]Clip
}

// Open reads the index in dir. ErrNotFound: no footage was made there.
func Open(dir string) (*Store, error) {
	index, err := os.ReadFile(filepath.Join(dir, indexName)) //nolint:gosec // the recorder's own folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no footage in %s", rekey.ErrNotFound, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read footage index: %w", rekey.ErrStorage, err)
	}
	s := &Store{byPath: map[string]Clip{}}
	if err := json.Unmarshal(index, &s.clips); err != nil {
		return nil, fmt.Errorf("%w: read footage index in %s: %w", rekey.ErrStorage, dir, err)
	}
	for _, c := range s.clips {
		s.byPath[c.Path] = c
	}
	if s.dir, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("%w: open footage: %w", rekey.ErrStorage, err)
	}
	return s, nil
}

// Close gives the folder back. Files that are open stay open.
func (s *Store) Close() error { return s.dir.Close() }

// Find returns the clips of a channel that overlap [from, to), oldest first.
// Channels count from 1; 0 is every channel.
func (s *Store) Find(channel int, from, to time.Time) []Clip {
	var found []Clip
	for _, c := range s.clips {
		if (channel == 0 || c.Channel == channel) && c.Start.Before(to) && c.End.After(from) {
			found = append(found, c)
		}
	}
	return found
}

// Used is how many bytes all clips take.
func (s *Store) Used() int64 {
	var sum int64
	for _, c := range s.clips {
		sum += c.Size
	}
	return sum
}

// Open opens the clip that the recorder names path. Only names in the index
// are known, so that no other file can be reached. ErrNotFound: no such clip.
func (s *Store) Open(path string) (io.ReadSeekCloser, Clip, error) {
	c, ok := s.byPath[path]
	if !ok {
		return nil, Clip{}, fmt.Errorf("%w: no recording of that name", rekey.ErrNotFound)
	}
	f, err := s.dir.Open(filepath.FromSlash(path[1:]))
	if err != nil {
		return nil, Clip{}, fmt.Errorf("%w: open recording: %w", rekey.ErrStorage, err)
	}
	return f, c, nil
}

// Units reads the pictures of a clip, in order, without parameter sets.
func (s *Store) Units(path string) ([]Unit, error) {
	f, c, err := s.Open(path)
	if err != nil {
		return nil, err
	}
	file, err := io.ReadAll(io.LimitReader(f, c.Size))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%w: read recording: %w", rekey.ErrStorage, err)
	}
	return unitsOf(file)
}
