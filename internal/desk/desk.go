// Package desk is the technical-support desk that owners call when no password
// is left: recorders enrolled with their keys wrapped at rest, agents who log
// in, cases with evidence and approval, and the answer to a challenge, issued
// once and never stored.
//
// The order is the server's, not the page's: case, evidence, approval where it
// is due, challenge, reveal. Every call is authorised and recorded in one
// place, perform, before it acts; refusals are recorded, too. No answer leaves
// before its record is in a signed checkpoint of the security log, and none can
// leave twice: the limits, and the challenge's hash, are spent first, in one
// transaction. Where something fails in between, the limit stays spent and
// there is no answer.
//
// A desk is a folder: desk.db (SQLite), kek and enrol.key (mode 0600), desk.pub
// for the recorders' makers, and the security log in log.
package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/schema"
	"rekey/internal/desk/staff"
	"rekey/internal/durable"
	"rekey/internal/store"
)

// The files of a desk's folder.
const (
	databaseFile = "desk.db"
	kekFile      = "kek"
	enrolKeyFile = "enrol.key"

	// PublicKeyFile is what a recorder needs to seal its key to this desk.
	PublicKeyFile = "desk.pub"
	// LogDir is the security log, as package seclog reads it.
	LogDir = "log"
)

// Options of a desk. URL should be set; the zero value of the rest is ready for use.
type Options struct {
	URL   string               // where agents and owners open the desk; empty = http://localhost
	Mail  courier.Carrier      // to mailto: addresses; nil = none can be reached
	SMS   courier.Carrier      // to tel: addresses; nil = none can be reached
	SSO   *staff.SSO           // identity provider of the agents; nil = none
	Argon argon.Cost           // how hard support phrases are hashed; zero = argon.Default
	Now   func() time.Time     // nil = time.Now
	Boot  func() time.Duration // time since boot, counted through sleep; nil = the system's. It shows when the wall clock jumps
	Rand  io.Reader            // nil = crypto/rand
	Log   *slog.Logger         // for the operator; nil = none. It never holds a secret
}

func (o Options) filled() Options {
	if o.URL == "" {
		o.URL = "http://localhost"
	}
	if o.Argon == (argon.Cost{}) {
		o.Argon = argon.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	} else if o.Boot == nil {
		now := o.Now // a clock that was handed in does not jump
		o.Boot = func() time.Duration { return now().Sub(time.Unix(0, 0)) }
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Desk is one open support desk. Its methods may be called by many goroutines,
// and several processes may have the same folder open.
type Desk struct {
	opt     Options
	db      *store.DB
	keys    keyring
	log     securityLog
	dir     string
	boot    string // the boot of the machine that opt.Boot counts from
	news    news
	staff   *staff.Staff
	courier *courier.Courier
	hashing chan struct{} // bounds how many phrases are hashed at a time
}

// Init makes a desk in dir, which may exist but must hold no desk yet, with its
// first administrator. The link, which counts once and for a day, registers the
// administrator's first passkey.
func Init(ctx context.Context, dir, administrator string, o Options) (link rekey.Secret, err error) {
	if err := staff.CheckName(administrator); err != nil {
		return link, err
	}
	if err := durable.MkdirAll(dir); err != nil {
		return link, fmt.Errorf("%w: make desk: %w", rekey.ErrStorage, err)
	}
	for _, name := range []string{databaseFile, kekFile, enrolKeyFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return link, fmt.Errorf("%w: %s holds a desk already, or what was left of one; choose another folder", rekey.ErrConflict, dir)
		}
	}
	o = o.filled()
	if err := makeKeys(dir, o.Rand); err != nil {
		return link, fmt.Errorf("%w: make desk: %w", rekey.ErrStorage, err)
	}
	if err := makeLog(ctx, filepath.Join(dir, LogDir), o); err != nil {
		return link, fmt.Errorf("%w: make desk: %w", rekey.ErrStorage, err)
	}
	d, err := open(ctx, dir, o)
	if err != nil {
		return link, err
	}
	if err = d.AddAgent(ctx, Operator(), administrator, staff.RoleAdministrator, StepUp{}); err == nil {
		link, _, err = d.Invite(ctx, Operator(), administrator, false, StepUp{})
	}
	return link, errors.Join(err, d.Close())
}

// Open opens the desk in dir. Nothing starts without the security log: where it
// cannot be opened, the desk cannot.
func Open(ctx context.Context, dir string, o Options) (*Desk, error) {
	if _, err := os.Stat(filepath.Join(dir, databaseFile)); err != nil {
		return nil, fmt.Errorf("%w: no desk in %s; make one with 'rekey desk init'", rekey.ErrNotFound, dir)
	}
	return open(ctx, dir, o.filled())
}

func open(ctx context.Context, dir string, o Options) (*Desk, error) {
	d := &Desk{opt: o, dir: dir, hashing: make(chan struct{}, 2)}
	if err := d.load(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Desk) load(ctx context.Context) (err error) {
	if d.opt.Boot == nil {
		if d.boot, d.opt.Boot, err = bootClock(); err != nil {
			return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
		}
	}
	if d.keys, err = loadKeys(d.dir, d.opt.Rand); err != nil {
		return err
	}
	if d.log, err = openLog(ctx, filepath.Join(d.dir, LogDir), d.opt.Now); err != nil {
		return err
	}
	if d.db, err = store.Open(ctx, filepath.Join(d.dir, databaseFile), schema.Migrations()); err != nil {
		return err
	}
	d.courier = courier.New(d.db, courier.Options{Mail: d.opt.Mail, SMS: d.opt.SMS, Key: d.keys.outbox, Now: d.opt.Now, Rand: d.opt.Rand,
		Log: logOf{d}, Settled: d.settled, Report: d.opt.Log})
	d.staff, err = staff.New(d.db, staff.Options{URL: d.opt.URL, Key: d.keys.tokens, Now: d.opt.Now, Rand: d.opt.Rand, SSO: d.opt.SSO, Log: logOf{d}})
	if err != nil {
		return err
	}
	return d.tellLate(ctx)
}

// logOf lets the desk's parts write to its security log.
type logOf struct{ d *Desk }

// Note writes one record. A number under "case" in the detail is the case's.
func (l logOf) Note(ctx context.Context, actor, event, object, result string, detail map[string]string) error {
	number, _ := strconv.ParseInt(detail["case"], 10, 64) // none is 0
	return l.d.note(ctx, Agent{Name: actor}, event, target{object: object, number: number, detail: detail}, result)
}

// Close closes the database. Calls under way fail.
func (d *Desk) Close() error {
	if d.db == nil {
		return nil
	}
	return d.db.Close()
}

// Staff is who acts at the desk: for log-in and sessions, which come before
// anything that the desk itself allows.
func (d *Desk) Staff() *staff.Staff { return d.staff }

// URL is where agents and owners open the desk.
func (d *Desk) URL() string { return d.opt.URL }

// Dir is the desk's folder.
func (d *Desk) Dir() string { return d.dir }

// Log is the operator's log, for the fronts. It never holds a secret.
func (d *Desk) Log() *slog.Logger { return d.opt.Log }

// Now is the time on the desk's clock.
func (d *Desk) Now() time.Time { return d.now() }

func (d *Desk) now() time.Time { return d.opt.Now().UTC().Truncate(time.Microsecond) }

// refusal is an error of one of rekey's kinds in words of its own, for a person.
type refusal struct {
	kind error
	text string
}

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.text }

// Unwrap returns the kind.
func (r *refusal) Unwrap() error { return r.kind }
