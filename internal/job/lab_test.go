package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
)

// lab is a recorder on a socket of its own, with a protocol as simple as one can
// be: POST /DOOR with a login. It counts wrong tries over all doors, as recorders
// do, and can be set to misbehave.
type lab struct {
	*httptest.Server
	host string
	port int

	mu        sync.Mutex
	id        rekey.Identity
	passwords map[string]string // of the accounts
	own       map[string]string // ONVIF's own list; nil: it takes the others
	wrong     int               // wrong tries that stand against the account
	most      int               // the most that ever stood
	sent      int               // logins that came
	limit     int
	deaf      []rekey.InterfaceKind          // doors that refuse every password
	ignore    bool                           // takes a change and does nothing
	part      rekey.InterfaceKind            // the only door at which a change is taken
	at        map[rekey.InterfaceKind]string // the password of admin at single doors, where it is another one
	silent    bool                           // breaks every line
	onSet     error                          // what a change answers
	sets      int                            // changes that came
	newWrong  int                            // tries with labNew that were refused
	doors     []rekey.Interface
	rule      *rekey.PasswordRule
	users     []rekey.ActiveUser
	channels  []rekey.Channel
	log       []rekey.LoginRecord
	policy    *rekey.LockPolicy // that it tells, where it is not its own
	looks     int               // at the log
	onLook    func(look int)    // called for each, the lab locked
	noSet     bool              // the driver cannot set that list
	ownSets   int               // that came for ONVIF's own list
	wall      time.Time         // its clock
	risks     []rekey.Risk      // that a change wants
	upgrading bool              // it writes firmware
}

const (
	labOld = "Lost-and-found-7"
	labNew = "New-and-mine-42"
)

func newLab(t *testing.T) *lab {
	t.Helper()
	b := &lab{
		passwords: map[string]string{"admin": labOld, "second": "Second-one-88"}, limit: 5,
		wall: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
	}
	b.Server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.Close)
	host, port, err := net.SplitHostPort(b.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b.host = host
	b.port, _ = strconv.Atoi(port)
	b.doors = []rekey.Interface{b.door(rekey.InterfaceRPC2, false), b.door(rekey.InterfaceCGI, false), b.door(rekey.InterfaceRTSP, false)}
	b.id = rekey.Identity{Family: "dahua", Vendor: "Lorex", Model: "N841A82", Serial: "S" + port, Init: rekey.InitDone, Interfaces: slices.Clone(b.doors[:2])}
	return b
}

func (b *lab) door(kind rekey.InterfaceKind, tls bool) rekey.Interface {
	return rekey.Interface{Kind: kind, Host: b.host, Port: b.port, TLS: tls}
}

func (b *lab) target() rekey.Target { return rekey.Target{Host: b.host, Port: b.port} }

// set changes the lab's state.
func (b *lab) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *lab) serve(w http.ResponseWriter, r *http.Request) {
	var l struct{ Account, Password string }
	if err := json.NewDecoder(r.Body).Decode(&l); err != nil {
		http.Error(w, "no login", http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(b.login(rekey.InterfaceKind(strings.TrimPrefix(r.URL.Path, "/")), l.Account, l.Password))
}

func (b *lab) login(kind rekey.InterfaceKind, account, password string) int {
	b.sent++
	if b.wrong >= b.limit {
		return http.StatusLocked
	}
	list := b.passwords
	if kind == rekey.InterfaceONVIF && b.own != nil {
		list = b.own
	}
	want := list[account]
	if there, is := b.at[kind]; is && account == "admin" {
		want = there
	}
	if want == password && password != "" && !slices.Contains(b.deaf, kind) {
		b.wrong = 0
		return http.StatusOK
	}
	if password == labNew {
		b.newWrong++
	}
	b.wrong++
	b.most = max(b.most, b.wrong)
	b.log = append(b.log, rekey.LoginRecord{Time: b.wall, Account: account, Address: "192.0.2.1", Client: string(kind)})
	return http.StatusUnauthorized
}

// stranger comes with a wrong password; the lab is locked.
func (b *lab) stranger(address string, at time.Duration) {
	b.log = append(b.log, rekey.LoginRecord{Time: b.wall.Add(at), Account: "admin", Address: address, Client: "NVR"})
}

// labDriver speaks it.
type labDriver struct {
	b      *lab
	family string
}

func (d labDriver) Family() string { return d.family }

func (d labDriver) Identify(context.Context, rekey.Target) (rekey.Identity, error) {
	return rekey.Identity{}, rekey.ErrNotRecorder
}

func (d labDriver) Open(ctx context.Context, id rekey.Identity, l rekey.Login, tries rekey.Tries) (rekey.Session, error) {
	door, err := primary(id)
	if err == nil {
		err = d.Check(ctx, door, l, tries)
	}
	if err != nil {
		return nil, err
	}
	return &labSession{b: d.b, account: l.Account}, nil
}

func (d labDriver) Check(ctx context.Context, i rekey.Interface, l rekey.Login, tries rekey.Tries) error {
	can := []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI, rekey.InterfaceRTSP, rekey.InterfaceISAPI}
	if d.family == "onvif" {
		can = []rekey.InterfaceKind{rekey.InterfaceONVIF}
	}
	if !slices.Contains(can, i.Kind) {
		return fmt.Errorf("%w: a password cannot be tried on %q by this driver", rekey.ErrUnsupported, i.Kind)
	}
	if err := tries.Spend(l.Account); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"Account": l.Account, "Password": l.Password.Reveal()})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+i.Address()+"/"+string(i.Kind), bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %s", rekey.ErrUnreachable, i)
	}
	_ = res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return tries.Settle(l.Account, nil)
	}
	refused := &rekey.LoginError{Kind: rekey.ErrDenied, Interface: i.Kind, Account: l.Account, TriesLeft: -1}
	if res.StatusCode == http.StatusLocked {
		refused.Kind = rekey.ErrLocked
	}
	return errors.Join(refused, tries.Settle(l.Account, refused))
}

