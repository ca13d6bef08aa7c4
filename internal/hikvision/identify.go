package hikvision

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/icholy/digest"

	"rekey"
	"rekey/internal/transport"
)

// Paths that are asked without a login. An unauthenticated request gets a
// challenge and counts as no try.
const (
	pathDeviceInfo = "/ISAPI/System/deviceInfo"
	pathUserCheck  = "/ISAPI/Security/userCheck"
)

// mostAnswer is far more than any of these answers has; whoever serves one page
// for every path should be told from an answer that breaks off.
const mostAnswer = 1 << 20

// sideWait is how long the usual port of HTTPS has to answer.
const sideWait = 3 * time.Second

// Identify looks at what ISAPI says to anybody: rarely the device information,
// mostly a challenge, on newer firmware with the state of the lock. At most three
// requests a port, none with a login; where no port was named, the usual one of
// HTTPS is looked at too. rekey.ErrNotRecorder: it is none of this family.
func (d *Driver) Identify(ctx context.Context, t rekey.Target) (rekey.Identity, error) {
	at := rekey.Interface{Kind: rekey.InterfaceISAPI, Host: t.Host, Port: t.HTTPPort(), TLS: t.TLS}
	id, moved, err := transport.Follow(at, func(at rekey.Interface) (rekey.Identity, error) { return d.fingerprint(ctx, at) })
	if err != nil {
		return rekey.Identity{}, err
	}
	moved.Note(&id)
	if t.Port == 0 && !id.Interfaces[0].TLS {
		d.lookBeside(ctx, &id)
	}
	if !slices.ContainsFunc(id.Interfaces, func(i rekey.Interface) bool { return i.TLS }) {
		id.Odd("no-encryption", "No encrypted door was seen at it, so passwords can be read on their way over the network; switch its HTTPS on, or change passwords at its own screen.")
	}
	return id, nil
}

// lookBeside looks whether the same recorder answers at the usual port of HTTPS.
// Behind a router that may be another box, which has another realm.
func (d *Driver) lookBeside(ctx context.Context, id *rekey.Identity) {
	ctx, cancel := context.WithTimeout(ctx, sideWait)
	defer cancel()
	at := id.Interfaces[0]
	at.Port, at.TLS = d.https, true
	there, err := d.fingerprint(ctx, at)
	if err != nil || there.Realm != id.Realm || there.Serial != id.Serial {
		return
	}
	id.Interfaces = append(id.Interfaces, there.Interfaces...)
	for _, f := range there.Learnt {
		if !knows(id, f.What) {
			id.Learnt = append(id.Learnt, f)
		}
	}
	for _, o := range there.Oddities {
		id.Odd(o.ID, o.Words)
	}
}

// look gathers what was seen. A sure sign is enough; hints must be two, for a
// realm or a server name alone says little.
type look struct {
	id     rekey.Identity
	sure   string // what told it
	hints  []string
	isapi  bool   // ISAPI itself answered
	basic  bool   // it offers no digest
	banned bool   // it answered 403
	server string // its own name, for who reads why it is none
	title  string
}

func (l *look) known() bool { return l.sure != "" || len(l.hints) >= 2 }

func (l *look) hint(what string) {
	if !slices.Contains(l.hints, what) {
		l.hints = append(l.hints, what)
	}
}

// fingerprint asks at one web port, and no more than is needed to know.
func (d *Driver) fingerprint(ctx context.Context, at rekey.Interface) (rekey.Identity, error) {
	c := transport.New(at, d.log, d.limits)
	defer c.Close()
	l := &look{id: rekey.Identity{Init: rekey.InitUnknown}}
	again, err := l.ask(ctx, c, pathDeviceInfo, "ISAPI deviceInfo without login")
	if err == nil && again {
		_, err = l.ask(ctx, c, pathUserCheck, "ISAPI userCheck without login")
	}
	if err == nil && !l.known() && len(l.hints) > 0 {
		err = l.readPage(ctx, c)
	}
	if err != nil {
		return l.id, err
	}
	if !l.known() {
		return l.id, l.notOurs(at)
	}
	id := l.identity(c.At())
	c.NoteCertificate(&id)
	return id, nil
}

