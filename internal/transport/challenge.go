package transport

import (
	"regexp"
	"strings"

	"github.com/icholy/digest"
)

// Challenge is what a line of WWW-Authenticate asks for, as far as it tells who asks.
type Challenge struct {
	Scheme string // "digest" or "basic"
	Realm  string // the recorder's own bytes
}

// realmLimit is longer than any realm of a recorder.
const realmLimit = 200

var basicRealm = regexp.MustCompile(`(?i)^basic realm="([^"]*)"`)

// Challenges reads the values of WWW-Authenticate, of HTTP or RTSP. What cannot
// be read or is longer than a realm can be is left out.
func Challenges(values []string) []Challenge {
	var all []Challenge
	for _, v := range values {
		var c Challenge
		if m := basicRealm.FindStringSubmatch(v); m != nil {
			c = Challenge{"basic", m[1]}
		} else if d, err := digest.ParseChallenge(v); err == nil {
			c = Challenge{"digest", d.Realm}
		}
		if c.Scheme != "" && len(c.Realm) <= realmLimit && !strings.ContainsAny(c.Realm, "\r\n") {
			all = append(all, c)
		}
	}
	return all
}
