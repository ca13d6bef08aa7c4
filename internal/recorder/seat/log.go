package seat

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
	"rekey/seclog"
)

// newest is how many records the screen shows.
const newest = 100

// LogView is the end of the security log, newest first, for admins.
type LogView struct {
	Page    string     `json:"page"` // "log"
	Total   int        `json:"total"`
	Records []LogEntry `json:"records"`
}

// LogEntry is one record in words, with the record's own fields beside them.
type LogEntry struct {
	Seq    int64     `json:"seq"`
	Time   time.Time `json:"time"`
	Text   string    `json:"text"`
	Event  string    `json:"event"`
	Actor  string    `json:"actor"`
	Object string    `json:"object,omitempty"`
	Result string    `json:"result,omitempty"`
}

func (s *seat) securityLog(w http.ResponseWriter, r *http.Request, l *login) {
	if !s.isAdmin(l.account) {
		web.Fail(w, r, fmt.Errorf("%w: the security log is for accounts of the group admin", rekey.ErrDenied))
		return
	}
	v := LogView{Page: "log"}
	for rec, err := range seclog.Records(os.DirFS(recorder.LogDir(s.box.Dir()))) {
		if err != nil {
			web.Fail(w, r, fmt.Errorf("%w: read the security log: %w", rekey.ErrStorage, err))
			return
		}
		v.Total++
		v.Records = append(v.Records, LogEntry{rec.Seq, rec.Time, sentence(rec), rec.Event, rec.Actor, rec.Object, rec.Result})
		if len(v.Records) > 2*newest {
			v.Records = slices.Clone(v.Records[newest:])
		}
	}
	v.Records = v.Records[max(0, len(v.Records)-newest):]
	slices.Reverse(v.Records)
	web.Respond(w, r, http.StatusOK, v, s.site(nav("/menu/log")...).Page("Security log", logBody(v)))
}

// sentences say the events that the box records; OBJECT stands for the object.
var sentences = map[string]string{
	"log.created":          "The security log was begun.",
	"boot":                 "The recorder was switched on.",
	"shutdown":             "The recorder was switched off.",
	"provision":            "The recorder was enrolled at a support desk.",
	"setup.done":           "The first set-up was made.",
	"login":                "User OBJECT logged in.",
	"login.refused":        "A log-in as OBJECT was refused.",
	"account.locked":       "User OBJECT was locked after too many wrong tries.",
	"password.set":         "A new password was set for user OBJECT.",
	"sessions.revoked":     "All sessions of OBJECT were closed.",
	"user.add":             "User OBJECT was added.",
	"user.delete":          "User OBJECT was deleted.",
	"settings.set":         "The settings OBJECT were changed.",
	"service.on":           "The service OBJECT was switched on.",
	"service.off":          "The service OBJECT was switched off.",
	"recorder.made":        "The recorder was made.",
	"challenge.shown":      "Forgot password: a code was shown for user OBJECT.",
	"challenge.expired":    "Forgot password: the code for user OBJECT is no longer valid.",
	"challenge.burned":     "Forgot password: the code for user OBJECT was used up by wrong answers.",
	"challenge.refused":    "Somebody on the LAN asked for a code for user OBJECT, and was refused.",
	"answer.wrong":         "Forgot password: a wrong temporary password was typed for user OBJECT.",
	"answer.dup":           "Forgot password: the same wrong temporary password was typed again for user OBJECT.",
	"answer.ok":            "Forgot password: the right temporary password was typed for user OBJECT.",
	"grant.lost":           "Forgot password: no new password was set in time for user OBJECT.",
	"support.mode":         "Temporary passwords were switched on or off.",
	"review.opened":        "The recorder has to be looked through, because the password of user OBJECT was set with a temporary one.",
	"review.done":          "The recorder was looked through.",
	"guard.events_missing": "Events of Forgot password are missing from this log: the power went at that moment, or the log was cut.",
	"button.warn":          "The button was held, too short for a reset.",
	"button.reset":         "The button was held: the recorder was reset.",
	"button.cancel":        "The button was held too long: nothing was reset.",
	"seat.refused":         "A wrong seat token was typed.",
	"2fa.offered":          "A key for an authenticator was shown to user OBJECT.",
	"2fa.on":               "The second factor of user OBJECT was switched on.",
	"2fa.off":              "The second factor of user OBJECT was switched off.",
	"2fa.asked":            "User OBJECT typed the right password and was asked for a code.",
	"2fa.refused":          "A code of user OBJECT was refused.",
	"2fa.sheet":            "A new recovery sheet was made for user OBJECT.",
	"2fa.sheet.used":       "User OBJECT used a code of the recovery sheet.",
	"access.refused":       "After a log-in with a temporary password something other than the new password was tried, and refused.",
}

// sentence falls back to the record's own words for an event that it does not know.
func sentence(r seclog.Record) string {
	text, ok := sentences[r.Event]
	if !ok {
		return strings.TrimSpace(r.Event + " " + r.Object)
	}
	text = strings.ReplaceAll(text, "OBJECT", strconv.Quote(r.Object))
	if why, ok := strings.CutPrefix(r.Detail["second_factor"], "not asked: "); ok {
		text = strings.TrimSuffix(text, ".") + " without a code, as " + why + "."
	}
	return text
}
