package desk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"rekey"
	"rekey/internal/store"
)

// RequestLife is how long the answer to a request with an idempotency key is kept.
const RequestLife = 24 * time.Hour

// RequestAnswer is how the first request with an idempotency key was answered.
// Where Told is set the answer was told once, and there is no body.
type RequestAnswer struct {
	Status      int
	ContentType string
	Body        []byte
	Told        bool
}

// BeginRequest takes an idempotency key of somebody into use for a request, and
// returns nil: then the request must be carried out now and ended with
// EndRequest. Where the request came before, it returns how that was answered.
// The error wraps rekey.ErrVerify where the key came with another request, and
// rekey.ErrConflict where the first is under way, or was cut off in the middle:
// then nobody knows how far it came, and it is not carried out again.
func (d *Desk) BeginRequest(ctx context.Context, who, key string, request []byte) (before *RequestAnswer, err error) {
	hash, now := d.requestHash(who, key, request), d.now()
	err = d.db.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM requests WHERE began_at < $1`, store.Micros(now.Add(-RequestLife))); err != nil {
			return err
		}
		before, err = readRequest(ctx, tx, who, key, hash)
		if err != nil || before != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO requests (who, idempotency_key, request_hash, began_at, status, content_type, body, told) VALUES ($1, $2, $3, $4, 0, '', '', 0)`,
			who, key, hash, store.Micros(now))
		return err
	})
	return before, err
}

func readRequest(ctx context.Context, tx *sql.Tx, who, key, hash string) (*RequestAnswer, error) {
	var a RequestAnswer
	var first, body string
	err := tx.QueryRowContext(ctx, `SELECT request_hash, status, content_type, body, told FROM requests WHERE who = $1 AND idempotency_key = $2`, who, key).
		Scan(&first, &a.Status, &a.ContentType, &body, &a.Told)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case first != hash:
		return nil, refuse(rekey.ErrVerify, "this Idempotency-Key came with another request before; a new request needs a new key")
	case a.Status == 0:
		return nil, refuse(rekey.ErrConflict, "the first request with this Idempotency-Key is under way, or was cut off; look at what is there before you send it with a new key")
	}
	a.Body = []byte(body)
	return &a, nil
}

// EndRequest keeps how a request was answered.
func (d *Desk) EndRequest(ctx context.Context, who, key string, a RequestAnswer) error {
	told := 0
	if a.Told {
		told = 1
	}
	return d.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE requests SET status = $1, content_type = $2, body = $3, told = $4 WHERE who = $5 AND idempotency_key = $6`,
			a.Status, a.ContentType, string(a.Body), told, who, key)
		return err
	})
}

// requestHash is keyed, as a request may hold a support phrase, which could be
// guessed from a plain hash.
func (d *Desk) requestHash(who, key string, request []byte) string {
	mac := hmac.New(sha256.New, d.keys.requests)
	mac.Write([]byte(who + "\x00" + key + "\x00"))
	mac.Write(request)
	return hex.EncodeToString(mac.Sum(nil))
}
