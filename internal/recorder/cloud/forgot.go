package cloud

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"rekey"
	"rekey/internal/recorder/cloud/wire"
	"rekey/internal/store"
	"rekey/recovery"
)

// requestLife is how long a request is open: as long as its challenge can be.
const requestLife = 10 * time.Minute

// ForgotPassword mails a temporary password for one account of the recorder to
// the address that was confirmed when it was linked. The challenge is what the
// recorder's own screen shows; mistyped it costs nothing. It says what for: a new
// password, or, after a reset by the button, the release of the recorder's lock,
// for which there is no account. Of a recorder that has said that it was reset the
// latter is all that is answered.
//
// The order is fixed: who asks, then the limits, spent for good; then the record
// under a signed checkpoint; then the answer is made and leaves. Where the
// message could not be sent, the same challenge may be tried again while the
// request is open, and costs nothing more.
func (c *Cloud) ForgotPassword(ctx context.Context, who Owner, id, account, typed string) (Link, error) {
	var l Link
	err := c.db.Read(ctx, func(tx *sql.Tx) (err error) {
		l, _, err = seenBy(ctx, tx, who, id)
		return err
	})
	if err != nil {
		return l, err
	}
	challenge, err := c.accept(ctx, who, l, &account, typed)
	if err != nil {
		return l, c.refused(ctx, who, l, err)
	}
	answer, err := c.issue(ctx, who, l, account, challenge)
	if err != nil {
		return l, err
	}
	ctx = context.WithoutCancel(ctx) // it is on record: whether it was sent must be, too
	message := passwordMessage(l, account, answer, c.notMeLink(who))
	if challenge.Purpose == recovery.PurposeRelease {
		message = releaseMessage(l, answer, c.notMeLink(who))
	}
	err = c.opt.Mail.Send(ctx, l.Address, message)
	if err != nil {
		c.opt.Log.Error("temporary password was not sent", "link", l.ID, "error", err)
		err = refuse(rekey.ErrUnreachable, "the message could not be sent; try again with the same challenge, nothing more is spent")
	} else {
		err = c.sent(ctx, l, challenge)
	}
	return l, c.noted(ctx, who.ID, "code.sent", l.DeviceID.String(), map[string]string{"link": l.ID}, err)
}

// releaseAccount stands in an answer that releases the lock: every recorder has it.
const releaseAccount = "admin"

// accept checks the question and spends the limits. The key epoch in a challenge
// is that of the recorder's support desk; the key of the link has none.
func (c *Cloud) accept(ctx context.Context, who Owner, l Link, account *string, typed string) (recovery.Challenge, error) {
	if !l.Mine {
		return recovery.Challenge{}, refuse(rekey.ErrDenied, "only the owner of the recorder can ask for a temporary password")
	}
	challenge, err := recovery.ParseChallenge(typed)
	switch {
	case err != nil:
		return challenge, refuse(rekey.ErrInput, "%v", err)
	case challenge.Suite == recovery.SuiteOCRA && challenge.Purpose == recovery.PurposeRelease:
		*account = releaseAccount
	case l.state == wire.Reset:
		return challenge, refuse(rekey.ErrInput, "the recorder was reset; only the challenge of its lock is answered here, which it shows at Release this recorder. Nothing was spent")
	case challenge.Suite != recovery.SuiteOCRA || challenge.Purpose != recovery.PurposePassword:
		return challenge, refuse(rekey.ErrInput, "this challenge is not one for a lost password; nothing was spent")
	}
	if _, err := new(recovery.Keys).Answer(l.DeviceID, *account, challenge); err != nil {
		return challenge, refuse(rekey.ErrInput, "%v; nothing was spent", err) // a name that no recorder has
	}
	return challenge, c.db.Tx(ctx, func(tx *sql.Tx) error { return c.spendRequest(ctx, tx, who, l, challenge) })
}

