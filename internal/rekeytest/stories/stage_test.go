package stories

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/front"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/staff"
	"rekey/internal/mail"
	"rekey/internal/rekeytest/mailbox"
	"rekey/internal/rekeytest/office"
	"rekey/recovery"
)

// stage is a desk that is served, and everybody around it.
type stage struct {
	ctx   context.Context
	tb    testing.TB
	dir   string
	mail  *mailbox.Server
	clock clock
	at    office.Door
	url   string

	desk     *desk.Desk
	stop     func() error // ends desk and server
	mailDown bool

	people map[string]*person
	boxes  map[string]*box
}

// person is an agent with a passkey and a browser of their own.
type person struct {
	key    *passkey.Key
	client *client.Client
	said   map[string][]string // by recorder: the groups that the desk showed them last
}

// box is a recorder: its guard checks what is typed there.
type box struct {
	id      recovery.DeviceID
	keys    *recovery.Keys
	guard   *recovery.Guard
	flash   *flash
	earlier recovery.Record // what was in its storage once
	shown   string          // the challenge on the screen
	owner   []string        // addresses, as they are registered
}

// clock is the wall clock, and the time since boot.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	boot time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.boot
}

func (c *clock) move(wall, boot time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.boot = c.now.Add(wall), c.boot+boot
}

func newStage(env *testscript.Env) (*stage, error) {
	ctx, cancel := context.WithCancel(context.Background())
	tb := env.T().(testing.TB) //nolint:forcetypeassert // testscript.Run hands its own subtest
	s := &stage{ctx: ctx, tb: tb, dir: filepath.Join(env.WorkDir, "desk"), mail: mailbox.Serve(tb), at: office.NewDoor(tb),
		people: map[string]*person{}, boxes: map[string]*box{}}
	s.clock.now, s.clock.boot = office.Opened(), time.Hour
	env.Defer(cancel)
	s.url = s.at.URL()
	keys, err := office.Copy(s.dir)
	if err != nil {
		return s, err
	}
	for name, key := range keys {
		s.people[name] = &person{key: key, said: map[string][]string{}}
	}
	if err := s.start(); err != nil {
		return s, err
	}
	env.Defer(func() {
		if err := s.stop(); err != nil {
			tb.Error(err)
		}
	})
	return s, nil
}

func (s *stage) options() desk.Options {
	return desk.Options{URL: s.url, Mail: courier.Mail{SMTP: mail.SMTP{Server: s.mail.Addr, From: "desk@example.com"}},
		Argon: argon.Cheap(), Now: s.clock.Now, Boot: s.clock.Boot}
}

// start opens the desk, serves it, and lets it work in the background.
func (s *stage) start() error {
	err := s.at.Open()
	if err != nil {
		return err
	}
	if s.desk, err = desk.Open(s.ctx, s.dir, s.options()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	server := &http.Server{Handler: front.Handler(s.desk), ReadHeaderTimeout: time.Minute}
	served, worked := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.Serve(s.at) }()
	go func() { worked <- s.desk.Run(ctx) }()
	s.stop = func() error {
		cancel()
		err := errors.Join(server.Close(), <-worked)
		if e := <-served; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return errors.Join(err, s.desk.Close())
	}
	return nil
}

// join makes an agent, who registers a passkey by a one-time link: at a browser
// of their own, or at another's.
func (s *stage) join(name string, role staff.Role, at *person) error {
	if err := s.desk.AddAgent(s.ctx, desk.Operator(), name, role, desk.StepUp{}); err != nil {
		return err
	}
	key, err := office.Register(s.ctx, s.desk, name, s.url)
	p := &person{key: key, said: map[string][]string{}}
	if at != nil {
		p.client = at.client
	}
	s.people[name] = p
	return err
}

// who is somebody at work, who logs in where they have no session.
func (s *stage) who(name string) (p *person, err error) {
	if p = s.people[name]; p == nil {
		return nil, fmt.Errorf("nobody here is called %q", name)
	}
	if p.client == nil {
		if p.client, err = client.New(s.url); err != nil {
			return nil, err
		}
	} else if who, err := p.client.Who(s.ctx); err == nil && who.Name == name {
		return p, nil
	}
	_, err = p.client.LogIn(s.ctx, p.key)
	return p, err
}

// flash is a recorder's storage.
type flash struct{ rec recovery.Record }

func (f *flash) Load() (recovery.Record, error) { return f.rec, nil }
func (f *flash) Save(rec recovery.Record) error { f.rec = rec; return nil }

// sell makes a recorder and enrols it for an owner.
func (s *stage) sell(addresses []string) (*box, error) {
	r := office.NewRecorder(s.tb)
	b := &box{id: r.ID, keys: r.Keys, flash: new(flash), owner: addresses}
	if err := b.boot(&s.clock); err != nil {
		return nil, err
	}
	_, err := s.desk.Enrol(s.ctx, desk.Operator(), r.Enrolment(s.tb, s.dir, 0),
		desk.Owner{Name: "Petra Example", Since: s.clock.Now().AddDate(-1, 0, 0), Addresses: addresses})
	return b, err
}

func (b *box) boot(c *clock) (err error) {
	b.shown = ""
	b.guard, err = recovery.NewGuard(recovery.GuardConfig{DeviceID: b.id, Keys: b.keys, Store: b.flash, Clock: c.Boot})
	return err
}

// mailOf is the owner's first e-mail address.
func (b *box) mailOf() string {
	for _, a := range b.owner {
		if to, ok := strings.CutPrefix(a, "mailto:"); ok {
			return to
		}
	}
	return ""
}

// secret hides what a script types from nobody but the desk's own printing.
func secret(s string) rekey.Secret { return rekey.NewSecret(s) }
