package seat

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"rekey/internal/recorder/say"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/backup"
	"rekey/internal/recorder/clips"
	"rekey/internal/web"
)

const (
	backupPath   = "/menu/backup"
	progressPath = backupPath + "/progress"

	progressScript = "/static/progress.js"
)

var backupMenu = []string{"Main Menu", "Backup"}

// BackupView is Main Menu > Backup, for accounts with that right. GET with
// channel (several), from_day, from_time, to_day and to_time shows how much a
// choice comes to; POST of the same fields begins. Times are the recorder's
// clock; 24:00 ends a day.
type BackupView struct {
	Page     string          `json:"page"` // "backup"
	Channels []ChannelChoice `json:"channels"`
	Days     []string        `json:"days"` // that have recordings, 2006-01-02
	FromDay  string          `json:"from_day"`
	FromTime string          `json:"from_time"` // 15:04, whole half hours
	ToDay    string          `json:"to_day"`
	ToTime   string          `json:"to_time"`
	Files    int             `json:"files"`   // that the choice comes to
	Bytes    int64           `json:"bytes"`   // of them
	Plugged  bool            `json:"plugged"` // a USB drive is there
	Free     int64           `json:"free"`    // bytes on it
	Sealed   bool            `json:"sealed"`  // nothing can be copied before the recordings are open
	Running  bool            `json:"running"` // a backup is being made; see progress
	Error    string          `json:"error,omitempty"`

	chosen backup.Choice
}

// ChannelChoice is a box to tick.
type ChannelChoice struct {
	Channel int  `json:"channel"`
	Chosen  bool `json:"chosen"`
}

func (s *seat) backupScreens(mux *http.ServeMux) {
	if s.o.Backup == nil {
		return
	}
	mux.HandleFunc("GET "+backupPath, s.withRight(recorder.RightBackup, s.showBackup))
	mux.HandleFunc("POST "+backupPath, s.withRight(recorder.RightBackup, s.startBackup))
	mux.HandleFunc("GET "+progressPath, s.withRight(recorder.RightBackup, s.showProgress))
	mux.HandleFunc("POST "+backupPath+"/cancel", s.withRight(recorder.RightBackup, s.cancelBackup))
}

// withRight is withLogin for those who have a right. Others are told so, and
// what they tried to do is recorded.
func (s *seat) withRight(right recorder.Right, next func(http.ResponseWriter, *http.Request, *login)) http.HandlerFunc {
	return s.withLogin(func(w http.ResponseWriter, r *http.Request, l *login) {
		if s.box.May(l.account, right) {
			next(w, r, l)
			return
		}
		s.refuse(w, r, l, string(right), fmt.Errorf("%w: the user %s has not the right %q; an admin can give it", rekey.ErrDenied, l.account, right))
	})
}

// refuse says no. Looking is not recorded, trying is.
func (s *seat) refuse(w http.ResponseWriter, r *http.Request, l *login, what string, no error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := s.box.Record("right.refused", l.account, what, "refused", nil); err != nil {
			web.Fail(w, r, err)
			return
		}
	}
	web.Fail(w, r, no)
}

func (s *seat) showBackup(w http.ResponseWriter, r *http.Request, _ *login) {
	s.respondBackup(w, r, r.URL.Query(), nil)
}

func (s *seat) startBackup(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	choice, err := choiceOf(r.PostForm)
	if err == nil {
		err = s.o.Backup.Start(backup.Order{Account: l.account, Choice: choice, May: s.mayBackUp(l)})
	}
	if errors.Is(err, backup.ErrBusy) {
		http.Redirect(w, r, progressPath, http.StatusSeeOther)
		return
	}
	if err != nil {
		s.respondBackup(w, r, r.PostForm, err)
		return
	}
	http.Redirect(w, r, progressPath, http.StatusSeeOther)
}

// mayBackUp holds as long as the account has the right and the password that it
// logged in with; the log-in itself may end, a backup takes its time.
func (s *seat) mayBackUp(l *login) func() error {
	return func() error {
		if s.box.Epoch(l.account) != l.epoch || !s.box.May(l.account, recorder.RightBackup) {
			return fmt.Errorf("%w: the user %s may not take recordings away any more", rekey.ErrDenied, l.account)
		}
		return nil
	}
}

func (s *seat) cancelBackup(w http.ResponseWriter, r *http.Request, l *login) {
	if state, ok := s.o.Backup.State(); ok && state.Account != l.account && !s.isAdmin(l.account) {
		s.refuse(w, r, l, "backup of another", fmt.Errorf("%w: only %s and admins can cancel this backup", rekey.ErrDenied, state.Account))
		return
	}
	s.o.Backup.Cancel()
	http.Redirect(w, r, progressPath, http.StatusSeeOther)
}

func (s *seat) respondBackup(w http.ResponseWriter, r *http.Request, form url.Values, refused error) {
	v := BackupView{Page: "backup"}
	state, _ := s.o.Backup.State()
	v.Running = state.Phase == backup.Copying
	if err := s.choose(&v, form); err != nil && refused == nil {
		refused = err
	}
	if free, err := s.o.Backup.Drive().Free(); err == nil {
		v.Plugged, v.Free = true, free
	}
	status := http.StatusOK
	if refused != nil {
		var told bool
		if v.Error, told = backupWords(refused); !told {
			web.Fail(w, r, refused)
			return
		}
		status = web.ProblemOf(refused).Status
	}
	web.Respond(w, r, status, v, s.recordingsSite(nav(backupPath)...).Page("Backup", backupBody(v)))
}

