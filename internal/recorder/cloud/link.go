package cloud

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"rekey"
	"rekey/internal/recorder/cloud/wire"
	"rekey/internal/store"
	"rekey/recovery"
)

// Link is one recorder that is, was or may be linked.
type Link struct {
	ID       string
	DeviceID recovery.DeviceID // as the recorder says; it proves nothing
	Model    string
	Name     string
	Mine     bool   // for the one who looks: owner, or somebody it is shared with
	Address  string // of the owner
	LinkedAt time.Time
	SeenAt   time.Time
	ResetAt  time.Time // zero = it was not reset since; see wire.Reset

	owner     string
	state     wire.State
	endedWhy  string
	key       ed25519.PublicKey
	epoch     uint8
	enrolment recovery.Enrolment
}

// Online tells whether the recorder has asked lately.
func (l Link) online(now time.Time) bool { return now.Sub(l.SeenAt) < 3*time.Minute }

const (
	mostPending = 1000 // pairings that wait for their codes, of all recorders
	mostShares  = 10
	linkColumns = `id, link_key, device_id, model, name, epoch, enc, sealed, state, owner, address, linked_at, ended_why, seen_at, reset_at`
)

func scanLink(scan store.Scan) (l Link, err error) {
	var key, id, enc, sealed string
	var linked, seen, reset int64
	if err := scan(&l.ID, &key, &id, &l.Model, &l.Name, &l.epoch, &enc, &sealed, &l.state, &l.owner, &l.Address, &linked, &l.endedWhy, &seen, &reset); err != nil {
		return l, err
	}
	l.LinkedAt, l.SeenAt, l.ResetAt = store.Time(linked), store.Time(seen), store.Time(reset)
	if l.state == wire.Linked && reset != 0 {
		l.state = wire.Reset
	}
	if l.key, err = base64.StdEncoding.DecodeString(key); err != nil || l.state == wire.Ended {
		return l, err // nothing else is left of it
	}
	if l.DeviceID, err = recovery.ParseDeviceID(id); err != nil {
		return l, err
	}
	l.enrolment = recovery.Enrolment{Format: recovery.EnrolmentFormat, DeviceID: l.DeviceID, Epoch: l.epoch}
	if l.enrolment.Enc, err = base64.StdEncoding.DecodeString(enc); err != nil {
		return l, err
	}
	l.enrolment.Sealed, err = base64.StdEncoding.DecodeString(sealed)
	return l, err
}

func readLink(ctx context.Context, tx *sql.Tx, id string) (Link, error) {
	l, err := scanLink(tx.QueryRowContext(ctx, `SELECT `+linkColumns+` FROM links WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return l, refuse(rekey.ErrNotFound, "there is no such recorder")
	}
	return l, err
}

// printableName is a recorder's name for pages and messages: it comes from
// outside, so it loses what does not show.
func printableName(s string) string {
	const most = 63
	s = strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > most {
		s = string(r[:most])
	}
	return strings.TrimSpace(s)
}

// BeginPairing keeps a recorder's pairing until its code is typed. Nothing that
// the recorder says is proved by then: only who reads the code at its screen can
// make it a link, and the key of another recorder opens nothing there.
func (c *Cloud) BeginPairing(ctx context.Context, p wire.Pair, from string) error {
	if len(p.Key) != ed25519.PublicKeySize || len(p.CodeHash) != 64 || p.Enrolment.Format != recovery.EnrolmentFormat || p.Enrolment.DeviceID.IsZero() {
		return refuse(rekey.ErrInput, "not a pairing")
	}
	kDev, err := p.Enrolment.Open(c.keys.enrol)
	if err != nil || len(kDev) != recovery.KeySize {
		return refuse(rekey.ErrInput, "the recorder's key does not open: it was sealed to another cloud")
	}
	id, now := wire.LinkID(p.Key), c.now()
	b64 := base64.StdEncoding.EncodeToString
	err = c.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := c.spend(ctx, tx, map[limit]string{limits().pairFrom: from}); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM links WHERE state = 'pending' AND begun_at < $1`, store.Micros(now.Add(-wire.CodeLife))); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM links WHERE state = 'pending'`).Scan(&n); err != nil {
			return err
		}
		if n >= mostPending {
			return refuse(rekey.ErrLocked, "too many recorders are being paired; try again later")
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO links (`+linkColumns+`, code, begun_at, ended_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', '', '', 0, '', $9, 0, $10, $9, 0)`,
			id, b64(p.Key), p.Enrolment.DeviceID.String(), printableName(p.Enrolment.Model), printableName(p.Name), p.Enrolment.Epoch,
			b64(p.Enrolment.Enc), b64(p.Enrolment.Sealed), store.Micros(now), p.CodeHash)
		if store.IsDuplicate(err) {
			return refuse(rekey.ErrConflict, "this key was paired before; a new pairing needs a new key")
		}
		return err
	})
	var limited *LimitError
	if errors.As(err, &limited) {
		return err
	}
	return c.noted(ctx, "recorder", "pair", p.Enrolment.DeviceID.String(), map[string]string{"link": id, "from": from}, err)
}

