package seat

import (
	"bytes"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rekey/internal/recorder/say"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/backup"
	"rekey/internal/web"
	"rekey/recovery"
)

const supportPath = securityPath + "/support"

// SupportView is Main Menu > Security > Support recovery, for admins: POST to
// the same path, fields to (maker, own or off), password, code (with a second
// factor) and, for own, key: the digits of the public key of the owner's desk, of
// which a file is on the USB drive. The enrolment for that desk is then on it.
type SupportView struct {
	Page      string            `json:"page"` // "support"
	Path      []string          `json:"path"`
	Account   string            `json:"account"`
	Now       recorder.Support  `json:"now"`
	Second    bool              `json:"second"`  // a code is asked for, too
	Sealed    bool              `json:"sealed"`  // recordings wait for the desk of before a reset
	Plugged   bool              `json:"plugged"` // a USB drive is there
	Keys      []DeskKey         `json:"keys,omitempty"`
	Enrolment string            `json:"enrolment,omitempty"` // the file on the drive that was just written
	Notice    string            `json:"notice,omitempty"`
	Errors    map[string]string `json:"errors,omitempty"` // by field

	to  recorder.Support // as chosen
	key string           // digits of the one that is chosen
}

// DeskKey is a desk's public key on the USB drive.
type DeskKey struct {
	File string `json:"file"`
	Key  string `json:"key"` // 64 hex digits, as in the file

	key hpke.PublicKey
}

// groups are the digits, to be compared by eye.
func (k DeskKey) groups() string {
	var parts []string
	for part := range slices.Chunk([]byte(k.Key), 4) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, " ")
}

func (s *seat) showSupport(w http.ResponseWriter, r *http.Request, l *login) {
	s.respondSupport(w, r, l, http.StatusOK, SupportView{to: s.box.Support()})
}

func (s *seat) respondSupport(w http.ResponseWriter, r *http.Request, l *login, status int, v SupportView) {
	v.Page, v.Path, v.Account = "support", append(securityMenu[:2:2], "Support recovery"), l.account
	v.Now, v.Second, v.Sealed = s.box.Support(), s.box.SecondFactor(l.account).On, s.box.Kept().Sealed
	v.Plugged, v.Keys = s.drive().Plugged() == nil, s.deskKeys()
	if v.key == "" && len(v.Keys) > 0 {
		v.key = v.Keys[0].Key
	}
	web.Respond(w, r, status, v, s.recordingsSite(nav(securityPath)...).Page("Support recovery", supportBody(v)))
}

// supportPhone is the maker's, where the maker's desk gives support.
func (s *seat) supportPhone() string {
	if s.box.Support() == recorder.SupportOwn {
		return ""
	}
	return s.o.SupportPhone
}

// deskHost is the maker's desk, for a QR code; empty where that cannot help. The
// host of a desk of the owner's is not known here.
func (s *seat) deskHost() string {
	if s.box.Support() == recorder.SupportOwn {
		return ""
	}
	return s.o.Desk
}

// drive is the USB drive; one that is never plugged in where the seat has none.
func (s *seat) drive() backup.Drive {
	if s.o.Backup == nil {
		return ""
	}
	return s.o.Backup.Drive()
}

// deskKeys are the keys of desks in the drive's first folder: *.pub.
func (s *seat) deskKeys() []DeskKey {
	const most, limit = 8, 4 << 10
	names, err := s.drive().Names(".pub")
	if err != nil {
		return nil
	}
	var keys []DeskKey
	for _, name := range names[:min(len(names), most)] {
		text, err := s.drive().ReadFile(name, limit)
		if err != nil {
			continue
		}
		if key, err := recovery.ParseDeskKey(text); err == nil {
			keys = append(keys, DeskKey{File: name, Key: hex.EncodeToString(key.Bytes()), key: key})
		}
	}
	return keys
}

