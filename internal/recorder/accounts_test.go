package recorder

import (
	"errors"
	"strings"
	"testing"

	"rekey"
)

func TestPasswordPolicy(t *testing.T) {
	t.Parallel()
	for pw, rule := range map[string]string{
		"Abc-123":                "length",
		strings.Repeat("a1", 17): "length",
		"abcd 1234":              "characters",
		"abcd\t1234":             "characters",
		"pässword1":              "characters",
		"abc'12345":              "forbidden",
		`abc"12345`:              "forbidden",
		"abc;12345":              "forbidden",
		"abc:12345":              "forbidden",
		"abc&12345":              "forbidden",
		"abcdefgh":               "classes",
		"12345678":               "classes",
		"installer-7":            "account",
		"INSTALLER-7":            "account",
		"Admin123":               "blocklist",
		"P@ssw0rd":               "blocklist",
	} {
		var e *PolicyError
		if err := checkPassword(eightCharacters, "installer-7", pw); !errors.As(err, &e) || e.Rule != rule || !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: got %v, want the rule %s", pw, err, rule)
		} else if strings.Contains(err.Error(), pw) {
			t.Errorf("%s: the error holds the password", rule)
		}
	}
	for _, pw := range []string{"abcdefg1", "ABCDEFG-", "a-long-Passphrase-of-32-letters1", "12345678!"} {
		if err := checkPassword(eightCharacters, "installer-7", pw); err != nil {
			t.Errorf("%q: %v", pw, err)
		}
	}
	for _, pw := range blocklist {
		if err := checkPassword(eightCharacters, "x", pw); err == nil || pw != strings.ToLower(pw) {
			t.Errorf("%q on the blocklist has no effect", pw)
		}
	}
}

func TestSetPassword(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	const next = "next-Pass-2"
	before := b.Epoch(AdminAccount)
	_, _ = b.SessionOpened(AdminAccount, web)
	for name, c := range map[string]struct {
		old, new string
		want     error
	}{
		"weak":       {firstPassword, "weak", rekey.ErrInput},
		"the same":   {firstPassword, firstPassword, rekey.ErrInput},
		"wrong old":  {"wrong-Pass-1", next, rekey.ErrDenied},
		"forbidden ": {firstPassword, "next;Pass-2", rekey.ErrInput},
	} {
		if err := b.SetPassword(AdminAccount, AdminAccount, secret(c.old), secret(c.new), web); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if b.Epoch(AdminAccount) != before || len(b.Active()) != 1 {
		t.Error("a refused change ended sessions")
	}
	if err := b.SetPassword(AdminAccount, AdminAccount, secret(firstPassword), secret(next), web); err != nil {
		t.Fatal(err)
	}
	if b.Epoch(AdminAccount) <= before || len(b.Active()) != 0 {
		t.Error("sessions of the old password live on")
	}
	if err := b.right(firstPassword); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the old password: %v", err)
	}
	if err := b.right(next); err != nil {
		t.Errorf("the new password by digest: %v", err)
	}
	if _, err := b.Password(AdminAccount, secret(next), web); err != nil {
		t.Errorf("the new password, typed: %v", err)
	}
	if n := count(events(t, b.Dir()), "sessions.revoked"); n != 1 {
		t.Errorf("%d records of revoked sessions, want 1", n)
	}
}

