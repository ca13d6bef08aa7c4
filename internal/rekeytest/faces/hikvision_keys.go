package faces

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"rekey/internal/recorder/clips"
)

// HikvisionBox is a recorder of that family that can be logged in to.
type HikvisionBox struct {
	Keys *Keys
	// RiskStatus is the HTTP status with which it refuses a weak password: 200 or
	// 400; 400 when 0.
	RiskStatus int
	// Plain: it tells a refused login nothing of its lock, as older firmware.
	Plain bool
	// NoTLS: it has no HTTPS.
	NoTLS bool
	// Reboot: it answers a change with statusCode 7, reboot required.
	Reboot bool
	// Optional: it changes a password without loginPassword too.
	Optional bool
	// Footage is what it has recorded; nil: it refuses the search with notSupport.
	Footage *clips.Store
	// Tells: it has the nodes for who is logged in and for its lock.
	Tells bool
	// OwnCamera: a third camera has the administrator's password of today, and the
	// box logs in there with the administrator's password of the moment until
	// that camera is given a login of its own.
	OwnCamera bool
	// Busy: it is at its limit of connections and serves nobody who logs in.
	Busy bool
	// New: it has not been activated.
	New bool
	// Redirect is where its HTTP port sends everybody, path and all; nil: nowhere.
	Redirect func(*Box) string

	mu      sync.Mutex
	off     map[string]bool // protocols that were switched off
	online  map[string]string
	camera  hikCamera
	lockOn  bool
	lockFor time.Duration
}

// Face is how it is switched on.
func (h *HikvisionBox) Face() Face {
	h.off, h.online = map[string]bool{"WebSocket": true}, map[string]string{}
	h.lockOn, h.lockFor = true, 30*time.Minute
	h.camera.password, _ = h.Keys.password("admin")
	pages := func(door string) func(*Box) http.Handler {
		return func(b *Box) http.Handler { return h.Keys.troubled(b, h.pages(b, door)) }
	}
	f := Face{Name: "Hikvision with accounts", HTTP: pages("http"), RTSP: h.streams, SDK: true}
	if !h.NoTLS {
		f.HTTPS = pages("https")
	}
	if h.Redirect != nil {
		f.HTTP = h.redirecting
	}
	return f
}

const hikRealm = "DVRNVRDVS"

func (h *HikvisionBox) streams(*Box) http.Handler {
	g := newGuard(h.Keys, "rtsp", hikRealm)
	g.old = true
	return streamsOf(g, "/streaming/channels/")
}

// streamsOf opens streams below that path to who logs in.
func streamsOf(g *guard, below string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == "OPTIONS" {
			w.Header().Set("Public", "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY")
			return
		}
		if who, _ := g.admit(w, q.Method, q.RequestURI, q.Header.Get("Authorization")); who == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, rest, _ := strings.Cut(strings.TrimPrefix(q.RequestURI, "rtsp://"), "/")
		if !strings.HasPrefix(strings.ToLower("/"+rest), below) {
			w.WriteHeader(http.StatusNotFound)
		}
	})
}

func (h *HikvisionBox) pages(b *Box, door string) http.Handler {
	g := newGuard(h.Keys, door, hikRealm)
	inside := h.inside(b)
	mux := http.NewServeMux()
	if h.Busy || h.New {
		mux.Handle("/", h.serving(g))
		return mux
	}
	mux.HandleFunc("GET /{$}", page("index", "webserver"))
	mux.HandleFunc("/ISAPI/", func(w http.ResponseWriter, r *http.Request) {
		who, tried := g.admit(w, r.Method, r.RequestURI, r.Header.Get("Authorization"))
		if who == "" {
			h.refuse(w, r, tried)
			return
		}
		h.seen(who, r.RemoteAddr)
		r.Header.Set("X-Who", who)
		inside.ServeHTTP(w, r)
	})
	return mux
}

// refuse tells of the lock where a password was tried and firmware is new.
func (h *HikvisionBox) refuse(w http.ResponseWriter, r *http.Request, tried *verdict) {
	if r.URL.Path != "/ISAPI/Security/userCheck" {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "<!DOCTYPE html>\n<html><head><title>Document Error: Unauthorized</title></head></html>\n")
		return
	}
	lock := ""
	switch {
	case h.Plain || tried == nil:
	case tried.locked:
		lock = "<lockStatus>lock</lockStatus>\n<unlockTime>1800</unlockTime>\n<retryLoginTime>0</retryLoginTime>\n"
	default:
		lock = fmt.Sprintf("<lockStatus>unlock</lockStatus>\n<unlockTime>0</unlockTime>\n<retryLoginTime>%d</retryLoginTime>\n", tried.left)
	}
	answerXML(w, http.StatusUnauthorized, "userCheck", "<statusValue>401</statusValue>\n<statusString>Unauthorized</statusString>\n"+lock)
}

