package seat

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/backup"
	"rekey/internal/recorder/clips"
	"rekey/internal/web"
	"rekey/recovery"
)

const (
	recordingsPath = "/menu/recordings"
	unsealPath     = recordingsPath + "/support"
	erasePath      = recordingsPath + "/erase"

	recordingsStyle = "/static/recordings.css"
)

// recordingsSite frames the pages about recordings and what a reset closes.
func (s *seat) recordingsSite(nav ...web.Link) web.Site {
	site := s.site(nav...)
	site.Styles = append(site.Styles, recordingsStyle)
	return site
}

// RecordingsView is Main Menu > Recordings. While they are sealed an admin opens
// them: POST /menu/recordings/password, fields account and password, of before
// the reset; POST /menu/recordings/sheet, field code, of a recovery sheet of
// before; /menu/recordings/support, see UnsealView. POST /menu/recordings/erase
// erases them, see EraseView.
type RecordingsView struct {
	Page     string              `json:"page"` // "recordings"
	Admin    bool                `json:"admin"`
	Files    int                 `json:"files"`
	Bytes    int64               `json:"bytes"`
	Channels []ChannelRecordings `json:"channels,omitempty"` // that have any
	Sealed   *SealedView         `json:"sealed,omitempty"`   // nil = they are open
	Notice   string              `json:"notice,omitempty"`
	Errors   map[string]string   `json:"errors,omitempty"` // by field

	backup bool // there is a page Backup for this account
}

// ChannelRecordings is what there is of one channel. Times are the recorder's
// clock, 2006-01-02 15:04.
type ChannelRecordings struct {
	Channel int    `json:"channel"`
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
	First   string `json:"first"`
	Last    string `json:"last"`
}

// SealedView tells what opens sealed recordings.
type SealedView struct {
	Since         string   `json:"since"`
	Accounts      []string `json:"accounts"` // whose password of before the reset opens them
	Sheet         bool     `json:"sheet"`
	Support       bool     `json:"support"`
	TriesLeft     int      `json:"tries_left"` // of passwords and codes
	LockedSeconds int      `json:"locked_seconds"`
}

func (v SealedView) locked() time.Duration { return time.Duration(v.LockedSeconds) * time.Second }

func (s *seat) recordingScreens(mux *http.ServeMux) {
	if s.o.Footage == nil {
		return
	}
	mux.HandleFunc("GET "+recordingsPath, s.withRight(recorder.RightPlayback, s.showRecordings))
	mux.HandleFunc("POST "+recordingsPath+"/password", s.withAdmin(s.unsealByPassword))
	mux.HandleFunc("POST "+recordingsPath+"/sheet", s.withAdmin(s.unsealBySheet))
	mux.HandleFunc("GET "+unsealPath, s.withAdmin(s.showUnseal))
	mux.HandleFunc("POST "+unsealPath, s.withAdmin(s.askToUnseal))
	mux.HandleFunc("POST "+unsealPath+"/answer", s.withAdmin(s.unsealByAnswer))
	mux.HandleFunc("GET "+erasePath, s.withAdmin(s.showErase))
	mux.HandleFunc("POST "+erasePath, s.withAdmin(s.erase))
}

var recordingNotices = map[string]string{
	"open":   "The recordings are open again.",
	"erased": "All recordings are erased, for good. The recorder goes on recording.",
}

func (s *seat) showRecordings(w http.ResponseWriter, r *http.Request, l *login) {
	s.respondRecordings(w, r, l, http.StatusOK, nil)
}

func (s *seat) respondRecordings(w http.ResponseWriter, r *http.Request, l *login, status int, wrong map[string]string) {
	v := RecordingsView{
		Page: "recordings", Admin: s.isAdmin(l.account), Notice: recordingNotices[r.URL.Query().Get("notice")], Errors: wrong,
		backup: s.o.Backup != nil && s.box.May(l.account, recorder.RightBackup),
	}
	if k := s.box.Kept(); k.Sealed {
		v.Sealed = &SealedView{Since: clockText(k.Since), Accounts: k.Accounts, Sheet: k.Sheet, Support: k.Support, TriesLeft: k.TriesLeft, LockedSeconds: seconds(k.LockedFor)}
	} else if err := s.count(&v); err != nil {
		web.Fail(w, r, err)
		return
	}
	web.Respond(w, r, status, v, s.recordingsSite(nav(recordingsPath)...).Page("Recordings", recordingsBody(v)))
}

