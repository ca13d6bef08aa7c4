package rekeytest

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"rekey"
)

// channels: one whose login is the box's own goes dark with the box's password,
// and comes back when the box is told what the camera takes.
func channels(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	list := cameras(t, s)
	numbers := map[int]bool{}
	for _, c := range list {
		if c.Number < 1 || numbers[c.Number] || c.Online == (c.Why != "") && !c.Online {
			t.Errorf("%+v", c)
		}
		numbers[c.Number] = true
	}
	if b.Camera.Channel == 0 {
		return
	}
	if b.Camera.Untold {
		untoldCameras(t, s, b)
		return
	}
	if c := list[b.Camera.Channel]; !c.Online || c.Address == "" || c.Account == "" {
		t.Errorf("before: %+v", c)
	}
	if err := can[rekey.PasswordSetter](t, s).SetPassword(t.Context(), b.Admin.Password, rekey.NewSecret(b.Password)); err != nil {
		t.Fatal(err)
	}
	s = open(t, d, b.HTTP, with(b.Admin, b.Password))
	if c := cameras(t, s)[b.Camera.Channel]; c.Online || c.Why == "" {
		t.Errorf("after the change: %+v", c)
	}
	setter := can[rekey.ChannelLoginSetter](t, s)
	if err := setter.SetChannelLogin(t.Context(), 97, b.Camera.Login); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("a channel without a camera: %v", err)
	}
	if err := setter.SetChannelLogin(t.Context(), b.Camera.Channel, b.Camera.Login); err != nil {
		t.Fatal(err)
	}
	if c := cameras(t, s)[b.Camera.Channel]; !c.Online || c.Account != b.Camera.Login.Account {
		t.Errorf("with its login: %+v", c)
	}
}

// untoldCameras: where the box does not tell how a camera is, nobody says that he knows.
func untoldCameras(t *testing.T, s rekey.Session, b Box) {
	if c := cameras(t, s)[b.Camera.Channel]; c.Online || !strings.Contains(c.Why, "not tell") || c.Address == "" {
		t.Errorf("%+v", c)
	}
	if err := can[rekey.ChannelLoginSetter](t, s).SetChannelLogin(t.Context(), b.Camera.Channel, b.Camera.Login); err != nil {
		t.Error(err)
	}
}

// cameras are the channels by number.
func cameras(t *testing.T, s rekey.Session) map[int]rekey.Channel {
	t.Helper()
	list, err := can[rekey.ChannelLister](t, s).Channels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]rekey.Channel{}
	for _, c := range list {
		all[c.Number] = c
	}
	if len(all) != len(list) || len(list) == 0 {
		t.Fatalf("%+v", list)
	}
	return all
}

