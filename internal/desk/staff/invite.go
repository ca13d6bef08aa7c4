package staff

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"time"

	"rekey"
	"rekey/internal/store"
)

// LinkLife is how long a one-time link counts.
const LinkLife = 24 * time.Hour

const linkTokenLen = 16 // bytes

var errLink = refuse(rekey.ErrDenied, "this link does not count: it was used, replaced or is too old; ask an administrator for a new one")

// Invite draws a one-time link for an agent, URL + "/join#" + a token of 128 bits,
// which registers one passkey. An earlier link of theirs is worth nothing then.
// With fresh, the passkeys that the agent has are removed when it is used.
// Errors wrap rekey.ErrNotFound, or rekey.ErrConflict where they are disabled.
func (s *Staff) Invite(ctx context.Context, name string, fresh bool) (link rekey.Secret, until time.Time, err error) {
	token, err := s.token(linkTokenLen)
	if err != nil {
		return rekey.Secret{}, time.Time{}, err
	}
	until = s.now().Add(LinkLife)
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		row, err := readAgent(ctx, tx, name)
		switch {
		case err != nil:
			return err
		case !row.DisabledAt.IsZero():
			return refuse(rekey.ErrConflict, "agent %q is disabled; enable them first", name)
		case row.Passkeys >= maxPasskeys && !fresh:
			return refuse(rekey.ErrConflict, "agent %q has %d passkeys, which is the most; invite them afresh", name, row.Passkeys)
		}
		if err := CheckName(name); err != nil { // a desk of before took some that are reserved now
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO invitations (agent, token, fresh, until) VALUES ($1, $2, $3, $4)
			ON CONFLICT (agent) DO UPDATE SET token = excluded.token, fresh = excluded.fresh, until = excluded.until`,
			name, s.hash("link", token), bit(fresh), store.Micros(until))
		return err
	})
	if err != nil {
		return rekey.Secret{}, time.Time{}, err
	}
	return rekey.NewSecret(s.url + "/join#" + token), until, nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// invitation is a link as the database knows it.
type invitation struct {
	agent, token string // token is the hash
	fresh        bool
}

// invitee is whom a link names.
type invitee struct {
	Agent
	user user
}

// invited finds whom a link names. An unknown one is charged to the address.
func (s *Staff) invited(ctx context.Context, token rekey.Secret, from netip.Addr) (link invitation, who invitee, err error) {
	link.token = s.hash("link", token.Reveal())
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		var until int64
		err := tx.QueryRowContext(ctx, `SELECT agent, fresh, until FROM invitations WHERE token = $1`, link.token).Scan(&link.agent, &link.fresh, &until)
		if errors.Is(err, sql.ErrNoRows) || (err == nil && !s.now().Before(store.Time(until))) {
			return errLink
		}
		if err != nil {
			return err
		}
		row, err := readAgent(ctx, tx, link.agent)
		if err != nil {
			return err
		}
		if !row.DisabledAt.IsZero() {
			return errLink
		}
		who.Agent = row.Agent
		who.user, err = s.user(ctx, tx, link.agent)
		return err
	})
	if errors.Is(err, errLink) {
		return invitation{}, invitee{}, s.charged(ctx, from, errLink)
	}
	return link, who, err
}
