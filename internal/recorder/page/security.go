package page

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"rekey/internal/recorder/say"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/label"
	"rekey/internal/web"
)

// SecurityView is Settings > Security of the user who is logged in. POST
// /settings/security/phones, field id, logs a phone out. POST
// /settings/security/on, field password, offers a key for an authenticator, by
// HTTPS only: see OfferView. /settings/security/off is an ActView.
type SecurityView struct {
	Page      string             `json:"page"` // "security"
	Account   string             `json:"account"`
	On        bool               `json:"on"`         // the second factor
	SheetLeft int                `json:"sheet_left"` // codes of the recovery sheet
	Phones    []PhoneView        `json:"phones"`
	Sessions  []rekey.ActiveUser `json:"sessions"` // of this user
	Error     string             `json:"error,omitempty"`

	secure bool
}

// PhoneView is a phone that stays logged in.
type PhoneView struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
	This  bool      `json:"this"` // the one that asks
}

func (p *page) security(w http.ResponseWriter, r *http.Request, s *session) {
	p.respondSecurity(w, r, s, nil)
}

func (p *page) respondSecurity(w http.ResponseWriter, r *http.Request, s *session, err error) {
	text, status, ok := refused(w, r, err, oldTold)
	if !ok {
		return
	}
	second := p.box.SecondFactor(s.account)
	v := SecurityView{Page: "security", Account: s.account, On: second.On, SheetLeft: second.SheetLeft, Phones: []PhoneView{}, Sessions: []rekey.ActiveUser{}, Error: text, secure: r.TLS != nil}
	for _, one := range p.box.Phones(s.account) {
		v.Phones = append(v.Phones, PhoneView{one.ID, one.Name, one.Since, one.ID == s.phoneID})
	}
	for _, one := range p.box.Active() {
		if one.Account == s.account {
			v.Sessions = append(v.Sessions, one)
		}
	}
	p.respond(w, r, status, v, "Security", s, securityBody(v))
}

func (p *page) unpair(w http.ResponseWriter, r *http.Request, s *session) {
	if !web.ParseForm(w, r) {
		return
	}
	if err := p.box.Unpair(s.account, s.account, r.PostForm.Get("id"), client(r)); err != nil {
		p.respondSecurity(w, r, s, err)
		return
	}
	http.Redirect(w, r, "/settings/security", http.StatusSeeOther)
}

// errPlain: the key of a second factor and the recovery sheet are shown where
// nobody else on the network can read them.
var errPlain = fmt.Errorf("%w: the second factor is switched on at the recorder itself, Main Menu > Security: this recorder's page is not encrypted, so others on the network could read its key", rekey.ErrDenied)

func (p *page) offer(w http.ResponseWriter, r *http.Request, s *session) {
	if r.TLS == nil {
		web.Fail(w, r, errPlain)
		return
	}
	if !web.ParseForm(w, r) {
		return
	}
	offer, err := p.box.OfferSecond(s.account, web.FormSecret(r, "password"), client(r))
	if err != nil {
		p.respondSecurity(w, r, s, err)
		return
	}
	s.offer.Store(offer)
	http.Redirect(w, r, "/settings/security/on", http.StatusSeeOther)
}

// OfferView is the key for an authenticator, shown until a code of it was typed:
// POST /settings/security/confirm, field code. SheetView answers.
type OfferView struct {
	Page  string `json:"page"` // "offer"
	Key   string `json:"key"`  // base32 in groups of four
	URL   string `json:"url"`  // what the QR code holds
	Clock string `json:"clock"`
	Error string `json:"error,omitempty"`
}

func (p *page) showOffer(w http.ResponseWriter, r *http.Request, s *session) {
	p.respondOffer(w, r, s, nil)
}

func (p *page) respondOffer(w http.ResponseWriter, r *http.Request, s *session, err error) {
	offer := s.offer.Load()
	if !p.box.OfferOpen(offer) || r.TLS == nil {
		http.Redirect(w, r, "/settings/security", http.StatusSeeOther)
		return
	}
	text, status, ok := refused(w, r, err, offerTold)
	if !ok {
		return
	}
	v := OfferView{Page: "offer", Key: offer.Key().Reveal(), URL: offer.URL().Reveal(), Clock: p.box.Now().Format(time.DateTime), Error: text}
	code, err := label.NewQR(v.URL)
	if err != nil {
		web.Fail(w, r, fmt.Errorf("draw the QR code for the authenticator: %w", err))
		return
	}
	p.respond(w, r, status, v, "Switch on the second factor", s, offerBody(v, code))
}

func offerTold(err error) (string, bool) {
	if errors.Is(err, rekey.ErrDenied) {
		return "This code does not fit the key. Nothing was switched on. Take the code that is shown now, and check that the phone and the recorder have the same time.", true
	}
	return codeTold(err)
}

// SheetView is a new recovery sheet. It is shown this once.
type SheetView struct {
	Page     string   `json:"page"` // "sheet"
	Account  string   `json:"account"`
	DeviceID string   `json:"device_id"`
	Made     string   `json:"made"` // 2006-01-02 15:04, UTC
	Codes    []string `json:"codes"`
}

// confirm takes the first code. All sessions of the account end, this one goes on
// under a new id.
func (p *page) confirm(w http.ResponseWriter, r *http.Request, s *session) {
	if !web.ParseForm(w, r) {
		return
	}
	offer := s.offer.Load()
	if !p.box.OfferOpen(offer) {
		p.respondSecurity(w, r, s, &say.BadForm{Text: "No key waits for its first code. Begin again."})
		return
	}
	sheet, epoch, err := p.box.ConfirmSecond(offer, web.FormSecret(r, "code"), client(r))
	if err != nil {
		p.respondOffer(w, r, s, err)
		return
	}
	next := &session{account: s.account, epoch: epoch}
	if !p.begin(w, r, next) {
		return
	}
	v := SheetView{Page: "sheet", Account: s.account, DeviceID: p.box.Info().DeviceID, Made: p.box.Now().Format("2006-01-02 15:04")}
	for _, code := range sheet {
		v.Codes = append(v.Codes, code.Reveal())
	}
	p.respond(w, r, http.StatusOK, v, "Recovery sheet", next, sheetBody(v))
}

func (p *page) offAct(r *http.Request, s *session) (act, error) {
	if !p.box.SecondFactor(s.account).On {
		return act{}, fmt.Errorf("%w: the second factor is not on", rekey.ErrConflict)
	}
	return act{
		title: "Switch off the second factor", button: "Switch off", back: "/settings/security",
		text: "After that the password alone logs in. The recovery sheet is worth nothing any more.",
		do: func(w http.ResponseWriter, r *http.Request, by recorder.StepUp) error {
			if err := p.box.SwitchOffSecond(s.account, by.Password, by.Code, client(r)); err != nil {
				return err
			}
			http.Redirect(w, r, "/settings/security", http.StatusSeeOther)
			return nil
		},
	}, nil
}
