package lan

import (
	"crypto/md5" //nolint:gosec // the protocol's hash
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scheme is one form of the digest.
type scheme struct {
	algorithm string // MD5, SHA-256, either with -sess; empty = MD5, not named
	qop       bool   // qop=auth of RFC 2617; false = the form of RFC 2069
}

// sha256 tells whether HA1 is of SHA-256.
func (s scheme) sha256() bool { return strings.HasPrefix(strings.ToUpper(s.algorithm), "SHA-256") }

func (s scheme) hash(text string) string {
	if s.sha256() {
		return sha256Hex(text)
	}
	return md5Hex(text)
}

// credentials are an Authorization header of HTTP digest.
type credentials struct {
	username, realm, nonce, uri, response string
	qop, nc, cnonce, algorithm            string
}

var errDigest = errors.New("malformed digest header")

const maxAuthorization = 4096

// parseDigest reads an Authorization header of the scheme Digest.
func parseDigest(header string) (credentials, error) {
	var c credentials
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Digest") || len(header) > maxAuthorization {
		return c, errDigest
	}
	fields := map[string]*string{
		"username": &c.username, "realm": &c.realm, "nonce": &c.nonce, "uri": &c.uri,
		"response": &c.response, "qop": &c.qop, "nc": &c.nc, "cnonce": &c.cnonce,
		"algorithm": &c.algorithm,
	}
	seen := map[string]bool{}
	for rest = strings.TrimLeft(rest, " \t"); rest != ""; {
		name, value, after, err := nextParameter(rest)
		if err != nil || seen[name] {
			return c, errDigest
		}
		seen[name] = true
		if field, ok := fields[name]; ok {
			*field = value
		}
		rest = after
	}
	if !plausible(c.username) || c.nonce == "" || c.uri == "" || len(c.response) != 2*md5.Size && len(c.response) != 2*sha256.Size {
		return c, errDigest
	}
	return c, nil
}

const maxUserName = 64

// plausible tells whether an account could have this name. What could not costs
// no try and leaves no record.
func plausible(name string) bool {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	return name != "" && len(name) <= maxUserName && utf8.ValidString(name) && !strings.ContainsFunc(name, unprintable)
}

// nextParameter takes name=value or name="value" off the front, and the comma
// after it.
func nextParameter(s string) (name, value, rest string, err error) {
	name, s, ok := strings.Cut(s, "=")
	name = strings.ToLower(strings.TrimSpace(name))
	if !ok || name == "" {
		return "", "", "", errDigest
	}
	if s = strings.TrimLeft(s, " \t"); strings.HasPrefix(s, `"`) {
		value, s, err = quoted(s[1:])
	} else {
		end := strings.IndexByte(s, ',')
		if end < 0 {
			end = len(s)
		}
		value, s = strings.TrimSpace(s[:end]), s[end:]
	}
	if s = strings.TrimLeft(s, " \t"); s != "" && s[0] != ',' {
		return "", "", "", errDigest
	}
	return name, value, strings.TrimLeft(s, ", \t"), err
}

// quoted reads up to the closing quote; a backslash takes the next byte as it is.
func quoted(s string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			if i++; i == len(s) {
				return "", "", errDigest
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", errDigest
}

// count is nc as a number; 0 = malformed.
func (c credentials) count() uint64 {
	if len(c.nc) != 8 {
		return 0
	}
	n, err := strconv.ParseUint(c.nc, 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// uses tells whether the credentials are of this form.
func (c credentials) uses(s scheme) bool {
	algorithm := func(name string) string {
		if name == "" {
			return "MD5"
		}
		return strings.ToUpper(name)
	}
	return algorithm(c.algorithm) == algorithm(s.algorithm) && len(c.response) == len(s.hash("")) &&
		(s.qop && c.qop == "auth" || !s.qop && c.qop == "")
}

// proves tells whether the response fits HA1 for this method: RFC 2617 with
// qop=auth, RFC 2069 without, and RFC 7616 for the other algorithms.
func (c credentials) proves(s scheme, ha1, method string) bool {
	if strings.HasSuffix(strings.ToLower(s.algorithm), "-sess") {
		ha1 = s.hash(ha1 + ":" + c.nonce + ":" + c.cnonce)
	}
	ha2 := s.hash(method + ":" + c.uri)
	if !s.qop {
		return same(s.hash(ha1+":"+c.nonce+":"+ha2), c.response)
	}
	return same(s.hash(ha1+":"+c.nonce+":"+c.nc+":"+c.cnonce+":"+c.qop+":"+ha2), c.response)
}

// rtspScheme is what this family uses on RTSP, whatever CGI does.
var rtspScheme = scheme{}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // the protocol's hash
	return hex.EncodeToString(sum[:])
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
