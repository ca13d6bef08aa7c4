package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rekey"
)

// certificate makes one that is good from..until; issuer "" means that it signs itself.
func certificate(t *testing.T, leaf x509.Certificate, issuer string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf.SerialNumber = big.NewInt(1)
	by := leaf
	if issuer != "" {
		by.Subject = pkix.Name{CommonName: issuer}
	}
	der, err := x509.CreateCertificate(rand.Reader, &leaf, &by, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	now := time.Now()
	day := func(years int) time.Time { return now.AddDate(years, 0, 0).UTC().Truncate(time.Second) }
	for name, tc := range map[string]struct {
		leaf   x509.Certificate
		issuer string
		want   string // ids
		names  string
	}{
		"in order":      {leaf: x509.Certificate{Subject: pkix.Name{CommonName: "nvr"}, NotBefore: day(-1), NotAfter: day(1)}, issuer: "Some CA", names: "nvr"},
		"self-signed":   {leaf: x509.Certificate{Subject: pkix.Name{CommonName: "nvr"}, NotBefore: day(-1), NotAfter: day(1)}, want: "self-signed", names: "nvr"},
		"expired":       {leaf: x509.Certificate{DNSNames: []string{"nvr.local"}, Subject: pkix.Name{Organization: []string{"x"}}, NotBefore: day(-2), NotAfter: day(-1)}, issuer: "Some CA", want: "certificate-expired", names: "nvr.local"},
		"not yet valid": {leaf: x509.Certificate{IPAddresses: []net.IP{{192, 0, 2, 5}}, NotBefore: day(1), NotAfter: day(2)}, issuer: "Some CA", want: "certificate-not-yet-valid", names: "192.0.2.5"},
		"old and own":   {leaf: x509.Certificate{NotBefore: day(-2), NotAfter: day(-1)}, want: "certificate-expired self-signed"},
		"rude name":     {leaf: x509.Certificate{Subject: pkix.Name{CommonName: "a\u202eb\u001b[31m" + strings.Repeat("x", 50)}, NotBefore: day(-1), NotAfter: day(1)}, want: "self-signed", names: "a b [31m" + strings.Repeat("x", 50)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewUnstartedServer(http.NotFoundHandler())
			s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, tc.leaf, tc.issuer)}}
			s.StartTLS()
			defer s.Close()
			door := at(t, s.Listener.Addr().String())
			door.TLS = true
			c := client(t, door, Limits{})
			if shown, is := c.Certificate(); is {
				t.Errorf("before the handshake: %+v", shown)
			}
			if err := c.Contact(t.Context()); err != nil {
				t.Fatal(err)
			}
			shown, is := c.Certificate()
			if !is || shown.SHA256 != c.At().CertSHA256 || len(shown.SHA256) != 64 {
				t.Errorf("%t %+v, door %+v", is, shown, c.At())
			}
			if !shown.From.Equal(tc.leaf.NotBefore) || !shown.Until.Equal(tc.leaf.NotAfter) || shown.Name != tc.names {
				t.Errorf("%+v", shown)
			}
			odd := shown.Oddities(now)
			if ids(odd) != tc.want || shown.SelfSigned != strings.Contains(tc.want, "self-signed") {
				t.Errorf("%q: %+v", ids(odd), odd)
			}
			for _, o := range odd {
				if !strings.HasPrefix(o.Words, "It") || !strings.HasSuffix(o.Words, ".") || (strings.HasPrefix(o.ID, "certificate") && !strings.Contains(o.Words, "clock")) {
					t.Errorf("%s: %q", o.ID, o.Words)
				}
			}
		})
	}
}

func ids(odd []rekey.Oddity) string {
	names := make([]string, len(odd))
	for i, o := range odd {
		names[i] = o.ID
	}
	return strings.Join(names, " ")
}

// The edges belong to the time in which it is good.
func TestCertificateEdges(t *testing.T) {
	t.Parallel()
	from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	c := Certificate{SHA256: "x", Name: "nvr", From: from, Until: from.AddDate(1, 0, 0)}
	for at, want := range map[time.Time]string{
		from: "", c.Until: "", from.Add(-time.Second): "certificate-not-yet-valid", c.Until.Add(time.Second): "certificate-expired",
	} {
		if got := ids(c.Oddities(at)); got != want {
			t.Errorf("%s: %q", at, got)
		}
	}
	if got := c.String(); got != "nvr, 2024-01-01 to 2025-01-01" {
		t.Error(got)
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Challenge{
		`Digest realm="Login to XX00TEST",qop="auth",nonce="n", opaque="", stale="false"`: {"digest", "Login to XX00TEST"},
		`Digest realm="Login to XX00TEST", nonce="n"`:                                     {"digest", "Login to XX00TEST"},
		`Basic realm="Device_CGI"`:                                                        {"basic", "Device_CGI"},
		`basic realm="x", charset="UTF-8"`:                                                {"basic", "x"},
		`Bearer realm="x"`:                                                                {},
		`Digest`:                                                                          {},
		`Basic realm="` + strings.Repeat("x", 300) + `"`:                                  {},
		"": {},
	} {
		got := Challenges([]string{in})
		if (want == Challenge{}) != (len(got) == 0) || (len(got) == 1 && got[0] != want) {
			t.Errorf("%s: %+v", in, got)
		}
	}
	if got := Challenges([]string{`Basic realm="a"`, "?", `Digest realm="b", nonce="n"`}); len(got) != 2 || got[1].Realm != "b" {
		t.Errorf("%+v", got)
	}
}

func FuzzChallenges(f *testing.F) {
	f.Add(`Digest realm="Login to XX00TEST",qop="auth",nonce="n"`)
	f.Add(`Basic realm="Device_CGI"`)
	f.Fuzz(func(t *testing.T, in string) {
		for _, c := range Challenges([]string{in}) {
			if (c.Scheme != "digest" && c.Scheme != "basic") || len(c.Realm) > realmLimit || strings.ContainsAny(c.Realm, "\r\n") {
				t.Errorf("%+v", c)
			}
		}
	})
}