func (s *seat) setSupport(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	v := SupportView{to: recorder.Support(r.PostForm.Get("to")), key: r.PostForm.Get("key")}
	by, wrong := s.steppedUp(r, l)
	if wrong != nil {
		v.Errors = wrong
		s.respondSupport(w, r, l, http.StatusBadRequest, v)
		return
	}
	var err error
	switch v.to {
	case recorder.SupportMaker, recorder.SupportOff:
		err = s.box.SetSupport(l.account, v.to, by, recorder.AtSeat())
	case recorder.SupportOwn:
		if v.key == "" && s.box.Support() == recorder.SupportOwn {
			err = &say.BadForm{Text: "The own desk answers already."}
			break
		}
		v.Enrolment, err = s.useOwnDesk(l, v.key, by)
	default:
		err = &say.BadForm{Text: "Choose who may give out temporary passwords."}
	}
	if err != nil {
		field, text, told := supportWords(err)
		if !told {
			web.Fail(w, r, err)
			return
		}
		v.Errors = map[string]string{field: text}
		s.respondSupport(w, r, l, web.ProblemOf(err).Status, v)
		return
	}
	v.Notice = supportSet[v.to]
	s.respondSupport(w, r, l, http.StatusOK, v)
}

var supportSet = map[recorder.Support]string{
	recorder.SupportMaker: "From now on the maker's support desk can give out temporary passwords.",
	recorder.SupportOwn:   "From now on your own desk gives out temporary passwords, and nobody else.",
	recorder.SupportOff:   "From now on nobody gives out temporary passwords.",
}

// errEnrolment: the own desk is chosen, and it was not told.
var errEnrolment = errors.New("enrolment not written")

// useOwnDesk gives the drive the enrolment for the desk of that key, which is on
// it. The key counts and not the file: the owner has compared its digits, and
// another drive may be plugged in since. That the drive can be written is tried
// first: a desk that was chosen and cannot be told would leave the owner with none.
func (s *seat) useOwnDesk(l *login, digits string, by recorder.StepUp) (string, error) {
	drive := s.drive()
	if err := drive.Plugged(); err != nil {
		return "", err
	}
	var desk hpke.PublicKey
	for _, k := range s.deskKeys() {
		if k.Key == digits {
			desk = k.key
		}
	}
	if desk == nil {
		return "", &say.BadForm{Text: "Choose the public key of your desk. Compare the digits: those on the USB drive may be others now."}
	}
	name := "enrolment-" + s.box.Info().DeviceID + ".json"
	if err := drive.Probe(); err != nil {
		return "", err
	}
	e, err := s.box.UseOwnDesk(l.account, desk, by, recorder.AtSeat())
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetIndent("", " ")
	if err := out.Encode(e); err != nil {
		return "", fmt.Errorf("write the enrolment: %w", err)
	}
	if err := drive.WriteFile(name, text.Bytes()); err != nil {
		return "", errors.Join(errEnrolment, err)
	}
	return name, nil
}

// supportWords says what is in the way, and beside which field.
func supportWords(err error) (field, text string, told bool) {
	if e, ok := errors.AsType[*say.BadForm](err); ok {
		return "to", e.Text, true
	}
	switch {
	case errors.Is(err, errEnrolment):
		return "to", "Your own desk is chosen, but its enrolment could not be written to the USB drive. Until your desk has one it cannot help. Plug in a drive with the desk's public key and choose your own desk again.", true
	case errors.Is(err, backup.ErrNoDrive):
		return "to", "No USB drive is plugged in. Plug in the one with the public key of your desk.", true
	case errors.Is(err, rekey.ErrStorage) && (errors.Is(err, backup.ErrDrive) || errors.Is(err, backup.ErrFull) || errors.Is(err, backup.ErrPulled)):
		return "to", "The USB drive cannot be written. Nothing was changed.", true
	case errors.Is(err, rekey.ErrConflict):
		return "to", "Nothing was changed: the recorder cannot change to this now. Look again, then try again.", true
	}
	return bothWords(err)
}
