package faces

import (
	"crypto/sha1" // #nosec G505 -- what the profile uses
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"rekey/internal/recorder/clips"
)

// ONVIFLogin is which logins a device knows.
type ONVIFLogin string

// The logins of the standard.
const (
	ByToken  ONVIFLogin = "token"  // WS-Security UsernameToken
	ByDigest ONVIFLogin = "digest" // HTTP digest
	ByBoth   ONVIFLogin = "both"   // either
)

// ONVIFBox is a recorder of no known maker that can be logged in to by ONVIF.
type ONVIFBox struct {
	Keys   *Keys
	Login  ONVIFLogin
	Ahead  time.Duration // its clock against the true one
	Status int           // of HTTP, with which it refuses a token; 400 when 0
	NoTLS  bool
	Mute   bool // tells no number of tries
	// Footage is what it has recorded, searched and played as in Profile G; nil:
	// it has no services for that.
	Footage *clips.Store
	// Complexity is its rule of passwords, told as a security policy; nil: none is told.
	Complexity *Complexity
	// NoClock: it tells nobody its time.
	NoClock bool

	mu       sync.Mutex
	nonces   map[string]bool
	off      map[string]bool      // protocols that were switched off
	searches map[string]*soapFind // by token, until they are ended
}

// Complexity is what a device demands of a password.
type Complexity struct {
	MinLen, Uppercase, Number, SpecialChars int
	BlockUsernameOccurrence                 bool
}

// tolerance is how near to its clock a token must be made.
const tolerance = 5 * time.Second

// Face is how it is switched on.
func (o *ONVIFBox) Face() Face {
	o.nonces, o.off, o.searches = map[string]bool{}, map[string]bool{}, map[string]*soapFind{}
	pages := func(door string) func(*Box) http.Handler {
		return func(b *Box) http.Handler { return o.Keys.troubled(b, o.pages(b, door)) }
	}
	f := Face{Name: "ONVIF with accounts", HTTP: pages("http"), RTSP: o.streams}
	if !o.NoTLS {
		f.HTTPS = pages("https")
	}
	if o.Footage != nil {
		f.RTSP, f.Replay = nil, o.replays
	}
	return f
}

func (o *ONVIFBox) streams(*Box) http.Handler {
	g := newGuard(o.Keys, "rtsp", "ONVIF")
	g.old = true
	return streamsOf(g, "/")
}

// soapCall is a request, with its token where it has one.
type soapCall struct {
	Token *soapToken `xml:"Header>Security>UsernameToken"`
	Body  struct {
		Inner []struct {
			XMLName xml.Name
			Users   []soapUser `xml:"User"`
			Doors   []soapDoor `xml:"NetworkProtocols"`
			soapFind
			soapReplay
		} `xml:",any"`
	} `xml:"Body"`
}

type soapToken struct {
	Username string
	Password struct {
		Type string `xml:"Type,attr"`
		Text string `xml:",chardata"`
	}
	Nonce, Created string
}

type soapDoor struct {
	Name    string
	Enabled bool
	Port    []int
}

type soapUser struct {
	Username  string
	Password  *string
	UserLevel string
}

func (o *ONVIFBox) pages(b *Box, door string) http.Handler {
	g := newGuard(o.Keys, door, "ONVIF")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", page("NVR", ""))
	mux.HandleFunc("POST /onvif/{service}", func(w http.ResponseWriter, r *http.Request) {
		var c soapCall
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
		w.Header().Set("Date", o.now().Format(http.TimeFormat))
		if err := xml.Unmarshal(body, &c); err != nil || len(c.Body.Inner) != 1 {
			o.Keys.blame("a request that is no SOAP")
			soapFault(w, http.StatusBadRequest, "Sender", "WellFormed", "Well-formed Error")
			return
		}
		if !o.everybodys(b, w, r.PathValue("service"), c.Body.Inner[0].XMLName.Local) && o.admit(w, r, g, c.Token) {
			o.obey(b, w, r, c)
		}
	})
	return mux
}

