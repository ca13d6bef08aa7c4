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
	if !c.box.Initialised() {
		return nil, nil, fault(codeNotInitialised, "Component error: device not initialised!")
	}
	if !plausible(p.UserName) || (p.AuthorityType != "" && p.AuthorityType != "Default") {
		return nil, nil, errParameter
	}
	if p.Password == "" {
		return nil, nil, c.sendChallenge(p.UserName)
	}
	return c.finishLogin(p)
}

func (c *rpcCall) sendChallenge(account string) error {
	random := strconv.FormatUint(randomDecimal(), 10)
	c.reply = c.sessions.challenge(account, random)
	f := fault(codeChallenge, "Component error: login challenge!")
	f.Params = loginChallenge{
		Authorization: newID() + newID()[:8], Encryption: "Default", MAC: c.box.Info().MAC,
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
		return nil, nil, fault(codeBusy, "Component error: too many sessions!")
	}
	random, ok := c.sessions.take(c.req.sessionID(), p.UserName)
	if !ok {
		return nil, nil, errNoSession
	}
	c.reply = c.req.sessionID()
	epoch, err := c.box.Prove(p.UserName, c.from, func(ha1 string) bool {
		return same(rpcDigest(p.UserName, random, ha1), p.Password)
	})
	if err != nil {
		return nil, nil, err
	}
	_, closed := c.box.SessionOpened(p.UserName, c.from)
	s := c.sessions.begin(p.UserName, epoch, c.from, closed)
	c.reply = s.id
	//nolint:gosec // over plain HTTP, where the family's web page lives, a Secure cookie would not come back
	http.SetCookie(c.w, &http.Cookie{Name: sessionCookie, Value: s.id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.r.TLS != nil})
	return true, map[string]int{"keepAliveInterval": keepAliveInterval}, nil
}

// rpcDigest is the value that fits the encryption "Default":
// UPPER(MD5(user:random:UPPER(HA1))).
func rpcDigest(user, random, ha1 string) string {
	return strings.ToUpper(md5Hex(user + ":" + random + ":" + strings.ToUpper(ha1)))
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
