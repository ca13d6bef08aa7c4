package transport

import (
	"encoding/base64"
	"fmt"
	"strings"

	"rekey"
)

// Basic is what was accepted of HTTP Basic, which sends the password itself. It
// is answered only where no digest is asked for.
type Basic int

// What may be accepted, by name.
const (
	BasicNever   Basic = iota // the usual
	BasicOverTLS              // where the door is encrypted
	BasicInClear              // everywhere: rekey.RiskClearPassword
)

// Refuse is why the password itself is not sent at such a door; nil: it is.
func (b Basic) Refuse(encrypted bool) error {
	switch {
	case b == BasicNever:
		return fmt.Errorf("%w: the recorder asks for the password itself (as HTTP Basic does), and that was not asked for by name", rekey.ErrUnsupported)
	case b == BasicOverTLS && !encrypted:
		return fmt.Errorf("%w: %s: the recorder asks for the password itself (as HTTP Basic does) at a door that is not encrypted; come in by HTTPS, or accept the risk by this name", rekey.ErrRisk, rekey.RiskClearPassword)
	}
	return nil
}

func basicAuth(l rekey.Login) (string, error) {
	if strings.Contains(l.Account, ":") {
		return "", fmt.Errorf("%w: an account name with a colon cannot be sent in a basic login", rekey.ErrInput)
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.Account+":"+l.Password.Reveal())), nil
}
