package lan

import (
	"context"
	"strings"

	"golang.org/x/time/rate"

	"rekey/internal/recorder"
)

// wantsChallenge tells whether a method, path or action asks for what only the
// local seat gives: a challenge, the place for an answer, or a reset of the
// password without a login.
func wantsChallenge(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{
		"challenge", "answer", "recover", "temporarypassword", "temppassword", "supportcode", "resetcode", "rrc",
		"resetpassword", "forgotpassword", "forgetpassword", "verificationcode", "authcode", "superpassword", "masterpassword",
	} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// refusals holds down the records of refused requests, so that nobody can fill
// the disk with them: a burst, then one every ten seconds.
type refusals struct{ limit *rate.Limiter }

func newRefusals() *refusals { return &refusals{rate.NewLimiter(0.1, 20)} }

// refuseChallenge records that somebody asked over the network for what only the
// local seat gives. The asker learns nothing of it.
func (l *lan) refuseChallenge(ctx context.Context, name string, from recorder.Client) {
	if len(name) > 64 {
		name = name[:64]
	}
	l.log.WarnContext(ctx, "asked for a challenge over the LAN", "name", name, "from", from.Address)
	if !l.warned.limit.Allow() {
		return
	}
	detail := map[string]string{"address": from.Address, "client": from.Type, "via": string(from.Via)}
	if err := l.box.Record("challenge.refused", "unknown", name, "not offered on the LAN", detail); err != nil {
		l.log.ErrorContext(ctx, "record a refused challenge", "error", err)
	}
}
