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
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/durable"
	"rekey/internal/store"
	"rekey/internal/web"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

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

// Options of a desk. The zero value is ready for use.
type Options struct {
	Argon argon.Cost       // how hard passwords are hashed; zero = argon.Default
	Now   func() time.Time // nil = time.Now
	Rand  io.Reader        // nil = crypto/rand
	Log   *slog.Logger     // for the operator; nil = none. It never holds a secret
}

func (o Options) filled() Options {
	if o.Argon == (argon.Cost{}) {
		o.Argon = argon.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
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
	opt      Options
	db       *store.DB
	keys     keyring
	log      securityLog
	dir      string
	hashing  chan struct{} // bounds how many passwords are hashed at a time
	dummy    string        // a password hash that no password fits
	sessions *web.Sessions[session]
}

// Init makes a desk in dir, which may exist but must hold no desk yet, with its
// first administrator.
func Init(ctx context.Context, dir, administrator string, password rekey.Secret, o Options) error {
	if err := checkName(administrator); err != nil {
		return err
	}
	if err := checkPassword(administrator, password); err != nil {
		return err
	}
	if err := durable.MkdirAll(dir); err != nil {
		return fmt.Errorf("%w: make desk: %w", rekey.ErrStorage, err)
	}
	for _, name := range []string{databaseFile, kekFile, enrolKeyFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s holds a desk already, or what was left of one; choose another folder", rekey.ErrConflict, dir)
		}
	}
	o = o.filled()
	if err := makeKeys(dir, o.Rand); err != nil {
		return fmt.Errorf("%w: make desk: %w", rekey.ErrStorage, err)
	}
	if err := makeLog(ctx, filepath.Join(dir, LogDir), o); err != nil {
		return fmt.Errorf("%w: make desk: %w", rekey.ErrStorage, err)
	}
	d, err := open(ctx, dir, o)
	if err != nil {
		return err
	}
	return errors.Join(d.AddAgent(ctx, Operator(), administrator, RoleAdministrator, password), d.Close())
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
	if d.keys, err = loadKeys(d.dir, d.opt.Rand); err != nil {
		return err
	}
	if d.log, err = openLog(ctx, filepath.Join(d.dir, LogDir), d.opt.Now); err != nil {
		return err
	}
	if d.dummy, err = d.opt.Argon.Hash(rekey.NewSecret("no agent has this one"), d.opt.Rand); err != nil {
		return err
	}
	d.sessions = web.NewSessions[session](web.SessionOptions{Name: "rekey-desk", Idle: 15 * time.Minute, Max: 12 * time.Hour, Now: d.opt.Now})
	migrations, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	d.db, err = store.Open(ctx, filepath.Join(d.dir, databaseFile), migrations)
	return err
}

// Close closes the database. Calls under way fail.
func (d *Desk) Close() error {
	if d.db == nil {
		return nil
	}
	return d.db.Close()
}

// Dir is the desk's folder.
func (d *Desk) Dir() string { return d.dir }

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
