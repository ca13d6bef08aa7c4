package courier_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/desk/courier"
	"rekey/internal/rekeytest/mailbox"
)

// hang answers nothing until whoever asked has gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	buf := make([]byte, 1<<10)
	for { // the server sees the connection end only once the body is read
		if _, err := r.Body.Read(buf); err != nil {
			break
		}
	}
	<-r.Context().Done()
}

// TestMailThatFails at any moment is not sent.
func TestMailThatFails(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]mailbox.Trouble{
		"down": mailbox.Down, "refuses": mailbox.RefusesData, "breaks off after the message": mailbox.DropsAfterData,
	} {
		p := newPlace(t)
		p.mail.Have(trouble)
		if err := p.Send(t.Context(), toPetra("half", "secret half")); !errors.Is(err, rekey.ErrUnreachable) || strings.Contains(err.Error(), "petra") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestProviderThatFails: whatever is no 2xx within the time is no message.
func TestProviderThatFails(t *testing.T) {
	t.Parallel()
	elsewhere := mailbox.ServeSMS(t)
	for name, answer := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"401": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"hangs":         hang,
		"huge header":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) },
		"breaks off":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"not quite 2xx": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMultipleChoices) },
	} {
		p := newPlace(t)
		ctx, cancel := context.WithCancel(t.Context())
		p.sms.Answer(func(w http.ResponseWriter, r *http.Request) {
			if name == "hangs" {
				cancel() // whoever sends waits no longer
			}
			answer(w, r)
		})
		err := p.Send(ctx, textTo("half", "secret half"))
		cancel()
		if !errors.Is(err, rekey.ErrUnreachable) || strings.Contains(err.Error(), p.sms.URL) {
			t.Errorf("%s: %v", name, err)
		}
		if p.sms.Posts() != 1 {
			t.Errorf("%s: %d posts", name, p.sms.Posts())
		}
	}
	if elsewhere.Posts() != 0 {
		t.Error("a redirect was followed")
	}
}

// TestEndlessAnswer of a provider that has taken the message is not read.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.sms.Answer(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	if err := p.Send(t.Context(), textTo("half", "x")); err != nil {
		t.Error(err)
	}
}

// TestHeadersAreOurs: nothing in a message makes a header of its own.
func TestHeadersAreOurs(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	m := toPetra("half", "line\r\nBcc: evil@example.org\r\n.\r\nRCPT TO:<evil@example.org>\r\n")
	if err := p.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	l := p.mail.To(petra)[0]
	if len(p.mail.All()) != 1 || l.Header.Get("Bcc") != "" || len(l.Envelope) != 2 {
		t.Errorf("header %v, envelope %v", l.Header, l.Envelope)
	}
	m.Subject = "a\r\nBcc: evil@example.org"
	if err := p.Send(t.Context(), m); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("a subject of two lines: %v", err)
	}
}

func TestSMSSettings(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"https://sms.example.com/send?id=1": true, "http://127.0.0.1:8080/": true, "http://localhost/send": true, "https://10.0.0.1/": true,
		"http://sms.example.com/": false, "ftp://sms.example.com": false, "https://": false, "": false, "https://user:key@sms.example.com/": false,
		"http://localhost.example.com/": false, "http://127.0.0.1.example.com/": false, "https:opaque": false, "https://a/#b": false,
	} {
		if err := (courier.SMS{URL: url, Key: rekey.NewSecret("k")}).Check(); (err == nil) != good || err != nil && !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, key := range []string{"", "a\r\nb"} {
		if err := (courier.SMS{URL: "https://sms.example.com", Key: rekey.NewSecret(key)}).Check(); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("a key of %d characters: %v", len(key), err)
		}
	}
}
