package recorder

import (
	"crypto/subtle"
	"encoding/base32"
	"time"

	"github.com/pquerna/otp/hotp"
)

// TOTP of RFC 6238, in the one form that every authenticator app takes: SHA-1,
// six digits, steps of 30 seconds. A code fits one step early or late.
const (
	totpDigits = 6
	totpStep   = 30 // seconds
	totpKeyLen = 20 // RFC 4226, section 4, R6
)

// totpFits looks for the step whose code was typed, among those around now. Of
// steps up to last the code was used or passed over: such a one is told as used
// and does not fit. All codes are made and compared, whichever fits.
func totpFits(key []byte, typed string, now time.Time, last int64) (step int64, fits, used bool) {
	at := now.Unix() / totpStep
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
