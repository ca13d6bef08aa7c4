package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey/internal/recorder"
	"rekey/internal/recorder/label"
	"rekey/internal/recorder/live"
	"rekey/internal/recorder/say"
	"rekey/internal/web"
	"rekey/seclog"
)

// StartView is the front page, open to everybody. It tells no more than a
// program needs to see what this is.
type StartView struct {
	Page        string `json:"page"` // "start"
	Name        string `json:"name"`
	Model       string `json:"model"`
	Initialised bool   `json:"initialised"`
	Locked      bool   `json:"activation_locked"`
	Sealed      bool   `json:"recordings_sealed"`

	secure string // where HTTPS is, for who came without
}

// title is that of recorders of the family; programs know them by it.
const title = "WEB SERVICE"

func (p *page) start(w http.ResponseWriter, r *http.Request) {
	if s, ok := p.current(r); ok {
		http.Redirect(w, r, p.home(s), http.StatusSeeOther)
		return
	}
	if p.byPhone(w, r) {
		return
	}
	i := p.box.Info()
	v := StartView{Page: "start", Name: i.Name, Model: i.Model, Initialised: p.box.Initialised(), Locked: p.box.Activation().Locked, Sealed: p.box.Kept().Sealed}
	if r.TLS == nil && p.o.HTTPS != 0 {
		v.secure = p.secureURL(r)
	}
	site := web.Site{Name: i.Vendor + " " + i.Model, Styles: []string{live.Style, style}}
	web.Respond(w, r, http.StatusOK, v, site.Page(title, framed(r.TLS == nil && v.secure == "", startBody(v))))
}

// ForgotView says the ways back to a lost password. None of them begins here.
type ForgotView struct {
	Page   string   `json:"page"`            // "forgot"
	Steps  []string `json:"steps,omitempty"` // with support; none where it cannot help
	Locked bool     `json:"activation_locked"`
	Off    bool     `json:"support_off"` // nobody gives out temporary passwords
	// Cloud is where the owner gets a temporary password by e-mail; empty = the
	// recorder is linked to no cloud. Who the owner is, is told to nobody here.
	Cloud string `json:"cloud,omitempty"`
}

func (p *page) forgot(w http.ResponseWriter, r *http.Request) {
	screen := p.box.Traits().Screen
	v := ForgotView{Page: "forgot", Locked: p.box.Activation().Locked, Off: p.box.Support() == recorder.SupportOff}
	if v.Locked || v.Off {
		p.respond(w, r, http.StatusOK, v, "Forgot password", nil, forgotBody(v))
		return
	}
	shows, whom := "a challenge and the telephone number of support", "support"
	if p.box.Support() == recorder.SupportOwn { // whose number is not known here
		shows, whom = "a challenge", "your own support desk"
	}
	v.Steps = []string{
		"Go to the recorder itself, with its monitor and mouse. Leave it switched on.",
		"Find its Device ID: it stands on the label of the box, and on the screen under right click > Info. It is not the serial number.",
		"On the screen: right click > Forgot password. It shows " + shows + ".",
		"Call " + whom + " and tell the Device ID, and the challenge once you are asked for it. You get a temporary password, which fits this recorder once, for a few minutes.",
		"Type it on the same screen.",
		"Set your new password at Main Menu > " + strings.Join(screen.Accounts, " > ") + ": edit the user and tick " + screen.Modify + ".",
	}
	link, linked, err := p.box.CloudLink()
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	if linked && link.Linked {
		v.Cloud = link.URL
	}
	p.respond(w, r, http.StatusOK, v, "Forgot password", nil, forgotBody(v))
}

// InfoView is Settings > Device Info.
type InfoView struct {
	Page        string        `json:"page"` // "info"
	Info        recorder.Info `json:"info"`
	Clock       string        `json:"clock"`
	Certificate string        `json:"cert_sha256,omitempty"` // fingerprint, in hexadecimal; empty where there is no HTTPS
}

// fingerprint is the certificate's as browsers show it, in lines of 8 bytes.
func (v InfoView) fingerprint() []string {
	var lines []string
	for line := range slices.Chunk([]byte(strings.ToUpper(v.Certificate)), 16) {
		var pairs []string
		for pair := range slices.Chunk(line, 2) {
			pairs = append(pairs, string(pair))
		}
		lines = append(lines, strings.Join(pairs, ":"))
	}
	return lines
}

func (p *page) info(w http.ResponseWriter, r *http.Request, s *session) {
	v := InfoView{Page: "info", Info: p.box.Info(), Clock: p.box.Now().Format(time.DateTime)}
	if p.box.Traits().HTTPS {
		sum := sha256.Sum256(p.box.Certificate().Certificate[0])
		v.Certificate = hex.EncodeToString(sum[:])
	}
	code, err := label.NewQR(v.Info.DeviceID)
	if err != nil {
		web.Fail(w, r, fmt.Errorf("draw the QR code of the Device ID: %w", err))
		return
	}
	p.respond(w, r, http.StatusOK, v, "Device Info", s, infoBody(v, code))
}

// SettingsView is the list of pages behind Settings.
type SettingsView struct {
	Page    string `json:"page"` // "settings"
	Account string `json:"account"`
	Admin   bool   `json:"admin"`
	Review  bool   `json:"review_due"` // an admin has to look through the recorder, at its screen
}

func (p *page) settings(w http.ResponseWriter, r *http.Request, s *session) {
	v := SettingsView{Page: "settings", Account: s.account, Admin: p.isAdmin(s.account)}
	v.Review = v.Admin && p.box.ReviewDue()
	p.respond(w, r, http.StatusOK, v, "Settings", s, settingsBody(v))
}

// NoticesView is what was done to the account since its last log-in. POST
// /notices, field seen, takes down that it was told up to that number.
type NoticesView struct {
	Page    string       `json:"page"` // "notices"
	Account string       `json:"account"`
	Notices []NoticeView `json:"notices"`
}

// NoticeView is one of them.
type NoticeView struct {
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
	Text   string    `json:"text"`
	Actor  string    `json:"actor"`
}

func (p *page) notices(w http.ResponseWriter, r *http.Request, s *session) {
	v := NoticesView{Page: "notices", Account: s.account, Notices: []NoticeView{}}
	for _, n := range p.box.Notices(s.account) {
		v.Notices = append(v.Notices, NoticeView{n.Number, n.Time, say.Sentence(seclog.Record{Event: n.Event, Object: s.account}), n.Actor})
	}
	p.respond(w, r, http.StatusOK, v, "Notices", s, noticesBody(v))
}

func (p *page) noticesSeen(w http.ResponseWriter, r *http.Request, s *session) {
	if !web.ParseForm(w, r) {
		return
	}
	seen, err := strconv.ParseUint(r.PostForm.Get("seen"), 10, 64)
	if err != nil {
		web.Fail(w, r, &say.BadForm{Text: "Say up to which number the notices were read."})
		return
	}
	if err := p.box.NoticesSeen(s.account, seen, client(r)); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, p.home(s), http.StatusSeeOther)
}