// loginsLog: who was refused is found, with where he came from.
func loginsLog(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	now, err := can[rekey.ClockReader](t, s).Clock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stranger := netip.MustParseAddr("127.0.0.9")
	b.Knock(t, stranger, with(b.Admin, "wrong-Pass1"))
	read := func(since time.Time) (all []rekey.LoginRecord) {
		err := can[rekey.LoginLogReader](t, s).Logins(t.Context(), since, func(r rekey.LoginRecord) error { all = append(all, r); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := read(now.Add(-time.Minute))
	refused := func(r rekey.LoginRecord) bool {
		return !r.OK && r.Account == b.Admin.Account && r.Address == stranger.String() && r.Time.Sub(now).Abs() < time.Minute
	}
	if !slices.ContainsFunc(all, refused) {
		t.Errorf("the refused login from %s is not told: %+v", stranger, all)
	}
	if slices.ContainsFunc(all, func(r rekey.LoginRecord) bool { return r.OK && r.Address == stranger.String() }) {
		t.Errorf("the refused login is told as accepted: %+v", all)
	}
	if !slices.ContainsFunc(all, func(r rekey.LoginRecord) bool { return r.OK && r.Account == b.Admin.Account }) {
		t.Errorf("our own login is not told: %+v", all)
	}
	if late := read(now.Add(time.Hour)); len(late) != 0 {
		t.Errorf("in an hour there will have been %+v", late)
	}
	stop := errors.New("enough")
	if err := can[rekey.LoginLogReader](t, s).Logins(t.Context(), now.Add(-time.Minute), func(rekey.LoginRecord) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
}

// ownAccounts: the list of one interface is not the recorder's, and is set for itself.
func ownAccounts(t *testing.T, d rekey.Driver, b Box) {
	s, who, next := open(t, d, b.HTTP, b.Admin), b.Second, rekey.NewSecret(b.Password)
	try := func(l rekey.Login) error { return d.Check(t.Context(), doors(t, s)[0], l, &Book{}) }
	if b.TryOwn != nil {
		try, who = b.TryOwn, b.Admin
		if err := can[rekey.PasswordSetter](t, s).SetPassword(t.Context(), b.Admin.Password, next); err != nil {
			t.Fatal(err)
		}
		if err := try(who); err != nil {
			t.Errorf("the change of the main password changed that of %s: %v", b.OwnList, err)
		}
		s = open(t, d, b.HTTP, with(b.Admin, b.Password))
	}
	own := can[rekey.OwnAccountsSetter](t, s)
	if err := own.SetOwnPassword(t.Context(), rekey.InterfaceRTSP, who.Account, who.Password, next); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("an interface without a list: %v", err)
	}
	if err := own.SetOwnPassword(t.Context(), b.OwnList, who.Account, who.Password, next); err != nil {
		t.Fatal(err)
	}
	if err := try(with(who, b.Password)); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if err := try(who); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the old password: %v", err)
	}
	notInOwnList(t, d, b, who)
}

// notInOwnList: some recorders tell that there is no such account, others refuse it
// as they do a wrong password.
func notInOwnList(t *testing.T, d rekey.Driver, b Box, who rekey.Login) {
	admin, book := b.Admin, &Book{}
	if b.TryOwn != nil {
		admin = with(admin, b.Password)
	}
	s, err := d.Open(t.Context(), look(t, d, b.HTTP), admin, book)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	err = can[rekey.OwnAccountsSetter](t, s).SetOwnPassword(t.Context(), b.OwnList, "nobody-of-that-name", who.Password, rekey.NewSecret(b.Password))
	if !errors.Is(err, rekey.ErrNotFound) && (!errors.Is(err, rekey.ErrDenied) || book.Refused > 1) {
		t.Errorf("nobody: %d refused: %v", book.Refused, err)
	}
}

// recoveryDescription: what anybody may know is told, and nothing is sent to anybody.
func recoveryDescription(t *testing.T, d rekey.Driver, b Box) {
	id := look(t, d, b.HTTP)
	before := len(b.Asked())
	got, err := can[rekey.RecoveryReader](t, d).Recovery(t.Context(), id, b.Admin.Account)
	if err != nil || got != b.Recovery {
		t.Errorf("%+v, want %+v: %v", got, b.Recovery, err)
	}
	for _, asked := range b.Asked()[before:] {
		for _, word := range []string{"send", "check", "reset", "login", "setContact", "userManager"} {
			if strings.Contains(strings.ToLower(asked), strings.ToLower(word)) {
				t.Errorf("it was asked %s", asked)
			}
		}
	}
	if err := d.Check(t.Context(), id.Interfaces[0], b.Admin, &Book{}); err != nil {
		t.Errorf("the password afterwards: %v", err)
	}
}

func passwordRule(t *testing.T, d rekey.Driver, b Box) {
	got, err := can[rekey.PasswordRuleReader](t, open(t, d, b.HTTP, b.Admin)).PasswordRule(t.Context())
	if err != nil || got != b.Rule {
		t.Errorf("%+v, want %+v: %v", got, b.Rule, err)
	}
}

// roundTrips: any password arrives as it is and opens every door, or is refused and
// nothing has changed. What no recorder of a known family takes is refused before
// the recorder is asked.
func roundTrips(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	list, now := oneOfEach(tried(t, d, b, doors(t, s))), b.Second
	set := func(next rekey.Secret) error {
		return can[rekey.PasswordResetter](t, s).ResetPassword(t.Context(), now.Account, next)
	}
	if b.Lacks["reset password"] != "" { // one's own then
		now = b.Admin
		set = func(next rekey.Secret) error {
			return can[rekey.PasswordSetter](t, open(t, d, b.HTTP, now)).SetPassword(t.Context(), now.Password, next)
		}
	}
	longest := b.Longest
	if longest == "" {
		longest = "Aa1" + strings.Repeat("x", 29)
	}
	for name, password := range map[string]string{
		"good": b.Password, "longest": longest, "one too long": longest + "x", "XML": `a<b>&"c'1]]>`, "quotes": `Ab1"\',;:= /`,
		"inner blank": "Abc 12 34", "blanks around": " Abc1234 ", "not ASCII": "Schlüssel1", "not ASCII, 4": "Key😀Key1",
		"composed or not": "Ame\u0301lie12", "tab": "Abc\t1234", "lines": "Abc\r\n1234", "control": "Abc\x011234", "no UTF-8": "Abc\xff1234",
		"query": "Ab1&x=2%20+#?", "braces": `A1{"[]}\u0041`,
	} {
		asked := b.changes()
		err := set(rekey.NewSecret(password))
		switch {
		case err == nil:
			now = with(now, password)
		case name == "good" || name == "longest":
			t.Errorf("%s: refused: %v", name, err)
		case !errors.Is(err, rekey.ErrInput) && !errors.Is(err, rekey.ErrDenied) || errors.Is(err, rekey.ErrUnknown):
			t.Errorf("%s: neither changed nor refused: %v", name, err)
		case b.changes() > asked && name != "one too long" && (strings.ContainsFunc(password, unicode.IsControl) || !utf8.ValidString(password)):
			t.Errorf("%s: sent all the same: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("%s: the error tells the password", name)
		}
		if err == nil && (name == "one too long" || name == "no UTF-8") {
			t.Errorf("%s: taken", name)
		}
		for _, i := range list {
			if err := d.Check(t.Context(), i, now, &Book{}); err != nil {
				t.Fatalf("%s, on %s: %v", name, i, err)
			}
		}
	}
}

func (b Box) changes() int {
	if b.Changes == nil {
		return 0
	}
	return b.Changes()
}
