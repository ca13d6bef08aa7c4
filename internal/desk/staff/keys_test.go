package staff_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk/staff"
	"rekey/internal/web"
)

// call is who a request with that Authorization is.
func (p *place) call(s *staff.Staff, authorization, from string) (staff.Agent, error) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.origin+"/who", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 1).String()
	return s.Who(r)
}

func TestKeyInput(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	now := p.clock.Now()
	good := []staff.Scope{staff.ScopeEnrol}
	for name, c := range map[string]struct {
		name   string
		scopes []staff.Scope
		until  time.Time
	}{
		"name":           {"ERP", good, now.Add(time.Hour)},
		"reserved":       {"desk", good, now.Add(time.Hour)},
		"no scope":       {"erp", nil, now.Add(time.Hour)},
		"unknown scope":  {"erp", []staff.Scope{staff.ScopeEnrol, "cases.approve"}, now.Add(time.Hour)},
		"two in one":     {"erp", []staff.Scope{"recorders.enrol,log.read"}, now.Add(time.Hour)},
		"over already":   {"erp", good, now},
		"never over":     {"erp", good, time.Time{}},
		"for a lifetime": {"erp", good, now.AddDate(3, 0, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := p.staff.MakeKey(t.Context(), "root", c.name, c.scopes, c.until)
			wantKind(t, err, rekey.ErrInput)
		})
	}
}

// TestKeys: a key says which program it is and what that may do, until it ends.
func TestKeys(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	other := p.another()
	scopes := []staff.Scope{staff.ScopeOwners, staff.ScopeEnrol, staff.ScopeOwners}
	secret, err := p.staff.MakeKey(t.Context(), "root", "erp", scopes, p.clock.Now().Add(24*time.Hour))
	if err != nil || !strings.HasPrefix(secret.Reveal(), "rekey_") || len(secret.Reveal()) < 6+22 {
		t.Fatalf("%v: %d letters", err, len(secret.Reveal()))
	}
	_, err = p.staff.MakeKey(t.Context(), "root", "erp", scopes, p.clock.Now().Add(time.Hour))
	wantKind(t, err, rekey.ErrConflict)
	right := "Bearer " + secret.Reveal()
	a, err := p.call(p.staff, right, "192.0.2.7")
	if err != nil || a.Name != "key:erp" || a.Role != staff.RoleProgram || a.Browser == "" || a.From != netip.MustParseAddr("192.0.2.7") ||
		!slices.Equal(a.Scopes, []staff.Scope{staff.ScopeEnrol, staff.ScopeOwners}) {
		t.Fatalf("%+v: %v", a, err)
	}
	for _, wrong := range []string{"", "Bearer", "Bearer rekey_", "Bearer " + secret.Reveal() + "A", secret.Reveal(), "Basic " + secret.Reveal(), "Bearer rekey_" + strings.Repeat("A", 43)} {
		if _, err := p.call(p.staff, wrong, "192.0.2.7"); !errors.Is(err, web.ErrNoSession) {
			t.Errorf("%.12s...: %v", wrong, err)
		}
	}
	if _, err := p.call(other, "bearer "+secret.Reveal(), "192.0.2.7"); err != nil {
		t.Errorf("another process: %v", err)
	}
	if err := p.staff.RevokeKey(t.Context(), "erp"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*staff.Staff{p.staff, other} {
		if _, err := p.call(s, right, "192.0.2.7"); !errors.Is(err, web.ErrNoSession) {
			t.Errorf("revoked: %v", err)
		}
	}
	wantKind(t, p.staff.RevokeKey(t.Context(), "erp"), rekey.ErrNotFound)
	wantKind(t, p.staff.RevokeKey(t.Context(), "nobody"), rekey.ErrNotFound)
	_, err = p.staff.MakeKey(t.Context(), "root", "erp", scopes, p.clock.Now().Add(time.Hour))
	wantKind(t, err, rekey.ErrConflict) // a name is given once
}

// TestKeyUse: it is noted to the minute, and the end comes by itself.
func TestKeyUse(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	secret, err := p.staff.MakeKey(t.Context(), "root", "erp", []staff.Scope{staff.ScopeLog}, p.clock.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	use := func(want error) staff.Key {
		t.Helper()
		if _, err := p.call(p.staff, "Bearer "+secret.Reveal(), "192.0.2.7"); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		keys, err := p.staff.Keys(t.Context())
		if err != nil || len(keys) != 1 {
			t.Fatalf("%+v: %v", keys, err)
		}
		return keys[0]
	}
	first := p.clock.Now()
	if k := use(nil); !k.UsedAt.Equal(first) || k.MadeBy != "root" || !k.Until.Equal(first.Add(time.Hour)) || !k.RevokedAt.IsZero() {
		t.Errorf("%+v", k)
	}
	p.clock.Add(59 * time.Second)
	if k := use(nil); !k.UsedAt.Equal(first) {
		t.Errorf("within a minute: %v", k.UsedAt)
	}
	p.clock.Add(time.Second)
	if k := use(nil); !k.UsedAt.Equal(first.Add(time.Minute)) {
		t.Errorf("after a minute: %v", k.UsedAt)
	}
	p.clock.Add(59 * time.Minute)
	if k := use(web.ErrNoSession); !k.UsedAt.Equal(first.Add(time.Minute)) {
		t.Errorf("when it was over: %v", k.UsedAt)
	}
}

// TestThrottle: whoever comes with unknown links and keys waits longer each
// time, also at another process; what counts is taken all the same.
func TestThrottle(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.add("ann", staff.RoleAgent)
	token := p.invite("ann", false)
	secret, err := p.staff.MakeKey(t.Context(), "root", "erp", []staff.Scope{staff.ScopeLog}, p.clock.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	fail := func(i int) error {
		from := fmt.Sprintf("2001:db8::%x", i+1)
		if i%2 == 0 {
			_, err := p.call(p.staff, "Bearer rekey_unknown", from)
			return err
		}
		_, _, err := p.staff.BeginPasskey(t.Context(), rekey.NewSecret("unknown"), netip.MustParseAddr(from))
		return err
	}
	for i := range 20 {
		wantKind(t, fail(i), rekey.ErrDenied)
	}
	for i, wait := range []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		if i%2 == 1 {
			p.staff = p.another()
		}
		wantWait(t, fail(i), wait)
		p.clock.Add(wait - time.Second)
		wantWait(t, fail(i), time.Second)
		if i == 2 {
			if _, err := p.call(p.staff, "Bearer "+secret.Reveal(), "2001:db8::1"); err != nil {
				t.Errorf("a key that counts: %v", err)
			}
			if _, _, err := p.staff.BeginPasskey(t.Context(), token, netip.MustParseAddr("2001:db8::1")); err != nil {
				t.Errorf("a link that counts: %v", err)
			}
			_, err := p.call(p.staff, "Bearer rekey_unknown", "2001:db8:0:1::1")
			wantKind(t, err, web.ErrNoSession) // another sender
		}
		p.clock.Add(time.Second)
		wantKind(t, fail(i), rekey.ErrDenied)
	}
	p.clock.Add(25 * time.Hour)
	for i := range 20 {
		wantKind(t, fail(i), rekey.ErrDenied) // forgotten
	}
}

func wantWait(t *testing.T, err error, left time.Duration) {
	t.Helper()
	throttled, ok := errors.AsType[*staff.ThrottledError](err)
	if !ok || throttled.Left != left || !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("got %v, want a wait of %v", err, left)
	}
}
