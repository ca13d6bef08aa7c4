// Package rekeytest is for tests only: the conformance suite that every driver
// runs against recorders that somebody else wrote.
package rekeytest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/rekeytest/loopback"
)

// Box is a recorder that is switched on, as a suite needs to know it.
type Box struct {
	HTTP     rekey.Target
	HTTPS    rekey.Target // zero: none
	Admin    rekey.Login
	Second   rekey.Login // another account of the group admin
	Tries    int         // wrong tries after which it locks
	Channels int
	Clips    int       // recordings on it,
	From, To time.Time // all of them within
	Switch   string    // a service that it has and that nobody needs
	Password string    // one that is hard on the wire and that its rule allows; empty: goodPassword
	// Lacks are the tests that the family has no ability for, and why: what is
	// tested in their place is that the driver says so.
	Lacks map[string]string
	// Remarks are what a test leaves out on this box.
	Remarks map[string]string
	// Untried are doors that it tells of and that the family cannot try, and why.
	Untried map[rekey.InterfaceKind]string
	// Refusing are doors that refuse the right password, and why.
	Refusing map[rekey.InterfaceKind]string
	// Lock is what it tells somebody whom it locked out.
	Lock LockWords

	NoClient bool                    // its list of who is logged in does not tell their client
	Camera   Camera                  // behind it, with its own password
	Rule     rekey.PasswordRule      // of passwords, as it tells it
	Longest  string                  // password that its rule just allows; empty: 32 characters
	OwnList  rekey.InterfaceKind     // the interface that has accounts of its own
	TryOwn   func(rekey.Login) error // tries a login of that list, by another driver
	Recovery rekey.Recovery          // what it tells of its reset to anybody
	Asked    func() []string         // what it was asked so far; nil: it keeps no record
	// Knock has another client, at that address, try a login once.
	Knock func(t *testing.T, from netip.Addr, l rekey.Login)
	// Changes is how often it was asked to change a password; nil: it does not count.
	Changes func() int
	// Upgrade has it tell that firmware is being written, BreakDisk that its disk is
	// broken; nil: it cannot.
	Upgrade, BreakDisk func()
}

// Camera is a channel of a box. The box logs in there with the password of its
// own administrator, so that it goes dark when that one is changed, until the box
// is given the login that the camera takes.
type Camera struct {
	Channel int // 0: there is none
	Login   rekey.Login
	Untold  bool // the box does not tell how its cameras are
}

// LockWords is how much a recorder says of its lock.
type LockWords int

// From all to nothing.
const (
	LockTimed   LockWords = iota // that it is locked and for how long
	LockUntimed                  // that it is locked
	LockUnsaid                   // a refusal as any other
)

// abilities are the tests of a driver on a box, by what is told of them.
var abilities = map[string]func(*testing.T, rekey.Driver, Box){
	"identify":                identify,
	"who is logged in":        whoIsLoggedIn,
	"accounts":                accounts,
	"clock":                   clock,
	"lock policy":             lockPolicy,
	"services":                services,
	"settings":                settings,
	"recordings":              recordings,
	"channels":                channels,
	"logins log":              loginsLog,
	"own accounts":            ownAccounts,
	"recovery description":    recoveryDescription,
	"password rule":           passwordRule,
	"a wrong try counts once": wrongCountsOnce,
	"lock":                    lock,
	"set password":            setPassword,
	"set password by HTTPS":   setPasswordByHTTPS,
	"set password refused":    setPasswordRefused,
	"reset password":          resetPassword,
	"password round trips":    roundTrips,
	"stream door":             streamDoor,
	"untried doors":           untriedDoors,
	"storage":                 storage,
	"upgrading":               upgrading,
	"groups":                  groups,
}

// RunDriver tests every ability of a driver on a face, and notes what came of it
// in the matrix. plug switches on a new recorder for each test and off at its end.
func RunDriver(t *testing.T, m *Matrix, face string, d rekey.Driver, plug func(t *testing.T) Box) {
	t.Helper()
	for name, test := range abilities {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := plug(t)
			if b.Password == "" {
				b.Password = goodPassword
			}
			why := b.Lacks[name]
			if why != "" {
				test = lacking(name)
			}
			if b.HTTPS == (rekey.Target{}) && name == "set password by HTTPS" {
				why = "it has no HTTPS"
			}
			t.Cleanup(func() { m.note(cell{d.Family(), face, name}, why, b.Remarks[name], t.Failed()) })
			test(t, d, b)
		})
	}
	t.Run("not a recorder", func(t *testing.T) {
		t.Parallel()
		notARecorder(t, d)
	})
}

