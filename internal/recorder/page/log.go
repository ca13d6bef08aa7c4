package page

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/internal/web"
)

// newest is how many records a page shows.
const newest = 100

// LogView is a page of the security log, newest first, for admins. The query's
// kind and number choose it.
type LogView struct {
	Page string `json:"page"` // "log"
	say.Log
}

// at is where another page of the same log is.
func (v LogView) at(kind say.Kind, number int) string {
	return "/settings/log?" + url.Values{"kind": {string(kind)}, "number": {strconv.Itoa(number)}}.Encode()
}

func (v LogView) where() string {
	if v.Pages < 2 {
		return fmt.Sprintf("%d records", v.Total)
	}
	return fmt.Sprintf("Page %d of %d, %d records", v.Number, v.Pages, v.Total)
}

func (p *page) securityLog(w http.ResponseWriter, r *http.Request, s *session) {
	number, err := strconv.Atoi(r.URL.Query().Get("number"))
	if err != nil {
		number = 1
	}
	log, err := say.ReadLog(recorder.LogDir(p.box.Dir()), say.Kind(r.URL.Query().Get("kind")), number, newest)
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	v := LogView{Page: "log", Log: log}
	p.respond(w, r, http.StatusOK, v, "Security log", s, logBody(v))
}
