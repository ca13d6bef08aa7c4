package rekey

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Target is where a person says a recorder is.
type Target struct {
	Host string // IP literal without brackets, or a name
	Port int    // HTTP or HTTPS port; 0 = the usual one
	TLS  bool   // the person wrote https://
}

// ParseTarget reads HOST, HOST:PORT, [IPv6]:PORT, or an http(s) URL of those
// without path, user or query. It never resolves names.
func ParseTarget(s string) (Target, error) {
	bad := func(why string) (Target, error) {
		return Target{}, fmt.Errorf("%w: recorder address %q: %s; expected HOST, HOST:PORT or http(s)://HOST[:PORT]", ErrInput, printable(s), why)
	}
	rest, tls := s, false
	if scheme, after, ok := strings.Cut(s, "://"); ok {
		switch strings.ToLower(scheme) {
		case "http":
		case "https":
			tls = true
		default:
			return bad("unknown scheme")
		}
		u, err := url.Parse(s)
		if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/") {
			return bad("only a scheme, a host and a port are allowed")
		}
		rest = strings.TrimSuffix(after, "/")
	}
	host, port := rest, 0
	if strings.HasPrefix(rest, "[") || strings.Count(rest, ":") == 1 {
		h, p, err := net.SplitHostPort(rest)
		switch {
		case err == nil:
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil || n == 0 {
				return bad("the port must be 1 to 65535")
			}
			host, port = h, int(n)
		case strings.HasPrefix(rest, "[") && strings.HasSuffix(rest, "]"):
			host = rest[1 : len(rest)-1]
		default:
			return bad("cannot tell host and port apart")
		}
	}
	if _, err := netip.ParseAddr(host); err != nil && !isHostName(host) {
		return bad("not an IP address or host name")
	}
	return Target{Host: host, Port: port, TLS: tls}, nil
}

// isHostName keeps to letters, digits, dots, dashes and underscores; a name of
// digits and dots alone is a mistyped IP address.
func isHostName(s string) bool {
	if s == "" || len(s) > 253 || strings.HasPrefix(s, "-") || strings.HasPrefix(s, ".") {
		return false
	}
	letter := false
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_':
			letter = true
		case r >= '0' && r <= '9', r == '-', r == '.':
		default:
			return false
		}
	}
	return letter
}

// printable keeps what a person typed readable in an error, whatever it holds.
func printable(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == 0xfffd {
			return '?'
		}
		return r
	}, s)
}

// HTTPPort is the port to start at.
func (t Target) HTTPPort() int {
	switch {
	case t.Port != 0:
		return t.Port
	case t.TLS:
		return 443
	}
	return 80
}

// String is HOST, HOST:PORT or https://HOST[:PORT], as ParseTarget reads it.
func (t Target) String() string {
	s := t.Host
	switch {
	case t.Port != 0:
		s = net.JoinHostPort(t.Host, strconv.Itoa(t.Port))
	case strings.Contains(s, ":") && t.TLS:
		s = "[" + s + "]"
	}
	if t.TLS {
		return "https://" + s
	}
	return s
}

// InterfaceKind names a door of the recorder at which a password can be tried.
type InterfaceKind string

// The doors that drivers know.
const (
	InterfaceRPC2  InterfaceKind = "rpc2" // JSON RPC, what the recorder's own web page uses
	InterfaceCGI   InterfaceKind = "cgi"  // HTTP CGI with digest
	InterfaceRTSP  InterfaceKind = "rtsp" // video streams
	InterfaceONVIF InterfaceKind = "onvif"
	InterfaceISAPI InterfaceKind = "isapi"      // Hikvision's HTTP
	InterfaceSDK   InterfaceKind = "sdk"        // the maker's own client
	InterfaceWeb   InterfaceKind = "web"        // a web page for people: the recorder's own, or one of a kind that no driver knows
	InterfaceSeat  InterfaceKind = "local seat" // monitor and mouse; no driver reaches it
)

// Interface is one door and where it is.
type Interface struct {
	Kind InterfaceKind `json:"kind"`
	Host string        `json:"host"`
	Port int           `json:"port"`
	TLS  bool          `json:"tls"`
	// CertSHA256 is the fingerprint of the leaf certificate in hex, where TLS was seen.
	CertSHA256 string `json:"cert_sha256,omitempty"`
}

// String is the kind and how it is reached, e.g. "rpc2 over TLS".
func (i Interface) String() string {
	if i.TLS {
		return string(i.Kind) + " over TLS"
	}
	return string(i.Kind)
}

// Address is host:port.
func (i Interface) Address() string { return net.JoinHostPort(i.Host, strconv.Itoa(i.Port)) }

// InitState tells whether the recorder has had its first set-up.
type InitState string

// What a recorder may say of its first set-up.
const (
	InitUnknown InitState = "unknown"
	InitDone    InitState = "initialised"
	InitFactory InitState = "factory state"
)

// Oddity is something about a recorder that differs from what one would expect,
// and that a person should know before going on.
type Oddity struct {
	ID    string `json:"id"`    // stable, e.g. "certificate-expired"
	Words string `json:"words"` // one sentence, with what to do where there is something to do
}

// LockState is what a recorder tells about its lock to somebody who has not
// tried to log in.
type LockState struct {
	Locked    bool          `json:"locked"`
	For       time.Duration `json:"for_ns,omitempty"` // until it opens again; 0: not told
	TriesLeft int           `json:"tries_left"`       // -1: not told
	From      string        `json:"from"`             // which answer told it
}

