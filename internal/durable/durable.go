// Package durable writes small files so that after a crash or a power cut they
// hold either the old content or the new, never a mixture and never nothing.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// unfinished ends the name of a temporary file, the random digits aside.
const unfinished = ".tmp-*"

// WriteFile replaces the file: temporary file in the same folder, fsync,
// rename, fsync of the folder. When it returns nil the content is on stable
// storage. On an error the old file is untouched, except that after a failed
// fsync of the folder either content may be found.
func WriteFile(name string, data []byte, perm fs.FileMode) (err error) {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+unfinished)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", name, errors.Join(err, ignoreMissing(os.Remove(f.Name()))))
		}
	}()
	if err = writeSynced(f, data, perm); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	return SyncDir(dir)
}

func writeSynced(f *os.File, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// MkdirAll makes the folder and those above it, mode 0700, so that they are
// still there after a power cut. Folders that exist stay as they are.
func MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := MkdirAll(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(above)
}

// Probe makes the folder where it is missing and writes a file in it, to tell
// before anything is begun whether it can be written.
func Probe(dir string) error {
	if err := MkdirAll(dir); err != nil {
		return err
	}
	name := filepath.Join(dir, ".rekey-probe")
	return errors.Join(WriteFile(name, []byte("probe"), 0o600), Remove(name))
}

// Sweep deletes what a WriteFile that was cut off has left in the folder: parts
// of files that were never in use. Nobody may be writing in it.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ours, _ := filepath.Match(".*"+unfinished, e.Name()); !ours || !e.Type().IsRegular() {
			continue
		}
		if err := Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes the file and makes the deletion last. A missing file is no error.
func Remove(name string) error {
	if err := ignoreMissing(os.Remove(name)); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// SyncDir makes the creations, renames and deletions in a folder last.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