// choose fills in what can be chosen, what is chosen, and how much that is.
func (s *seat) choose(v *BackupView, form url.Values) error {
	list, err := s.o.Footage.Find(0, time.Time{}, endOfTime)
	if errors.Is(err, rekey.ErrDenied) {
		v.Sealed = true
		return nil
	}
	if err != nil {
		return err
	}
	v.Days = daysOf(list)
	if len(v.Days) == 0 {
		return nil
	}
	v.FromDay, v.FromTime, v.ToDay, v.ToTime = v.Days[0], "00:00", v.Days[len(v.Days)-1], "24:00"
	given := form.Has("from_day")
	if given {
		v.FromDay, v.FromTime, v.ToDay, v.ToTime = form.Get("from_day"), form.Get("from_time"), form.Get("to_day"), form.Get("to_time")
	}
	for n := 1; n <= s.box.Info().Channels; n++ {
		v.Channels = append(v.Channels, ChannelChoice{n, !given || slices.Contains(form["channel"], strconv.Itoa(n))})
	}
	if v.chosen, err = choiceOf(v.form()); err != nil {
		return err
	}
	amount, err := s.o.Backup.Measure(v.chosen)
	v.Files, v.Bytes = amount.Files, amount.Bytes
	return err
}

// endOfTime is later than any recording.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func daysOf(list []clips.Clip) []string {
	var days []string
	for _, c := range list {
		days = append(days, c.Start.Format(time.DateOnly), c.End.Format(time.DateOnly))
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// form is the choice as the form has it.
func (v BackupView) form() url.Values {
	f := url.Values{"from_day": {v.FromDay}, "from_time": {v.FromTime}, "to_day": {v.ToDay}, "to_time": {v.ToTime}}
	for _, c := range v.Channels {
		if c.Chosen {
			f.Add("channel", strconv.Itoa(c.Channel))
		}
	}
	return f
}

// times are what a day can be divided at.
func times() []string {
	const half = 30
	var all []string
	for m := 0; m <= 24*60; m += half {
		all = append(all, fmt.Sprintf("%02d:%02d", m/60, m%60))
	}
	return all
}

// choiceOf reads the fields of the form.
func choiceOf(form url.Values) (backup.Choice, error) {
	var c backup.Choice
	for _, text := range form["channel"] {
		n, err := strconv.Atoi(text)
		if err != nil {
			return c, &say.BadForm{Text: "There is no such channel."}
		}
		c.Channels = append(c.Channels, n)
	}
	slices.Sort(c.Channels)
	c.Channels = slices.Compact(c.Channels)
	if len(c.Channels) == 0 {
		return c, &say.BadForm{Text: "Tick at least one channel."}
	}
	var err, e error
	c.From, err = moment(form.Get("from_day"), form.Get("from_time"))
	c.To, e = moment(form.Get("to_day"), form.Get("to_time"))
	switch {
	case err != nil || e != nil:
		return c, &say.BadForm{Text: "Choose a day and a time for beginning and end."}
	case !c.From.Before(c.To):
		return c, &say.BadForm{Text: "The end must be later than the beginning."}
	}
	return c, nil
}

func moment(day, clock string) (time.Time, error) {
	if clock == "24:00" {
		t, err := time.Parse(time.DateOnly, day)
		return t.AddDate(0, 0, 1), err
	}
	return time.Parse("2006-01-02 15:04", day+" "+clock)
}

// backupWords says what is in the way of a backup.
func backupWords(err error) (text string, told bool) {
	if e, ok := errors.AsType[*backup.NoRoomError](err); ok {
		return fmt.Sprintf("The USB drive has %s free and this backup needs %s. Choose less, or take another drive.", bytesText(e.Free), bytesText(e.Need)), true
	}
	if e, ok := errors.AsType[*say.BadForm](err); ok {
		return e.Text, true
	}
	switch {
	case errors.Is(err, backup.ErrNoDrive):
		return "No USB drive is plugged in. Plug one in, then try again.", true
	case errors.Is(err, backup.ErrPulled):
		return "The USB drive was pulled out. What is on it is whole as far as it goes; names that end in .part are not. Plug it in again and start the same backup: it goes on with what is missing.", true
	case errors.Is(err, backup.ErrFull):
		return "The USB drive is full. Make room on it or take another one, then start the same backup again.", true
	case errors.Is(err, backup.ErrDrive):
		return "The USB drive cannot be read or written. Take another one.", true
	case errors.Is(err, rekey.ErrDenied):
		return "The recordings are closed, or the user may not take them away any more.", true
	case errors.Is(err, rekey.ErrNotFound):
		return "There is no recording of these channels in this time.", true
	case errors.Is(err, rekey.ErrInput):
		return "There is no such channel or time.", true
	}
	return "", false
}

// bytesText says an amount as people do.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n == 1:
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

func recordingsText(n int) string {
	if n == 1 {
		return "1 recording"
	}
	return fmt.Sprintf("%d recordings", n)
}