// Pair makes the owner of a pairing who typed its code. An earlier link of the
// same owner and Device ID ends: the recorder has been reset since. A link of
// somebody else's does not, or anybody could end it by a made-up recorder.
func (c *Cloud) Pair(ctx context.Context, who Owner, typed string) (Link, error) {
	hash, ok := wire.HashCode(typed)
	if !ok {
		return Link{}, refuse(rekey.ErrInput, "the pairing code has three groups of four symbols; nothing was spent")
	}
	var l Link
	now := c.now()
	wrong := refuse(rekey.ErrDenied, "no recorder waits with this code; it counts for %d minutes and once", int(wire.CodeLife/time.Minute))
	found := false
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := c.spend(ctx, tx, map[limit]string{limits().codeBy: who.ID}); err != nil {
			return err
		}
		var err error
		l, err = scanLink(tx.QueryRowContext(ctx, `SELECT `+linkColumns+` FROM links WHERE code = $1 AND state = 'pending' AND begun_at > $2`,
			hash, store.Micros(now.Add(-wire.CodeLife))).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		if err := c.endEarlier(ctx, tx, who, l.DeviceID); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE links SET state = 'linked', code = '', owner = $1, address = $2, linked_at = $3 WHERE id = $4`,
			who.ID, who.Address, store.Micros(now), l.ID)
		return err
	})
	if err == nil && !found {
		err = wrong
	}
	object := "pairing code"
	if found {
		object = l.DeviceID.String()
	}
	if err = c.noted(ctx, who.ID, "link", object, map[string]string{"link": l.ID}, err); err != nil {
		return l, err
	}
	c.tell()
	l.Address, l.owner = who.Address, who.ID
	c.notify(ctx, l, "was linked to your account")
	return l, nil
}

// endEarlier ends the owner's links of a recorder that is linked anew, and with
// them the right to release it.
func (c *Cloud) endEarlier(ctx context.Context, tx *sql.Tx, who Owner, id recovery.DeviceID) error {
	old, err := store.All(ctx, tx, func(scan store.Scan) (s string, err error) { return s, scan(&s) },
		`SELECT id FROM links WHERE owner = $1 AND device_id = $2 AND state = 'linked'`, who.ID, id.String())
	for i := 0; i < len(old) && err == nil; i++ {
		err = c.end(ctx, tx, old[i], "linked anew")
	}
	return err
}

// Links are the recorders of the owner and those shared with the owner's address.
func (c *Cloud) Links(ctx context.Context, who Owner) (all []Link, err error) {
	err = c.db.Read(ctx, func(tx *sql.Tx) error {
		all, err = store.All(ctx, tx, scanLink, `SELECT `+linkColumns+` FROM links WHERE state = 'linked' AND
			(owner = $1 OR id IN (SELECT link FROM shares WHERE address = $2)) ORDER BY name, device_id`, who.ID, who.Address)
		return err
	})
	for i := range all {
		all[i].Mine = all[i].owner == who.ID
	}
	return all, err
}

// Link is one recorder, for its owner or somebody it is shared with; for anybody
// else there is no such recorder. shares are told to the owner alone.
func (c *Cloud) Link(ctx context.Context, who Owner, id string) (l Link, shares []string, err error) {
	err = c.db.Read(ctx, func(tx *sql.Tx) error {
		l, shares, err = seenBy(ctx, tx, who, id)
		return err
	})
	return l, shares, err
}

func seenBy(ctx context.Context, tx *sql.Tx, who Owner, id string) (Link, []string, error) {
	none := refuse(rekey.ErrNotFound, "there is no such recorder")
	l, err := readLink(ctx, tx, id)
	if err != nil {
		return Link{}, nil, err
	}
	shares, err := store.All(ctx, tx, func(scan store.Scan) (s string, err error) { return s, scan(&s) },
		`SELECT address FROM shares WHERE link = $1 ORDER BY address`, id)
	if err != nil {
		return Link{}, nil, err
	}
	l.Mine = l.owner == who.ID
	switch shared := slices.Contains(shares, who.Address); {
	case l.state != wire.Linked && l.state != wire.Reset, !l.Mine && !shared:
		return Link{}, nil, none
	case !l.Mine:
		return l, nil, nil
	}
	return l, shares, nil
}

// owned does what only the owner of a link may do, and puts it on record.
func (c *Cloud) owned(ctx context.Context, who Owner, id, event string, do func(tx *sql.Tx, l Link, shares []string) error) (Link, error) {
	var l Link
	err := c.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		var shares []string
		if l, shares, err = seenBy(ctx, tx, who, id); err != nil {
			return err
		}
		if !l.Mine {
			return refuse(rekey.ErrDenied, "only the owner of the recorder can do this")
		}
		return do(tx, l, shares)
	})
	if errors.Is(err, rekey.ErrNotFound) {
		return l, err // a made-up id is not worth a record
	}
	return l, c.noted(ctx, who.ID, event, l.DeviceID.String(), map[string]string{"link": l.ID}, err)
}

// Share lets an address look at the recorder. It is the same whether or not the
// address has an account.
func (c *Cloud) Share(ctx context.Context, who Owner, id, typed string) error {
	address, err := parseAddress(typed)
	if err != nil {
		return err
	}
	_, err = c.owned(ctx, who, id, "share", func(tx *sql.Tx, l Link, shares []string) error {
		switch {
		case l.state == wire.Reset:
			return refuse(rekey.ErrConflict, "the recorder was reset; it can be shared once it is linked again")
		case address == who.Address:
			return refuse(rekey.ErrInput, "that is your own address")
		case slices.Contains(shares, address):
			return refuse(rekey.ErrConflict, "it is shared with this address already")
		case len(shares) >= mostShares:
			return refuse(rekey.ErrConflict, "a recorder can be shared with %d addresses at most", mostShares)
		}
		if err := c.spend(ctx, tx, map[limit]string{limits().shareDay: who.ID}); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO shares (link, address, at) VALUES ($1, $2, $3)`, l.ID, address, store.Micros(c.now()))
		return err
	})
	return err
}

