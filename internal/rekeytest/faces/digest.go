package faces

import (
	"crypto/md5" // #nosec G501 -- what these boxes use
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// guard asks for a login by digest (RFC 7616 with MD5, or RFC 2069 where old).
type guard struct {
	realm string
	door  string
	keys  *Keys
	old   bool // without qop, as streams do

	mu     sync.Mutex
	counts map[string]uint64 // how often each nonce was used
}

func newGuard(k *Keys, door, realm string) *guard {
	return &guard{realm: realm, door: door, keys: k, counts: map[string]uint64{}}
}

// admit tells who asks, or that nobody may: with the challenge in the header, and
// with the verdict where a password was tried.
func (g *guard) admit(w http.ResponseWriter, method, uri, authorization string) (account string, tried *verdict) {
	p, ok := digestParams(authorization)
	if !ok {
		if authorization != "" {
			g.keys.blame("%s: a login that is no digest", g.door)
		}
		g.challenge(w, false)
		return "", nil
	}
	right := func(password string) bool { return p["response"] == g.response(p, method, password) && p["uri"] == uri }
	if p["uri"] != uri {
		g.keys.blame("%s: a digest over another URI than asked for", g.door)
	}
	if !g.fresh(p) && g.keys.passes(p["username"], right) {
		g.challenge(w, true)
		return "", nil
	}
	v := g.keys.judge(g.door, p["username"], right)
	if !v.ok {
		g.challenge(w, false)
		return "", &v
	}
	return p["username"], &v
}

// passes asks without booking: an old nonce is no try where the password was right.
func (k *Keys) passes(account string, right func(string) bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.find(account)
	return a != nil && k.wrong[account] < k.limit && right(a.Password)
}

func (g *guard) challenge(w http.ResponseWriter, stale bool) {
	n := nonce(16)
	g.mu.Lock()
	g.counts[n] = 0
	g.mu.Unlock()
	qop := `qop="auth", `
	if g.old {
		qop = ""
	}
	w.Header()["WWW-Authenticate"] = []string{fmt.Sprintf(`Digest %srealm=%q, nonce=%q, stale="%s"`, qop, g.realm, n, strings.ToUpper(strconv.FormatBool(stale)))}
}

// fresh: the nonce is one of ours, and its count goes up.
func (g *guard) fresh(p map[string]string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	last, ours := g.counts[p["nonce"]]
	if !ours || g.old {
		return ours
	}
	n, err := strconv.ParseUint(p["nc"], 16, 32)
	if err != nil || n <= last {
		return false
	}
	g.counts[p["nonce"]] = n
	return true
}

func (g *guard) response(p map[string]string, method, password string) string {
	ha1 := hashed5(p["username"] + ":" + g.realm + ":" + password)
	ha2 := hashed5(method + ":" + p["uri"])
	if g.old {
		return hashed5(ha1 + ":" + p["nonce"] + ":" + ha2)
	}
	return hashed5(strings.Join([]string{ha1, p["nonce"], p["nc"], p["cnonce"], p["qop"], ha2}, ":"))
}

func hashed5(s string) string {
	sum := md5.Sum([]byte(s)) // #nosec G401 -- what these boxes use
	return hex.EncodeToString(sum[:])
}

var digestParam = regexp.MustCompile(`(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))`)

func digestParams(authorization string) (map[string]string, bool) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Digest") {
		return nil, false
	}
	all := map[string]string{}
	for _, m := range digestParam.FindAllStringSubmatch(rest, -1) {
		all[strings.ToLower(m[1])] = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(m[2]) + m[3]
	}
	return all, true
}
