package dahua

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

func TestUpgradeWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Upgrading": true, "Downloading": true, "Preparing": true, "InProgress": true, "in progress": true, "Writing flash": true, "NormalUpgrading": true, "Rebooting": true,
		"None": false, "Idle": false, "NotUpgrading": false, "NoUpgrading": false, "UpgradeFailed": false, "UpgradeSucceeded": false, "Downloading failed": false,
		"Cancelled": false, "Invalid": false, "Not Enough Memory": false, "Checking": false, "0": false, "Teapot": false,
	} {
		if u := readUpgrade(map[string]string{"State": text, "Progress": "40"}); u.busy() != want || u.said() != text+", 40 %" {
			t.Errorf("%q: %t, %q", text, u.busy(), u.said())
		}
	}
	for progress, want := range map[string]bool{"0": false, "1": true, "99.000000": true, "100": false, "-3": false, "x": false, "": false} {
		if u := readUpgrade(map[string]string{"a.b.progress": progress}); u.busy() != want || u.known() != (progress != "") {
			t.Errorf("%q: %t", progress, u.busy())
		}
	}
}

func TestUpgrading(t *testing.T) {
	t.Parallel()
	const idle, works = `{"State":"None","Progress":0}`, `{"State":"Upgrading","Progress":40}`
	odd := errors.New("")
	for name, tc := range map[string]struct {
		upgrader, cloud string // params by RPC2
		cgi             string // without RPC2
		yes             bool
		said            string
		kind            error
	}{
		"idle":            {upgrader: idle, cloud: idle, said: "None, 0 %"},
		"works":           {upgrader: works, yes: true, said: "Upgrading, 40 %"},
		"from the cloud":  {upgrader: idle, cloud: `{"State":"Downloading","Progress":3}`, yes: true, said: "Downloading, 3 %"},
		"cloud alone":     {cloud: idle, said: "None, 0 %"},
		"tells no state":  {upgrader: `{"Other":1}`, kind: rekey.ErrUnsupported},
		"tells nothing":   {upgrader: `null`, cloud: `null`, kind: rekey.ErrUnsupported},
		"lacks both":      {kind: rekey.ErrUnsupported},
		"CGI, idle":       {cgi: "State=None\r\nProgress=0\r\n", said: "None, 0 %"},
		"CGI, works":      {cgi: "state.State=Upgrading\r\nstate.Progress=7\r\n", yes: true, said: "Upgrading, 7 %"},
		"CGI, no state":   {cgi: "OK\r\n", kind: rekey.ErrUnsupported},
		"CGI, a page":     {cgi: "<html>", kind: rekey.ErrUnsupported},
		"CGI, one refuse": {cgi: "Error\r\nBad Request!\r\n", kind: rekey.ErrUnsupported},
		"torn":            {upgrader: `{"State":`, cloud: idle, kind: odd},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{noRPC: tc.cgi != "", rpc: map[string]func(call) string{}}
			if tc.upgrader != "" {
				p.rpc["upgrader.factory.instance"], p.rpc["upgrader.getState"] = says(anObject), params(tc.upgrader)
			}
			if tc.cloud != "" {
				p.rpc["CloudUpgrader.getState"] = params(tc.cloud)
			}
			p.cgi = map[string]func(*http.Request) (int, string){"getState": body(tc.cgi)}
			s, b := opened(t, p, true)
			yes, said, err := s.Upgrading(t.Context())
			if tc.kind == odd {
				if err == nil || errors.Is(err, rekey.ErrUnsupported) {
					t.Error(err)
				}
				return
			}
			if yes != tc.yes || said != tc.said || !errors.Is(err, tc.kind) || b.spent != 1 || len(b.refused) > 0 {
				t.Errorf("%t, %q, %+v: %v", yes, said, b, err)
			}
		})
	}
}

// No login at the CGI is made for it; one that is there is used.
func TestUpgradingBesideRPC(t *testing.T) {
	t.Parallel()
	s, b := opened(t, &peer{cgi: map[string]func(*http.Request) (int, string){"getState": body("State=Upgrading\r\n")}}, true)
	if _, _, err := s.Upgrading(t.Context()); !errors.Is(err, rekey.ErrUnsupported) || b.spent != 1 {
		t.Errorf("%+v: %v", b, err)
	}
	if _, err := s.web(t.Context()); err != nil {
		t.Fatal(err)
	}
	if yes, said, err := s.Upgrading(t.Context()); !yes || said != "Upgrading" || err != nil || b.spent != 2 {
		t.Errorf("%t, %q, %+v: %v", yes, said, b, err)
	}
}

func FuzzUpgrade(f *testing.F) {
	f.Add("State=Upgrading\r\nProgress=40\r\n")
	f.Add("a.State=\x1b\r\nprogress=9e99\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLines([]byte(text))
		if err != nil {
			return
		}
		u := readUpgrade(l)
		if (u.busy() && !u.known()) || strings.ContainsAny(u.said(), "\n\x1b") {
			t.Errorf("%+v", u)
		}
	})
}