func TestAccountsAndRights(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	const pw = "guest-Pass-1"
	guest := rekey.Account{Name: "guest", Group: GroupUser, Memo: "the shop"}
	if err := b.AddAccount(AdminAccount, guest, secret(pw), web); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"twice":            b.AddAccount(AdminAccount, guest, secret(pw), web),
		"delete admin":     b.DeleteAccount(AdminAccount, AdminAccount, web),
		"delete by user":   b.DeleteAccount("guest", AdminAccount, web),
		"reset by user":    b.ResetPassword("guest", AdminAccount, secret("Other-Pass-1"), web),
		"set other's":      b.SetPassword("guest", AdminAccount, secret(firstPassword), secret("Other-Pass-1"), web),
		"add by user":      b.AddAccount("guest", rekey.Account{Name: "x", Group: GroupUser}, secret(pw), web),
		"settings by user": b.SetTable("guest", "UPnP", map[string]string{"Enable": "false"}, web),
		"reset nobody":     b.ResetPassword(AdminAccount, "nobody", secret("Other-Pass-1"), web),
		"bad name":         b.AddAccount(AdminAccount, rekey.Account{Name: "a:b", Group: GroupUser}, secret(pw), web),
		"a dot":            b.AddAccount(AdminAccount, rekey.Account{Name: ".", Group: GroupUser}, secret(pw), web),
		"two dots":         b.AddAccount(AdminAccount, rekey.Account{Name: "..", Group: GroupUser}, secret(pw), web),
		"bad group":        b.AddAccount(AdminAccount, rekey.Account{Name: "ab", Group: "root"}, secret(pw), web),
	} {
		want := map[string]error{"twice": rekey.ErrConflict, "delete admin": rekey.ErrConflict, "reset nobody": rekey.ErrNotFound, "bad name": rekey.ErrInput, "a dot": rekey.ErrInput, "two dots": rekey.ErrInput, "bad group": rekey.ErrInput}[name]
		if want == nil {
			want = rekey.ErrDenied
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
	list := b.Accounts()
	if len(list) != 2 || list[0].Name != AdminAccount || !list[0].Reserved || list[1].Name != "guest" || list[1].Memo != "the shop" {
		t.Errorf("accounts: %+v", list)
	}
	for range 5 {
		_, _ = b.Password("guest", secret("wrong-Pass-1"), web)
	}
	epoch := b.Epoch("guest")
	if err := b.ResetPassword(AdminAccount, "guest", secret("Other-Pass-1"), web); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Password("guest", secret("Other-Pass-1"), web); err != nil || b.Epoch("guest") <= epoch {
		t.Errorf("after a reset by the admin: %v", err)
	}
	epoch = b.Epoch("guest")
	if err := b.DeleteAccount(AdminAccount, "guest", web); err != nil {
		t.Fatal(err)
	}
	if err := b.AddAccount(AdminAccount, guest, secret(pw), web); err != nil {
		t.Fatal(err)
	}
	if b.Epoch("guest") <= epoch {
		t.Error("an account made anew revives the sessions of the one before")
	}
}

func TestActiveUsers(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	_, closeWeb := b.SessionOpened(AdminAccount, web)
	_, closeSeat := b.SessionOpened(AdminAccount, AtSeat())
	if got := b.Active(); len(got) != 2 || got[0].Client != "Web3.0" || got[1].Client != "GUI" {
		t.Errorf("active: %+v", got)
	}
	closeWeb()
	closeWeb()
	closeSeat()
	if got := b.Active(); len(got) != 0 {
		t.Errorf("active after the end: %+v", got)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	set := func(table string, kv map[string]string) error { return b.SetTable(AdminAccount, table, kv, web) }
	if err := set("UPnP", map[string]string{"Enable": "false", "enable": "maybe", "Nonsense": "1"}); err != nil {
		t.Fatal(err)
	}
	upnp, _ := b.Table("UPnP")
	if upnp["Enable"] != "false" || upnp["Nonsense"] != "" || upnp["enable"] != "" {
		t.Errorf("UPnP: %v", upnp)
	}
	for table, kv := range map[string]map[string]string{
		"T2UServer": {"Enable": "perhaps"},
		"Web":       {"Port": "70000"},
		"NTP":       {"Address": "a\x00b"},
		"General":   {"MachineName": strings.Repeat("n", 300)},
	} {
		before, _ := b.Table(table)
		if err := set(table, kv); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s %v: got %v, want ErrInput", table, kv, err)
		}
		if after, _ := b.Table(table); len(after) != len(before) || after["Enable"] != before["Enable"] || after["Port"] != before["Port"] {
			t.Errorf("%s changed", table)
		}
	}
	if err := set("NoSuch", nil); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("unknown table: %v", err)
	}
	upnp["Enable"] = "true"
	if again, _ := b.Table("UPnP"); again["Enable"] != "false" {
		t.Error("Table gives away the box's own map")
	}
	if err := set("General", map[string]string{"MachineName": "Shop"}); err != nil || b.Info().Name != "Shop" {
		t.Errorf("the recorder's name: %q, %v", b.Info().Name, err)
	}
	b.Serving(Ports{Host: "127.0.0.1", HTTP: 8080, RTSP: 8554})
	rtsp, _ := b.Table("RTSP")
	https, _ := b.Table("Https")
	if rtsp["Port"] != "8554" || https["Port"] != "443" {
		t.Errorf("ports: RTSP %s, HTTPS %s", rtsp["Port"], https["Port"])
	}
	if count(events(t, b.Dir()), "service.off") != 1 || count(events(t, b.Dir()), "settings.set") != 1 {
		t.Error("changes of settings are not on record as what they are")
	}
}
