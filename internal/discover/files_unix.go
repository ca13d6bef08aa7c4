//go:build linux || darwin

package discover

import "golang.org/x/sys/unix"

// openFiles is how many files this process may have open at once.
func openFiles() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Cur
}
