package desk_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
)

func from(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestLoginErrorsAreUniform: a wrong name and a wrong password read the same,
// in JSON and on the page.
func TestLoginErrorsAreUniform(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := newBrowse(t, p.serve(), "")
	status, wrongPassword := b.api("POST", "/session", `{"name":"ann","password":"not the right one at all"}`)
	if status != http.StatusForbidden {
		t.Errorf("status %d", status)
	}
	for _, name := range []string{"nobody", "", "Ann", strings.Repeat("a", 5000), "ann\x00", "' OR 1=1 --"} {
		if got, body := b.api("POST", "/session", fmt.Sprintf(`{"name":%q,"password":%q}`, strings.ReplaceAll(name, "\x00", ""), passwordOfAll+"x")); got != status || body != wrongPassword {
			t.Errorf("name %.20q: %d %s, want %d %s", name, got, body, status, wrongPassword)
		}
	}
	_, one := b.send("POST", "/login", "application/x-www-form-urlencoded", "name=ann&password=wrong")
	_, two := b.send("POST", "/login", "application/x-www-form-urlencoded", "name=nobody&password=wrong")
	if one != two || !strings.Contains(one, "Name or password is wrong") {
		t.Error("the pages differ")
	}
}

// TestThrottle: wrong tries of one name slow it down, from whatever address,
// also over a restart, and the same for a name that does not exist.
func TestThrottle(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ann", "nobody"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			try := func(i int, password string) error {
				_, err := p.desk.LogIn(t.Context(), name, rekey.NewSecret(password), from(fmt.Sprintf("192.0.2.%d", i)))
				return err
			}
			for i := range 5 {
				wantKind(t, try(i, "wrong"), rekey.ErrDenied)
			}
			wantThrottled(t, try(9, passwordOfAll), 15*time.Second)
			if err := p.desk.Close(); err != nil {
				t.Fatal(err)
			}
			p.open()
			wantThrottled(t, try(9, passwordOfAll), 15*time.Second)
			p.clock.Add(15 * time.Second)
			wantKind(t, try(9, "wrong"), rekey.ErrDenied)
			wantThrottled(t, try(10, passwordOfAll), 30*time.Second)
			p.clock.Add(30 * time.Second)
			if err := try(11, passwordOfAll); name == "ann" && err != nil {
				t.Errorf("the right one after the wait: %v", err)
			}
			if name == "ann" {
				for i := range 5 {
					wantKind(t, try(i, "wrong"), rekey.ErrDenied) // forgiven: five more
				}
			}
		})
	}
}

func wantThrottled(t *testing.T, err error, left time.Duration) {
	t.Helper()
	throttled, ok := errors.AsType[*desk.ThrottledError](err)
	if !ok || throttled.Left != left || !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("got %v, want a wait of %v", err, left)
	}
}

// TestThrottleByAddress: one address that goes through many names.
func TestThrottleByAddress(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for i := range 20 {
		_, err := p.desk.LogIn(t.Context(), fmt.Sprintf("name%d", i), rekey.NewSecret("wrong"), from(fmt.Sprintf("2001:db8::%d", i)))
		wantKind(t, err, rekey.ErrDenied)
	}
	_, err := p.desk.LogIn(t.Context(), "ann", rekey.NewSecret(passwordOfAll), from("2001:db8::ffff"))
	wantThrottled(t, err, 15*time.Second)
	if _, err := p.desk.LogIn(t.Context(), "ann", rekey.NewSecret(passwordOfAll), from("2001:db8:0:1::1")); err != nil {
		t.Errorf("another network: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := newBrowse(t, p.serve(), "ann")
	read := func() int { status, _ := b.api("GET", "/session", ""); return status }
	for range 47 { // 14 minutes at a time, up to 11 h
		p.clock.Add(14 * time.Minute)
		if got := read(); got != http.StatusOK {
			t.Fatalf("status %d in use", got)
		}
	}
	p.clock.Add(14 * time.Minute)
	_ = read()
	for range 4 {
		p.clock.Add(14 * time.Minute)
		_ = read()
	}
	if got := read(); got != http.StatusUnauthorized {
		t.Errorf("status %d after 12 h", got)
	}
	idle := newBrowse(t, p.serve(), "bob")
	p.clock.Add(15 * time.Minute)
	if got, _ := idle.api("GET", "/session", ""); got != http.StatusUnauthorized {
		t.Errorf("status %d after 15 min idle", got)
	}
}

func TestPasswordRule(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const agent = "dora.of.the.night.desk"
	for name, password := range map[string]string{
		"short": "fourteen chars", "repeated": "abcabcabcabcabcabc", "own name": "Dora.of.the.night.desk",
		"not UTF-8": "\xff\xfe quiet tables in a row", "long": strings.Repeat("ab c", 65) + "d",
	} {
		err := p.desk.AddAgent(t.Context(), desk.Operator(), agent, desk.RoleAgent, rekey.NewSecret(password))
		if !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := p.desk.AddAgent(t.Context(), desk.Operator(), "ann", desk.RoleAuditor, rekey.NewSecret(passwordOfAll)); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("a second ann: %v", err)
	}
}
