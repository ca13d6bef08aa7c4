package harden

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.FixedZone("EST", -5*3600))

// device is a recorder with its settings in memory. ignore takes a change and
// does nothing, as real ones do with a key that they spell otherwise.
type device struct {
	policy   rekey.LockPolicy
	services []rekey.Service
	accounts []rekey.Account
	users    []rekey.ActiveUser
	clock    time.Time
	built    time.Time // zero: not told
	ignore   bool
	fail     error
	odd      []string // parts that are answered with nonsense
	changes  []string
}

func (d *device) Close(context.Context) error { return nil }

func (d *device) LockPolicy(context.Context) (rekey.LockPolicy, error) { return d.policy, d.fail }

func (d *device) SetLockPolicy(_ context.Context, p rekey.LockPolicy) error {
	d.changes = append(d.changes, "lock policy")
	if !d.ignore {
		d.policy = p
	}
	return d.fail
}

// of is how a question for a part ends.
func (d *device) of(part string) error {
	if slices.Contains(d.odd, part) {
		return fmt.Errorf("%w: no JSON", rekey.ErrUnreachable)
	}
	return d.fail
}

func (d *device) Services(context.Context) ([]rekey.Service, error) {
	return d.services, d.of("services")
}

func (d *device) SwitchService(_ context.Context, name string, on bool) error {
	d.changes = append(d.changes, fmt.Sprintf("%s %v", name, on))
	for i := range d.services {
		if d.services[i].Name == name && !d.ignore {
			d.services[i].Enabled = on
		}
	}
	return d.fail
}

func (d *device) Accounts(context.Context) ([]rekey.Account, error) {
	return d.accounts, d.of("accounts")
}
func (d *device) ActiveUsers(context.Context) ([]rekey.ActiveUser, error) {
	return d.users, d.of("logins")
}
func (d *device) Clock(context.Context) (time.Time, error) { return d.clock, d.fail }

func (d *device) Firmware(context.Context) (string, time.Time, error) {
	if d.built.IsZero() {
		return "4.001", d.built, rekey.ErrUnsupported
	}
	return "4.001", d.built, d.fail
}

// mute is a session that can do nothing.
type mute struct{}

func (mute) Close(context.Context) error { return nil }

// good has nothing to find.
func good() *device {
	return &device{
		policy:   rekey.LockPolicy{Enabled: true, Tries: 5, LockFor: 30 * time.Minute},
		services: []rekey.Service{{Name: "http", Enabled: true}, {Name: "https", Enabled: true}, {Name: "rtsp", Enabled: true}, {Name: "upnp"}, {Name: "p2p"}, {Name: "telnet"}, {Name: "ssh"}, {Name: "snmp"}, {Name: "multicast"}, {Name: "onvif-without-login"}},
		accounts: []rekey.Account{{Name: "admin", Group: "admin", Reserved: true}, {Name: "second", Group: "admin"}, {Name: "default", Group: "user", Reserved: true}},
		users:    []rekey.ActiveUser{{Account: "admin", Address: "192.0.2.1", Client: "CGI"}, {Account: "admin", Address: "192.0.2.1", Client: "Web3.0"}},
		clock:    time.Date(2026, 11, 22, 12, 1, 0, 0, time.UTC),
		built:    time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC),
	}
}

func input() CheckInput {
	return CheckInput{Account: "admin", Known: []string{"second"}, Now: now}
}

func check(t *testing.T, s rekey.Session, in CheckInput) []Finding {
	t.Helper()
	found, err := Check(t.Context(), s, in)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Title == "" || f.Why == "" || f.Do == "" || f.Certainty == "" || f.Fixed || !slices.Contains([]Severity{High, Medium, Low, Info}, f.Severity) {
			t.Errorf("finding %s is not whole: %+v", f.ID, f)
		}
	}
	return found
}

func ids(found []Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, strings.TrimSpace(f.ID+" "+f.Subject))
	}
	return strings.Join(all, ", ")
}

