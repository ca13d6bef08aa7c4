package seat

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"rekey/internal/recorder/say"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

const securityPath = "/menu/security"

var securityMenu = []string{"Main Menu", "Security"}

// SecurityView is Main Menu > Security, for the account that is logged in. POST
// /menu/security/on, field password, offers a key for an authenticator. Who may
// give out temporary passwords is at /menu/security/support, see SupportView.
type SecurityView struct {
	Page      string            `json:"page"` // "security"
	Account   string            `json:"account"`
	On        bool              `json:"on"`                // the second factor
	SheetLeft int               `json:"sheet_left"`        // codes of the recovery sheet
	Sheet     bool              `json:"may_have_sheet"`    // it is of use to this account
	Support   recorder.Support  `json:"support,omitempty"` // who may give out temporary passwords; empty = not for this account to know
	Errors    map[string]string `json:"errors,omitempty"`  // by field
}

func (s *seat) security(w http.ResponseWriter, r *http.Request, l *login) {
	s.respondSecurity(w, r, l, http.StatusOK, nil)
}

func (s *seat) respondSecurity(w http.ResponseWriter, r *http.Request, l *login, status int, wrong map[string]string) {
	second := s.box.SecondFactor(l.account)
	v := SecurityView{Page: "security", Account: l.account, On: second.On, SheetLeft: second.SheetLeft, Errors: wrong}
	v.Sheet = s.mayHaveSheet(l.account)
	if s.isAdmin(l.account) {
		v.Support = s.box.Support()
	}
	web.Respond(w, r, status, v, s.site(nav(securityPath)...).Page("Security", securityBody(v)))
}

// mayHaveSheet tells whom a recovery sheet is of use to: it takes the place of a
// code, and an admin's opens what a reset closes.
func (s *seat) mayHaveSheet(account string) bool {
	return s.isAdmin(account) || s.box.SecondFactor(account).On
}

// offerSecond draws a key and shows it on a page of its own.
func (s *seat) offerSecond(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	offer, err := s.box.OfferSecond(l.account, web.FormSecret(r, "password"), recorder.AtSeat())
	if text, told := words(err); told {
		s.respondSecurity(w, r, l, web.ProblemOf(err).Status, map[string]string{"password": text})
		return
	}
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	l.offer.Store(offer)
	http.Redirect(w, r, securityPath+"/on", http.StatusSeeOther)
}

// OfferView is the key for an authenticator, shown until a code of it was typed:
// POST /menu/security/confirm, field code.
type OfferView struct {
	Page   string            `json:"page"` // "offer"
	Path   []string          `json:"path"`
	Key    string            `json:"key"` // base32 in groups of four
	URL    string            `json:"url"` // what the QR code holds
	Clock  string            `json:"clock"`
	Errors map[string]string `json:"errors,omitempty"` // by field
}

// offered is the key that this log-in was offered and that still waits.
func (s *seat) offered(w http.ResponseWriter, r *http.Request, l *login) (*recorder.Offer, bool) {
	offer := l.offer.Load()
	if s.box.OfferOpen(offer) {
		return offer, true
	}
	turnAway(w, r, securityPath, fmt.Errorf("%w: no key waits for its first code; begin again, at %s", rekey.ErrConflict, securityPath))
	return nil, false
}

func (s *seat) showOffer(w http.ResponseWriter, r *http.Request, l *login) {
	if offer, ok := s.offered(w, r, l); ok {
		s.respondOffer(w, r, offer, http.StatusOK, nil)
	}
}

func (s *seat) respondOffer(w http.ResponseWriter, r *http.Request, offer *recorder.Offer, status int, wrong map[string]string) {
	v := OfferView{Page: "offer", Path: append(securityMenu, "Switch on"), Key: offer.Key().Reveal(), URL: offer.URL().Reveal(), Clock: s.box.Now().Format("2006-01-02 15:04:05"), Errors: wrong}
	code, err := qrPicture(v.URL)
	if err != nil {
		web.Fail(w, r, fmt.Errorf("draw the QR code for the authenticator: %w", err))
		return
	}
	web.Respond(w, r, status, v, s.site(nav(securityPath)...).Page("Switch on the second factor", offerBody(v, code)))
}

// confirmSecond takes the first code. All sessions of the account end, this one
// goes on under a new id.
func (s *seat) confirmSecond(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	offer, ok := s.offered(w, r, l)
	if !ok {
		return
	}
	sheet, epoch, err := s.box.ConfirmSecond(offer, web.FormSecret(r, "code"), recorder.AtSeat())
	if text, told := codeWords(err); told {
		if errors.Is(err, rekey.ErrDenied) {
			text = "This code does not fit the key. Nothing was switched on. Take the code that is shown now, and check that the telephone and the recorder have the same time."
		}
		s.respondOffer(w, r, offer, web.ProblemOf(err).Status, map[string]string{"code": text})
		return
	}
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	if s.begin(w, r, &login{account: l.account, epoch: epoch}) {
		s.respondSheet(w, r, l.account, "The second factor is on. From now on this screen asks for a code after the password.", sheet)
	}
}

// SheetView is a new recovery sheet. It is shown this once.
type SheetView struct {
	Page     string   `json:"page"` // "sheet"
	Path     []string `json:"path"`
	Account  string   `json:"account"`
	Device   string   `json:"device"`
	DeviceID string   `json:"device_id"`
	Made     string   `json:"made"` // 2006-01-02 15:04, UTC
	Codes    []string `json:"codes"`
	Notice   string   `json:"notice"`

	InPlaceOfCode bool `json:"in_place_of_code"` // at a log-in
	AfterReset    bool `json:"after_reset"`      // opens what a reset closes
}

