package discover

import (
	"net"

	"golang.org/x/sys/windows"
)

// stayOn has nothing to do: Windows sends by the interface that has the
// socket's address.
func stayOn(uintptr, bool, net.Interface) error { return nil }

// sharePort lets several programs hear a group at one port.
func sharePort(fd uintptr) error {
	return windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
}

// openFiles is how many sockets may be open at once: more than are ever wanted.
func openFiles() uint64 { return 1 << 20 }
