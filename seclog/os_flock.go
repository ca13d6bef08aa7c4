//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package seclog

import (
	"errors"
	"os"
	"syscall"
)

// tryLock opens and locks name, and returns nil when another holds it. The
// system lets the lock go when the file is closed or the process ends.
func tryLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller's directory
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a descriptor fits an int
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		err = nil
	}
	return nil, errors.Join(err, f.Close())
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the caller's directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
