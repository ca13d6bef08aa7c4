// Package rekeytest is for tests only: the conformance suite that every driver
// runs against recorders that somebody else wrote.
package rekeytest

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"rekey"
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
	// Untried are doors that it tells of and that the family cannot try, and why.
	Untried map[rekey.InterfaceKind]string
	// Lock is what it tells somebody whom it locked out.
	Lock LockWords
}

// LockWords is how much a recorder says of its lock.
type LockWords int

// From all to nothing.
const (
	LockTimed   LockWords = iota // that it is locked and for how long
	LockUntimed                  // that it is locked
	LockUnsaid                   // a refusal as any other
)

// RunDriver tests every ability of a driver. plug switches on a new recorder
// for each test and off at its end.
func RunDriver(t *testing.T, d rekey.Driver, plug func(t *testing.T) Box) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, rekey.Driver, Box){
		"identify":                identify,
		"who is logged in":        whoIsLoggedIn,
		"accounts":                accounts,
		"clock":                   clock,
		"lock policy":             lockPolicy,
		"services":                services,
		"settings":                settings,
		"recordings":              recordings,
		"a wrong try counts once": wrongCountsOnce,
		"lock":                    lock,
		"set password":            setPassword,
		"set password by HTTPS":   setPasswordByHTTPS,
		"set password refused":    setPasswordRefused,
		"reset password":          resetPassword,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := plug(t)
			if b.Password == "" {
				b.Password = goodPassword
			}
			if b.Lacks[name] != "" {
				test = lacking(name)
			}
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
// the right password it may cost the login and one more at another door, and
// nothing of it may stay spent.
func open(t *testing.T, d rekey.Driver, at rekey.Target, l rekey.Login) rekey.Session {
	t.Helper()
	book := &Book{}
	s, err := d.Open(t.Context(), look(t, d, at), l, book)
	if err != nil {
		t.Fatalf("open %s: %v", at, err)
	}
	t.Cleanup(func() {
		_ = s.Close(t.Context())
		if book.Spent > 2 || book.Given != book.Spent || book.Refused != 0 {
			t.Errorf("a session cost %d logins, %d given back, %d refused", book.Spent, book.Given, book.Refused)
		}
	})
	return s
}

// doors are all that the recorder tells of itself.
func doors(t *testing.T, s rekey.Session) []rekey.Interface {
	t.Helper()
	list, err := s.(rekey.InterfaceLister).Interfaces(t.Context())
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

// lacking tests that a session says what it cannot do.
func lacking(name string) func(*testing.T, rekey.Driver, Box) {
	return func(t *testing.T, d rekey.Driver, b Box) {
		s := open(t, d, b.HTTP, b.Admin)
		err := rekey.ErrUnsupported // a session without the ability says it, too
		switch name {
		case "who is logged in":
			if a, is := s.(rekey.ActiveUserLister); is {
				_, err = a.ActiveUsers(t.Context())
			}
		case "lock policy":
			if a, is := s.(rekey.LockPolicyReader); is {
				_, err = a.LockPolicy(t.Context())
			}
			if a, is := s.(rekey.LockPolicySetter); is && errors.Is(err, rekey.ErrUnsupported) {
				err = a.SetLockPolicy(t.Context(), rekey.LockPolicy{Enabled: true, Tries: 4, LockFor: 10 * time.Minute})
			}
		case "settings":
			if a, is := s.(rekey.SettingsReader); is {
				_, err = a.Settings(t.Context())
			}
		case "recordings":
			if a, is := s.(rekey.RecordingLister); is {
				err = a.Recordings(t.Context(), b.From, b.To, func(rekey.Recording) error { return nil })
			}
		default:
			t.Fatalf("nobody may lack %q", name)
		}
		if !errors.Is(err, rekey.ErrUnsupported) {
			t.Errorf("%s, which it has not: %v", name, err)
		}
	}
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
	watch := open(t, d, b.HTTP, b.Admin).(rekey.ActiveUserLister)
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
			return u.Account == b.Second.Account && u.Address != "" && u.Client != ""
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
	list, err := open(t, d, b.HTTP, b.Admin).(rekey.AccountLister).Accounts(t.Context())
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
	now, err := open(t, d, b.HTTP, b.Admin).(rekey.ClockReader).Clock(t.Context())
	if err != nil || now.Location() != time.UTC || now.Year() < 2020 {
		t.Errorf("%v: %v", now, err)
	}
}

func lockPolicy(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	read := func() rekey.LockPolicy {
		p, err := s.(rekey.LockPolicyReader).LockPolicy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := read(); !p.Enabled || p.Tries != b.Tries || p.LockFor <= 0 {
		t.Errorf("%+v", p)
	}
	want := rekey.LockPolicy{Enabled: true, Tries: 4, LockFor: 10 * time.Minute}
	if err := s.(rekey.LockPolicySetter).SetLockPolicy(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func services(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	state := func() (on, listed bool) {
		list, err := s.(rekey.ServiceLister).Services(t.Context())
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
		if err := s.(rekey.ServiceSwitcher).SwitchService(t.Context(), b.Switch, want); err != nil {
			t.Fatal(err)
		}
		if got, _ := state(); got != want {
			t.Errorf("%s is %t, want %t", b.Switch, got, want)
		}
	}
	if err := s.(rekey.ServiceSwitcher).SwitchService(t.Context(), "teleport", true); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("an unknown service: %v", err)
	}
}

func settings(t *testing.T, d rekey.Driver, b Box) {
	list, err := open(t, d, b.HTTP, b.Admin).(rekey.SettingsReader).Settings(t.Context())
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

func recordings(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	list := func(from, to time.Time) (all []rekey.Recording) {
		err := s.(rekey.RecordingLister).Recordings(t.Context(), from, to, func(r rekey.Recording) error { all = append(all, r); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := list(b.From, b.To)
	paths, channels := map[string]bool{}, map[int]bool{}
	for _, r := range all {
		paths[r.Path], channels[r.Channel] = true, true
		if r.Channel < 1 || r.Channel > b.Channels || !r.Start.Before(r.End) || r.Start.Before(b.From) || r.End.After(b.To) || r.Kind == "" {
			t.Errorf("%+v", r)
		}
	}
	if len(all) != b.Clips || len(paths) != b.Clips || len(channels) != b.Channels {
		t.Fatalf("%d recordings, %d paths, %d channels; want %d, %d", len(all), len(paths), len(channels), b.Clips, b.Channels)
	}
	if none := list(b.From.AddDate(-1, 0, 0), b.From.AddDate(-1, 0, 1)); len(none) != 0 {
		t.Errorf("%d recordings a year before the first", len(none))
	}
	// Half-open: a range that ends where a recording begins does not hold it.
	first := slices.MinFunc(all, func(a, b rekey.Recording) int { return a.Start.Compare(b.Start) })
	if before := list(first.Start.Add(-time.Hour), first.Start); len(before) != 0 {
		t.Errorf("a range that ends at %v holds %+v", first.Start, before)
	}
	for _, r := range all[:3] {
		if n := size(t, s, r); n == 0 || (r.Size != 0 && n != r.Size) {
			t.Errorf("%s: %d bytes came, %d were told", r.Path, n, r.Size)
		}
	}
	if f, err := s.(rekey.RecordingOpener).OpenRecording(t.Context(), rekey.Recording{Path: "/mnt/none.mp4"}); err == nil {
		t.Error("a recording that is not there was opened")
		_ = f.Close()
	}
}

func size(t *testing.T, s rekey.Session, r rekey.Recording) int64 {
	t.Helper()
	f, err := s.(rekey.RecordingOpener).OpenRecording(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return n
}

func notARecorder(t *testing.T, d rekey.Driver) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<title>shop</title>") }))
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
