package dahua

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// visit is one web port while it is looked at.
type visit struct {
	driver *Driver
	http   *transport.Client
	id     rekey.Identity

	cgi, rpc bool             // these doors are there
	shut     bool             // it refused a request that carried no login
	alike    bool             // page title WEB SERVICE without a Server header: weak evidence
	server   string           // who it says it is
	title    string           // of its page
	safe     *rekey.Interface // the same doors, encrypted
}

// magicBox asks what the recorder is.
func magicBox(action string) transport.Request {
	return transport.Request{Path: "/cgi-bin/magicBox.cgi", Query: transport.Query("action", action)}
}

// visit asks at one web port. It asks little: five requests as a rule.
func (d *Driver) visit(ctx context.Context, at rekey.Interface) (*visit, error) {
	v := &visit{driver: d, http: transport.New(at, d.log, d.limits), id: rekey.Identity{Init: rekey.InitUnknown}}
	defer v.http.Close()
	res, err := v.http.Do(ctx, magicBox("getDeviceType"))
	var moved *transport.RedirectError
	switch {
	case errors.As(err, &moved) && moved.Within(): // most likely a page of something else
	case err != nil:
		return nil, err
	default:
		v.readCGI(ctx, res)
	}
	v.readRPC(ctx)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %s: %w", rekey.ErrUnreachable, at.Address(), ctx.Err())
	}
	if !v.readPage(ctx) && moved != nil && !v.rpc {
		return nil, err // it sends on in a circle
	}
	v.http.NoteCertificate(&v.id)
	return v, nil
}

// readCGI takes what an unauthenticated CGI request tells.
func (v *visit) readCGI(ctx context.Context, res transport.Response) {
	v.server = transport.Printable(res.Header.Get("Server"))
	switch res.Status {
	case http.StatusOK:
		l, err := parseLines(res.Body)
		if err == nil && l["type"] != "" {
			v.cgi = true
			v.readOpenCGI(ctx, transport.Printable(l["type"]))
		}
	case http.StatusUnauthorized:
		v.cgi = readRealm(&v.id, res)
	case http.StatusForbidden:
		v.cgi = true
		v.readForbidden(res.Body, "HTTP 403 to a request without a login")
	}
}

// readOpenCGI is for firmware that answers CGI without a login: it is asked the
// little more that nobody needs a login for there.
func (v *visit) readOpenCGI(ctx context.Context, kind string) {
	const from = "CGI without login"
	v.id.Family = family
	note(&v.id, "family", from)
	info := v.openLines(ctx, "getSystemInfo")
	if told := transport.Printable(info["deviceType"]); told != "" {
		kind = told
	}
	readModel(&v.id, from, kind, transport.Printable(info["updateSerial"]))
	if v.id.Serial = transport.Printable(info["serialNumber"]); v.id.Serial != "" {
		note(&v.id, "serial", from)
	}
	version := v.openLines(ctx, "getSoftwareVersion")
	if v.id.Firmware, v.id.Built = readVersion(version["version"], version["build"]); v.id.Firmware != "" {
		note(&v.id, "firmware", from)
	}
	if !v.id.Built.IsZero() {
		note(&v.id, "built", from)
	}
}

// openLines are the values of an answer that needs no login; none if it does.
func (v *visit) openLines(ctx context.Context, action string) lines {
	res, err := v.http.Do(ctx, magicBox(action))
	if err != nil || res.Status != http.StatusOK {
		return nil
	}
	l, err := parseLines(res.Body)
	if err != nil {
		return nil
	}
	return l
}

// serialRealm is a realm with the serial in it; newer firmware has 32 hex digits
// there, of which nothing can be learnt.
var (
	serialRealm = regexp.MustCompile(`^Login to ([0-9A-Za-z_-]{4,31})$`)
	familyRealm = regexp.MustCompile(`^(Login to [!-~]{1,120}|Device_CGI)$`)
)

// readRealm takes what the 401 of a CGI request tells.
func readRealm(id *rekey.Identity, res transport.Response) bool {
	asked := transport.Challenges(res.Header.Values("WWW-Authenticate"))
	realm, digests := "", false
	for _, c := range asked {
		if c.Scheme == "digest" || realm == "" {
			realm = c.Realm
		}
		digests = digests || c.Scheme == "digest"
	}
	if familyRealm.MatchString(realm) {
		takeRealm(id, realm, "HTTP digest realm")
		if !digests {
			id.Odd("basic-only", fmt.Sprintf("Its CGI takes a password only as it is (HTTP Basic), so whoever listens can read it, and rekey sends one that way only with --accept-risk %s: change the password at its own screen, or run with that risk on a network that you trust.", rekey.RiskBasicLogin))
		}
		return true
	}
	if realm != "" || clean(string(res.Body)) != "Invalid Authority!" {
		return false
	}
	// Before its first set-up a recorder says this to every CGI, without a challenge.
	const from = "CGI without a challenge (inferred)"
	id.Family = family
	note(id, "family", from)
	setInit(id, rekey.InitFactory, from)
	return true
}

