// Package totp is the second factor of RFC 6238 in the one form that every
// authenticator app takes: SHA-1, six digits, steps of 30 seconds.
package totp

import (
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp/hotp"
)

// The form of keys and codes.
const (
	Digits = 6
	Step   = 30 // seconds
	KeyLen = 20 // bytes; RFC 4226, section 4, R6
)

// Fits looks for the step whose code was typed, among those around now: a code
// fits one step early or late. Of steps up to last the code was used or passed
// over: such a one is told as used and does not fit. All codes are made and
// compared, whichever fits.
func Fits(key []byte, typed string, now time.Time, last int64) (step int64, fits, used bool) {
	at := now.Unix() / Step
	for s := max(0, at-1); s <= at+1; s++ {
		code, err := hotp.GenerateCode(base32.StdEncoding.EncodeToString(key), uint64(s)) //nolint:gosec // s is not negative
		same := err == nil && subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1
		switch {
		case same && s > last && !fits:
			step, fits = s, true
		case same && s <= last:
			used = true
		}
	}
	return step, fits, used
}

// Typed is a key as a person types it: base32 in groups of four. It is a secret.
func Typed(key []byte) string {
	var groups []string
	for group := range slices.Chunk([]byte(base32.StdEncoding.EncodeToString(key)), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, " ")
}

// URL is a key as an authenticator app takes it, by link or QR code, in the form
// that Google Authenticator's Key URI Format describes. It is a secret.
func URL(issuer, label string, key []byte) string {
	q := url.Values{
		"secret": {base32.StdEncoding.EncodeToString(key)}, "issuer": {issuer},
		"algorithm": {"SHA1"}, "digits": {fmt.Sprint(Digits)}, "period": {fmt.Sprint(Step)},
	}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+label) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}
