package recorder

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"rekey"
	"rekey/internal/totp"
)

func (s *shop) pair(t *testing.T, account, name string) rekey.Secret {
	t.Helper()
	token, err := s.Pair(account, s.Epoch(account), name, web)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestPairedPhone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	token := s.pair(t, "amy", "Amy's phone")
	other := s.pair(t, AdminAccount, "office")
	if token.Equal(other) || len(token.Reveal()) != 32 {
		t.Error("a token is drawn short, or twice")
	}
	s.reboot(t)
	if account, epoch, ok := s.Paired(token); !ok || account != "amy" || epoch != s.Epoch("amy") {
		t.Errorf("paired: %q, %d, %v", account, epoch, ok)
	}
	for _, wrong := range []string{"", "00", strings.Repeat("0", 32), token.Reveal() + "00", token.Reveal()[1:], strings.Repeat("x", 32)} {
		if account, epoch, ok := s.Paired(secret(wrong)); ok || account != "" || epoch != 0 {
			t.Errorf("%q is paired with %q", wrong, account)
		}
	}
	if err := s.ModifyAccount(AdminAccount, "amy", GroupUser, "", nil, web); err != nil {
		t.Fatal(err)
	}
	if _, epoch, ok := s.Paired(token); !ok || epoch != s.Epoch("amy") {
		t.Error("the phone does not go on with the account's present epoch")
	}
	if _, err := s.Pair("amy", s.Epoch("amy")-1, "late", web); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("paired by a session that is over: %v", err)
	}
	if _, err := s.Pair("nobody", 0, "late", web); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("paired with nobody: %v", err)
	}
	all := events(t, s.Dir())
	for _, r := range all {
		if r.Event == "phone.pair" && r.Object == "amy" && (r.Detail["phone"] != "Amy's phone" || r.Detail["phone_id"] == "") {
			t.Errorf("the record: %+v", r)
		}
	}
	if count(all, "phone.pair") != 2 {
		t.Error("pairing is not on record")
	}
}

func TestWhatEndsAPhone(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *shop) error{
		"30 days": func(s *shop) error { s.wall.Add(30 * 24 * 3600); return nil },
		"own change": func(s *shop) error {
			return s.SetPassword("amy", "amy", secret(amyPassword), secret("Amys-Next-2"), web)
		},
		"an admin's change": func(s *shop) error { return s.ResetPassword(AdminAccount, "amy", secret("Amys-Next-2"), web) },
		"unpaired":          func(s *shop) error { return s.Unpair("amy", "amy", s.Phones("amy")[0].ID, web) },
		"by an admin":       func(s *shop) error { return s.Unpair(AdminAccount, "amy", s.Phones("amy")[0].ID, web) },
		"a deletion":        func(s *shop) error { return s.DeleteAccount(AdminAccount, "amy", web) },
		"a second factor": func(s *shop) error {
			o, err := s.OfferSecond("amy", secret(amyPassword), AtSeat())
			if err != nil {
				return err
			}
			_, _, err = s.ConfirmSecond(o, codeAt(o.key, s.wall.Load()/totp.Step), AtSeat())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.pair(t, AdminAccount, "office")
			token := s.pair(t, "amy", "phone")
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			if _, _, ok := s.Paired(token); ok || len(s.Phones("amy")) != 0 {
				t.Error("the phone is paired still")
			}
			if err := s.right(firstPassword); err != nil { // any change of the state
				t.Fatal(err)
			}
			s.wall.Store(firstMinute + 60)
			if _, _, ok := s.Paired(token); ok {
				t.Error("a clock set back pairs it again")
			}
			if name != "30 days" && len(s.Phones(AdminAccount)) != 1 {
				t.Error("another's phone went with it")
			}
		})
	}
}

func TestListOfPhones(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for i := range MaxPhones {
		s.pair(t, "amy", strings.Repeat("p", i+1))
	}
	if _, err := s.Pair("amy", s.Epoch("amy"), "ninth", web); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("the ninth phone: %v", err)
	}
	list := s.Phones("amy")
	if len(list) != MaxPhones || list[0].Name != "p" || list[MaxPhones-1].Name != "pppppppp" {
		t.Errorf("the list: %+v", list)
	}
	for name, err := range map[string]error{
		"another's":  s.Unpair("amy", AdminAccount, list[0].ID, web),
		"no such id": s.Unpair("amy", "amy", "0", web),
		"of nobody":  s.Unpair(AdminAccount, "nobody", list[0].ID, web),
		"by nobody":  s.Unpair("nobody", "amy", list[0].ID, web),
	} {
		want := rekey.ErrNotFound
		if name == "another's" || name == "by nobody" {
			want = rekey.ErrDenied
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
	if err := s.Unpair(AdminAccount, "amy", list[3].ID, web); err != nil {
		t.Fatal(err)
	}
	if left := s.Phones("amy"); len(left) != MaxPhones-1 || left[3].ID != list[4].ID {
		t.Errorf("left: %+v", left)
	}
	if n := s.Notices("amy"); len(n) != 1 || n[0].Event != "phone.unpair" {
		t.Errorf("amy is told %+v", n)
	}
	s.wall.Add(30 * 24 * 3600)
	s.pair(t, "amy", "after all others are over")
	if left := s.Phones("amy"); len(left) != 1 {
		t.Errorf("left after 30 days: %+v", left)
	}
}

func TestPhoneNames(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"":                              "phone",
		" \t\r\n":                       "phone",
		"Amy's  phone":                  "Amy's  phone",
		"Müllers Händi 📱":               "Müllers Händi 📱",
		"电话":                            "电话",
		"a\nlogin admin ok":             "alogin admin ok",
		"\x1b[2Jx":                      "[2Jx",
		"\u202egpj.exe":                 "gpj.exe",
		"a\xff\xfeb":                    "ab",
		"<script>":                      "<script>", // the page escapes it
		strings.Repeat("é", 1000):       strings.Repeat("é", maxPhoneName),
		strings.Repeat("\u200b", 1000):  "phone",
		strings.Repeat("x", 39) + "  y": strings.Repeat("x", 39),
	} {
		if got := phoneName(sent); got != want {
			t.Errorf("%q: got %q, want %q", sent, got, want)
		}
	}
}

func FuzzPhoneName(f *testing.F) {
	for _, seed := range []string{"", "phone", "\xff\xff", "é\u0301", "\u202e", strings.Repeat("界", 60)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		got := phoneName(sent)
		if got == "" || !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxPhoneName || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q became %q", sent, got)
		}
	})
}