// labSession is a login of it.
type labSession struct {
	b       *lab
	account string
}

func (s *labSession) Close(context.Context) error { return nil }

func (s *labSession) Interfaces(context.Context) ([]rekey.Interface, error) { return s.b.doors, nil }

func (s *labSession) SetLockPolicy(_ context.Context, p rekey.LockPolicy) error {
	s.b.set(func() { s.b.policy = &p })
	return nil
}

func (s *labSession) LockPolicy(context.Context) (rekey.LockPolicy, error) {
	if s.b.policy != nil {
		return *s.b.policy, nil
	}
	return rekey.LockPolicy{Enabled: true, Tries: s.b.limit, LockFor: 30 * time.Minute}, nil
}

func (s *labSession) SetPassword(_ context.Context, _, new rekey.Secret) error {
	return s.ResetPassword(context.Background(), s.account, new)
}

func (s *labSession) ResetPassword(_ context.Context, account string, new rekey.Secret) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.sets++
	switch {
	case s.b.ignore:
	case s.b.part != "":
		s.b.at = map[rekey.InterfaceKind]string{s.b.part: new.Reveal()}
	default:
		s.b.passwords[account], s.b.at = new.Reveal(), nil
	}
	return s.b.onSet
}

func (s *labSession) SetOwnPassword(_ context.Context, kind rekey.InterfaceKind, account string, old, new rekey.Secret) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.ownSets++
	switch had, is := s.b.own[account]; {
	case kind != rekey.InterfaceONVIF || s.b.own == nil || s.b.noSet:
		return fmt.Errorf("%w: no list of its own", rekey.ErrUnsupported)
	case !is:
		return fmt.Errorf("%w: no ONVIF account %q", rekey.ErrNotFound, account)
	case had != old.Reveal():
		return fmt.Errorf("%w: the old ONVIF password is another one", rekey.ErrDenied)
	}
	s.b.own[account] = new.Reveal()
	return nil
}

func (s *labSession) ChangeRisks(context.Context, bool) ([]rekey.Risk, error) { return s.b.risks, nil }

func (s *labSession) Upgrading(context.Context) (bool, string, error) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.b.upgrading, "Upgrading", nil
}

func (s *labSession) ActiveUsers(context.Context) ([]rekey.ActiveUser, error) { return s.b.users, nil }

func (s *labSession) Channels(context.Context) ([]rekey.Channel, error) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return slices.Clone(s.b.channels), nil
}

func (s *labSession) SetChannelLogin(_ context.Context, channel int, _ rekey.Login) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	for n := range s.b.channels {
		if s.b.channels[n].Number == channel {
			s.b.channels[n].Online = true
			return nil
		}
	}
	return fmt.Errorf("%w: no camera at channel %d", rekey.ErrNotFound, channel)
}

func (s *labSession) Clock(context.Context) (time.Time, error) { return s.b.wall, nil }

func (s *labSession) Logins(_ context.Context, since time.Time, each func(rekey.LoginRecord) error) error {
	s.b.mu.Lock()
	if s.b.looks++; s.b.onLook != nil {
		s.b.onLook(s.b.looks)
	}
	log := slices.Clone(s.b.log)
	s.b.mu.Unlock()
	for _, r := range log {
		if r.Time.Before(since.Truncate(time.Second)) {
			continue
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *labSession) PasswordRule(context.Context) (rekey.PasswordRule, error) {
	if s.b.rule == nil {
		return rekey.PasswordRule{}, rekey.ErrUnsupported
	}
	return *s.b.rule, nil
}

// runner drives the lab's recorder, and keeps its events.
func (b *lab) runner(t *testing.T) (*Runner, *[]rekey.Event) {
	t.Helper()
	r := testRunner(t)
	var told []rekey.Event
	r.Drivers = func([]rekey.Risk) []rekey.Driver { return []rekey.Driver{labDriver{b, "dahua"}, labDriver{b, "onvif"}} }
	r.Identify = func(context.Context, rekey.Target) (rekey.Identity, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		id := b.id
		id.Interfaces = slices.Clone(id.Interfaces)
		return id, nil
	}
	r.Agree = func(context.Context, rekey.Plan) error { return nil }
	r.Events = func(e rekey.Event) { told = append(told, e) }
	return r, &told
}

// request changes the password of admin, who is known, without footage.
func (b *lab) request() Request {
	return Request{
		Target: b.target(), Account: "admin", Login: rekey.Login{Account: "admin", Password: rekey.NewSecret(labOld)},
		New: rekey.NewSecret(labNew), Accept: []rekey.Risk{rekey.RiskSkipFootage},
	}
}

// count is how many events hold the words.
func count(events []rekey.Event, words string) (n int) {
	for _, e := range events {
		if strings.Contains(e.Message, words) {
			n++
		}
	}
	return n
}

// killedAt ends the process at a point, as far as a test can.
func killedAt(r *Runner, point string) {
	r.At = func(at string) {
		if at == point {
			panic("killed at " + point)
		}
	}
}

func dies(t *testing.T, do func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Fatal("the point was not reached")
		}
	}()
	do()
}