func clockText(t time.Time) string { return t.Format("2006-01-02 15:04") }

// count fills in what is recorded.
func (s *seat) count(v *RecordingsView) error {
	list, err := s.o.Footage.Find(0, time.Time{}, endOfTime)
	if err != nil {
		return err
	}
	channels := make([][]clips.Clip, s.box.Info().Channels+1)
	for _, c := range list {
		v.Files++
		v.Bytes += c.Size
		if c.Channel < len(channels) {
			channels[c.Channel] = append(channels[c.Channel], c)
		}
	}
	for n, of := range channels {
		if len(of) == 0 {
			continue
		}
		one := ChannelRecordings{Channel: n, Files: len(of), First: clockText(of[0].Start), Last: clockText(of[len(of)-1].End)}
		for _, c := range of {
			one.Bytes += c.Size
		}
		v.Channels = append(v.Channels, one)
	}
	return nil
}

func (s *seat) unsealByPassword(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	account, pw := r.PostForm.Get("account"), web.FormSecret(r, "password")
	if account == "" || pw.IsZero() {
		s.respondRecordings(w, r, l, http.StatusBadRequest, map[string]string{"password": "Choose a user of before the reset and type the password of then."})
		return
	}
	s.unsealed(w, r, l, "password", s.box.UnsealByPassword(l.account, account, pw, recorder.AtSeat()))
}

func (s *seat) unsealBySheet(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	s.unsealed(w, r, l, "code", s.box.UnsealBySheet(l.account, web.FormSecret(r, "code"), recorder.AtSeat()))
}

// unsealed goes back to the recordings, or says why they are still closed.
func (s *seat) unsealed(w http.ResponseWriter, r *http.Request, l *login, field string, err error) {
	if err == nil {
		http.Redirect(w, r, recordingsPath+"?notice=open", http.StatusSeeOther)
		return
	}
	text, told := closedWords(err)
	if !told {
		web.Fail(w, r, err)
		return
	}
	s.respondRecordings(w, r, l, web.ProblemOf(err).Status, map[string]string{field: text})
}

// closedWords says why something that a reset has closed was not opened.
func closedWords(err error) (text string, told bool) {
	if e, ok := errors.AsType[*rekey.LoginError](err); ok {
		const stayOn = " Leave the recorder switched on: after a restart the wait begins again."
		switch {
		case e.LockedFor > 0 && errors.Is(e.Kind, rekey.ErrLocked):
			return fmt.Sprintf("Too many wrong tries. The next can be made in %s.", span(e.LockedFor)) + stayOn, true
		case e.LockedFor > 0:
			return fmt.Sprintf("This does not fit, and it was the last try. The next can be made in %s.", span(e.LockedFor)) + stayOn, true
		case e.TriesLeft == 1:
			return "This does not fit. 1 try left; then there is a wait of half an hour.", true
		}
		return fmt.Sprintf("This does not fit. %d tries left; then there is a wait of half an hour.", e.TriesLeft), true
	}
	if errors.Is(err, rekey.ErrInput) {
		return "A code of the recovery sheet has three groups of four. Nothing was spent.", true
	}
	return words(err)
}

// UnsealView is the page where a temporary password of support opens sealed
// recordings: POST to the same path shows a challenge, POST to path/answer, field
// answer, takes the temporary password.
type UnsealView struct {
	Page string `json:"page"` // "unseal"
	ChallengeView
}

var unsealing = asking{
	purpose: recovery.PurposeUnseal,
	path:    unsealPath,
	offer:   "Support can give you a temporary password that opens the sealed recordings of this one recorder.",
	then:    "The recordings are open",
	after:   "It opens the recordings and nothing else; no password is changed.",
}

func (s *seat) showUnseal(w http.ResponseWriter, r *http.Request, _ *login) {
	if !s.box.Kept().Sealed {
		http.Redirect(w, r, recordingsPath, http.StatusSeeOther)
		return
	}
	s.respondUnseal(w, r, nil)
}

