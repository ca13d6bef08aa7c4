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

// What may be accepted.
const (
	BasicNever   Basic = iota // the usual
	BasicInClear              // everywhere: rekey.RiskBasicLogin, accepted by name
)

// Refuse is why the password itself is not sent at such a door; nil: it is. It
// wraps rekey.ErrRisk, and nothing was sent.
func (b Basic) Refuse(encrypted bool) error {
	if b == BasicInClear {
		return nil
	}
	how := "which anybody on this network can read"
	if encrypted {
		how = "which whoever answers can read"
	}
	return fmt.Errorf("%w: %s: the recorder takes no login but the password itself (as HTTP Basic does), %s; no login was tried; come from a network that you trust and run again with --accept-risk %[2]s",
		rekey.ErrRisk, rekey.RiskBasicLogin, how)
}

func basicAuth(l rekey.Login) (string, error) {
	if strings.Contains(l.Account, ":") {
		return "", fmt.Errorf("%w: an account name with a colon cannot be sent in a basic login", rekey.ErrInput)
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.Account+":"+l.Password.Reveal())), nil
}
