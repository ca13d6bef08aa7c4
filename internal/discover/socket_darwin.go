package discover

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// stayOn keeps a socket on one interface, also where two are in one network.
func stayOn(fd uintptr, six bool, i net.Interface) error {
	if six {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_BOUND_IF, i.Index)
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BOUND_IF, i.Index)
}

// sharePort lets several programs hear a group at one port.
func sharePort(fd uintptr) error {
	return errors.Join(
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
	)
}
