package backup

import (
	"errors"

	"golang.org/x/sys/windows"
)

// freeSpace is how many bytes this user can still write into dir.
func freeSpace(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil //nolint:gosec // no disk comes near 2^63
}

// isFull tells whether an error says that there is no room.
func isFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