func (s *seat) askToUnseal(w http.ResponseWriter, r *http.Request, _ *login) {
	if err := s.openChallenge(unsealing, recorder.AdminAccount); err != nil {
		s.respondUnseal(w, r, err)
		return
	}
	http.Redirect(w, r, unsealPath, http.StatusSeeOther)
}

func (s *seat) unsealByAnswer(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	grant, err := s.takeAnswer(unsealing, web.FormSecret(r, "answer"))
	if err == nil {
		err = s.box.UnsealByGrant(l.account, grant)
	}
	if err != nil {
		s.respondUnseal(w, r, err)
		return
	}
	http.Redirect(w, r, recordingsPath+"?notice=open", http.StatusSeeOther)
}

func (s *seat) respondUnseal(w http.ResponseWriter, r *http.Request, refused error) {
	c, err := s.challengeView(unsealing)
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	status := http.StatusOK
	if refused != nil {
		var told bool
		if status, told = c.refuse(r, refused); !told {
			web.Fail(w, r, refused)
			return
		}
	}
	web.Respond(w, r, status, UnsealView{Page: "unseal", ChallengeView: c}, s.recordingsSite(nav(recordingsPath)...).Page("Open the recordings", unsealBody(c)))
}

// EraseView asks once more before all recordings are erased: POST, fields
// password, code (with a second factor) and sure (on).
type EraseView struct {
	Page    string            `json:"page"` // "erase"
	Account string            `json:"account"`
	Second  bool              `json:"second"` // a code is asked for, too
	Sealed  bool              `json:"sealed"`
	Files   int               `json:"files"` // 0 while they are sealed
	Bytes   int64             `json:"bytes"`
	Errors  map[string]string `json:"errors,omitempty"` // by field

	backup bool // there is a page Backup for this account
}

func (s *seat) showErase(w http.ResponseWriter, r *http.Request, l *login) {
	s.respondErase(w, r, l, http.StatusOK, nil)
}

func (s *seat) respondErase(w http.ResponseWriter, r *http.Request, l *login, status int, wrong map[string]string) {
	v := EraseView{Page: "erase", Account: l.account, Second: s.box.SecondFactor(l.account).On, Sealed: s.box.Kept().Sealed, Errors: wrong, backup: s.o.Backup != nil}
	if !v.Sealed {
		var there RecordingsView
		if err := s.count(&there); err != nil {
			web.Fail(w, r, err)
			return
		}
		v.Files, v.Bytes = there.Files, there.Bytes
	}
	web.Respond(w, r, status, v, s.recordingsSite(nav(recordingsPath)...).Page("Erase all recordings", eraseBody(v)))
}

func (s *seat) erase(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	if r.PostForm.Get("sure") == "" {
		s.respondErase(w, r, l, http.StatusBadRequest, map[string]string{"sure": "Tick this if you mean it. Nothing was erased."})
		return
	}
	by, wrong := s.steppedUp(r, l)
	if wrong != nil {
		s.respondErase(w, r, l, http.StatusBadRequest, wrong)
		return
	}
	if err := s.box.EraseRecordings(l.account, by, recorder.AtSeat()); err != nil {
		field, text, told := bothWords(err)
		if !told {
			web.Fail(w, r, err)
			return
		}
		s.respondErase(w, r, l, web.ProblemOf(err).Status, map[string]string{field: text})
		return
	}
	if err := s.noBackup(l); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, recordingsPath+"?notice=erased", http.StatusSeeOther)
}

// noBackup puts on record that nothing was saved before the recordings went.
func (s *seat) noBackup(l *login) error {
	if s.o.Backup != nil {
		if state, ok := s.o.Backup.State(); ok && state.Phase == backup.Done {
			return nil
		}
	}
	return s.box.Record("backup.skipped", l.account, "recordings", "erased without a backup", nil)
}

// steppedUp reads what somebody types once more before an act of weight. What is
// missing is told before anything is tried.
func (s *seat) steppedUp(r *http.Request, l *login) (recorder.StepUp, map[string]string) {
	by := stepUp(r)
	switch {
	case by.Password.IsZero():
		return by, map[string]string{"password": "Type the present password of " + l.account + "."}
	case by.Code.IsZero() && s.box.SecondFactor(l.account).On:
		return by, map[string]string{"code": "Type a code, too."}
	}
	return by, nil
}