func (s *seat) respondSheet(w http.ResponseWriter, r *http.Request, account, notice string, sheet []rekey.Secret) {
	i := s.box.Info()
	v := SheetView{Page: "sheet", Path: append(securityMenu, "Recovery sheet"), Account: account, Device: strings.Join([]string{i.Vendor, i.Model, i.Name}, " "), DeviceID: i.DeviceID, Made: s.box.Now().Format("2006-01-02 15:04"), Notice: notice,
		InPlaceOfCode: s.box.SecondFactor(account).On, AfterReset: s.isAdmin(account)}
	for _, code := range sheet {
		v.Codes = append(v.Codes, code.Reveal())
	}
	web.Respond(w, r, http.StatusOK, v, s.site(nav(securityPath)...).Page("Recovery sheet", sheetBody(v)))
}

// BothView asks for the password and, where the account has a second factor, a
// code: POST to the same path, fields password and code. /menu/security/off
// removes the second factor, /menu/security/sheet makes a new recovery sheet.
type BothView struct {
	Page    string            `json:"page"` // "off" or "newsheet"
	Path    []string          `json:"path"`
	Account string            `json:"account"`
	Code    bool              `json:"asks_code"`        // a code is asked for
	Errors  map[string]string `json:"errors,omitempty"` // by field

	act, title, text, button string
}

func offView(l *login) BothView {
	return BothView{
		Page: "off", Path: append(securityMenu, "Switch off"), Account: l.account, act: securityPath + "/off", title: "Switch off the second factor", button: "Switch off",
		text: "After that the password alone opens the Main Menu. The recovery sheet is worth nothing any more.",
	}
}

func newSheetView(l *login) BothView {
	return BothView{
		Page: "newsheet", Path: append(securityMenu, "Recovery sheet"), Account: l.account, act: securityPath + "/sheet", title: "New recovery sheet", button: "Make a new sheet",
		text: "Eight new one-time codes to print. The codes of the sheet before are worth nothing any more.",
	}
}

// showBoth asks whom it concerns.
func (s *seat) showBoth(view func(*login) BothView, concerns func(account string) bool) func(http.ResponseWriter, *http.Request, *login) {
	return func(w http.ResponseWriter, r *http.Request, l *login) {
		if !concerns(l.account) {
			http.Redirect(w, r, securityPath, http.StatusSeeOther)
			return
		}
		s.respondBoth(w, r, view(l), nil)
	}
}

func (s *seat) asksCode(account string) bool { return s.box.SecondFactor(account).On }

func (s *seat) respondBoth(w http.ResponseWriter, r *http.Request, v BothView, err error) {
	status := http.StatusOK
	v.Code = s.asksCode(v.Account)
	if err != nil {
		field, text, told := bothWords(err)
		if !told {
			web.Fail(w, r, err)
			return
		}
		v.Errors, status = map[string]string{field: text}, web.ProblemOf(err).Status
	}
	web.Respond(w, r, status, v, s.site(nav(securityPath)...).Page(v.title, bothBody(v)))
}

// bothWords says what was wrong with password or code, and which.
func bothWords(err error) (field, text string, told bool) {
	text, told = codeWords(err)
	if _, ofCode := errors.AsType[*recorder.CodeError](err); ofCode || errors.Is(err, rekey.ErrInput) {
		return "code", text, told
	}
	return "password", text, told
}

func (s *seat) switchOff(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	if err := s.box.SwitchOffSecond(l.account, web.FormSecret(r, "password"), web.FormSecret(r, "code"), recorder.AtSeat()); err != nil {
		s.respondBoth(w, r, offView(l), err)
		return
	}
	http.Redirect(w, r, securityPath, http.StatusSeeOther)
}

func (s *seat) makeSheet(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	sheet, err := s.box.NewSheet(l.account, web.FormSecret(r, "password"), web.FormSecret(r, "code"), recorder.AtSeat())
	if err != nil {
		s.respondBoth(w, r, newSheetView(l), err)
		return
	}
	s.respondSheet(w, r, l.account, "These codes count from now on. A sheet from before is worth nothing any more.", sheet)
}

// securityScreens are the pages of Main Menu > Security.
func (s *seat) securityScreens(mux *http.ServeMux) {
	mux.HandleFunc("GET "+securityPath, s.withLogin(s.security))
	mux.HandleFunc("GET "+supportPath, s.withAdmin(s.showSupport))
	mux.HandleFunc("POST "+supportPath, s.withAdmin(s.setSupport))
	mux.HandleFunc("GET "+securityPath+"/on", s.withLogin(s.showOffer))
	mux.HandleFunc("POST "+securityPath+"/on", s.withLogin(s.offerSecond))
	mux.HandleFunc("POST "+securityPath+"/confirm", s.withLogin(s.confirmSecond))
	mux.HandleFunc("GET "+securityPath+"/off", s.withLogin(s.showBoth(offView, s.asksCode)))
	mux.HandleFunc("POST "+securityPath+"/off", s.withLogin(s.switchOff))
	mux.HandleFunc("GET "+securityPath+"/sheet", s.withLogin(s.showBoth(newSheetView, s.mayHaveSheet)))
	mux.HandleFunc("POST "+securityPath+"/sheet", s.withLogin(s.makeSheet))
}

// codeWords is words where the form has a code: what cannot be right as typed is
// the code.
func codeWords(err error) (text string, told bool) {
	if _, bad := errors.AsType[*say.BadForm](err); !bad && errors.Is(err, rekey.ErrInput) {
		return "A code is the six digits that the authenticator shows now, or three groups of four from the recovery sheet. Nothing was spent.", true
	}
	return words(err)
}
