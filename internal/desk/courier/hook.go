package courier

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
)

// Event is what a hook is told. Data is JSON, and holds no secret and nothing of
// a person beyond a case's number and a Device ID.
type Event struct {
	Kind string    `json:"kind"` // such as case.opened
	At   time.Time `json:"at"`
	Case int64     `json:"case,omitempty"`
	Data []byte    `json:"-"`
}

// Hook is somebody's address for events, told without its secret.
type Hook struct {
	ID     int64     `json:"id"`
	URL    string    `json:"url"`
	Events []string  `json:"events"` // empty = all
	MadeAt time.Time `json:"made_at"`
	Failed string    `json:"failed,omitempty"` // why the last delivery failed
}

// maxHooks bounds what one event can cause.
const maxHooks = 20

var eventForm = regexp.MustCompile(`^[a-z]+(\.[a-z]+)*$`)

// AddHook registers a hook. Beyond loopback its URL must be https. The secret,
// told once, is for the check of each delivery's signature:
// Rekey-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">.
// The key of the HMAC is the secret's text. Rekey-Delivery is the delivery's id,
// the same each time that it is tried.
//
// A hook that names this machine (localhost, 127.0.0.1, ::1) reaches this
// machine alone; any other reaches public addresses alone, whatever its name
// resolves to when an event is delivered.
func (c *Courier) AddHook(ctx context.Context, url string, events []string) (Hook, rekey.Secret, error) {
	if err := checkHook(url, events); err != nil {
		return Hook{}, rekey.Secret{}, err
	}
	raw := make([]byte, 32)
	if _, err := io.ReadFull(c.o.Rand, raw); err != nil {
		return Hook{}, rekey.Secret{}, fmt.Errorf("draw a hook's secret: %w", err)
	}
	secret := base64.RawURLEncoding.EncodeToString(raw)
	h := Hook{URL: url, Events: slices.Clone(events), MadeAt: c.o.Now().UTC().Truncate(time.Microsecond)}
	err := c.db.Tx(ctx, func(tx *sql.Tx) error { return c.putHook(ctx, tx, &h, secret) })
	return h, rekey.NewSecret(secret), err
}

func checkHook(url string, events []string) error {
	u, local, err := parseURL(url)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !local && !isPublic(ip) {
		return fmt.Errorf("%w: a hook's address must be a public one, or this machine's by name", rekey.ErrInput)
	}
	for _, e := range events {
		if len(e) > 40 || !eventForm.MatchString(e) {
			return fmt.Errorf("%w: a hook's event: expected words with full stops between, such as case.opened", rekey.ErrInput)
		}
	}
	return nil
}

func (c *Courier) putHook(ctx context.Context, tx *sql.Tx, h *Hook, secret string) error {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MAX(id), 0) + 1 FROM hooks`).Scan(&n, &h.ID); err != nil {
		return err
	}
	if n >= maxHooks {
		return fmt.Errorf("%w: there are %d hooks already; remove one first", rekey.ErrConflict, n)
	}
	sealed, err := c.seal(hookRow(h.ID, h.URL), []byte(secret))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO hooks (id, url, events, secret, made_at, failed) VALUES ($1, $2, $3, $4, $5, '')`,
		h.ID, h.URL, strings.Join(h.Events, ","), sealed, store.Micros(h.MadeAt))
	return err
}

// hookRow is what a hook's secret is bound to: its address, too, so that nobody
// who writes to the database alone leads events elsewhere.
func hookRow(id int64, url string) string { return "hook " + strconv.FormatInt(id, 10) + " " + url }

// Hooks lists the hooks.
func (c *Courier) Hooks(ctx context.Context) (all []Hook, err error) {
	err = c.db.Read(ctx, func(tx *sql.Tx) (err error) {
		all, err = readHooks(ctx, tx)
		return err
	})
	return all, err
}

func readHooks(ctx context.Context, tx *sql.Tx) ([]Hook, error) {
	return store.All(ctx, tx, func(scan store.Scan) (h Hook, err error) {
		var events string
		var made int64
		err = scan(&h.ID, &h.URL, &events, &made, &h.Failed)
		h.MadeAt, h.Events = store.Time(made), []string{}
		if events != "" {
			h.Events = strings.Split(events, ",")
		}
		return h, err
	}, `SELECT id, url, events, made_at, failed FROM hooks ORDER BY id`)
}

// RemoveHook removes one, and what waits for it. The error wraps rekey.ErrNotFound.
func (c *Courier) RemoveHook(ctx context.Context, id int64) error {
	return c.db.Tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM hooks WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fmt.Errorf("%w: there is no hook %d", rekey.ErrNotFound, id), err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM outbox WHERE hook = $1`, id)
		return err
	})
}

// delivery is the body of what a hook gets.
type delivery struct {
	ID string `json:"id"`
	Event
	Data json.RawMessage `json:"data,omitempty"`
}

// Tell queues an event for every hook that wants it, as part of tx.
func (c *Courier) Tell(ctx context.Context, tx *sql.Tx, e Event) error {
	hooks, err := readHooks(ctx, tx)
	if err != nil {
		return err
	}
	for _, h := range hooks {
		if len(h.Events) > 0 && !slices.Contains(h.Events, e.Kind) {
			continue
		}
		r := row{id: rand.Text(), via: byHook, hook: h.ID, number: e.Case, kind: e.Kind}
		body, err := json.Marshal(delivery{r.id, e, e.Data})
		if err != nil {
			return err
		}
		if err := c.put(ctx, tx, r, c.lineOf(e.Case, hookRow(h.ID, h.URL)), body); err != nil {
			return err
		}
	}
	return nil
}

// deliver posts one event, and keeps with the hook why that failed.
func (c *Courier) deliver(ctx context.Context, r row, body []byte) error {
	h, secret, err := c.hook(ctx, r.hook)
	if err != nil {
		return err
	}
	failed := hookTarget(h.URL).post(ctx, map[string]string{
		"Rekey-Delivery": r.id, "Rekey-Event": r.kind, signatureHeader: signature(secret, c.o.Now(), body),
	}, body)
	words := ""
	if failed != nil {
		words = failed.Error()
	}
	if words == h.Failed {
		return failed
	}
	err = c.db.Tx(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE hooks SET failed = $1 WHERE id = $2`, words, h.ID)
		return err
	})
	return errors.Join(failed, err)
}

// hook is a hook with its secret. The error wraps rekey.ErrInput where it is gone.
func (c *Courier) hook(ctx context.Context, id int64) (h Hook, secret []byte, err error) {
	var sealed string
	err = c.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT id, url, secret, failed FROM hooks WHERE id = $1`, id).Scan(&h.ID, &h.URL, &sealed, &h.Failed)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return h, nil, fmt.Errorf("%w: the hook was removed", rekey.ErrInput)
	}
	if err != nil {
		return h, nil, err
	}
	secret, err = c.open(hookRow(h.ID, h.URL), sealed)
	return h, secret, err
}

func hookTarget(url string) target {
	_, local, _ := parseURL(url)
	if local {
		return target{url: url, allows: isLoopback}
	}
	return target{url: url, allows: isPublic}
}