func (c *Cloud) spendRequest(ctx context.Context, tx *sql.Tx, who Owner, l Link, challenge recovery.Challenge) error {
	now := c.now()
	var at, sent int64
	err := tx.QueryRowContext(ctx, `SELECT at, sent_at FROM requests WHERE link = $1 AND challenge = $2`, l.ID, hashOf(challenge)).Scan(&at, &sent)
	switch {
	case err == nil && sent != 0:
		return refuse(rekey.ErrConflict, "the temporary password for this challenge was sent already; look for the message, or get a new challenge at the recorder")
	case err == nil && now.Sub(store.Time(at)) < requestLife:
		return nil // open, and not sent yet
	case err == nil:
		return refuse(rekey.ErrConflict, "this challenge is too old; get a new one at the recorder")
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	lim := limits()
	if err := c.spend(ctx, tx, map[limit]string{lim.boxSoon: l.ID, lim.boxDay: l.ID, lim.boxMonth: l.ID, lim.ownerDay: who.ID}); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO requests (link, challenge, at, sent_at) VALUES ($1, $2, $3, 0)`, l.ID, hashOf(challenge), store.Micros(now))
	return err
}

func hashOf(c recovery.Challenge) string {
	sum := c.Hash()
	return hex.EncodeToString(sum[:])
}

// refused puts a refusal on record and, where it is more than a slip of the
// finger, tells the owner.
func (c *Cloud) refused(ctx context.Context, who Owner, l Link, err error) error {
	err = c.noted(ctx, who.ID, "code.refused", l.DeviceID.String(), map[string]string{"link": l.ID}, err)
	if errors.Is(err, rekey.ErrInput) || errors.Is(err, rekey.ErrStorage) {
		return err
	}
	what := "got no temporary password when one was asked for from your account: " + reason(err)
	if !l.Mine {
		what = "is shared with somebody who asked for a temporary password, and was refused"
	}
	c.notify(ctx, l, what)
	return err
}

// issue records the answer, under a signed checkpoint, and then makes it.
func (c *Cloud) issue(ctx context.Context, who Owner, l Link, account string, challenge recovery.Challenge) (a recovery.Answer, err error) {
	err = c.note(ctx, who.ID, "code.issue", l.DeviceID.String(), "ok", map[string]string{
		"link": l.ID, "account": account, "purpose": challenge.Purpose.String(), "challenge_sha256": hashOf(challenge),
	})
	if err != nil {
		return a, err
	}
	k, err := l.enrolment.Open(c.keys.enrol)
	if err != nil {
		return a, refuse(rekey.ErrVerify, "the key of recorder %s does not open: its row was changed, or the cloud has another key now", l.DeviceID)
	}
	keys, err := recovery.NewKeys(k)
	if err != nil {
		return a, err
	}
	return keys.Answer(l.DeviceID, account, challenge)
}

func (c *Cloud) sent(ctx context.Context, l Link, challenge recovery.Challenge) error {
	return c.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE requests SET sent_at = $1 WHERE link = $2 AND challenge = $3`, store.Micros(c.now()), l.ID, hashOf(challenge))
		return err
	})
}

// notify tells the owner what happened to a recorder, the same thing a few times
// a day at most. What happened has happened: a message that cannot be sent undoes
// nothing, and whoever caused it cannot stop the message by hanging up.
func (c *Cloud) notify(ctx context.Context, l Link, what string) {
	ctx = context.WithoutCancel(ctx)
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		return c.spend(ctx, tx, map[limit]string{limits().noticeDay: l.ID + " " + what})
	})
	var limited *LimitError
	if errors.As(err, &limited) {
		return
	}
	var owner Owner
	if err == nil {
		owner, err = c.ownerOf(ctx, l)
	}
	if err == nil {
		err = c.opt.Mail.Send(ctx, l.Address, noticeMessage(l, what, c.notMeLink(owner)))
	}
	if err != nil {
		c.opt.Log.Error("notice was not sent", "link", l.ID, "error", err)
	}
}
