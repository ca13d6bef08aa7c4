// Package mail hands messages to a mail server. The recorder cloud and the
// support desk tell owners by it.
package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"regexp"
	"strings"
	"time"

	"rekey"
)

// Message is one e-mail. The subject is of the sender's own words alone; what
// comes from outside, such as a recorder's name, stands in the text only.
type Message struct {
	Subject string
	Text    string
}

// SMTP hands messages to one mail server (RFC 5321). Beyond loopback it speaks
// TLS only: a temporary password is a secret.
type SMTP struct {
	Server   string       // HOST:PORT; port 465 = TLS from the start, any other STARTTLS
	From     string       // address of the sender
	User     string       // empty = no log-in
	Password rekey.Secret // of User
	CA       []byte       // certificates (PEM) that the server's must lead to; nil = those that this system trusts
	TLS      bool         // TLS from the start at another port than 465, too
	Now      func() time.Time
}

const mailTime = 30 * time.Second

// Check tells what is wrong with the settings, before anything is sent.
func (s SMTP) Check() error {
	if host, port, err := net.SplitHostPort(s.Server); err != nil || host == "" || port == "" {
		return fmt.Errorf("%w: mail server %q; expected HOST:PORT", rekey.ErrInput, s.Server)
	}
	if _, err := ParseAddress(s.From); err != nil {
		return fmt.Errorf("%w: address of the sender %q; expected NAME@HOST", rekey.ErrInput, s.From)
	}
	return nil
}

// Send sends one message. The error wraps rekey.ErrUnreachable, or rekey.ErrInput
// where the address is none.
func (s SMTP) Send(ctx context.Context, to string, m Message) error {
	to, err := ParseAddress(to)
	if err != nil {
		return err
	}
	body, err := s.compose(to, m)
	if err != nil {
		return err
	}
	if err := s.deliver(ctx, to, body); err != nil {
		return fmt.Errorf("%w: hand a message to the mail server: %w", rekey.ErrUnreachable, err)
	}
	return nil
}

// compose writes the message. No header holds anything from outside but the
// address, which ParseAddress has let through.
func (s SMTP) compose(to string, m Message) ([]byte, error) {
	if strings.ContainsAny(m.Subject+to+s.From, "\r\n") {
		return nil, fmt.Errorf("%w: a header of a message has more than one line", rekey.ErrInput)
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	_, host, _ := strings.Cut(s.From, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", s.From}, {"To", to}, {"Subject", mime.QEncoding.Encode("utf-8", m.Subject)}, {"Date", now().Format(time.RFC1123Z)},
		{"Message-ID", "<" + rand.Text() + "@" + host + ">"}, {"Auto-Submitted", "auto-generated"}, // RFC 3834
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	_, err := q.Write([]byte(strings.ReplaceAll(m.Text, "\n", "\r\n")))
	err = errors.Join(err, q.Close()) // which writes what stands after the last line's end
	return b.Bytes(), err
}

func (s SMTP) deliver(ctx context.Context, to string, body []byte) (err error) {
	ctx, cancel := context.WithTimeout(ctx, mailTime)
	defer cancel()
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if s.User != "" {
		host, _, _ := net.SplitHostPort(s.Server)
		if err := c.Auth(smtp.PlainAuth("", s.User, s.Password.Reveal(), host)); err != nil {
			return errors.New("the mail server refuses the log-in")
		}
	}
	if err := c.Mail(s.From); err != nil {
		return answered(err)
	}
	if err := c.Rcpt(to); err != nil { //nolint:gosec // Send has it from ParseAddress, which knows no CR or LF; Rcpt refuses them as well
		return errors.New("the mail server refuses the address")
	}
	w, err := c.Data()
	if err != nil {
		return answered(err)
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	if err := w.Close(); err != nil { // nil = the server has taken the message
		return answered(err)
	}
	_ = c.Quit()
	return nil
}

// answered keeps of what the mail server said the number alone: its words may
// name whom the message is for, and errors get into logs.
func answered(err error) error {
	var said *textproto.Error
	if errors.As(err, &said) {
		return fmt.Errorf("the mail server answers %d", said.Code)
	}
	return err
}

func (s SMTP) dial(ctx context.Context) (*smtp.Client, error) {
	host, port, err := net.SplitHostPort(s.Server)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Server)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.CA != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(s.CA) {
			return nil, errors.Join(errors.New("the file of the certificate authority holds no certificate (PEM)"), conn.Close())
		}
	}
	implicit := s.TLS || port == "465"
	if implicit {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := s.secured(c, conn, implicit, config); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// secured sees to it that nothing leaves in clear, except to this machine where
// no certificate was named.
func (s SMTP) secured(c *smtp.Client, conn net.Conn, implicit bool, config *tls.Config) error {
	if implicit {
		return nil
	}
	if ok, _ := c.Extension("STARTTLS"); ok {
		return c.StartTLS(config)
	}
	if s.CA != nil {
		return errors.New("the mail server offers no TLS")
	}
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || !at.Addr().IsLoopback() {
		return errors.New("the mail server offers no TLS")
	}
	return nil
}

// maxAddress is from RFC 5321, 4.5.3.1.3.
const maxAddress = 254

// addressForm is what an e-mail address of an owner may look like: a dot-atom
// and a host name, so that nothing in it means anything in a header.
var addressForm = regexp.MustCompile(`^[a-z0-9!#$%&'*+/=?^_{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_{|}~-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// ParseAddress reads NAME@HOST, in small letters. The error wraps rekey.ErrInput.
func ParseAddress(typed string) (string, error) {
	a := strings.ToLower(strings.TrimSpace(typed))
	if len(a) > maxAddress || !addressForm.MatchString(a) {
		return "", fmt.Errorf("%w: that is no e-mail address; expected NAME@HOST", rekey.ErrInput)
	}
	return a, nil
}
