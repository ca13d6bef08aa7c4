package lan

import (
	"crypto/rand"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
)

// loginMethods is what /RPC2_Login answers.
var loginMethods = map[string]method{"global.login": {do: rpcGlobalLogin}}

type loginParams struct {
	UserName      string `json:"userName"`
	Password      string `json:"password"`
	ClientType    string `json:"clientType"`
	AuthorityType string `json:"authorityType"`
}

// loginChallenge is what the first of the two calls is answered with.
type loginChallenge struct {
	Authorization string `json:"authorization"`
	Encryption    string `json:"encryption"`
	MAC           string `json:"mac"`
	Random        string `json:"random"`
	Realm         string `json:"realm"`
}

// rpcGlobalLogin is the login in two steps. The first call, without a password,
// gets a challenge and counts nothing; the second carries the digest and is one
// login try.
func rpcGlobalLogin(c *rpcCall) (result, params any, err error) {
	var p loginParams
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	switch {
	case !c.initialised():
		return nil, nil, fault(codeNotInitialised, "Component error: device not initialised!")
	case c.trouble.is(BannedAddress):
		return nil, nil, fault(codeBanned, "Component error: in black list!")
	case c.trouble.is(ConnectionLimit):
		return nil, nil, errTooManySessions
	}
	if !plausible(p.UserName) || (p.AuthorityType != "" && p.AuthorityType != c.encryption()) {
		return nil, nil, errParameter
	}
	if p.Password == "" {
		return nil, nil, c.sendChallenge(p.UserName)
	}
	return c.finishLogin(p)
}

func (c *rpcCall) sendChallenge(account string) error {
	random := strconv.FormatUint(randomDecimal(), 10)
	id := c.sessions.challenge(c.newSessionID(), account, random)
	c.reply = c.told(id)
	f := fault(codeChallenge, "Component error: login challenge!")
	f.Params = loginChallenge{
		Authorization: newID() + newID()[:8], Encryption: c.encryption(), MAC: c.box.Info().MAC,
		Random: random, Realm: c.box.Realm(),
	}
	return f
}

// randomDecimal is ten digits, as clients expect; what makes a challenge single
// is that its session id is not guessable and taken once.
func randomDecimal() uint64 {
	const low, span = 1_000_000_000, 9_000_000_000
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return low + binary.BigEndian.Uint64(b[:])%span
}

func (c *rpcCall) finishLogin(p loginParams) (result, params any, err error) {
	c.from.Type = clientType(p.ClientType)
	if c.sessions.full() {
		return nil, nil, errTooManySessions
	}
	random, ok := c.sessions.take(c.req.sessionID(), p.UserName)
	if !ok {
		return nil, nil, errNoSession
	}
	c.reply = c.told(c.req.sessionID())
	epoch, err := c.holdLogin(p, random)
	if err != nil {
		return nil, nil, err
	}
	_, closed := c.box.SessionOpened(p.UserName, c.from)
	id := c.req.sessionID() // old firmware keeps the one of the challenge
	if !c.traits.RPC2.Integers {
		id = newID()
	}
	s := c.sessions.begin(id, p.UserName, epoch, c.from, closed)
	c.reply = c.told(s.id)
	//nolint:gosec // over plain HTTP, where the family's web page lives, a Secure cookie would not come back
	http.SetCookie(c.w, &http.Cookie{Name: sessionCookie, Value: s.id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.r.TLS != nil})
	return true, map[string]int{"keepAliveInterval": keepAliveInterval}, nil
}

var errTooManySessions = fault(codeBusy, "Component error: too many sessions!")

// encryption is the word for how the digest is made.
func (l *lan) encryption() string {
	if l.traits.RPC2.SHA256 {
		return "DigestSHA256"
	}
	return "Default"
}

// newSessionID makes the id of a challenge. A number is all that old firmware
// has; what it lacks in digits the digest makes up for.
func (l *lan) newSessionID() string {
	if l.traits.RPC2.Integers {
		return strconv.FormatUint(randomDecimal()%(1<<31-2)+1, 10)
	}
	return newID()
}

// holdLogin holds the digest against the account.
func (c *rpcCall) holdLogin(p loginParams, random string) (epoch uint64, err error) {
	if !c.traits.RPC2.SHA256 {
		return c.box.Prove(p.UserName, c.from, func(ha1 string) bool {
			return same(rpcDigest(md5Hex, p.UserName, random, ha1), p.Password)
		})
	}
	return c.box.ProvePassword(p.UserName, c.from, func(pw string) bool {
		ha1 := sha256Hex(p.UserName + ":" + c.box.Realm() + ":" + pw)
		return same(rpcDigest(sha256Hex, p.UserName, random, ha1), p.Password)
	})
}

// rpcDigest is the value that fits the encryption "Default":
// UPPER(MD5(user:random:UPPER(HA1))); "DigestSHA256" is the same with SHA-256.
func rpcDigest(hash func(string) string, user, random, ha1 string) string {
	return strings.ToUpper(hash(user + ":" + random + ":" + strings.ToUpper(ha1)))
}

// clientType keeps the kinds of client that the family knows; any other is
// listed as the plain web client.
func clientType(name string) string {
	switch name {
	case "Dahua3.0-Web3.0", "Web5.0":
		return name
	}
	return "Web3.0"
}
