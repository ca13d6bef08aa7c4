package seclog

import (
	"errors"
	"os"
	"path/filepath"
)

// tempSuffix names a file that is being written. The one writer can use one
// fixed name, so a crash leaves no litter that grows.
const tempSuffix = ".tmp"

// replaceFile puts b at name so that a crash leaves the old content or the new,
// and the new is on stable storage when it returns.
func replaceFile(name string, b []byte) error {
	if err := writeSynced(name+tempSuffix, b); err != nil {
		return err
	}
	return renameSynced(name+tempSuffix, name)
}

func renameSynced(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func writeSynced(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the caller's directory
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncAll syncs files side by side.
func syncAll(files ...*os.File) error {
	errs := make(chan error, len(files))
	for _, f := range files {
		go func() { errs <- f.Sync() }()
	}
	var err error
	for range files {
		err = errors.Join(err, <-errs)
	}
	return err
}
