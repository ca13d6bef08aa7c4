package transport

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/icholy/digest"

	"rekey"
)

// Challenge is what WWW-Authenticate asks for, as far as it tells who asks.
type Challenge struct {
	Scheme string // "digest" or "basic"
	Realm  string // the recorder's own bytes
}

// Limits of what a recorder may ask, far above what any was seen to send.
const (
	realmLimit     = 200
	challengeLimit = 8 << 10
	mostChallenges = 16
)

// Challenges reads the values of WWW-Authenticate, of HTTP or RTSP. What cannot
// be read or is longer than a realm can be is left out.
func Challenges(values []string) []Challenge {
	var all []Challenge
	for _, a := range asks(values) {
		if realm, told := a.params["realm"]; told && len(realm) <= realmLimit && !strings.ContainsAny(realm, "\r\n") {
			all = append(all, Challenge{a.scheme, realm})
		}
	}
	return all
}

// ask is one challenge, with its parameters by their names in lower case.
type ask struct {
	scheme string
	params map[string]string
}

// asks takes the challenges apart: several may stand on one line or on many, and
// blanks and commas come and go between firmwares.
func asks(values []string) []ask {
	var all []ask
	for _, v := range values {
		v = v[:min(len(v), challengeLimit)]
		for v = skip(v); v != "" && len(all) < mostChallenges; v = skip(v) {
			word, rest := token(v)
			if word == "" { // no challenge is written like that; what follows is not guessed at
				break
			}
			a := ask{scheme: strings.ToLower(word), params: map[string]string{}}
			v = a.read(rest)
			if a.scheme == "digest" || a.scheme == "basic" {
				all = append(all, a)
			}
		}
	}
	return all
}

// read takes name=value pairs up to the next scheme and returns what is left.
func (a *ask) read(s string) string {
	for {
		s = skip(s)
		name, rest := token(s)
		rest = strings.TrimLeft(rest, " \t")
		if name == "" || !strings.HasPrefix(rest, "=") {
			return s
		}
		value, rest := parameter(strings.TrimLeft(rest[1:], " \t"))
		if name = strings.ToLower(name); !a.has(name) {
			a.params[name] = value
		}
		s = rest
	}
}

func (a *ask) has(name string) bool { _, is := a.params[name]; return is }

// skip leaves out what may stand between parameters.
func skip(s string) string { return strings.TrimLeft(s, " \t,") }

// token is the word that s begins with, as of RFC 9110.
func token(s string) (word, rest string) {
	end := strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:]
}

// parameter is a value, quoted or not. A quote that never ends takes the rest.
func parameter(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ", \t")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// strengths are the digests that are answered, by how much one is preferred.
func strengths() map[string]int {
	return map[string]int{"": 1, "MD5": 1, "SHA-256": 2, "SHA-512-256": 3}
}

// digest reads a challenge that can be answered; the reason otherwise. auth is
// taken of several kinds of protection, and auth-int where nothing else is offered.
func (a ask) digest() (*digest.Challenge, error) {
	c := &digest.Challenge{
		Realm: a.params["realm"], Nonce: a.params["nonce"], Opaque: a.params["opaque"], Algorithm: a.params["algorithm"],
		Stale: strings.EqualFold(a.params["stale"], "true"), Userhash: strings.EqualFold(a.params["userhash"], "true"),
	}
	for _, q := range strings.FieldsFunc(a.params["qop"], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		c.QOP = append(c.QOP, strings.ToLower(q))
	}
	base, session := algorithm(c)
	switch {
	case strengths()[base] == 0:
		return nil, fmt.Errorf("%w: it wants the digest %q, which rekey does not know", rekey.ErrUnsupported, Printable(c.Algorithm))
	case c.Nonce == "":
		return nil, fmt.Errorf("%w: its digest challenge has no nonce", rekey.ErrUnsupported)
	case len(c.QOP) > 0 && !c.SupportsQOP("auth") && !c.SupportsQOP("auth-int"):
		return nil, fmt.Errorf("%w: it wants the digest protection %q, which rekey does not know", rekey.ErrUnsupported, Printable(a.params["qop"]))
	case session && len(c.QOP) == 0: // the peer would not learn the cnonce that the key is made of
		return nil, fmt.Errorf("%w: its digest challenge wants a session key and has no qop", rekey.ErrUnsupported)
	case !quotable(c.Realm) || !quotable(c.Nonce) || !quotable(c.Opaque) || !quotable(c.Algorithm):
		return nil, fmt.Errorf("%w: its digest challenge holds characters that cannot be sent back", rekey.ErrUnsupported)
	}
	return c, nil
}

// algorithm is the hash in upper case, and whether it makes a session key.
func algorithm(c *digest.Challenge) (base string, session bool) {
	return strings.CutSuffix(strings.ToUpper(c.Algorithm), "-SESS")
}

// quotable: the characters go out as they came in. Others would be written in
// another form, and the recorder would take the login for a wrong password.
func quotable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
}

// choose takes the strongest digest that can be answered, the first of equals.
// nil and no error: there is no challenge at all. basic: HTTP Basic is asked for
// and no digest, not even one that is not known.
func choose(values []string) (best *digest.Challenge, basic bool, err error) {
	for _, a := range asks(values) {
		if a.scheme == "basic" {
			basic = true
			continue
		}
		c, failed := a.digest()
		switch {
		case failed != nil:
			err = failed
		case best == nil || strength(c) > strength(best):
			best = c
		}
	}
	if best != nil {
		return best, false, nil
	}
	return nil, basic && err == nil, err
}

func strength(c *digest.Challenge) int { base, _ := algorithm(c); return strengths()[base] }