// everybodys answers what needs no login.
func (o *ONVIFBox) everybodys(b *Box, w http.ResponseWriter, service, operation string) bool {
	here := "http://" + b.at(b.Ports.HTTP) + "/onvif/device_service"
	var answer string
	switch operation {
	case "GetSystemDateAndTime":
		if o.NoClock {
			return false
		}
		answer = o.clock()
	case "GetServices":
		answer = o.services(strings.TrimSuffix(here, "device_service"))
	case "GetCapabilities":
		answer = "<tds:Capabilities><tt:Device><tt:XAddr>" + here + "</tt:XAddr></tt:Device></tds:Capabilities>"
	case "GetServiceCapabilities":
		if service != "device_service" {
			o.capabilities(w, service)
			return true
		}
		answer = o.security()
	case "GetHostname":
		answer = "<tds:HostnameInformation><tt:FromDHCP>false</tt:FromDHCP><tt:Name>nvr</tt:Name></tds:HostnameInformation>"
	default:
		return false
	}
	soapAnswer(w, operation, answer)
	return true
}

func soapAnswer(w http.ResponseWriter, operation, answer string) {
	_, _ = io.WriteString(w, soapHead+"<tds:"+operation+"Response>"+answer+"</tds:"+operation+"Response>"+soapTail)
}

func (o *ONVIFBox) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Now().UTC().Add(o.Ahead)
}

// Shift sets its clock, as a power cut does where the battery is empty.
func (o *ONVIFBox) Shift(ahead time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Ahead = ahead
}

func (o *ONVIFBox) clock() string {
	now := o.now()
	return fmt.Sprintf("<tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>UTC0</tt:TZ></tt:TimeZone>"+
		"<tt:UTCDateTime><tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time><tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>",
		now.Hour(), now.Minute(), now.Second(), now.Year(), now.Month(), now.Day())
}

// admit: a login must come, and every login that comes must be right.
func (o *ONVIFBox) admit(w http.ResponseWriter, r *http.Request, g *guard, t *soapToken) bool {
	authorization := r.Header.Get("Authorization")
	if t != nil && o.Login != ByDigest {
		v := o.Keys.judge(g.door, t.Username, func(password string) bool { return o.made(t, password) })
		if !v.ok {
			o.refuse(w, &v)
			return false
		}
		if authorization == "" {
			return true
		}
	}
	if o.Login == ByToken {
		o.refuse(w, nil)
		return false
	}
	if who, _ := g.admit(w, r.Method, r.RequestURI, authorization); who == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return false
	}
	return true
}

// made tells whether a token was made with that password, near the box's time and
// never before.
func (o *ONVIFBox) made(t *soapToken, password string) bool {
	created, err := time.Parse(time.RFC3339, t.Created)
	if off := created.Sub(o.now()).Abs(); err != nil || off > tolerance {
		o.Keys.blame("a token made at another time: %q, off by %s", t.Created, off.Round(time.Second))
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(t.Nonce)
	if err != nil || len(raw) == 0 || !strings.HasSuffix(t.Password.Type, "#PasswordDigest") {
		o.Keys.blame("a token without nonce, or with the password itself")
		return false
	}
	o.mu.Lock()
	used := o.nonces[t.Nonce]
	o.nonces[t.Nonce] = true
	o.mu.Unlock()
	if used {
		o.Keys.blame("a nonce sent twice")
		return false
	}
	sum := sha1.Sum(slices.Concat(raw, []byte(t.Created), []byte(password))) // #nosec G401 -- what the profile uses
	return base64.StdEncoding.EncodeToString(sum[:]) == t.Password.Text
}

func (o *ONVIFBox) refuse(w http.ResponseWriter, v *verdict) {
	text := "Sender not Authorized"
	switch {
	case v == nil:
	case o.Mute:
		text = "Sender not Authorized. Invalid username or password!"
	case v.locked:
		text = "Sender not Authorized. The account is locked! You still have 0 attempt(s)."
	default:
		text = fmt.Sprintf("Sender not Authorized. Invalid username or password! You still have %d attempt(s).", v.left)
	}
	status := o.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	soapFault(w, status, "Sender", "NotAuthorized", text)
}

// obey does what needs a login.
func (o *ONVIFBox) obey(b *Box, w http.ResponseWriter, r *http.Request, c soapCall) {
	switch operation := c.Body.Inner[0].XMLName.Local; operation {
	case "GetDeviceInformation":
		soapAnswer(w, operation, "<tds:Manufacturer>Vista</tds:Manufacturer><tds:Model>VX-3216</tds:Model><tds:FirmwareVersion>2.1.7</tds:FirmwareVersion><tds:SerialNumber>VX00TEST3216</tds:SerialNumber><tds:HardwareId>1.0</tds:HardwareId>")
	case "GetScopes":
		soapAnswer(w, operation, "<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>onvif://www.onvif.org/name/NVR</tt:ScopeItem></tds:Scopes>")
	case "GetNetworkProtocols":
		soapAnswer(w, operation, o.protocols(b))
	case "GetUsers":
		var all strings.Builder
		for _, a := range o.Keys.Accounts() {
			fmt.Fprintf(&all, "<tds:User><tt:Username>%s</tt:Username><tt:UserLevel>%s</tt:UserLevel></tds:User>", a.Name, a.Level)
		}
		soapAnswer(w, operation, all.String())
	case "SetNetworkProtocols":
		o.switches(w, operation, c.Body.Inner[0].Doors)
	case "SetUser", "CreateUsers":
		o.Keys.attempt()
		if r.TLS == nil {
			o.Keys.blame("a password in the clear over HTTP")
		}
		o.write(w, operation, c.Body.Inner[0].Users)
	case "GetPasswordComplexityConfiguration", "GetPasswordComplexityOptions":
		o.complexity(w, operation)
	default:
		if o.Footage == nil || !o.recorded(b, w, operation, c) {
			soapFault(w, http.StatusInternalServerError, "Receiver", "ActionNotSupported", "Optional Action Not Implemented")
		}
	}
}

func (o *ONVIFBox) protocols(b *Box) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all strings.Builder
	for _, p := range []struct {
		name string
		port int
	}{{"HTTP", b.Ports.HTTP}, {"HTTPS", b.Ports.HTTPS}, {"RTSP", b.Ports.RTSP}} {
		// A second port of 0 is what some devices tell.
		fmt.Fprintf(&all, "<tds:NetworkProtocols><tt:Name>%s</tt:Name><tt:Enabled>%t</tt:Enabled><tt:Port>%d</tt:Port><tt:Port>0</tt:Port></tds:NetworkProtocols>", p.name, p.port != 0 && !o.off[p.name], p.port)
	}
	return all.String()
}

