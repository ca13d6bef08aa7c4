package courier_test

import (
	"net/netip"
	"net/url"
	"testing"

	"rekey"
	"rekey/internal/desk/courier"
)

// FuzzSMSCheck: whatever is taken for a web service is https, or this machine.
func FuzzSMSCheck(f *testing.F) {
	for _, s := range []string{"https://a/", "http://localhost:1/", "http://127.0.0.1", "http://[::1]/x", "http://a", "https://[::ffff:127.0.0.1]", "http://localhost.", "https://a@b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		if (courier.SMS{URL: typed, Key: rekey.NewSecret("k")}).Check() != nil {
			return
		}
		u, err := url.Parse(typed)
		if err != nil || u.Hostname() == "" || u.User != nil {
			t.Fatalf("%q was taken", typed)
		}
		ip, err := netip.ParseAddr(u.Hostname())
		here := u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
		if u.Scheme != "https" && !here {
			t.Fatalf("%q was taken in clear", typed)
		}
	})
}
