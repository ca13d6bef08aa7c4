package rekey_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rekey"
)

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const text = "K1eine-Nachtmusik"
	holder := struct {
		Password rekey.Secret `json:"password" xml:"password"`
		Deep     []rekey.Secret
	}{rekey.NewSecret(text), []rekey.Secret{rekey.NewSecret(text)}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb, holder)
		fmt.Fprintf(&out, verb, &holder)
		fmt.Fprintf(&out, verb, holder.Password)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", holder.Password, "holder", holder)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", holder.Password, "holder", holder)
	j, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	x, err := xml.Marshal(holder.Password)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	out.Write(x)
	for _, leak := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprintf("%v", []byte(text))} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the secret was printed as %d characters", len(leak))
		}
	}
	if !strings.Contains(string(j), "secret") || holder.Password.Reveal() != text {
		t.Errorf("JSON %s; Reveal must still give the text", j)
	}
	if err := json.Unmarshal([]byte(`{"password":"x"}`), &holder); err == nil {
		t.Error("a secret was read back from JSON")
	}
}

func TestSecretEqual(t *testing.T) {
	t.Parallel()
	a, b := rekey.NewSecret("same"), rekey.NewSecret("same")
	if !a.Equal(b) || a.Equal(rekey.NewSecret("sama")) || a.Equal(rekey.NewSecret("")) {
		t.Error("Equal does not compare")
	}
	if !(rekey.Secret{}).IsZero() || a.IsZero() {
		t.Error("IsZero")
	}
}

func TestParseTarget(t *testing.T) {
	t.Parallel()
	good := map[string]rekey.Target{
		"192.0.2.10":              {Host: "192.0.2.10"},
		"192.0.2.10:8080":         {Host: "192.0.2.10", Port: 8080},
		"nvr.example":             {Host: "nvr.example"},
		"nvr.example:81":          {Host: "nvr.example", Port: 81},
		"http://192.0.2.10":       {Host: "192.0.2.10"},
		"https://192.0.2.10:8443": {Host: "192.0.2.10", Port: 8443, TLS: true},
		"https://nvr.example/":    {Host: "nvr.example", TLS: true},
		"2001:db8::1":             {Host: "2001:db8::1"},
		"[2001:db8::1]:80":        {Host: "2001:db8::1", Port: 80},
		"https://[2001:db8::1]":   {Host: "2001:db8::1", TLS: true},
	}
	for in, want := range good {
		got, err := rekey.ParseTarget(in)
		if err != nil || got != want {
			t.Errorf("ParseTarget(%q) = %+v, %v; want %+v", in, got, err, want)
			continue
		}
		again, err := rekey.ParseTarget(got.String())
		if err != nil || again != got {
			t.Errorf("%q prints as %q, which reads as %+v, %v", in, got, again, err)
		}
	}
	for _, in := range []string{"", " ", "192.0.2", "256.1.1.1", "host:0", "host:65536", "host:x", "ftp://host", "http://user:pw@host", "http://host/path", "http://host?x=1", "a b", "-host", "[::1", "host:1:2", "ho\nst", strings.Repeat("a", 300)} {
		if got, err := rekey.ParseTarget(in); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("ParseTarget(%q) = %+v, %v; want ErrInput", in, got, err)
		} else if strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("the error for %q is not one line", in)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"192.0.2.10:8080", "https://[2001:db8::1]:1/", "x:y:z", "http://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := rekey.ParseTarget(s)
		if err != nil {
			return
		}
		if again, err := rekey.ParseTarget(got.String()); err != nil || again != got {
			t.Fatalf("%q -> %+v -> %q -> %+v, %v", s, got, got.String(), again, err)
		}
	})
}

func TestLoginErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  rekey.LoginError
		kind error
		says string
	}{
		{rekey.LoginError{Kind: rekey.ErrDenied, Account: "admin", Interface: rekey.InterfaceRPC2, TriesLeft: 2}, rekey.ErrDenied, "2 tries left"},
		{rekey.LoginError{Kind: rekey.ErrDenied, Account: "admin", Interface: rekey.InterfaceRTSP, TriesLeft: -1}, rekey.ErrDenied, "does not say"},
		{rekey.LoginError{Kind: rekey.ErrLocked, Account: "admin", LockedFor: 90 * time.Second}, rekey.ErrLocked, "1m30s"},
		{rekey.LoginError{Kind: rekey.ErrLocked, Account: "admin"}, rekey.ErrLocked, "wait 30 minutes"},
	} {
		if !errors.Is(&c.err, c.kind) || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%v: want %v saying %q", &c.err, c.kind, c.says)
		}
	}
}
