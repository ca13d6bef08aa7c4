package staff

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
	"rekey/internal/web"
)

// Key is an API key, told without its secret.
type Key struct {
	Name      string    `json:"name"`
	Scopes    []Scope   `json:"scopes"`
	MadeBy    string    `json:"made_by"`
	MadeAt    time.Time `json:"made_at"`
	Until     time.Time `json:"until"`
	UsedAt    time.Time `json:"used_at,omitzero"` // to the minute
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

const (
	keyPrefix     = "rekey_"
	keyLen        = 32 // bytes
	maxKeyLife    = 2 * 366 * 24 * time.Hour
	programPrefix = "key:" // of the name that a program acts under

	// noteUse is how exactly the use of a key is noted, so that a busy program
	// does not write with every call.
	noteUse = time.Minute
)

// MakeKey draws an API key, "rekey_" and 256 bits; it is told once and kept as
// a hash. A name is given once, also after the key is revoked. Errors wrap
// rekey.ErrInput or rekey.ErrConflict.
func (s *Staff) MakeKey(ctx context.Context, by, name string, scopes []Scope, until time.Time) (rekey.Secret, error) {
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	now := s.now()
	if err := errors.Join(CheckName(name), checkScopes(scopes)); err != nil {
		return rekey.Secret{}, err
	}
	if !until.After(now) || until.Sub(now) > maxKeyLife {
		return rekey.Secret{}, refuse(rekey.ErrInput, "end of a key: expected a time to come, within two years")
	}
	random, err := s.token(keyLen)
	if err != nil {
		return rekey.Secret{}, err
	}
	secret := keyPrefix + random
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO api_keys (name, secret, scopes, made_by, made_at, until, used_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, 0, 0)`,
			name, s.hash("key", secret), joinScopes(scopes), by, store.Micros(now), store.Micros(until))
		if store.IsDuplicate(err) {
			return refuse(rekey.ErrConflict, "there is, or was, a key %q already; choose another name", name)
		}
		return err
	})
	if err != nil {
		return rekey.Secret{}, err
	}
	return rekey.NewSecret(secret), nil
}

func checkScopes(scopes []Scope) error {
	if len(scopes) == 0 {
		return refuse(rekey.ErrInput, "scopes of a key: expected at least one")
	}
	for _, scope := range scopes {
		if !slices.Contains(Scopes(), scope) {
			return refuse(rekey.ErrInput, "scope %q: expected one of %s", clip(string(scope)), strings.ReplaceAll(joinScopes(Scopes()), ",", ", "))
		}
	}
	return nil
}

func joinScopes(scopes []Scope) string {
	words := make([]string, len(scopes))
	for i, scope := range scopes {
		words[i] = string(scope)
	}
	return strings.Join(words, ",")
}

func splitScopes(text string) []Scope {
	words := strings.Split(text, ",")
	scopes := make([]Scope, len(words))
	for i, w := range words {
		scopes[i] = Scope(w)
	}
	return scopes
}

const keyColumns = `name, scopes, made_by, made_at, until, used_at, revoked_at`

func scanKey(scan store.Scan) (k Key, err error) {
	var scopes string
	var made, until, used, revoked int64
	err = scan(&k.Name, &scopes, &k.MadeBy, &made, &until, &used, &revoked)
	k.Scopes = splitScopes(scopes)
	k.MadeAt, k.Until, k.UsedAt, k.RevokedAt = store.Time(made), store.Time(until), store.Time(used), store.Time(revoked)
	return k, err
}

// Keys lists the API keys by name, the ended ones, too.
func (s *Staff) Keys(ctx context.Context) (keys []Key, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) (err error) {
		keys, err = store.All(ctx, tx, scanKey, `SELECT `+keyColumns+` FROM api_keys ORDER BY name`)
		return err
	})
	return keys, err
}

// RevokeKey ends an API key at once. The error wraps rekey.ErrNotFound.
func (s *Staff) RevokeKey(ctx context.Context, name string) error {
	return s.db.Tx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE api_keys SET revoked_at = $1 WHERE name = $2 AND revoked_at = 0`, store.Micros(s.now()), name)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, refuse(rekey.ErrNotFound, "there is no key %q that counts", clip(name)))
		}
		return nil
	})
}

// program is who acts by an API key.
func (s *Staff) program(ctx context.Context, authorization string, from netip.Addr) (Agent, error) {
	scheme, secret, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(secret, keyPrefix) {
		return Agent{}, web.ErrNoSession
	}
	hash, now := s.hash("key", secret), s.now()
	var k Key
	err := s.db.Read(ctx, func(tx *sql.Tx) (err error) {
		k, err = scanKey(tx.QueryRowContext(ctx, `SELECT `+keyColumns+` FROM api_keys WHERE secret = $1`, hash).Scan)
		return err
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Agent{}, s.charged(ctx, from, web.ErrNoSession)
	case err != nil:
		return Agent{}, err
	case !k.RevokedAt.IsZero() || !now.Before(k.Until):
		return Agent{}, web.ErrNoSession
	}
	if since := now.Sub(k.UsedAt); since >= noteUse || since < 0 {
		if err := s.noteUse(ctx, k.Name, now); err != nil {
			return Agent{}, err
		}
	}
	return Agent{
		Name: programPrefix + k.Name, Role: RoleProgram, AddedAt: k.MadeAt, Scopes: k.Scopes,
		Browser: s.hash("browser of key", k.Name), From: from,
	}, nil
}

func (s *Staff) noteUse(ctx context.Context, name string, now time.Time) error {
	return s.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE api_keys SET used_at = $1 WHERE name = $2`, store.Micros(now), name)
		return err
	})
}
