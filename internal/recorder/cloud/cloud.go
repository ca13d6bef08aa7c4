// Package cloud is the small service that a recorder can be linked with: the
// maker's app and its servers, as far as a lost password goes. Its owner logs in
// on a phone, sees the linked recorders, shares them, unlinks them, and, with
// "Forgot device password", gets a temporary password by e-mail.
//
// The cloud is a support desk of its own, for one owner a recorder. Each link has
// a key for answers that the recorder drew for it alone and sealed to the cloud;
// the recorder checks answers offline, as it checks those of the maker's desk.
// So the owner must stand at the recorder, where the challenge is shown. What
// the cloud holds of a link that the recorder has forgotten opens nothing.
//
// A temporary password goes by e-mail to the address that was confirmed when the
// recorder was linked. It is on no page, and stored nowhere. Users with whom a
// recorder is shared cannot ask for one.
//
// A cloud is a folder: cloud.db (SQLite), cloud.key (mode 0600), and the
// security log in log.
package cloud

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/durable"
	"rekey/internal/mail"
	"rekey/internal/store"
	"rekey/internal/web"
	"rekey/seclog"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

const (
	databaseFile = "cloud.db"
	keyFile      = "cloud.key"

	// LogDir is the security log, as package seclog reads it.
	LogDir = "log"
)

// Mailer sends one message to one address. An error means that it may not have
// arrived. SMTP is one.
type Mailer interface {
	Send(ctx context.Context, to string, m mail.Message) error
}

// Options of a cloud. Mail must be set; the rest may be zero.
type Options struct {
	Mail  Mailer
	URL   string           // https://HOST of the cloud, for links in messages; empty = they hold none. See CheckURL
	Argon argon.Cost       // how hard passwords are hashed; zero = argon.Default
	Now   func() time.Time // nil = time.Now
	Log   *slog.Logger     // for the operator; nil = none. It never holds a secret
}

// Cloud is one open service. One process at a time has its folder open.
type Cloud struct {
	opt      Options
	db       *store.DB
	keys     keys
	nonces   *nonces
	log      *seclog.Log
	hashing  chan struct{} // bounds how many passwords are hashed at a time
	dummy    string        // a password hash that no password fits
	sessions *web.Sessions[session]

	over    <-chan struct{} // closed when the service is to stop: polls wait no longer
	mu      sync.Mutex
	changed chan struct{} // closed when any link changes, for the polls that wait
}

// Open opens the cloud in dir, and makes it there first where there is none. It
// serves until ctx ends. Nothing starts without the security log.
func Open(ctx context.Context, dir string, o Options) (*Cloud, error) {
	if o.Argon == (argon.Cost{}) {
		o.Argon = argon.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.URL != "" {
		if err := CheckURL(o.URL); err != nil {
			return nil, err
		}
	}
	if err := durable.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("%w: make the cloud's folder: %w", rekey.ErrStorage, err)
	}
	c := &Cloud{opt: o, hashing: make(chan struct{}, 2), changed: make(chan struct{}), over: ctx.Done()}
	if err := c.load(ctx, dir); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cloud) load(ctx context.Context, dir string) (err error) {
	if c.keys, err = openKeys(filepath.Join(dir, keyFile)); err != nil {
		return err
	}
	c.nonces = newNonces(c.opt.Now)
	if c.log, err = openLog(ctx, filepath.Join(dir, LogDir), c.opt.Now); err != nil {
		return err
	}
	if c.dummy, err = c.opt.Argon.Hash(rekey.NewSecret(rand.Text()), rand.Reader); err != nil {
		return err
	}
	c.sessions = web.NewSessions[session](web.SessionOptions{Name: "rekey-cloud", Idle: 30 * time.Minute, Max: 12 * time.Hour, Now: c.opt.Now})
	migrations, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	c.db, err = store.Open(ctx, filepath.Join(dir, databaseFile), migrations)
	return err
}

// Close closes database and log. Calls under way fail.
func (c *Cloud) Close() error {
	var errs []error
	if c.db != nil {
		errs = append(errs, c.db.Close())
	}
	if c.log != nil {
		errs = append(errs, c.log.Close())
	}
	return errors.Join(errs...)
}

func (c *Cloud) now() time.Time { return c.opt.Now().UTC().Truncate(time.Microsecond) }

// news is closed when a link next changes.
func (c *Cloud) news() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *Cloud) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
}

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