// Book is a login budget without a limit that counts.
type Book struct {
	mu             sync.Mutex
	Spent, Refused int
	Given          int
}

// Spend counts a try.
func (b *Book) Spend(string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Spent++
	return nil
}

// Settle counts how it ended.
func (b *Book) Settle(_ string, result error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if result == nil {
		b.Given++
	} else {
		b.Refused++
	}
	return nil
}

func look(t *testing.T, d rekey.Driver, at rekey.Target) rekey.Identity {
	t.Helper()
	id, err := d.Identify(t.Context(), at)
	if err != nil {
		t.Fatalf("identify %s: %v", at, err)
	}
	return id
}

// open logs in; the session is closed with the test, if it is alive then. With
// the right password it may cost the login, one more at another door and one for
// each stream that is played, and nothing of it may stay spent.
func open(t *testing.T, d rekey.Driver, at rekey.Target, l rekey.Login) rekey.Session {
	t.Helper()
	book := &Book{}
	s, err := d.Open(t.Context(), look(t, d, at), l, book)
	if err != nil {
		t.Fatalf("open %s: %v", at, err)
	}
	t.Cleanup(func() {
		_ = s.Close(context.WithoutCancel(t.Context())) // which has ended by now
		if book.Spent > 2+played || book.Given != book.Spent || book.Refused != 0 {
			t.Errorf("a session cost %d logins, %d given back, %d refused", book.Spent, book.Given, book.Refused)
		}
	})
	return s
}

// can is an ability that a session has to have.
func can[A any](t *testing.T, s any) A {
	t.Helper()
	a, is := s.(A)
	if !is {
		t.Fatalf("%T has not %s", s, reflect.TypeFor[A]())
	}
	return a
}

