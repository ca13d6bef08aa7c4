package footage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"rekey"
	"rekey/internal/durable"
)

// Names in the folder of an export.
const (
	settingsDir = "settings"
	partEnding  = ".part" // a file that is being written
	lockName    = ".rekey-lock"
	journalName = ".rekey-export.jsonl"
)

// reserve is the space that an export leaves free.
const reserve = 64 << 20

// folder is where an export goes. All access is through the root, so that no
// path and no link leads out of it.
type folder struct {
	dir    string
	root   *os.Root
	unlock func() error
}

// openFolder makes the folder where it is missing, takes it for this process,
// tries that it can be written, and removes what a broken-off export left half
// written.
func openFolder(dir string) (*folder, error) {
	fail := func(err error) (*folder, error) {
		return nil, fmt.Errorf("footage folder %s: %w: %w", dir, rekey.ErrStorage, err)
	}
	if err := durable.MkdirAll(dir); err != nil {
		return fail(err)
	}
	unlock, err := durable.TryLock(filepath.Join(dir, lockName))
	if errors.Is(err, durable.ErrHeld) {
		return nil, fmt.Errorf("footage folder %s: %w: another export is writing into it", dir, rekey.ErrConflict)
	}
	if err != nil {
		return fail(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fail(errors.Join(err, unlock()))
	}
	f := &folder{dir: dir, root: root, unlock: unlock}
	if err := errors.Join(f.probe(), f.sweep()); err != nil {
		f.close()
		return fail(err)
	}
	return f, nil
}

func (f *folder) close() {
	_ = f.root.Close()
	_ = f.unlock() // nothing is lost: what matters was synced
}

// probe writes for real: permissions alone do not tell of a full or read-only disk.
func (f *folder) probe() error {
	const name = "rekey-probe" + partEnding
	return errors.Join(f.write(name, []byte("probe")), f.root.Remove(name))
}

func (f *folder) sweep() error {
	return fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, partEnding) {
			return err
		}
		return f.root.Remove(name)
	})
}

// create opens a file for writing, with the folders above it.
func (f *folder) create(name string) (*os.File, error) {
	if err := f.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return nil, err
	}
	return f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// write writes and syncs a small file in place.
func (f *folder) write(name string, data []byte) error {
	out, err := f.create(name)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// replace writes a small file whole or not at all.
func (f *folder) replace(name string, data []byte) error {
	if err := f.write(name+partEnding, data); err != nil {
		return err
	}
	return f.root.Rename(name+partEnding, name)
}

// sync makes the names of all files last: every folder from the bottom up. It
// is done once, because an export that was cut off finds out by itself which
// files are there.
func (f *folder) sync() error {
	var dirs []string
	err := fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, name)
		}
		return err
	})
	for i := len(dirs) - 1; i >= 0 && err == nil; i-- {
		err = f.syncDir(dirs[i])
	}
	return err
}

func (f *folder) syncDir(name string) error {
	return durable.SyncDir(filepath.Join(f.dir, filepath.FromSlash(name)))
}

// checkSpace compares what is to come with what is free.
func (f *folder) checkSpace(need int64) error {
	free, err := freeSpace(f.dir)
	if err != nil {
		return fmt.Errorf("footage folder %s: %w: %w", f.dir, rekey.ErrStorage, err)
	}
	return enough(f.dir, need, free)
}

func enough(dir string, need, free int64) error {
	if free-reserve >= need {
		return nil
	}
	return fmt.Errorf("footage folder %s: %w: %s are to be saved and %s are free, of which %s stay free; name another folder or a shorter span",
		dir, rekey.ErrStorage, megabytes(need), megabytes(free), megabytes(reserve))
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
