// Package faces is for tests only: small servers that look, to somebody without
// a login, like boxes of the field. They were written from what is known of
// those boxes by somebody who has not read the drivers, so that the wire is read
// twice. Nobody can log in: there are no accounts behind a face. A face keeps a
// record of all that it was asked, and of every sign of a login in it.
package faces

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Face is how a box looks. A part that is nil is not there, but its UDP ports
// are held all the same, so that nobody else answers and all is on record.
type Face struct {
	Name        string
	HTTP        func(*Box) http.Handler
	HTTPS       func(*Box) http.Handler
	Certificate Certificate    // of HTTPS
	Raw         func(net.Conn) // in place of HTTP: says and hears what it likes, then hangs up
	RTSP        func(*Box) http.Handler
	Replay      func(*Box, net.Listener) (io.Closer, error) // in place of RTSP: streams that are played
	SDK         bool                                        // the maker's own port: accepts connections and says nothing
	// What a box sends back to a question by UDP, datagram by datagram.
	DHIP, WSDiscovery, SADP func(b *Box, question []byte) [][]byte
	// SADPGroup is the network interface on which it hears SADP and answers, from
	// group to group, as most firmware does; nil: it answers who asked it alone.
	SADPGroup *net.Interface
}

// Ports are where a face is to be had; 0: a free port, and for a TCP part that the
// face lacks: none.
type Ports struct{ HTTP, HTTPS, RTSP, SDK, DHIP, WSDiscovery, SADP int }

// Box is a face that is switched on.
type Box struct {
	Face        Face
	Addr        netip.Addr
	Ports       Ports
	Fingerprint string // SHA-256 of its certificate, in hex

	record
	stop    context.CancelFunc
	stopped context.Context
	close   []io.Closer
	wait    sync.WaitGroup
}

// Start switches a face on at an address of this machine.
func Start(at netip.Addr, want Ports, f Face) (*Box, error) {
	b := &Box{Face: f, Addr: at, Ports: want}
	b.stopped, b.stop = context.WithCancel(context.Background())
	if err := b.start(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Box) start() error {
	type door struct {
		there bool
		port  *int
		serve func(net.Listener) error
	}
	f := b.Face
	doors := []door{
		{f.HTTP != nil, &b.Ports.HTTP, func(l net.Listener) error { return b.pages(l, "http", f.HTTP(b)) }},
		{f.Raw != nil, &b.Ports.HTTP, func(l net.Listener) error { return b.raw(l, "http", f.Raw) }},
		{f.HTTPS != nil, &b.Ports.HTTPS, b.secure},
		{f.RTSP != nil, &b.Ports.RTSP, func(l net.Listener) error { return b.raw(l, "rtsp", b.stream(f.RTSP(b))) }},
		{f.Replay != nil, &b.Ports.RTSP, b.replay},
		{f.SDK, &b.Ports.SDK, func(l net.Listener) error { return b.raw(l, "sdk", b.mute) }},
	}
	// All ports are known before anybody answers: answers name them.
	var listeners []net.Listener
	for _, d := range doors {
		if !d.there {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(b.stopped, "tcp", b.at(*d.port))
		if err != nil {
			return err
		}
		b.close = append(b.close, l)
		*d.port = l.Addr().(*net.TCPAddr).Port
		listeners = append(listeners, l)
	}
	if err := b.datagrams(); err != nil {
		return err
	}
	for _, d := range doors {
		if d.there {
			if err := d.serve(listeners[0]); err != nil {
				return err
			}
			listeners = listeners[1:]
		}
	}
	return nil
}

func (b *Box) at(port int) string { return net.JoinHostPort(b.Addr.String(), strconv.Itoa(port)) }

// Close switches it off and waits until it is.
func (b *Box) Close() {
	b.stop()
	for _, c := range b.close {
		_ = c.Close()
	}
	b.wait.Wait()
}

// pages serves HTTP, with every request on record.
func (b *Box) pages(l net.Listener, door string, h http.Handler) error {
	s := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.request(door, w, r, h) }),
		ErrorLog:          log.New(io.Discard, "", 0),
		ReadHeaderTimeout: time.Minute,
	}
	b.close = append(b.close, s)
	b.wait.Go(func() { _ = s.Serve(l) })
	return nil
}

func (b *Box) secure(l net.Listener) error {
	cert, sum, err := b.Face.Certificate.make(b.Addr.AsSlice(), time.Now())
	if err != nil {
		return err
	}
	b.Fingerprint = sum
	own := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	return b.pages(tls.NewListener(l, own), "https", b.Face.HTTPS(b))
}

// raw serves connections one beside the other.
func (b *Box) raw(l net.Listener, door string, serve func(net.Conn)) error {
	b.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if door != "rtsp" { // which records requests
				b.add(Asked{Door: door, Method: "connection"})
			}
			b.wait.Go(func() {
				defer func() { _ = conn.Close() }()
				defer context.AfterFunc(b.stopped, func() { _ = conn.Close() })()
				serve(conn)
			})
		}
	})
	return nil
}

func (b *Box) replay(l net.Listener) error {
	c, err := b.Face.Replay(b, l)
	if err == nil {
		b.close = append(b.close, c)
	}
	return err
}

func (b *Box) mute(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// datagrams opens the UDP ports.
func (b *Box) datagrams() error {
	all := []struct {
		door  string
		port  *int
		reply func(*Box, []byte) [][]byte
	}{
		{"dhip", &b.Ports.DHIP, b.Face.DHIP},
		{"ws-discovery", &b.Ports.WSDiscovery, b.Face.WSDiscovery},
		{"sadp", &b.Ports.SADP, b.Face.SADP},
	}
	for _, d := range all {
		conn, err := b.datagram(*d.port)
		if err != nil {
			return err
		}
		*d.port = conn.LocalAddr().(*net.UDPAddr).Port
		in, to := conn, netip.AddrPort{}
		if d.door == "sadp" && b.Face.SADPGroup != nil {
			if in, conn, to, err = b.joinSADP(conn); err != nil {
				return err
			}
		}
		b.wait.Go(func() { b.hear(d.door, in, conn, to, d.reply) })
	}
	return nil
}

func (b *Box) datagram(port int) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.Addr, uint16(port)))) // #nosec G115 -- ports fit
	if err == nil {
		b.close = append(b.close, conn)
	}
	return conn, err
}

// hear answers what comes in at one socket by another, to whom it is said or, where
// that is nobody, to who asked.
func (b *Box) hear(door string, in, out *net.UDPConn, to netip.AddrPort, reply func(*Box, []byte) [][]byte) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := in.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || from == netip.AddrPortFrom(b.Addr, port(out)) {
			continue // its own answer, at the group
		}
		question := buf[:n]
		b.add(Asked{Door: door, Method: "datagram", Call: callOf(question), Signs: signsIn(question)})
		if reply == nil {
			continue
		}
		if to.IsValid() {
			from = to
		}
		for _, packet := range reply(b, question) {
			_, _ = out.WriteToUDPAddrPort(packet, from)
		}
	}
}

func port(conn *net.UDPConn) uint16 {
	return uint16(conn.LocalAddr().(*net.UDPAddr).Port) // #nosec G115 -- ports fit
}
