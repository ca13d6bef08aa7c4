package seat

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// Pairer begins a link with a cloud for an admin who steps up for it, and gives the
// pairing code.
type Pairer interface {
	Pair(ctx context.Context, actor, cloud string, by recorder.StepUp, from recorder.Client) (rekey.Secret, error)
}

// CloudView is the page Cloud link. POST /menu/cloud, fields cloud, password and,
// where the admin has a second factor, code, begins a link and shows its pairing
// code this once; POST /menu/cloud/unlink ends it.
type CloudView struct {
	Page    string            `json:"page"` // "cloud"
	Account string            `json:"account"`
	Second  bool              `json:"second"` // a code is asked for
	URL     string            `json:"url,omitempty"`
	Linked  bool              `json:"linked"`
	Pending bool              `json:"pending"` // waits until its owner has typed the code
	Owner   string            `json:"owner,omitempty"`
	Since   string            `json:"since,omitempty"`
	Code    string            `json:"code,omitempty"`
	Errors  map[string]string `json:"errors,omitempty"` // by field, for a person

	typed string
}

const cloudPath = "/menu/cloud"

func (s *seat) cloudScreens(mux *http.ServeMux) {
	if s.o.Cloud == nil {
		return
	}
	mux.HandleFunc("GET "+cloudPath, s.withLogin(s.showCloud))
	mux.HandleFunc("POST "+cloudPath, s.withLogin(s.linkCloud))
	mux.HandleFunc("POST "+cloudPath+"/unlink", s.withLogin(s.unlinkCloud))
}

func (s *seat) showCloud(w http.ResponseWriter, r *http.Request, l *login) {
	s.respondCloud(w, r, l, CloudView{}, nil)
}

func (s *seat) linkCloud(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	if !s.isAdmin(l.account) {
		s.respondCloud(w, r, l, CloudView{}, nil) // which refuses
		return
	}
	v := CloudView{typed: r.PostForm.Get("cloud")}
	by, missing := s.steppedUp(r, l)
	if missing != nil {
		v.Errors = missing
		s.respondCloud(w, r, l, v, rekey.ErrInput)
		return
	}
	code, err := s.o.Cloud.Pair(r.Context(), l.account, v.typed, by, recorder.AtSeat())
	v.Code = code.Reveal()
	s.respondCloud(w, r, l, v, err)
}

func (s *seat) unlinkCloud(w http.ResponseWriter, r *http.Request, l *login) {
	if err := s.box.UnlinkCloud(l.account, recorder.AtSeat()); err != nil {
		s.respondCloud(w, r, l, CloudView{}, err)
		return
	}
	http.Redirect(w, r, cloudPath, http.StatusSeeOther)
}

// respondCloud is for admins alone: who is linked may ask for temporary passwords.
func (s *seat) respondCloud(w http.ResponseWriter, r *http.Request, l *login, v CloudView, refused error) {
	if !s.isAdmin(l.account) {
		web.Fail(w, r, fmt.Errorf("%w: only an admin can look after the cloud link", rekey.ErrDenied))
		return
	}
	link, is, err := s.box.CloudLink()
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	v.Page, v.Account, v.Second = "cloud", l.account, s.box.SecondFactor(l.account).On
	v.URL, v.Owner = link.URL, link.Owner
	v.Linked, v.Pending = is && link.Linked, is && !link.Linked
	if is {
		v.Since = link.Since.Format("2006-01-02 15:04")
	}
	status := http.StatusOK
	if refused != nil {
		if v.Errors == nil {
			field, text, told := cloudWords(refused)
			if !told {
				web.Fail(w, r, refused)
				return
			}
			v.Errors = map[string]string{field: text}
		}
		status = web.ProblemOf(refused).Status
	}
	web.Respond(w, r, status, v, s.site(nav(cloudPath)...).Page("Cloud link", cloudBody(v)))
}

// cloudWords says what was wrong, and with which field.
func cloudWords(err error) (field, text string, told bool) {
	if _, tried := errors.AsType[*rekey.LoginError](err); tried || errors.Is(err, recorder.ErrCodeForm) {
		return bothWords(err)
	}
	switch {
	case errors.Is(err, rekey.ErrInput):
		return "cloud", "The address of a cloud begins with https:// and a host, such as https://cloud.example.net.", true
	case errors.Is(err, rekey.ErrUnreachable):
		return "cloud", "The cloud cannot be reached at this address. Nothing was changed.", true
	case errors.Is(err, rekey.ErrConflict):
		return "cloud", "The recorder is linked already, or not any more. Look again, then try again.", true
	}
	return "", "", false
}

// cloudLinked tells whether an owner at a cloud can get temporary passwords.
func (s *seat) cloudLinked() bool {
	l, is, err := s.box.CloudLink()
	return err == nil && is && l.Linked
}
