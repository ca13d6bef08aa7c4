package office

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// Door is where a desk is served. It stays the test's own when the server behind it
// has ended: a port that is let go of may be somebody else's before the desk is
// served there again.
type Door struct{ *net.TCPListener }

// NewDoor takes a port of this machine. It is let go of when the test ends.
func NewDoor(tb testing.TB) Door {
	tb.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return Door{l}
}

// URL is the desk's address: a passkey is bound to a name, so it is never 127.0.0.1.
func (d Door) URL() string {
	return fmt.Sprintf("http://localhost:%d", d.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // of a TCPListener
}

// Open lets in who comes, to the next server.
func (d Door) Open() error { return d.SetDeadline(time.Time{}) }

// Close ends what waits for somebody to come, and keeps the port: whoever comes
// waits until the door is open again.
func (d Door) Close() error { return d.SetDeadline(time.Unix(1, 0)) }