// Fact is where one thing about a recorder was learnt, e.g. {"model", "DHIP reply"}.
type Fact struct {
	What string `json:"what"`
	From string `json:"from"`
}

// Identity is what is known of a recorder without a login. Empty fields are unknown.
type Identity struct {
	Family   string    `json:"family"` // protocol family: the driver's name, e.g. "dahua"
	Vendor   string    `json:"vendor,omitempty"`
	Model    string    `json:"model,omitempty"`
	Class    string    `json:"class,omitempty"` // NVR, DVR, IPC, ...
	Name     string    `json:"name,omitempty"`  // what the owner called it
	Serial   string    `json:"serial,omitempty"`
	DeviceID string    `json:"device_id,omitempty"` // on the label; not the serial
	MAC      string    `json:"mac,omitempty"`
	Realm    string    `json:"realm,omitempty"` // of its HTTP digest; one a recorder
	Firmware string    `json:"firmware,omitempty"`
	Channels int       `json:"channels,omitempty"`
	UUID     string    `json:"uuid,omitempty"` // of its ONVIF endpoint
	Built    time.Time `json:"built,omitzero"` // the day its firmware was built
	Init     InitState `json:"init"`
	// Resets are the ways of resetting a password that the recorder itself
	// announces, in words.
	Resets []string `json:"resets,omitempty"`
	// Generation is its security generation, in words.
	Generation string      `json:"security_generation,omitempty"`
	Lock       *LockState  `json:"lock,omitempty"` // nil: not told
	Oddities   []Oddity    `json:"oddities,omitempty"`
	Interfaces []Interface `json:"interfaces,omitempty"`
	Learnt     []Fact      `json:"learnt,omitempty"`
}

// Key is a name for the recorder by what it tells now: Device ID, serial, MAC or
// realm, else its address. It may tell less another time; job.Runner.Recognise
// gives the key that stays.
func (id Identity) Key(t Target) string {
	for _, k := range []string{id.DeviceID, id.Serial, id.MAC, id.Realm} {
		if k != "" {
			return k
		}
	}
	return t.String()
}

// Odd adds an oddity, once.
func (id *Identity) Odd(oddity, words string) {
	if !slices.ContainsFunc(id.Oddities, func(o Oddity) bool { return o.ID == oddity }) {
		id.Oddities = append(id.Oddities, Oddity{ID: oddity, Words: words})
	}
}

// Credit names from as the source of all that is known and has none yet.
func (id *Identity) Credit(from string) {
	for _, f := range []struct {
		what  string
		known bool
	}{
		{"family", id.Family != ""}, {"vendor", id.Vendor != ""}, {"model", id.Model != ""}, {"class", id.Class != ""},
		{"name", id.Name != ""}, {"serial", id.Serial != ""}, {"device id", id.DeviceID != ""}, {"mac", id.MAC != ""},
		{"realm", id.Realm != ""}, {"firmware", id.Firmware != ""}, {"built", !id.Built.IsZero()}, {"channels", id.Channels != 0},
		{"uuid", id.UUID != ""}, {"init", id.Init != "" && id.Init != InitUnknown}, {"resets", len(id.Resets) > 0},
		{"security generation", id.Generation != ""}, {"lock", id.Lock != nil},
	} {
		if f.known && !slices.ContainsFunc(id.Learnt, func(l Fact) bool { return l.What == f.what }) {
			id.Learnt = append(id.Learnt, Fact{What: f.what, From: from})
		}
	}
}

// Interface returns the first door of that kind.
func (id Identity) Interface(kind InterfaceKind) (Interface, bool) {
	for _, i := range id.Interfaces {
		if i.Kind == kind {
			return i, true
		}
	}
	return Interface{}, false
}

// Login is an account with a password that somebody claims for it.
type Login struct {
	Account  string
	Password Secret
}

// Account is a user of the recorder, as it lists them. Passwords are never listed.
type Account struct {
	Name     string    `json:"name"`
	Group    string    `json:"group"` // "admin" holds every right
	Memo     string    `json:"memo,omitempty"`
	Reserved bool      `json:"reserved"`                  // cannot be deleted
	Changed  time.Time `json:"password_changed,omitzero"` // when its password was last set, where told
}

// ActiveUser is somebody who is logged in now.
type ActiveUser struct {
	Account string `json:"account"`
	Address string `json:"address"`
	Client  string `json:"client"` // e.g. "Web3.0", "CGI", "GUI" (the local seat)
}

// LockPolicy is after how many wrong tries a recorder locks an account, and for how long.
type LockPolicy struct {
	Enabled bool          `json:"enabled"`
	Tries   int           `json:"tries"`
	LockFor time.Duration `json:"lock_for_ns"`
}

// Recording is one footage file on the recorder. Times are the recorder's wall
// clock: Dahua-family recorders tell no zone.
type Recording struct {
	Channel int       `json:"channel"` // from 1, as on the recorder's screen
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Path    string    `json:"path"` // as the recorder names it; opaque
	Size    int64     `json:"size"` // bytes; 0 when not told
	Kind    string    `json:"kind"` // dav, mp4, jpg
}

// Setting is one named block of the recorder's settings, in the recorder's own form.
type Setting struct {
	Name string
	Data []byte
}

// Service is something that listens or calls out, and can be switched.
type Service struct {
	Name    string `json:"name"` // http, https, rtsp, upnp, p2p, telnet, ssh, snmp, multicast, onvif-without-login
	Enabled bool   `json:"enabled"`
	Port    int    `json:"port,omitempty"`
}