// switches sets what is named, and leaves the rest.
func (o *ONVIFBox) switches(w http.ResponseWriter, operation string, doors []soapDoor) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range doors {
		if !slices.Contains([]string{"HTTP", "HTTPS", "RTSP"}, d.Name) {
			soapFault2(w, "Sender", "InvalidArgVal", "ServiceNotSupported")
			return
		}
	}
	for _, d := range doors {
		o.off[d.Name] = !d.Enabled
	}
	soapAnswer(w, operation, "")
}

// write sets all of the users or none.
func (o *ONVIFBox) write(w http.ResponseWriter, operation string, users []soapUser) {
	for _, u := range users {
		if code, sub, subsub := o.objection(operation, u); code != "" {
			soapFault2(w, code, sub, subsub)
			return
		}
	}
	for _, u := range users {
		password := ""
		if u.Password != nil {
			password = *u.Password
		}
		if operation == "CreateUsers" {
			o.Keys.create(Account{u.Username, password, u.UserLevel})
		}
		o.Keys.change(u.Username, password)
	}
	if len(users) == 0 {
		o.Keys.blame("%s of nobody", operation)
	}
	soapAnswer(w, operation, "")
}

func (k *Keys) create(a Account) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.accounts = append(k.accounts, a)
}

// objection is the fault that a user gets; empty: none.
func (o *ONVIFBox) objection(operation string, u soapUser) (code, sub, subsub string) {
	all := o.Keys.Accounts()
	n := slices.IndexFunc(all, func(a Account) bool { return a.Name == u.Username })
	switch {
	case operation == "SetUser" && n < 0:
		return "Sender", "InvalidArgVal", "UsernameMissing"
	case operation == "CreateUsers" && n >= 0:
		return "Sender", "OperationProhibited", "UsernameClash"
	case u.Password == nil && operation == "SetUser":
		o.Keys.blame("SetUser without a password, which clears it")
	case u.Password != nil && len(*u.Password) > 28:
		return "Sender", "OperationProhibited", "PasswordTooLong"
	case u.Password != nil && (len(*u.Password) < 8 || o.Complexity != nil && !o.Complexity.takes(u.Username, *u.Password)):
		return "Sender", "OperationProhibited", "PasswordTooWeak"
	}
	if operation == "SetUser" && u.UserLevel != all[n].Level {
		o.Keys.blame("SetUser with another level")
	}
	return "", "", ""
}

func soapFault2(w http.ResponseWriter, code, sub, subsub string) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, soapHead+`<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:%s</SOAP-ENV:Value><SOAP-ENV:Subcode><SOAP-ENV:Value>ter:%s</SOAP-ENV:Value><SOAP-ENV:Subcode><SOAP-ENV:Value>ter:%s</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">%s</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>`+soapTail, code, sub, subsub, subsub)
}
