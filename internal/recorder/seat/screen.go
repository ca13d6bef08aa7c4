package seat

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"rekey/internal/recorder"
	"rekey/internal/recorder/live"
	"rekey/internal/web"
)

// LockedView is the screen that everybody sees.
type LockedView struct {
	Page   string `json:"page"` // "locked"
	Device string `json:"device"`
	Model  string `json:"model"`
	Clock  string `json:"clock"` // the recorder's wall clock, 2006-01-02 15:04
	Notice string `json:"notice,omitempty"`

	split live.Split
}

// notices are what the locked screen may say; the address names one by its key.
var notices = map[string]string{
	"changed": "The new password is set. All sessions of the user are closed; log in with the new password.",
	"setup":   "The recorder is set up. Log in with the password you just made.",
}

func (s *seat) locked(w http.ResponseWriter, r *http.Request) {
	i := s.box.Info()
	v := LockedView{
		Page: "locked", Device: i.Name, Model: i.Model, Clock: s.box.Now().Format("2006-01-02 15:04"),
		Notice: notices[r.URL.Query().Get("notice")], split: live.SplitOf(r.URL.Query(), i.Channels),
	}
	site := s.site(toPanel)
	site.Scripts = append(site.Scripts, SignalScript)
	web.Respond(w, r, http.StatusOK, v, site.Page("Live view", lockedBody(v)))
}

// InfoView is the page Info, open to everybody at the seat.
type InfoView struct {
	Page      string        `json:"page"` // "info"
	Info      recorder.Info `json:"info"`
	DeviceID  string        `json:"device_id"` // as read out, in groups; also what its QR code holds
	Addresses []string      `json:"addresses"`
	Clock     string        `json:"clock"`
	// Certificate is the SHA-256 fingerprint of the recorder's own certificate, in
	// hexadecimal; empty where it has no HTTPS.
	Certificate string `json:"cert_sha256,omitempty"`
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

func (s *seat) info(w http.ResponseWriter, r *http.Request) {
	i := s.box.Info()
	v := InfoView{Page: "info", Info: i, DeviceID: i.DeviceID, Addresses: s.o.Addresses, Clock: s.box.Now().Format(time.DateTime)}
	if s.box.Traits().HTTPS {
		sum := sha256.Sum256(s.box.Certificate().Certificate[0])
		v.Certificate = hex.EncodeToString(sum[:])
	}
	code, err := qrPicture(v.DeviceID)
	if err != nil {
		web.Fail(w, r, fmt.Errorf("draw the QR code of the Device ID: %w", err))
		return
	}
	web.Respond(w, r, http.StatusOK, v, s.site(backToScreen).Page("Info", infoBody(v, code)))
}

func (s *seat) isAdmin(account string) bool {
	for _, a := range s.box.Accounts() {
		if a.Name == account {
			return a.Group == recorder.GroupAdmin
		}
	}
	return false
}

// nav is the navigation of somebody who is logged in, standing at a path.
func nav(at string) []web.Link {
	return []web.Link{
		{Text: "Main Menu", Href: "/menu", Current: at == "/menu"},
		{Text: "Log out", Href: "/logout", Post: true},
	}
}