// doors are all that the recorder tells of itself.
func doors(t *testing.T, s rekey.Session) []rekey.Interface {
	t.Helper()
	list, err := can[rekey.InterfaceLister](t, s).Interfaces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// tried leaves out the doors that the family cannot try, of which it must say so
// before a try is booked.
func tried(t *testing.T, d rekey.Driver, b Box, list []rekey.Interface) (few []rekey.Interface) {
	t.Helper()
	for _, i := range list {
		if b.Refusing[i.Kind] != "" {
			continue
		}
		if b.Untried[i.Kind] == "" {
			few = append(few, i)
			continue
		}
		book := &Book{}
		if err := d.Check(t.Context(), i, b.Admin, book); !errors.Is(err, rekey.ErrUnsupported) || book.Spent != 0 {
			t.Errorf("%s: %d spent: %v", i, book.Spent, err)
		}
	}
	return few
}

// oneOfEach leaves one door of each kind.
func oneOfEach(list []rekey.Interface) (few []rekey.Interface) {
	for _, i := range list {
		if !slices.ContainsFunc(few, func(f rekey.Interface) bool { return f.Kind == i.Kind }) {
			few = append(few, i)
		}
	}
	return few
}

func with(l rekey.Login, password string) rekey.Login {
	return rekey.Login{Account: l.Account, Password: rekey.NewSecret(password)}
}

func identify(t *testing.T, d rekey.Driver, b Box) {
	for _, at := range []rekey.Target{b.HTTP, b.HTTPS} {
		if at == (rekey.Target{}) {
			continue
		}
		id := look(t, d, at)
		if id.Family != d.Family() || id.Init == rekey.InitFactory || len(id.Interfaces) == 0 || len(id.Learnt) == 0 {
			t.Errorf("%s: %+v", at, id)
		}
		if at.TLS && len(id.Interfaces[0].CertSHA256) != 64 {
			t.Errorf("%s: no certificate fingerprint", at)
		}
	}
	// It cost no try: the first wrong one is the first that the recorder counts.
	id := look(t, d, b.HTTP)
	var refused *rekey.LoginError
	_, err := d.Open(t.Context(), id, with(b.Admin, "wrong-Pass1"), &Book{})
	if !errors.As(err, &refused) || (refused.TriesLeft != -1 && refused.TriesLeft != b.Tries-1) {
		t.Errorf("after identifying: %v", err)
	}
}

func whoIsLoggedIn(t *testing.T, d rekey.Driver, b Box) {
	watch := can[rekey.ActiveUserLister](t, open(t, d, b.HTTP, b.Admin))
	other, err := d.Open(t.Context(), look(t, d, b.HTTP), b.Second, &Book{})
	if err != nil {
		t.Fatal(err)
	}
	here := func() bool {
		users, err := watch.ActiveUsers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(users, func(u rekey.ActiveUser) bool {
			return u.Account == b.Second.Account && u.Address != "" && (u.Client != "" || b.NoClient)
		})
	}
	if !here() {
		t.Error("a session is not listed")
	}
	if err := other.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, is := other.(rekey.PasswordSetter); !is {
		t.Error("the session sets no password")
	}
}

func accounts(t *testing.T, d rekey.Driver, b Box) {
	list, err := can[rekey.AccountLister](t, open(t, d, b.HTTP, b.Admin)).Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{b.Admin.Account, b.Second.Account} {
		if !slices.ContainsFunc(list, func(a rekey.Account) bool { return a.Name == want && a.Group == "admin" }) {
			t.Errorf("%q is not listed: %+v", want, list)
		}
	}
}

func clock(t *testing.T, d rekey.Driver, b Box) {
	now, err := can[rekey.ClockReader](t, open(t, d, b.HTTP, b.Admin)).Clock(t.Context())
	if err != nil || now.Location() != time.UTC || now.Year() < 2020 {
		t.Errorf("%v: %v", now, err)
	}
}

func lockPolicy(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	read := func() rekey.LockPolicy {
		p, err := can[rekey.LockPolicyReader](t, s).LockPolicy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := read(); !p.Enabled || p.Tries != b.Tries || p.LockFor <= 0 {
		t.Errorf("%+v", p)
	}
	want := rekey.LockPolicy{Enabled: true, Tries: 4, LockFor: 10 * time.Minute}
	if err := can[rekey.LockPolicySetter](t, s).SetLockPolicy(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func services(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	state := func() (on, listed bool) {
		list, err := can[rekey.ServiceLister](t, s).Services(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, sv := range list {
			if sv.Name == b.Switch {
				return sv.Enabled, true
			}
		}
		return false, false
	}
	on, listed := state()
	if !listed {
		t.Fatalf("no %s", b.Switch)
	}
	for _, want := range []bool{!on, on} {
		if err := can[rekey.ServiceSwitcher](t, s).SwitchService(t.Context(), b.Switch, want); err != nil {
			t.Fatal(err)
		}
		if got, _ := state(); got != want {
			t.Errorf("%s is %t, want %t", b.Switch, got, want)
		}
	}
	if err := can[rekey.ServiceSwitcher](t, s).SwitchService(t.Context(), "teleport", true); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("an unknown service: %v", err)
	}
}

func settings(t *testing.T, d rekey.Driver, b Box) {
	list, err := can[rekey.SettingsReader](t, open(t, d, b.HTTP, b.Admin)).Settings(t.Context())
	if err != nil || len(list) < 3 {
		t.Fatalf("%d settings: %v", len(list), err)
	}
	seen := map[string]bool{}
	for _, s := range list {
		if s.Name == "" || len(s.Data) == 0 || seen[s.Name] {
			t.Errorf("setting %q of %d bytes", s.Name, len(s.Data))
		}
		seen[s.Name] = true
	}
}

func notARecorder(t *testing.T, d rekey.Driver) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<title>shop</title>") }))
	l, err := net.Listen("tcp", net.JoinHostPort(loopback.Own().String(), "0")) // its port stays free behind it
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	at := targetOf(t, s.Listener.Addr())
	if id, err := d.Identify(t.Context(), at); !errors.Is(err, rekey.ErrNotRecorder) {
		t.Errorf("a web shop: %+v: %v", id, err)
	}
	s.Close()
	if _, err := d.Identify(t.Context(), at); !errors.Is(err, rekey.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}

func targetOf(t *testing.T, a net.Addr) rekey.Target {
	t.Helper()
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return rekey.Target{Host: host, Port: n}
}
