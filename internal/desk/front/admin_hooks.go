package front

import (
	"strconv"
	"strings"

	"rekey"
	"rekey/internal/desk/courier"
)

func (f *front) hooks(c *call) (reply, error) { return f.hooksPage(c, nil) }

func (f *front) hooksPage(c *call, failed error) (reply, error) {
	all, err := f.desk.Hooks(c.r.Context(), c.who)
	if err != nil {
		return reply{}, err
	}
	return reply{title: "Hooks", page: hooksPage(c.who, all, hookTyped{c.field("url"), c.field("events")}, told(failed))}, failed
}

// hookTyped is what stood in the form of a new hook.
type hookTyped struct{ URL, Events string }

// signatureCheck is how a receiver checks a delivery.
const signatureCheck = `signature = header "Rekey-Signature"          # t=1795000000,v1=5f2c...
t, v1     = the values after "t=" and "v1="
expected  = hex(hmac_sha256(key = the secret, message = t + "." + body))
accept when expected equals v1 (compared in constant time)
   and t is less than five minutes from your clock`

func (f *front) addHook(c *call) (reply, error) {
	proof, err := c.stepUp()
	var made courier.Hook
	var secret rekey.Secret
	if err == nil {
		events := strings.FieldsFunc(c.field("events"), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' })
		made, secret, err = f.desk.AddHook(c.r.Context(), c.who, c.field("url"), events, proof)
	}
	if err != nil {
		return f.hooksPage(c, err)
	}
	return reply{title: "Secret of the hook", page: oncePage(toldOnce{
		Title: "Secret of the hook", Label: "Secret", Secret: secret.Reveal(), Back: "/hooks",
		Says: "The receiver at " + made.URL + " checks with it that a delivery is this desk's and whole.",
		How:  []string{"Each delivery carries Rekey-Delivery, the same at each try: take one of a number once. It is tried again, with growing pauses, until your answer is 2xx. The check of the signature:"},
		Code: signatureCheck,
	})}, nil
}

func (f *front) removeHook(c *call) (reply, error) {
	id, err := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	if err != nil {
		return reply{}, refuse(rekey.ErrNotFound, "there is no hook %q", clip(c.r.PathValue("id")))
	}
	if err := f.desk.RemoveHook(c.r.Context(), c.who, id); err != nil {
		return f.hooksPage(c, err)
	}
	return reply{location: "/hooks"}, nil
}
