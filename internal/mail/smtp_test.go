package mail_test

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/mail"
	"rekey/internal/rekeytest/mailbox"
)

const ownerAddress = "petra@example.org"

// TestMailByTLS: both ways of TLS, with a log-in, against a server that speaks it.
func TestMailByTLS(t *testing.T) {
	t.Parallel()
	config, ca := mailbox.SelfSigned(t)
	for name, start := range map[string]bool{"STARTTLS": false, "TLS from the start": true} {
		s := mailbox.ServeTLS(t, config, start)
		m := mail.SMTP{Server: s.Addr, From: "cloud@example.net", User: "cloud", Password: rekey.NewSecret("of the server"), CA: ca, TLS: start}
		if err := m.Send(t.Context(), ownerAddress, mail.Message{Subject: "Grüße", Text: "one\n.\ntwo"}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l := s.To(ownerAddress)[0]
		if said, _ := base64.StdEncoding.DecodeString(l.Auth); string(said) != "\x00cloud\x00of the server" {
			t.Errorf("%s: another log-in arrived", name)
		}
		if strings.ReplaceAll(l.Body, "\r", "") != "one\n.\ntwo\n" || s.InClear() != 0 {
			t.Errorf("%s: another text arrived, or it came in clear", name)
		}
	}
}

// TestMailRefusesTheWrongServer: by its certificate, by its name, by its lack of
// TLS, and it gets neither password nor message.
func TestMailRefusesTheWrongServer(t *testing.T) {
	t.Parallel()
	config, ca := mailbox.SelfSigned(t)
	other, _ := mailbox.SelfSigned(t)
	byName := func(s *mailbox.Server) string { return strings.Replace(s.Addr, "127.0.0.1", "localhost", 1) }
	at := func(s *mailbox.Server) string { return s.Addr }
	for name, c := range map[string]struct {
		server *tls.Config
		addr   func(*mailbox.Server) string
		ca     []byte
	}{
		"a certificate that nobody knows": {config, at, nil},
		"another authority's":             {other, at, ca},
		"another name":                    {config, byName, ca},
		"no TLS at all":                   {nil, at, ca},
		"no authority in the file":        {config, at, []byte("x")},
	} {
		for _, start := range []bool{false, true} {
			if start && c.server == nil {
				continue
			}
			s := mailbox.ServeTLS(t, c.server, start)
			m := mail.SMTP{Server: c.addr(s), From: "cloud@example.net", User: "cloud", Password: rekey.NewSecret("of the server"), CA: c.ca, TLS: start}
			err := m.Send(t.Context(), ownerAddress, mail.Message{Subject: "x", Text: "secret"})
			if !errors.Is(err, rekey.ErrUnreachable) || strings.Contains(err.Error(), "of the server") {
				t.Errorf("%s, start %v: %v", name, start, err)
			}
			if len(s.To(ownerAddress)) != 0 || s.InClear() != 0 {
				t.Errorf("%s, start %v: a message arrived", name, start)
			}
		}
	}
}

// TestWordsOfTheServerStayThere: what the server says may name the owner, and
// errors get into logs.
func TestWordsOfTheServerStayThere(t *testing.T) {
	t.Parallel()
	s := mailbox.Serve(t)
	s.Have(mailbox.RefusesData)
	err := mail.SMTP{Server: s.Addr, From: "desk@example.net"}.Send(t.Context(), ownerAddress, mail.Message{Subject: "x", Text: "y"})
	if !errors.Is(err, rekey.ErrUnreachable) || strings.Contains(err.Error(), "not now") || !strings.HasSuffix(err.Error(), "answers 451") {
		t.Errorf("%v", err)
	}
}
