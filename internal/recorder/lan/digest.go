package lan

import (
	"crypto/md5" //nolint:gosec // the protocol's hash
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// credentials are an Authorization header of HTTP digest, RFC 2617 with qop=auth.
type credentials struct {
	username, realm, nonce, uri, response string
	qop, nc, cnonce                       string
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
		if name == "algorithm" && !strings.EqualFold(value, "MD5") {
			return c, errDigest
		}
		rest = after
	}
	if !plausible(c.username) || c.nonce == "" || c.uri == "" || len(c.response) != 2*md5.Size {
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

// provesHTTP tells whether the response fits HA1 for this method, as
// RFC 2617 has it with qop=auth.
func (c credentials) provesHTTP(ha1, method string) bool {
	want := md5Hex(ha1 + ":" + c.nonce + ":" + c.nc + ":" + c.cnonce + ":" + c.qop + ":" + md5Hex(method+":"+c.uri))
	return same(want, c.response)
}

// provesRTSP is the form without qop of RFC 2069, which this family uses on RTSP.
func (c credentials) provesRTSP(ha1, method string) bool {
	return same(md5Hex(ha1+":"+c.nonce+":"+md5Hex(method+":"+c.uri)), c.response)
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // the protocol's hash
	return hex.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
