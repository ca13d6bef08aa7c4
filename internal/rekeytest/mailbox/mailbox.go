// Package mailbox is where tests' messages arrive: a mail server and an SMS
// provider on loopback that keep what they are given, and that can refuse, hang
// and break off.
package mailbox

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Letter is one message as it arrived at the mail server.
type Letter struct {
	Envelope []string // MAIL and RCPT
	Auth     string   // base64, as it was said
	Header   mail.Header
	Body     string

	taken bool
}

// line is the text with its white space as one blank.
func (l Letter) line() string { return strings.Join(strings.Fields(l.Body), " ") }

func (l Letter) to(address string) bool {
	return l.Envelope[len(l.Envelope)-1] == "RCPT TO:<"+address+">"
}

// Trouble is how a mail server behaves.
type Trouble int32

// The troubles. DropsAfterData is a server that takes the message and breaks off
// before it says so.
const (
	None Trouble = iota
	RefusesData
	Down
	DropsAfterData
)

// Step is how far a message has come at the mail server: the verb of each line
// that it hears (EHLO, MAIL, RCPT, DATA, QUIT), and the steps below.
type Step string

// The steps that no verb names. At Received the server has the whole message and
// has not said so; at Taken it has.
const (
	Connected Step = "connected"
	Received  Step = "received"
	Taken     Step = "taken"
)

// Server is a small mail server that keeps what it is given.
type Server struct {
	Addr string // HOST:PORT

	tb      testing.TB
	mu      sync.Mutex
	letters []Letter
	trouble atomic.Int32
	watch   atomic.Pointer[func(Step, Letter)]
	inClear atomic.Int64
	tls     *tls.Config
	start   bool // TLS from the start
	arrived chan struct{}
}

// Serve starts a mail server that speaks no TLS. It ends with the test.
func Serve(tb testing.TB) *Server {
	tb.Helper()
	return ServeTLS(tb, nil, false)
}

// ServeTLS starts a mail server that offers STARTTLS, or with start speaks TLS
// from the start. Without a config it speaks none.
func ServeTLS(tb testing.TB, config *tls.Config, start bool) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, Addr: l.Addr().String(), arrived: make(chan struct{}, 1000), tls: config, start: start}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { s.serve(conn) })
		}
	})
	tb.Cleanup(func() { _ = l.Close(); open.Wait() })
	return s
}

// Have makes the server behave so from now on.
func (s *Server) Have(t Trouble) { s.trouble.Store(int32(t)) }

func (s *Server) has(t Trouble) bool { return s.trouble.Load() == int32(t) }

// Watch has at called at each step from now on, before the server goes on; nil
// = no more. The letter is whole at Received and Taken.
func (s *Server) Watch(at func(step Step, l Letter)) { s.watch.Store(&at) }

func (s *Server) at(step Step, l Letter) {
	if watch := s.watch.Load(); watch != nil && *watch != nil {
		(*watch)(step, l)
	}
}

// InClear counts the messages that came without TLS.
func (s *Server) InClear() int64 { return s.inClear.Load() }

func (s *Server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if s.has(Down) {
		return
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if s.start {
		conn = tls.Server(conn, s.tls)
	}
	s.at(Connected, Letter{})
	in := bufio.NewReader(conn)
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 sink")
	var one Letter
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.Fields(line + " x")[0])
		s.at(Step(verb), one)
		switch {
		case verb == "EHLO" && s.tls != nil && !secure(conn):
			say("250-sink")
			say("250 STARTTLS")
		case verb == "STARTTLS" && s.tls != nil:
			say("220 go on")
			conn = tls.Server(conn, s.tls)
			in = bufio.NewReader(conn)
		case verb == "EHLO" && secure(conn):
			say("250-sink")
			say("250 AUTH PLAIN")
		case verb == "EHLO", verb == "HELO":
			say("250 sink")
		case verb == "AUTH":
			one.Auth = strings.TrimPrefix(line, "AUTH PLAIN ")
			say("235 ok")
		case verb == "MAIL", verb == "RCPT":
			one.Envelope = append(one.Envelope, line)
			say("250 ok")
		case verb == "DATA" && s.has(RefusesData):
			say("451 not now")
		case verb == "DATA":
			say("354 go on")
			if !secure(conn) {
				s.inClear.Add(1)
			}
			if !s.receive(&one, in) || s.has(DropsAfterData) {
				return
			}
			s.at(Received, one)
			say("250 ok")
			s.at(Taken, one)
			one = Letter{}
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("500 what")
		}
	}
}

func secure(conn net.Conn) bool { _, is := conn.(*tls.Conn); return is }

// receive reads a message to its end, and keeps it. What breaks off before its end
// is none (RFC 5321, section 4.1.1.4).
func (s *Server) receive(one *Letter, in *bufio.Reader) (whole bool) {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
	m, err := mail.ReadMessage(strings.NewReader(text.String()))
	if err != nil {
		s.tb.Errorf("a message cannot be read: %v", err)
		return true
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		s.tb.Errorf("a message's text cannot be read: %v", err)
	}
	one.Header, one.Body = m.Header, string(body)
	s.mu.Lock()
	s.letters = append(s.letters, *one)
	s.mu.Unlock()
	s.arrived <- struct{}{}
	return true
}

// All are the messages that arrived, oldest first.
func (s *Server) All() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.letters)
}

// To are the messages that went to an address.
func (s *Server) To(address string) []Letter {
	return slices.DeleteFunc(s.All(), func(l Letter) bool { return !l.to(address) })
}

// Until waits for a message that says so; white space does not count.
func (s *Server) Until(says string) Letter {
	s.tb.Helper()
	over := time.After(time.Minute)
	for {
		for _, l := range slices.Backward(s.All()) {
			if strings.Contains(l.line(), says) {
				return l
			}
		}
		select {
		case <-s.arrived:
		case <-over:
			s.tb.Fatalf("no message says that it %s", says)
		}
	}
}

// Take waits for a message to an address in which form stands, takes the oldest
// that was not taken before, and gives it with what stands there; white space
// counts as one blank. Messages cross: what is told in the background comes
// before or after what was asked for, so whatever came last is nobody's answer.
func (s *Server) Take(address string, form *regexp.Regexp) (Letter, string) {
	s.tb.Helper()
	over := time.After(time.Minute)
	for {
		if l, found := s.take(address, form); found != "" {
			return l, found
		}
		select {
		case <-s.arrived:
		case <-over:
			s.tb.Fatalf("no new message to %s holds %s", address, form)
		}
	}
}

func (s *Server) take(address string, form *regexp.Regexp) (Letter, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.letters {
		l := &s.letters[i]
		if found := form.FindString(l.line()); found != "" && !l.taken && l.to(address) {
			l.taken = true
			return *l, found
		}
	}
	return Letter{}, ""
}