// ask puts one question without a login. It reports whether another one may tell
// more: it was refused, and not by a stranger.
func (l *look) ask(ctx context.Context, c *transport.Client, path, from string) (again bool, err error) {
	res, err := c.Do(ctx, transport.Request{Path: path, Limit: mostAnswer})
	var elsewhere *transport.RedirectError
	switch {
	case errors.As(err, &elsewhere) && elsewhere.Within():
		l.readMove(elsewhere)
		return false, nil
	case err != nil:
		return false, err
	}
	stranger := l.read(res, from)
	refused := res.Status == http.StatusUnauthorized || res.Status == http.StatusForbidden
	return refused && !stranger && l.sure == "", nil
}

// identity is what was seen, with the door at which it was.
func (l *look) identity(door rekey.Interface) rekey.Identity {
	l.id.Family = family
	from := l.sure
	if from == "" {
		from = strings.Join(l.hints, " and ")
	}
	l.id.Learnt = append([]rekey.Fact{{What: "family", From: from}}, l.id.Learnt...)
	l.id.Credit(from)
	if l.basic {
		l.id.Odd("basic-only", "It takes passwords only in the clear (HTTP Basic): use it over HTTPS or at the box itself, and look for newer firmware.")
	}
	if l.banned && l.id.Init != rekey.InitFactory {
		l.id.Odd("banned-or-locked", "It refuses even a question without a login: the account or this computer's address may be locked. Wait 30 minutes without any login, then look again.")
	}
	if !l.isapi {
		door.Kind = rekey.InterfaceWeb
	}
	l.id.Interfaces = append(l.id.Interfaces, door)
	return l.id
}

// notOurs says what answered.
func (l *look) notOurs(at rekey.Interface) error {
	seen := ""
	if l.server != "" {
		seen += fmt.Sprintf(", server %q", l.server)
	}
	if l.title != "" {
		seen += fmt.Sprintf(", page title %q", l.title)
	}
	return fmt.Errorf("%w: what answers at %s does not speak Hikvision's ISAPI%s", rekey.ErrNotRecorder, at.Address(), seen)
}

var (
	// ownServer names itself in the Server header of this firmware alone.
	ownServer = regexp.MustCompile(`(?i)^(app-webs|dnvrs-webs|dvrdvs-webs|dvrnvrdvs-webs|hikvision-webs)\b`)
	// ownRealm is a realm as this firmware has it; others may have it too.
	ownRealm = regexp.MustCompile(`(?i)^(IP Camera\([0-9A-Za-z]{1,16}\)|DVR|NVR|DVRDVS|DVRNVRDVS|i?DS-[!-~]{1,60}|[0-9a-f]{16,64})$`)
	// hashedRealm is one of its own on each recorder.
	hashedRealm = regexp.MustCompile(`^[0-9a-f]{16,64}$`)
	// dahuaRealm belongs to another family.
	dahuaRealm = regexp.MustCompile(`^(Login to |Device_CGI)`)
)

// read takes one answer of ISAPI. It reports whether it is surely a stranger's,
// so that nothing more needs to be asked.
func (l *look) read(res transport.Response, from string) (stranger bool) {
	l.server = transport.Printable(res.Header.Get("Server"))
	if ownServer.MatchString(l.server) {
		l.hint("HTTP server name")
	}
	switch res.Status {
	case http.StatusUnauthorized:
		stranger = l.readChallenge(res.Header)
	case http.StatusForbidden:
		l.banned = true
	case http.StatusOK, http.StatusBadRequest:
	default:
		return false
	}
	if root, f, err := parseFields(res.Body); err == nil {
		l.readBody(root, f, from)
	}
	return stranger
}

// readChallenge takes the realm. It reports whether it is another family's.
func (l *look) readChallenge(h http.Header) (stranger bool) {
	realm, isDigest := realmOf(h)
	l.basic = realm != "" && !isDigest
	if dahuaRealm.MatchString(realm) {
		return true
	}
	if !ownRealm.MatchString(realm) {
		return false
	}
	l.isapi = true
	l.hint("HTTP realm")
	if hashedRealm.MatchString(realm) {
		l.id.Realm = realm
	}
	if classOf(realm) == "IPC" {
		l.id.Class = "IPC"
	}
	return false
}

