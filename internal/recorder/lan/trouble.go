package lan

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"

	"rekey/internal/recorder"
)

// Trouble is what may be wrong with a recorder, for tests of its clients. It is
// set in the process that serves the recorder; nothing on the LAN reaches it.
// The zero value is a recorder that is well, and a nil one, too.
type Trouble struct{ kind atomic.Int32 }

// TroubleKind is one thing that may be wrong.
type TroubleKind int32

// What may be wrong. None of these counts a try.
const (
	NoTrouble       TroubleKind = iota
	ConnectionLimit             // all logins are taken: CGI 401 whatever is sent, RPC2 268632075, ONVIF and RTSP 503
	BannedAddress               // the client's address is banned: CGI, ONVIF and RTSP 403, RPC2 268632073
	Uninitialised               // nobody has set it up: CGI and RTSP 401, RPC2 268632086, DevInit says so
	RedirectToHTTPS             // plain HTTP is answered with 302 to HTTPS
	ChangesNothing              // a change of a password is answered OK and not made
	DiskError                   // the disk is there and says that it is broken
	NoDisk                      // there is no disk in it
	Upgrading                   // firmware is being written
)

// Set makes the recorder have this trouble from now on.
func (t *Trouble) Set(k TroubleKind) { t.kind.Store(int32(k)) }

func (t *Trouble) is(k TroubleKind) bool { return t != nil && TroubleKind(t.kind.Load()) == k }

// initialised tells whether the recorder says that it is set up.
func (l *lan) initialised() bool { return l.box.Initialised() && !l.trouble.is(Uninitialised) }

// changes makes a change of a password, or only says so.
func (l *lan) changes(do func() error) error {
	if l.trouble.is(ChangesNothing) {
		return nil
	}
	return do()
}

// redirected sends a client to HTTPS. Assumed: 302, whatever the method was.
func (l *lan) redirected(w http.ResponseWriter, r *http.Request) bool {
	if r.TLS != nil || l.ports.HTTPS == 0 || !l.trouble.is(RedirectToHTTPS) {
		return false
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	to := url.URL{Scheme: "https", Host: net.JoinHostPort(host, strconv.Itoa(l.ports.HTTPS)), Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, to.String(), http.StatusFound) //nolint:gosec // to the name by which the client came
	return true
}

// EventMistake is the event in the security log of what a client did and no
// careful one does: it tells a test what the recorder's answer may not.
const EventMistake = "client.mistake"

// mistake records one. Secrets are not in it.
func (l *lan) mistake(account, what string, from recorder.Client) {
	l.log.Warn("a client made a mistake", "what", what, "from", from.Address)
	if !l.mistakes.limit.Allow() {
		return
	}
	detail := map[string]string{"address": from.Address, "client": from.Type, "via": string(from.Via)}
	if err := l.box.Record(EventMistake, account, account, what, detail); err != nil {
		l.log.Error("record a client's mistake", "error", err)
	}
}

// readable records a password that crossed plain HTTP although the recorder has
// a door where it would not have been readable.
func (l *lan) readable(r *http.Request, account string, from recorder.Client) {
	if r.TLS == nil && (l.traits.HTTPS || l.traits.RPC2.Envelope) {
		l.mistake(account, "a password was sent readable over plain HTTP", from)
	}
}
