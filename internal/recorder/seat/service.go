package seat

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/internal/web"
)

const servicesPath = "/menu/services"

// ServicesView is Main Menu > Services, for admins. POST to the same path, fields
// service and enable (true or false), switches one; POST /menu/services/lock,
// fields lock (on, or missing), tries and minutes, changes when a user is locked.
type ServicesView struct {
	Page     string            `json:"page"` // "services"
	Path     []string          `json:"path"`
	Notice   string            `json:"notice,omitempty"`
	Services []Service         `json:"services"`
	Lock     LockView          `json:"lock"`
	Errors   map[string]string `json:"errors,omitempty"` // by field

	lock lockForm
}

// lockForm is the lock policy as it stands or was typed.
type lockForm struct {
	on             bool
	tries, minutes string
}

// Service is one switch of the settings.
type Service struct {
	Name  string `json:"name"` // of the settings, such as UPnP
	Group string `json:"group"`
	Title string `json:"title"`
	What  string `json:"what"`
	On    bool   `json:"on"`
	Best  bool   `json:"best"` // what is recommended
	Why   string `json:"why"`

	key string
}

// wise tells whether it is as recommended.
func (s Service) wise() bool { return s.On == s.Best }

// LockView is after how many wrong tries a user is locked, and for how long.
type LockView struct {
	On      bool `json:"on"`
	Tries   int  `json:"tries"`
	Minutes int  `json:"minutes"`
}

// services are those of this recorder, as they stand.
func (s *seat) services() []Service {
	var all []Service
	for _, one := range say.Services() {
		table, _ := s.box.Table(one.Table)
		if value, has := table[one.Key]; has {
			all = append(all, Service{Name: one.Table, Group: one.Group, Title: one.Title, What: one.What, On: value == "true", Best: one.Best, Why: one.Why, key: one.Key})
		}
	}
	return all
}

// unwise is how many are not as recommended.
func unwise(all []Service) int {
	n := 0
	for _, one := range all {
		if !one.wise() {
			n++
		}
	}
	return n
}

// under are the services of one heading.
func (v ServicesView) under(group string) []Service {
	return slices.DeleteFunc(slices.Clone(v.Services), func(s Service) bool { return s.Group != group })
}

func (s *seat) serviceScreens(mux *http.ServeMux) {
	mux.HandleFunc("GET "+servicesPath, s.withAdmin(s.showServices))
	mux.HandleFunc("POST "+servicesPath, s.withAdmin(s.switchService))
	mux.HandleFunc("POST "+servicesPath+"/lock", s.withAdmin(s.setLock))
}

func (s *seat) showServices(w http.ResponseWriter, r *http.Request, _ *login) {
	s.respondServices(w, r, http.StatusOK, nil, nil)
}

func (s *seat) respondServices(w http.ResponseWriter, r *http.Request, status int, typed *lockForm, wrong map[string]string) {
	p := s.box.LockPolicy()
	v := ServicesView{
		Page: "services", Path: s.menuWay("Services"), Services: s.services(), Errors: wrong,
		Lock: LockView{On: p.Enabled, Tries: p.Tries, Minutes: int(p.LockFor / time.Minute)},
	}
	v.lock = lockForm{v.Lock.On, strconv.Itoa(v.Lock.Tries), strconv.Itoa(v.Lock.Minutes)}
	if typed != nil {
		v.lock = *typed
	}
	if r.URL.Query().Get("notice") == "set" {
		v.Notice = "Saved, and on record in the security log."
	}
	web.Respond(w, r, status, v, s.site(nav(servicesPath)...).Page("Services", servicesBody(v)))
}

func (s *seat) switchService(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	name := r.PostForm.Get("service")
	for _, one := range s.services() {
		if one.Name == name {
			s.saveSettings(w, r, l, servicesPath, one.Name, map[string]string{one.key: r.PostForm.Get("enable")})
			return
		}
	}
	web.Fail(w, r, fmt.Errorf("%w: there is no such service on this page", rekey.ErrNotFound))
}

// saveSettings changes a table of the settings and shows the page again.
func (s *seat) saveSettings(w http.ResponseWriter, r *http.Request, l *login, page, table string, changed map[string]string) {
	if err := s.box.SetTable(l.account, table, changed, recorder.AtSeat()); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, page+"?notice=set", http.StatusSeeOther)
}

func (s *seat) setLock(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	typed := lockForm{r.PostForm.Get("lock") != "", strings.TrimSpace(r.PostForm.Get("tries")), strings.TrimSpace(r.PostForm.Get("minutes"))}
	wrong := map[string]string{}
	whole := func(field, text string, low, high int) int {
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			wrong[field] = fmt.Sprintf("Type a number from %d to %d.", low, high)
		}
		return n
	}
	p := rekey.LockPolicy{Enabled: typed.on, Tries: whole("tries", typed.tries, 1, 30), LockFor: time.Duration(whole("minutes", typed.minutes, 1, 24*60)) * time.Minute}
	if len(wrong) > 0 {
		s.respondServices(w, r, http.StatusBadRequest, &typed, wrong)
		return
	}
	if err := s.box.SetLockPolicy(l.account, p, recorder.AtSeat()); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, servicesPath+"?notice=set", http.StatusSeeOther)
}
