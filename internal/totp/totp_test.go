package totp_test

import (
	"encoding/base32"
	"net/url"
	"strings"
	"testing"
	"time"

	"rekey/internal/totp"
)

// The SHA-1 vectors of RFC 6238, appendix B, in their last six digits.
func TestVectors(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471",
		1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		for _, off := range []int64{-30, 0, 30} {
			step, fits, used := totp.Fits(key, code, time.Unix(at+off, 0), 0)
			if step != at/30 || !fits || used {
				t.Errorf("%s at %d%+d: step %d, fits %v, used %v", code, at, off, step, fits, used)
			}
		}
		for _, off := range []int64{-60, 60} {
			if at+off < 0 {
				continue // before 1970
			}
			if _, fits, _ := totp.Fits(key, code, time.Unix(at+off, 0), 0); fits {
				t.Errorf("%s fits at %d%+d", code, at, off)
			}
		}
		if _, fits, used := totp.Fits(key, code, time.Unix(at, 0), at/30); fits || !used {
			t.Errorf("%s at %d again: fits %v, used %v", code, at, fits, used)
		}
		if _, fits, used := totp.Fits(key, "000000", time.Unix(at, 0), 0); fits || used {
			t.Errorf("000000 fits at %d", at)
		}
	}
}

// TestKeyForms: the typed key and the link are the same key.
func TestKeyForms(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	typed := totp.Typed(key)
	if got, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(typed, " ", "")); err != nil || string(got) != string(key) {
		t.Errorf("typed form: %v", err)
	}
	u, err := url.Parse(totp.URL("Recorder cloud", "petra@example.org", key))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Recorder cloud:petra@example.org" {
		t.Fatalf("link: %v", err)
	}
	if q := u.Query(); q.Get("secret") != strings.ReplaceAll(typed, " ", "") || q.Get("issuer") != "Recorder cloud" || strings.Contains(u.RawQuery, "+") {
		t.Error("the link does not hold the key")
	}
}
