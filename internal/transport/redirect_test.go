package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

// Only from HTTP to HTTPS on the same host a redirect is followed, once; every
// other one is told with what to do.
func TestFollow(t *testing.T) {
	t.Parallel()
	door := rekey.Interface{Kind: rekey.InterfaceCGI, Host: "192.0.2.5", Port: 8080}
	for name, tc := range map[string]struct {
		from   rekey.Interface
		to     string
		asked  int
		within bool
		odd    string
		words  string
	}{
		"to HTTPS":             {door, "https://192.0.2.5/x", 2, false, "redirected-to-https", "speaks only HTTPS"},
		"to HTTPS, same port":  {door, "https://192.0.2.5:8080/", 2, false, "redirected-to-https", "speaks only HTTPS"},
		"another page":         {door, "/login.html", 1, true, "", "give that address"},
		"another page, in all": {door, "http://192.0.2.5:8080/login.html", 1, true, "", "give that address"},
		"another port":         {door, "http://192.0.2.5:81/", 1, false, "sent-elsewhere", "give that address"},
		"another host":         {door, "https://192.0.2.6/", 1, false, "sent-elsewhere", "give that address"},
		"back to HTTP":         {rekey.Interface{Host: "192.0.2.5", Port: 443, TLS: true}, "http://192.0.2.5/", 1, false, "sent-elsewhere", "give that address"},
		"HTTPS elsewhere":      {rekey.Interface{Host: "192.0.2.5", Port: 443, TLS: true}, "https://192.0.2.5:8443/", 1, false, "sent-elsewhere", "give that address"},
	} {
		asked := 0
		c := client(t, tc.from, Limits{})
		_, moved, err := Follow(tc.from, func(at rekey.Interface) (int, error) {
			if asked++; asked == 1 {
				return 0, fmt.Errorf("looked: %w", c.redirected(tc.to))
			}
			if !at.TLS || at.Kind != tc.from.Kind || at.Host != tc.from.Host {
				t.Errorf("%s: sent on to %+v", name, at)
			}
			return 1, nil
		})
		if asked != tc.asked || (err == nil) != (tc.asked == 2) || (moved != nil) != (tc.asked == 2) {
			t.Errorf("%s: asked %d times, %v: %v", name, asked, moved, err)
		}
		if moved == nil && !errors.As(err, &moved) {
			t.Fatalf("%s: %v", name, err)
		}
		var id rekey.Identity
		moved.Note(&id)
		odd := ""
		for _, o := range id.Oddities {
			odd += o.ID
		}
		if odd != tc.odd || moved.Within() != tc.within || !errors.Is(moved, rekey.ErrUnreachable) || !strings.Contains(moved.Error(), tc.words) || (len(id.Learnt) == 1) != (tc.asked == 2) {
			t.Errorf("%s: %+v, %v", name, id, moved)
		}
	}
	var none *RedirectError
	none.Note(nil) // nothing was followed: nothing to note
	if _, moved, err := Follow(door, func(rekey.Interface) (int, error) { return 0, rekey.ErrNotRecorder }); moved != nil || !errors.Is(err, rekey.ErrNotRecorder) {
		t.Errorf("%v: %v", moved, err)
	}
}

// A redirect that never ends is followed once.
func TestFollowOnce(t *testing.T) {
	t.Parallel()
	asked := 0
	_, moved, err := Follow(rekey.Interface{Host: "h", Port: 80}, func(at rekey.Interface) (int, error) {
		asked++
		return 0, &RedirectError{From: at, To: rekey.Interface{Host: "h", Port: 443 + asked, TLS: true}, Same: true}
	})
	if asked != 2 || moved == nil || !errors.Is(err, rekey.ErrUnreachable) {
		t.Errorf("asked %d times, %v: %v", asked, moved, err)
	}
}

func TestRedirectOnTheWire(t *testing.T) {
	t.Parallel()
	i := serve(t, http.RedirectHandler("https://127.0.0.1:8443/here", http.StatusFound))
	_, err := client(t, i, Limits{}).Do(t.Context(), Request{Path: "/"})
	var moved *RedirectError
	if !errors.As(err, &moved) || !moved.Upgrade() || moved.From.Address() != i.Address() || moved.To.Port != 8443 || moved.Path != "/here" {
		t.Errorf("%+v: %v", moved, err)
	}
}

func TestTitle(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]string{
		"<html><TITLE lang=en>\n WEB &amp; SERVICE </title>": "WEB & SERVICE", "<title>a\u202eb</title>": "a b", "": "", "<title>": "", "<title></title>": "",
	} {
		if got := Title([]byte(page)); got != want {
			t.Errorf("%q: %q", page, got)
		}
	}
}

func TestSaysStale(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		`Digest realm="x", nonce="n", stale=true`: true, `Digest realm="x", nonce="n", stale="TRUE"`: true,
		`Digest realm="x", nonce="n", stale=false`: false, `Digest realm="x", nonce="n"`: false, `Basic realm="stale=true"`: false, "": false,
	} {
		if got := SaysStale(http.Header{"Www-Authenticate": {header}}); got != want {
			t.Errorf("%s: %t", header, got)
		}
	}
}

// A handshake without a certificate, as no recorder makes it, holds no pin.
func TestNoCertificate(t *testing.T) {
	t.Parallel()
	if err := newPin("").verify(tls.ConnectionState{}); !strings.Contains(err.Error(), "no certificate") {
		t.Error(err)
	}
}

func FuzzRedirect(f *testing.F) {
	f.Add("https://192.0.2.5/", "192.0.2.5")
	f.Add("//[::1]:99999/", "::1")
	f.Add("http://a\u202eb/", "x")
	f.Fuzz(func(t *testing.T, location, host string) {
		c := client(t, rekey.Interface{Host: host, Port: 80}, Limits{})
		err := c.redirected(location)
		var moved *RedirectError
		if !errors.Is(err, rekey.ErrUnreachable) || strings.ContainsFunc(err.Error(), func(r rune) bool { return visible(r) != r }) && net.ParseIP(host) != nil {
			t.Errorf("%q: %q", location, err)
		}
		if errors.As(err, &moved) && moved.Upgrade() && !strings.EqualFold(moved.To.Host, host) && net.ParseIP(host) == nil {
			t.Errorf("%q is followed to %+v", location, moved.To)
		}
	})
}