func enable(name string) func(*device, *CheckInput) {
	return func(d *device, _ *CheckInput) {
		for i := range d.services {
			d.services[i].Enabled = d.services[i].Enabled || d.services[i].Name == name
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(d *device, in *CheckInput)
		want   string
	}{
		"nothing":          {func(*device, *CheckInput) {}, ""},
		"lock off":         {func(d *device, _ *CheckInput) { d.policy.Enabled = false }, LockPolicyOff},
		"too many tries":   {func(d *device, _ *CheckInput) { d.policy.Tries = 11 }, LockPolicyWeak},
		"no tries told":    {func(d *device, _ *CheckInput) { d.policy.Tries = 0 }, LockPolicyWeak},
		"locked too short": {func(d *device, _ *CheckInput) { d.policy.LockFor = time.Minute }, LockPolicyWeak},
		"10 tries, 5 minutes": {func(d *device, _ *CheckInput) {
			d.policy = rekey.LockPolicy{Enabled: true, Tries: 10, LockFor: 5 * time.Minute}
		}, ""},
		"upnp":        {enable("upnp"), UPnPOn},
		"p2p":         {enable("p2p"), P2POn},
		"telnet":      {enable("telnet"), TelnetOn},
		"ssh":         {enable("ssh"), SSHOn},
		"snmp":        {enable("snmp"), SNMPOn},
		"multicast":   {enable("multicast"), MulticastOn},
		"onvif":       {enable("onvif-without-login"), ONVIFOpen},
		"no https":    {func(d *device, _ *CheckInput) { d.services[1].Enabled = false }, PlainHTTP},
		"https alone": {func(d *device, _ *CheckInput) { d.services[0].Enabled = false }, ""},
		"plain door seen": {func(d *device, in *CheckInput) {
			d.services = nil
			in.Identity.Interfaces = []rekey.Interface{{Kind: rekey.InterfaceCGI}}
		}, PlainHTTP},
		"both doors seen": {func(d *device, in *CheckInput) {
			d.services = nil
			in.Identity.Interfaces = []rekey.Interface{{Kind: rekey.InterfaceCGI}, {Kind: rekey.InterfaceRPC2, TLS: true}}
		}, ""},
		"plain ISAPI seen": {func(d *device, in *CheckInput) {
			d.services = nil
			in.Identity.Interfaces = []rekey.Interface{{Kind: rekey.InterfaceISAPI}, {Kind: rekey.InterfaceRTSP, TLS: true}}
		}, PlainHTTP},
		"plain ONVIF seen": {func(d *device, in *CheckInput) {
			d.services = nil
			in.Identity.Interfaces = []rekey.Interface{{Kind: rekey.InterfaceONVIF}}
		}, PlainHTTP},
		"encrypted ISAPI seen": {func(d *device, in *CheckInput) {
			d.services = nil
			in.Identity.Interfaces = []rekey.Interface{{Kind: rekey.InterfaceISAPI, TLS: true}, {Kind: rekey.InterfaceONVIF}}
		}, ""},
		"two lists": {func(_ *device, in *CheckInput) { in.Separate = []rekey.InterfaceKind{rekey.InterfaceONVIF} }, "separate-accounts onvif"},
		"readable login": {func(_ *device, in *CheckInput) {
			in.Identity.Oddities = []rekey.Oddity{{ID: "self-signed"}, {ID: "basic-only", Words: "x"}}
		}, BasicOnly},
		"extra admin": {func(_ *device, in *CheckInput) { in.Known = nil }, "extra-admin second"},
		"unknown account": {func(d *device, _ *CheckInput) {
			d.accounts = append(d.accounts, rekey.Account{Name: "eve", Group: "user"})
		}, "unknown-account eve"},
		"one admin":    {func(d *device, _ *CheckInput) { d.accounts = d.accounts[:1] }, NoSecondAdmin},
		"old password": {func(d *device, _ *CheckInput) { d.accounts[1].Changed = now.AddDate(-2, 0, 0) }, "old-password second"},
		"old, in use":  {func(d *device, _ *CheckInput) { d.accounts[0].Changed = now.AddDate(-2, 0, 0) }, ""},
		"somebody else": {func(d *device, _ *CheckInput) {
			d.users = append(d.users, rekey.ActiveUser{Account: "second", Address: "192.0.2.9", Client: "Web3.0"})
		}, "somebody-logged-in second at 192.0.2.9"},
		"local seat": {func(d *device, _ *CheckInput) {
			d.users = append(d.users, rekey.ActiveUser{Account: "admin", Address: "Local", Client: "GUI"})
		}, "somebody-logged-in admin at Local"},
		"us from two places":    {func(d *device, _ *CheckInput) { d.users[1].Address = "192.0.2.9" }, "somebody-logged-in admin at 192.0.2.1, somebody-logged-in admin at 192.0.2.9"},
		"clock off":             {func(d *device, _ *CheckInput) { d.clock = d.clock.Add(12 * time.Minute) }, ClockWrong},
		"clock of another year": {func(d *device, _ *CheckInput) { d.clock = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }, ClockWrong},
		"clock of Nepal":        {func(d *device, _ *CheckInput) { d.clock = now.Add(5*time.Hour + 45*time.Minute).UTC() }, ""},
		"old firmware":          {func(d *device, _ *CheckInput) { d.built = time.Date(2020, 11, 17, 0, 0, 0, 0, time.UTC) }, FirmwareOld},
		"firmware not told":     {func(d *device, _ *CheckInput) { d.built = time.Time{} }, "not-checked firmware"},
		"gravest first": {func(d *device, in *CheckInput) {
			enable("multicast")(d, in)
			enable("ssh")(d, in)
			enable("upnp")(d, in)
		}, "upnp-on, ssh-on, multicast-on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, in := good(), input()
			c.change(d, &in)
			if got := ids(check(t, d, in)); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if len(d.changes) > 0 {
				t.Errorf("a check changed %v", d.changes)
			}
		})
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	const all = "not-checked lock policy, not-checked services, not-checked accounts, not-checked logins, not-checked clock, not-checked firmware, not-checked disks"
	if got := ids(check(t, mute{}, input())); got != all {
		t.Errorf("a mute session: %q", got)
	}
	// "no right, or no such thing" is one answer of these recorders
	d := good()
	d.fail = fmt.Errorf("read General: %w", rekey.ErrDenied)
	if got := ids(check(t, d, input())); got != all {
		t.Errorf("a refusing session: %q", got)
	}
	for _, err := range []error{rekey.ErrUnreachable, rekey.ErrLocked, context.Canceled, &rekey.LoginError{Kind: rekey.ErrDenied}} {
		d.fail = err
		if _, got := Check(t.Context(), d, input()); !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
}

// A part that is answered with nonsense is not checked, and the others are; when
// no more usable answer comes the findings so far come with the error.
func TestNonsenseInOnePart(t *testing.T) {
	t.Parallel()
	d := good()
	d.odd = []string{"services", "logins"}
	d.policy.Enabled = false
	d.clock = d.clock.Add(12 * time.Minute)
	if got := ids(check(t, d, input())); got != "lock-policy-off, clock-wrong, not-checked services, not-checked logins" {
		t.Errorf("found %q", got)
	}
	d.odd = append(d.odd, "accounts")
	found, err := Check(t.Context(), d, input())
	if got := ids(found); !errors.Is(err, rekey.ErrUnreachable) || got != "lock-policy-off, not-checked services, not-checked accounts, not-checked logins" {
		t.Errorf("found %q, %v", got, err)
	}
}

// bad has everything to find that can be fixed.
func bad() *device {
	d := good()
	d.policy = rekey.LockPolicy{}
	for i := range d.services {
		d.services[i].Enabled = d.services[i].Name != "https"
	}
	return d
}

func TestFix(t *testing.T) {
	t.Parallel()
	d := bad()
	found := check(t, d, input())
	fixed, err := Fix(t.Context(), d, found, Safe)
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(check(t, d, input())); got != PlainHTTP+", "+P2POn {
		t.Errorf("left after the safe fixes: %q", got)
	}
	for _, f := range fixed {
		if f.Fixed != Safe(f) {
			t.Errorf("%s: fixed %v", f.ID, f.Fixed)
		}
	}
	if fixed, err = Fix(t.Context(), d, fixed, func(Finding) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if got := ids(check(t, d, input())); got != "" {
		t.Errorf("left after all fixes: %q", got)
	}
	// the doors that rekey comes through stay open
	if !on(d.services, "http") || !on(d.services, "rtsp") || len(d.accounts) != 3 {
		t.Error("a fix touched a door or an account")
	}
	before := len(d.changes)
	if _, err = Fix(t.Context(), d, fixed, func(Finding) bool { return true }); err != nil || len(d.changes) != before {
		t.Errorf("what was fixed was fixed again: %v, %v", d.changes[before:], err)
	}
	if found[0].Fixed {
		t.Error("Fix wrote into the findings that it was given")
	}
}

func TestFixMayDoNothingElse(t *testing.T) {
	t.Parallel()
	d := bad()
	found := check(t, d, input())
	if _, err := Fix(t.Context(), d, found, func(Finding) bool { return false }); err != nil || len(d.changes) > 0 {
		t.Errorf("nothing was allowed: %v, %v", d.changes, err)
	}
	if _, err := Fix(t.Context(), d, found, func(f Finding) bool { return f.ID == SSHOn }); err != nil || !slices.Equal(d.changes, []string{"ssh false"}) {
		t.Errorf("ssh was allowed: %v, %v", d.changes, err)
	}
	for _, b := range betterOff() {
		if slices.Contains([]string{"http", "https", "rtsp"}, b.service) {
			t.Errorf("%s is a door", b.service)
		}
	}
	forged := Finding{ID: ExtraAdmin, Subject: "second", Fixable: true}
	if _, err := Fix(t.Context(), d, []Finding{forged}, func(Finding) bool { return true }); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("a finding without a fix: %v", err)
	}
}

func TestFixReadsBack(t *testing.T) {
	t.Parallel()
	d := bad()
	found := check(t, d, input())
	d.ignore = true
	fixed, err := Fix(t.Context(), d, found, Safe)
	if !errors.Is(err, rekey.ErrVerify) || !strings.Contains(err.Error(), TelnetOn) || !strings.Contains(err.Error(), LockPolicyOff) {
		t.Errorf("changes that were taken and ignored: %v", err)
	}
	for _, f := range fixed {
		if f.Fixed {
			t.Errorf("%s counts as fixed", f.ID)
		}
	}
	// a recorder that is lost is not asked again
	d = bad()
	d.fail = rekey.ErrUnreachable
	if _, err := Fix(t.Context(), d, found, Safe); !errors.Is(err, rekey.ErrUnreachable) || len(d.changes) != 1 {
		t.Errorf("%v, changes %v", err, d.changes)
	}
	if _, err := Fix(t.Context(), mute{}, found, Safe); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("a session that cannot: %v", err)
	}
}

func FuzzDrift(f *testing.F) {
	f.Add(int64(0), int64(1<<40), 0)
	f.Add(int64(-1<<60), int64(1<<60), -43200)
	f.Fuzz(func(t *testing.T, wall, at int64, zone int) {
		off := drift(time.Unix(wall, 0), time.Unix(at, 0).In(time.FixedZone("x", zone%86400)))
		straight := time.Unix(wall, 0).Sub(time.Unix(at, 0))
		if off.Abs() > straight.Abs() {
			t.Errorf("drift %v is more than the difference %v", off, straight)
		}
	})
}
