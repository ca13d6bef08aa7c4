package seat

import (
	"net/http"
	"net/url"
	"strconv"

	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/internal/web"
)

// newest is how many records a page of the log shows.
const newest = 100

// LogView is the security log, newest first, for admins: GET with kind (logins,
// refused, recovery, changes or running; all when it is missing) and page, from 1.
type LogView struct {
	Page string `json:"page"` // "log"
	say.Log
}

// at is the address of a page of records.
func (v LogView) at(kind say.Kind, number int) string {
	q := url.Values{}
	if kind != "" {
		q.Set("kind", string(kind))
	}
	if number > 1 {
		q.Set("page", strconv.Itoa(number))
	}
	if len(q) == 0 {
		return logPath
	}
	return logPath + "?" + q.Encode()
}

func (s *seat) securityLog(w http.ResponseWriter, r *http.Request, _ *login) {
	q := r.URL.Query()
	number, _ := strconv.Atoi(q.Get("page")) // what is no number is the first page
	log, err := say.ReadLog(recorder.LogDir(s.box.Dir()), say.Kind(q.Get("kind")), number, newest)
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	v := LogView{"log", log}
	web.Respond(w, r, http.StatusOK, v, s.site(nav(logPath)...).Page("Security log", logBody(v)))
}
