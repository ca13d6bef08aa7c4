package cloud

import (
	"net/http"

	"github.com/a-h/templ"

	"rekey"
	"rekey/internal/totp"
	"rekey/internal/web"
)

// securityView is the page of the owner's account.
type securityView struct {
	on      bool
	left    int
	problem string
	offered string // base32; with it the page asks for its codes
	who     Owner
}

func (f *front) showSecurity(w http.ResponseWriter, r *http.Request, who Owner) {
	f.security(w, r, who, securityView{}, nil)
}

func (f *front) security(w http.ResponseWriter, r *http.Request, who Owner, v securityView, problem error) {
	var err error
	if v.on, v.left, err = f.cloud.SecondOn(r.Context(), who); err != nil {
		web.Fail(w, r, err)
		return
	}
	v.who, v.problem = who, told(problem)
	f.page(w, r, &who, "Account", securityBody(v), problem)
}

func (f *front) offer(w http.ResponseWriter, r *http.Request, who Owner) {
	key, err := f.cloud.OfferSecond(r.Context(), who)
	f.security(w, r, who, securityView{offered: key.Reveal()}, err)
}

func (f *front) switchOn(w http.ResponseWriter, r *http.Request, who Owner) {
	o := Offered{Key: clip(r.PostFormValue("key")), Code: r.PostFormValue("code"), Mailed: r.PostFormValue("mailed"), Password: rekey.NewSecret(r.PostFormValue("password"))}
	now, sheet, err := f.cloud.SwitchOnSecond(r.Context(), who, o, sender(r))
	if err != nil {
		f.security(w, r, who, securityView{offered: o.Key}, err)
		return
	}
	if err := f.cloud.sessions.Start(w, r, session{now.Address, now.epoch}); err != nil {
		web.Fail(w, r, err)
		return
	}
	f.page(w, r, &now, "Recovery sheet", sheetBody(sheet), nil)
}

func (f *front) switchOff(w http.ResponseWriter, r *http.Request, who Owner) {
	err := f.cloud.SwitchOffSecond(r.Context(), who, rekey.NewSecret(r.PostFormValue("password")), clip(r.PostFormValue("code")), sender(r))
	if err != nil {
		f.security(w, r, who, securityView{}, err)
		return
	}
	http.Redirect(w, r, "/security", http.StatusSeeOther)
}

// typedKey and appLink are the offered key as the page shows it.
func (v securityView) typedKey() string { return totp.Typed(offeredKey(v.offered)) }

func (v securityView) appLink() templ.SafeURL {
	return templ.SafeURL(totp.URL("Recorder cloud", v.who.Address, offeredKey(v.offered))) //nolint:gosec // escaped there
}
