package seat

import (
	"net/http"
	"time"

	"rekey/internal/recorder"
	"rekey/internal/web"
)

const (
	firmwarePath = "/menu/firmware"
	updateTable  = "AutoUpgrade"
)

// FirmwareView is Main Menu > Firmware, for admins. POST to the same path, field
// enable (true or false), switches automatic update.
type FirmwareView struct {
	Page     string        `json:"page"` // "firmware"
	Path     []string      `json:"path"`
	Info     recorder.Info `json:"info"`
	AutoSet  bool          `json:"auto_set"` // the settings have automatic update
	Auto     bool          `json:"auto"`     // it is on
	Notice   string        `json:"notice,omitempty"`
	ageYears int           // of the build, whole years by the recorder's clock
}

func (s *seat) firmwareScreens(mux *http.ServeMux) {
	mux.HandleFunc("GET "+firmwarePath, s.withAdmin(s.showFirmware))
	mux.HandleFunc("POST "+firmwarePath, s.withAdmin(s.setUpdate))
}

func (s *seat) showFirmware(w http.ResponseWriter, r *http.Request, _ *login) {
	v := FirmwareView{Page: "firmware", Path: s.menuWay("Firmware"), Info: s.box.Info()}
	table, _ := s.box.Table(updateTable)
	_, v.AutoSet = table["Enable"]
	v.Auto = table["Enable"] == "true"
	v.ageYears = yearsSince(v.Info.BuildDate, s.box.Now())
	if r.URL.Query().Get("notice") == "set" {
		v.Notice = "Saved, and on record in the security log."
	}
	web.Respond(w, r, http.StatusOK, v, s.site(nav(firmwarePath)...).Page("Firmware", firmwareBody(v)))
}

func (s *seat) setUpdate(w http.ResponseWriter, r *http.Request, l *login) {
	if web.ParseForm(w, r) {
		s.saveSettings(w, r, l, firmwarePath, updateTable, map[string]string{"Enable": r.PostForm.Get("enable")})
	}
}

// yearsSince is how many whole years ago a day was, 2006-01-02; 0 where it is no day.
func yearsSince(day string, now time.Time) int {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 0
	}
	years := now.Year() - at.Year()
	if now.AddDate(-years, 0, 0).Before(at) {
		years--
	}
	return max(0, years)
}