var basicRealm = regexp.MustCompile(`(?i)^basic realm="([^"]*)"`)

// realmOf is the realm of the digest challenge, else of the Basic one.
func realmOf(h http.Header) (realm string, isDigest bool) {
	for _, v := range h.Values("WWW-Authenticate") {
		if m := basicRealm.FindStringSubmatch(v); m != nil && realm == "" {
			realm = m[1]
		}
		if c, err := digest.ParseChallenge(v); err == nil {
			return c.Realm, true
		}
	}
	return realm, false
}

// readBody takes what ISAPI says, by the name of its answer.
func (l *look) readBody(root string, f fields, from string) {
	switch root {
	case "DeviceInfo":
		if f.text("model") == "" && f.text("serialNumber") == "" {
			return
		}
		readDeviceInfo(&l.id, f)
	case "userCheck":
		readLock(&l.id, f)
	case "ResponseStatus":
		if f.text("subStatusCode") == "" && !strings.HasPrefix(f.text("requestURL"), "/ISAPI/") {
			return
		}
	default:
		return
	}
	l.isapi, l.sure = true, from
	activated, told := f.is("isActivated")
	if strings.EqualFold(f.text("subStatusCode"), "notActivated") || (told && !activated) {
		factoryState(&l.id)
	} else if told {
		l.id.Init = rekey.InitDone
	}
	l.id.Credit(from)
}

// readDeviceInfo takes /ISAPI/System/deviceInfo.
func readDeviceInfo(id *rekey.Identity, f fields) {
	id.Model, id.Serial, id.Name = f.text("model"), f.text("serialNumber"), f.text("deviceName")
	id.MAC = macOf(f.text("macAddress"))
	if id.Class = classOf(f.text("deviceType")); id.Class == "" {
		id.Class = f.text("deviceType")
	}
	id.Firmware, id.Built = splitFirmware(f.text("firmwareVersion"))
	if id.Built.IsZero() {
		_, id.Built = splitFirmware(" " + f.text("firmwareReleasedDate"))
	}
	readBrand(id, f.text("manufacturer"))
}

// readLock takes what newer firmware tells in userCheck. lockStatus is "lock" or
// "unlock", unlockTime seconds, retryLoginTime the tries left.
func readLock(id *rekey.Identity, f fields) {
	lock := rekey.LockState{TriesLeft: -1, From: "ISAPI userCheck"}
	status := strings.ToLower(f.text("lockStatus"))
	lock.Locked = status == "lock" || status == "locked"
	if n, ok := f.number("retryLoginTime", 1000); ok {
		lock.TriesLeft = n
	}
	if n, ok := f.number("unlockTime", 7*24*3600); ok && lock.Locked {
		lock.For = time.Duration(n) * time.Second
	}
	if status != "" || lock.TriesLeft >= 0 {
		id.Lock = &lock
	}
	if lock.Locked {
		id.Odd("banned-or-locked", "It is locked after wrong passwords: make no login until the time is over.")
	}
}

// ownPage are the pages of this firmware.
var ownPage = regexp.MustCompile(`/doc/(page/login\.asp|index\.html|page/config\.asp)`)

// readPage looks at the start page, or at where it sends on to.
func (l *look) readPage(ctx context.Context, c *transport.Client) error {
	res, err := c.Do(ctx, transport.Request{Path: "/", Limit: mostAnswer})
	var elsewhere *transport.RedirectError
	if errors.As(err, &elsewhere) {
		l.readMove(elsewhere)
		return nil
	}
	if err != nil {
		return err
	}
	l.title = transport.Title(res.Body)
	if ownPage.Match(res.Body) {
		l.hint("web page")
	}
	return nil
}

// readMove takes a redirect to a page of the same host.
func (l *look) readMove(to *transport.RedirectError) {
	if to.Same && ownPage.MatchString(to.Path) {
		l.hint("web page")
	}
}