func answerXML(w http.ResponseWriter, status int, root, inner string) {
	w.Header().Set("Content-Type", `application/xml; charset="UTF-8"`)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s version=\"2.0\" xmlns=\"http://www.isapi.org/ver20/XMLSchema\">\n%s</%s>\n", root, inner, root)
}

func responseStatus(w http.ResponseWriter, r *http.Request, status, code int, text, sub string) {
	answerXML(w, status, "ResponseStatus", fmt.Sprintf("<requestURL>%s</requestURL>\n<statusCode>%d</statusCode>\n<statusString>%s</statusString>\n<subStatusCode>%s</subStatusCode>\n",
		r.URL.Path, code, text, sub))
}

// inside is ISAPI for who is logged in.
func (h *HikvisionBox) inside(b *Box) http.Handler {
	mux := http.NewServeMux()
	read := func(path, root string, inner func() string) {
		mux.HandleFunc("GET /ISAPI/"+path, func(w http.ResponseWriter, _ *http.Request) { answerXML(w, http.StatusOK, root, inner()) })
	}
	read("Security/userCheck", "userCheck", func() string { return "<statusValue>200</statusValue>\n<statusString>OK</statusString>\n" })
	read("System/deviceInfo", "DeviceInfo", func() string { return hikInfo })
	read("System/time", "Time", func() string {
		return "<timeMode>NTP</timeMode>\n<localTime>" + time.Now().UTC().Add(8*time.Hour).Format("2006-01-02T15:04:05") + "+08:00</localTime>\n<timeZone>CST-8:00:00</timeZone>\n"
	})
	read("ContentMgmt/Storage", "storage", func() string { return hikStorage })
	h.cameras(mux)
	if h.Footage != nil {
		h.search(mux)
	}
	if h.Tells {
		h.logins(mux)
	}
	read("Security/users", "UserList", h.users)
	read("Security/capabilities", "SecurityCap", func() string {
		return `<supportUserNums>32</supportUserNums><securityVersion opt="1,2"></securityVersion><SecurityLimits><LoginPasswordLenLimit min="8" max="16"/></SecurityLimits>`
	})
	for _, path := range []string{"Security/users/capabilities", "Security/users/{id}/capabilities"} {
		read(path, "User", func() string { return `<userName min="1" max="32"/><password min="8" max="16"/>` })
	}
	mux.HandleFunc("GET /ISAPI/Security/users/{id}", h.user)
	mux.HandleFunc("PUT /ISAPI/Security/users/{id}", h.change)
	read("Security/adminAccesses", "AdminAccessProtocolList", func() string { return h.accesses(b) })
	mux.HandleFunc("PUT /ISAPI/Security/adminAccesses", h.switches)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		responseStatus(w, r, http.StatusForbidden, 4, "Invalid Operation", "notSupport")
	})
	return mux
}

func (h *HikvisionBox) users() string {
	var all strings.Builder
	for n, a := range h.Keys.Accounts() {
		fmt.Fprintf(&all, "<User><id>%d</id><userName>%s</userName><bondIpAddressList><bondIpAddress><id>1</id><ipAddress>0.0.0.0</ipAddress></bondIpAddress></bondIpAddressList><userLevel>%s</userLevel></User>\n", n+1, a.Name, a.Level)
	}
	return all.String()
}

// account is whose id is in the path.
func (h *HikvisionBox) account(r *http.Request) (Account, bool) {
	for n, a := range h.Keys.Accounts() {
		if r.PathValue("id") == fmt.Sprint(n+1) {
			return a, true
		}
	}
	return Account{}, false
}

func (h *HikvisionBox) user(w http.ResponseWriter, r *http.Request) {
	a, ok := h.account(r)
	if !ok {
		responseStatus(w, r, http.StatusBadRequest, 4, "Invalid Operation", "invalidOperation")
		return
	}
	answerXML(w, http.StatusOK, "User", fmt.Sprintf("<id>%s</id>\n<userName>%s</userName>\n<userLevel>%s</userLevel>\n", r.PathValue("id"), a.Name, a.Level))
}

type hikUser struct {
	XMLName       xml.Name
	ID            string  `xml:"id"`
	UserName      string  `xml:"userName"`
	UserLevel     string  `xml:"userLevel"`
	Password      *string `xml:"password"`
	LoginPassword *string `xml:"loginPassword"`
}

