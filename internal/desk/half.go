package desk

import (
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"rekey"
	"rekey/internal/store"
)

// halfLife is how long the owner's half lies at the desk: as long as the
// recorder keeps its challenge.
const halfLife = challengeLife

const halfContext = "rekey desk half v1\x00"

// keepHalf seals the owner's half to every link of the case whose address is
// registered, for ten minutes.
// The desk cannot open it: that takes a token, which only the messages hold.
func (d *Desk) keepHalf(ctx context.Context, tx *sql.Tx, c *Case, half string) error {
	links, err := store.All(ctx, tx, func(scan store.Scan) (l link, err error) { return l, scan(&l.hash, &l.address, &l.sealTo) },
		`SELECT hash, address, seal_to FROM owner_links WHERE case_number = $1`, c.Number)
	if err != nil {
		return err
	}
	for _, l := range links {
		if !d.registers(c, l.address) {
			continue
		}
		sealed, err := l.seal(half)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO owner_halves (link, sealed, until) VALUES ($1, $2, $3)`,
			l.hash, hex.EncodeToString(sealed), store.Micros(d.now().Add(halfLife)))
		if err != nil {
			return err
		}
	}
	return nil
}

func (l link) seal(half string) ([]byte, error) {
	raw, err := hex.DecodeString(l.sealTo)
	if err != nil {
		return nil, err
	}
	key, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: the key of an owner's link is not usable", rekey.ErrStorage)
	}
	return hpke.Seal(key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(halfContext+l.hash), []byte(half))
}

// readHalf is the sealed half of a link, while it counts; until is zero where there
// is none. It ends with its case, and with a recorder that is frozen out of another
// one, whatever is left of its ten minutes.
func (d *Desk) readHalf(ctx context.Context, tx *sql.Tx, l link, c *Case) (sealed []byte, until time.Time, err error) {
	if frozen, err := isFrozen(ctx, tx, c.DeviceID); err != nil || frozen || l.former || c.Stage != StageAnswered {
		return nil, time.Time{}, err
	}
	var text string
	var micros int64
	err = tx.QueryRowContext(ctx, `SELECT sealed, until FROM owner_halves WHERE link = $1`, l.hash).Scan(&text, &micros)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, nil
	}
	until = store.Time(micros)
	if left := until.Sub(d.now()); err != nil || left <= 0 || left > halfLife {
		return nil, time.Time{}, err
	}
	sealed, err = hex.DecodeString(text)
	return sealed, until, err
}

// openHalf opens what keepHalf sealed.
func openHalf(l link, token, sealed []byte) ([]Group, error) {
	key, err := halfKey(token)
	if err != nil {
		return nil, err
	}
	half, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(halfContext+l.hash), sealed)
	if err != nil {
		return nil, refuse(rekey.ErrVerify, "the half of the temporary password does not open: its row was changed")
	}
	return groupsOf(string(half)), nil
}

// dropHalves forgets the owner's half of a case.
func dropHalves(ctx context.Context, tx *sql.Tx, number int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM owner_halves WHERE link IN (SELECT hash FROM owner_links WHERE case_number = $1)`, number)
	return err
}
