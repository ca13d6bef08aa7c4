package desk

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"strings"

	"rekey"
	"rekey/recovery"
)

// takeQR takes a QR code as proof that the caller is at the recorder now: the
// recorder's own MAC, and a counter that the desk has not seen before.
func (d *Desk) takeQR(ctx context.Context, tx *sql.Tx, c *Case, text string) error {
	q, err := d.openQR(ctx, tx, c, text)
	if err != nil {
		return err
	}
	r, err := readRecorder(ctx, tx, c.DeviceID)
	if err != nil {
		return err
	}
	if err := c.fits(q.Challenge, r.Epoch); err != nil {
		return err
	}
	switch r.place(q.Challenge) {
	case counterBehind:
		if err := markBehind(ctx, tx, c.Number); err != nil {
			return err
		}
		return lasting{refuse(rekey.ErrConflict, "the recorder made this QR code before another one that the desk has seen; the case is handled more carefully now")}
	case counterSame:
		return refuse(rekey.ErrConflict, "this QR code was used before; ask the caller for a new one")
	}
	return seen(ctx, tx, c.DeviceID, q.Challenge)
}

// openQR reads a QR text of suite 1 and checks the recorder's MAC.
func (d *Desk) openQR(ctx context.Context, tx *sql.Tx, c *Case, text string) (recovery.QR, error) {
	q, err := recovery.ParseQR(strings.TrimSpace(text))
	if err != nil {
		return q, refuse(rekey.ErrInput, "%v", err)
	}
	if q.DeviceID != c.DeviceID {
		return q, refuse(rekey.ErrInput, "the QR code is of another recorder than the case")
	}
	if q.Challenge.Suite != recovery.SuiteOCRA {
		return q, refuse(rekey.ErrInput, "the QR code carries no proof of the recorder (suite 2); enter it as the challenge, and take other evidence")
	}
	keys, err := d.recorderKeys(ctx, tx, c, q.Challenge, keyForQR)
	if err != nil {
		return q, err
	}
	if err := keys.VerifyQR(q); err != nil {
		return q, refuse(rekey.ErrInput, "%v", err)
	}
	return q, nil
}

// recorderKeys opens the keys of the case's recorder, which is recorded first.
func (d *Desk) recorderKeys(ctx context.Context, tx *sql.Tx, c *Case, ch recovery.Challenge, why keyUse) (*recovery.Keys, error) {
	if err := d.noteKeyUse(ctx, c, ch, why); err != nil {
		return nil, err
	}
	id := c.DeviceID
	var w wrappedKey
	var epoch uint8
	err := tx.QueryRowContext(ctx, `SELECT epoch, wrapped, sealed FROM recorder_keys WHERE device_id = $1`, id.String()).Scan(&epoch, &w.wrapped, &w.sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(rekey.ErrNotFound, "the desk has no key of recorder %s", id)
	}
	if err != nil {
		return nil, err
	}
	return d.keys.unwrap(id, epoch, w)
}

// fits refuses a challenge that is not for what the case is about.
func (c *Case) fits(ch recovery.Challenge, epoch uint8) error {
	switch {
	case ch.Purpose != c.purpose:
		return refuse(rekey.ErrInput, "the challenge is to %s, the case to %s: nothing was spent", ch.Purpose, c.purpose)
	case ch.Epoch != epoch&3:
		return refuse(rekey.ErrInput, "the challenge was made with another key than the desk has (epoch %d, expected %d): nothing was spent", ch.Epoch, epoch&3)
	}
	return nil
}

type counterPlace int

const (
	counterAhead counterPlace = iota
	counterSame
	counterBehind
)

// place compares the counter of a challenge, which wraps at 65 536, with the
// last that was seen. The same counter with other randomness is a recorder that
// was set back.
func (r Recorder) place(ch recovery.Challenge) counterPlace {
	if r.lastCounter < 0 {
		return counterAhead
	}
	switch step := ch.Counter - uint16(r.lastCounter); { //nolint:gosec // the table holds 0..65535
	case step == 0 && hashOf(ch) == r.lastChallenge:
		return counterSame
	case step == 0 || step >= 1<<15:
		return counterBehind
	}
	return counterAhead
}

func hashOf(ch recovery.Challenge) string {
	h := ch.Hash()
	return hex.EncodeToString(h[:])
}

// seen remembers the newest challenge of a recorder.
func seen(ctx context.Context, tx *sql.Tx, id recovery.DeviceID, ch recovery.Challenge) error {
	_, err := tx.ExecContext(ctx, `UPDATE recorders SET last_counter = $1, last_challenge = $2 WHERE device_id = $3`,
		ch.Counter, hashOf(ch), id.String())
	return err
}

func markBehind(ctx context.Context, tx *sql.Tx, number int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE cases SET counter_behind = 1 WHERE number = $1`, number)
	return err
}

// markUnvouched remembers that a challenge was given that no fresh QR code
// vouches for, until there is one again.
func markUnvouched(ctx context.Context, tx *sql.Tx, number int64, yes bool) error {
	mark := 0
	if yes {
		mark = 1
	}
	_, err := tx.ExecContext(ctx, `UPDATE cases SET unvouched = $1 WHERE number = $2`, mark, number)
	return err
}