func (h *HikvisionBox) change(w http.ResponseWriter, r *http.Request) {
	var u hikUser
	a, ok := h.account(r)
	body, _ := io.ReadAll(r.Body)
	h.Keys.attempt()
	switch {
	case r.TLS == nil:
		h.Keys.blame("a password in the clear over HTTP")
	case r.URL.RawQuery != "":
		h.Keys.blame("a query on a change: %s", r.URL.RawQuery)
	}
	switch err := xml.Unmarshal(body, &u); {
	case !ok:
		responseStatus(w, r, http.StatusBadRequest, 4, "Invalid Operation", "invalidOperation")
	case err != nil, u.XMLName.Local != "User", u.ID != r.PathValue("id"), u.UserName != a.Name, u.Password == nil:
		h.Keys.blame("a change that is no User of that id and name with a password")
		responseStatus(w, r, http.StatusBadRequest, 6, "Invalid XML Content", "badXmlContent")
	case !h.proven(r.Header.Get("X-Who"), u.LoginPassword):
		responseStatus(w, r, http.StatusForbidden, 4, "Invalid Operation", "loginPasswordError")
	case hikWeak(a.Name, *u.Password):
		responseStatus(w, r, cmp.Or(h.RiskStatus, http.StatusBadRequest), 6, "Invalid XML Content", "riskPassword")
	default:
		if u.UserLevel != "" && u.UserLevel != a.Level {
			h.Keys.blame("a change of the level of %s", a.Name)
		}
		h.Keys.change(a.Name, *u.Password)
		if h.Reboot {
			responseStatus(w, r, http.StatusOK, 7, "Reboot Required", "rebootRequired")
			return
		}
		responseStatus(w, r, http.StatusOK, 1, "OK", "ok")
	}
}

// proven: loginPassword is that of who asks; a wrong one is a wrong try.
func (h *HikvisionBox) proven(who string, claimed *string) bool {
	if claimed == nil {
		return h.Optional
	}
	return h.Keys.judge("loginPassword", who, func(password string) bool { return password == *claimed }).ok
}

// hikWeak: 8 to 16 characters of two kinds at least, and not the account's name.
func hikWeak(account, password string) bool {
	kinds := map[int]bool{}
	for _, c := range password {
		switch {
		case unicode.IsUpper(c):
			kinds[0] = true
		case unicode.IsLower(c):
			kinds[1] = true
		case unicode.IsDigit(c):
			kinds[2] = true
		default:
			kinds[3] = true
		}
	}
	return len(password) < 8 || len(password) > 16 || len(kinds) < 2 || strings.Contains(password, account)
}

type hikAccess struct {
	ID       int    `xml:"id"`
	Enabled  bool   `xml:"enabled"`
	Protocol string `xml:"protocol"`
	Port     int    `xml:"portNo"`
}

func (h *HikvisionBox) protocols(b *Box) []hikAccess {
	return []hikAccess{
		{1, true, "HTTP", b.Ports.HTTP}, {2, true, "RTSP", b.Ports.RTSP}, {3, b.Ports.HTTPS != 0, "HTTPS", cmp.Or(b.Ports.HTTPS, 443)},
		{4, true, "DEV_MANAGE", b.Ports.SDK}, {5, true, "WebSocket", 7681},
	}
}

func (h *HikvisionBox) accesses(b *Box) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all strings.Builder
	for _, p := range h.protocols(b) {
		fmt.Fprintf(&all, "<AdminAccessProtocol><id>%d</id><enabled>%t</enabled><protocol>%s</protocol><portNo>%d</portNo></AdminAccessProtocol>\n",
			p.ID, p.Enabled && !h.off[p.Protocol], p.Protocol, p.Port)
	}
	return all.String()
}

// switches takes the list as it was read, with what shall be on or off.
func (h *HikvisionBox) switches(w http.ResponseWriter, r *http.Request) {
	var list struct {
		XMLName xml.Name
		All     []hikAccess `xml:"AdminAccessProtocol"`
	}
	body, _ := io.ReadAll(r.Body)
	if xml.Unmarshal(body, &list) != nil || list.XMLName.Local != "AdminAccessProtocolList" || len(list.All) != 5 {
		h.Keys.blame("a list of protocols that is not as it was read")
		responseStatus(w, r, http.StatusBadRequest, 6, "Invalid XML Content", "badXmlContent")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range list.All {
		h.off[p.Protocol] = !p.Enabled
	}
	responseStatus(w, r, http.StatusOK, 1, "OK", "ok")
}

const (
	hikInfo = "<deviceName>Office</deviceName>\n<deviceID>00000000-1f90-00b0-0000-000c00000010</deviceID>\n<model>DS-7608NXI-I2/8P/S</model>\n" +
		"<serialNumber>DS-7608NXI-I2/8P/S0820230619CCRRJ00000009WCVU</serialNumber>\n<macAddress>e0:44:cf:00:76:09</macAddress>\n" +
		"<firmwareVersion>V4.62.210</firmwareVersion>\n<firmwareReleasedDate>build 230619</firmwareReleasedDate>\n<deviceType>NVR</deviceType>\n<telecontrolID>255</telecontrolID>\n"
	hikStorage = "<hddList><hdd><id>1</id><hddName>hdd1</hddName><hddType>SATA</hddType><status>ok</status><capacity>1907729</capacity><freeSpace>0</freeSpace><property>RW</property></hdd></hddList>\n<nasList></nasList>\n"
)
