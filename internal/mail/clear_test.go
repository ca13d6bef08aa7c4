package mail

import (
	"net"
	"net/netip"
	"net/smtp"
	"testing"
)

// elsewhere is a connection to a server that is not on this machine.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.25:25"))
}

// TestNoMailInClear: a server elsewhere that offers no TLS, or whose offer
// somebody on the way has cut out, gets nothing; one on this machine does.
func TestNoMailInClear(t *testing.T) {
	t.Parallel()
	for name, far := range map[string]bool{"elsewhere": true, "here": false} {
		server, conn := net.Pipe()
		said := make(chan error, 1)
		go func() {
			buf := make([]byte, 64)
			_, err := server.Write([]byte("220 sink\r\n"))
			if err == nil {
				_, err = server.Read(buf)
			}
			if err == nil {
				_, err = server.Write([]byte("250 sink\r\n"))
			}
			said <- err
		}()
		c, err := smtp.NewClient(conn, "mail.example.net")
		if err != nil {
			t.Fatal(err)
		}
		var through net.Conn = elsewhere{conn}
		if !far {
			through = here{conn}
		}
		if err := (SMTP{}).secured(c, through, false, nil); (err != nil) != far {
			t.Errorf("%s: %v", name, err)
		}
		if err := <-said; err != nil {
			t.Fatal(err)
		}
		_ = server.Close()
		_ = conn.Close()
	}
}

type here struct{ net.Conn }

func (here) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:25"))
}
