//go:build unix

package footage

import "golang.org/x/sys/unix"

// freeSpace is how many bytes an ordinary user can still write into dir.
func freeSpace(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec,unconvert // types differ by system; no disk comes near 2^63
}
