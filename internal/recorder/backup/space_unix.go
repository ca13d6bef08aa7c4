//go:build unix

package backup

import (
	"errors"

	"golang.org/x/sys/unix"
)

// freeSpace is how many bytes an ordinary user can still write into dir.
func freeSpace(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec,unconvert // types differ by system; no disk comes near 2^63
}

// isFull tells whether an error says that there is no room; a file that is too
// large for its file system is one, too.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
}