// Unshare takes it back.
func (c *Cloud) Unshare(ctx context.Context, who Owner, id, address string) error {
	_, err := c.owned(ctx, who, id, "unshare", func(tx *sql.Tx, l Link, shares []string) error {
		if !slices.Contains(shares, address) {
			return refuse(rekey.ErrNotFound, "it is not shared with this address")
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM shares WHERE link = $1 AND address = $2`, l.ID, address)
		return err
	})
	return err
}

// Unlink ends the link for its owner; the recorder learns it when it asks next.
func (c *Cloud) Unlink(ctx context.Context, who Owner, id string) error {
	l, err := c.owned(ctx, who, id, "unlink", func(tx *sql.Tx, l Link, _ []string) error {
		return c.end(ctx, tx, l.ID, "unlinked by its owner")
	})
	if err != nil {
		return err
	}
	c.tell()
	what := "was unlinked from your account by you"
	if l.state == wire.Reset {
		what = "was reset by its button before, and you have given up the right to release its lock"
	}
	c.notify(ctx, l, what)
	return nil
}

// end forgets what the link could do, and whose it was. Its key stays known, so
// that whoever comes with it is told that it is over, with when and why.
func (c *Cloud) end(ctx context.Context, tx *sql.Tx, id, why string) error {
	for _, of := range []string{`DELETE FROM shares WHERE link = $1`, `DELETE FROM requests WHERE link = $1`} {
		if _, err := tx.ExecContext(ctx, of, id); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE links SET state = 'ended', ended_at = $1, ended_why = $2,
		code = '', enc = '', sealed = '', device_id = '', model = '', name = '', owner = '', address = '' WHERE id = $3`, store.Micros(c.now()), why, id)
	return err
}
