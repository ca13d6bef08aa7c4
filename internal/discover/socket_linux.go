package discover

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// stayOn keeps a socket on one interface, also where two are in one network.
// Kernels before 5.7 leave that to root; there the address must do.
func stayOn(fd uintptr, _ bool, i net.Interface) error {
	err := unix.BindToDevice(int(fd), i.Name)
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

// sharePort lets several programs hear a group at one port.
func sharePort(fd uintptr) error {
	return errors.Join(
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
	)
}