// takeRealm takes a realm of the family, unless another told as much before.
func takeRealm(id *rekey.Identity, realm, from string) {
	if id.Family == "" {
		id.Family = family
		note(id, "family", from)
	}
	if id.Realm == "" && strings.HasPrefix(realm, "Login to ") { // the other one is the same on every recorder
		id.Realm = realm
		note(id, "realm", from)
	}
	if m := serialRealm.FindStringSubmatch(realm); m != nil && id.Serial == "" {
		id.Serial = m[1]
		note(id, "serial", from)
	}
}

// readForbidden reads a 403 to a request that carried no login. It is no sign of
// another family: this one answers so while it is locked or has banned the
// address. A lock is taken down only where it is told; of a bare 403 a person is
// told what it may be.
func (v *visit) readForbidden(body []byte, from string) {
	said := heard(string(body))
	switch {
	case strings.Contains(said, "Authority:check failure"), strings.Contains(said, "Authorization Failed!"):
		v.learnFamily(from + ", in the family's words")
		return // a right is missing; nothing is locked
	case tellsCode(body):
		v.learnFamily(from + ", with a code of the family")
	}
	v.shut = true
	if tellsCode(body) || tellsLock(body) {
		v.locked(lockState("", body, said), from)
		return
	}
	v.id.Odd("banned-or-locked", "It refuses even requests without a login and does not say why: "+adviceBanned+".")
}

// tellsCode: {"ErrorCode":268632081, ...}.
func tellsCode(body []byte) bool {
	var told struct {
		Code *json.Number `json:"ErrorCode"`
	}
	return json.Unmarshal(body, &told) == nil && number(told.Code, 0) >= familyCodes
}

// locked notes what is told of a lock, the first time.
func (v *visit) locked(e *rekey.LoginError, from string) {
	if v.id.Lock != nil {
		return
	}
	v.id.Lock = &rekey.LockState{Locked: errors.Is(e.Kind, rekey.ErrLocked), For: e.LockedFor, TriesLeft: e.TriesLeft, From: from}
	note(&v.id, "lock", from)
	wait := "30 minutes, as it does not say how long"
	if e.LockedFor > 0 {
		wait = e.LockedFor.Round(time.Second).String() + ", as it says"
	}
	v.id.Odd("banned-or-locked", fmt.Sprintf("It refuses even requests without a login: somebody has locked an account, or this address is banned; stop every client that logs in by itself, wait %s, and look again.", wait))
}

func (v *visit) learnFamily(from string) {
	if v.id.Family == "" {
		v.id.Family = family
		note(&v.id, "family", from)
	}
}

// readPage takes the title of the page, and the maker's name out of it where it
// stands there. It reports whether there is a page.
func (v *visit) readPage(ctx context.Context) bool {
	res, err := v.http.Do(ctx, transport.Request{Path: "/", Limit: 256 << 10})
	if err != nil {
		return false
	}
	if server := res.Header.Get("Server"); server != "" {
		v.server = transport.Printable(server)
	}
	v.title = transport.Title(res.Body)
	v.alike = v.server == "" && strings.EqualFold(v.title, "WEB SERVICE")
	i := slices.IndexFunc(brands, func(b string) bool { return strings.Contains(strings.ToLower(v.title), strings.ToLower(b)) })
	if i >= 0 && res.Status == http.StatusOK && v.id.Vendor == "" {
		v.id.Vendor = brands[i]
		note(&v.id, "vendor", "page title")
	}
	return true
}

// words tell who answers, for something that is no recorder of the family.
func (v *visit) words() string {
	var b strings.Builder
	if v.server != "" {
		fmt.Fprintf(&b, "; it calls itself %q", v.server)
	}
	if v.title != "" {
		fmt.Fprintf(&b, "; its page is titled %q", v.title)
	}
	switch {
	case v.shut:
		b.WriteString("; it refuses requests without a login (HTTP 403), as such a recorder does while it is locked, so look again in 30 minutes if it is one")
	case v.alike:
		b.WriteString(", as on such recorders, but that alone says little")
	}
	return b.String()
}

// alsoAt looks whether the same recorder answers at its encrypted port.
func (v *visit) alsoAt(ctx context.Context, at rekey.Interface) {
	if v.id.Family == "" {
		return
	}
	c := transport.New(at, v.driver.log, v.driver.limits)
	defer c.Close()
	res, err := c.Do(ctx, magicBox("getDeviceType"))
	if err != nil {
		return
	}
	var other rekey.Identity
	switch res.Status {
	case http.StatusUnauthorized:
		if !readRealm(&other, res) || other.Realm != v.id.Realm {
			return
		}
	case http.StatusOK:
		if l, err := parseLines(res.Body); err != nil || l["type"] == "" {
			return
		}
	default:
		return
	}
	v.safe = &at
	c.NoteCertificate(&v.id)
}

// addDoors lists the doors that are there, the encrypted ones first.
func (v *visit) addDoors() {
	at := []rekey.Interface{v.http.At()}
	if v.safe != nil {
		at = []rekey.Interface{*v.safe, at[0]}
	}
	for _, door := range at {
		if v.rpc {
			door.Kind = rekey.InterfaceRPC2
			v.id.Interfaces = append(v.id.Interfaces, door)
		}
		if v.cgi {
			door.Kind = rekey.InterfaceCGI
			v.id.Interfaces = append(v.id.Interfaces, door)
		}
	}
}
