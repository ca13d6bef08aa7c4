package cloud

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"rekey"
	"rekey/internal/recorder/cloud/wire"
	"rekey/internal/totp"
)

// The second factor of an owner: an authenticator, and a sheet of codes for the
// day on which it is gone. A new password by e-mail takes neither away: who reads
// the owner's mail must not get into the account by that. Who has lost the
// authenticator and the sheet unlinks the recorders at the recorders, where an
// admin can, and links them to another address.

const sheetCodes = 8

// OfferSecond draws a key for an authenticator and mails a code that belongs to
// it. Nothing is in use until SwitchOnSecond: without the code, whoever knows the
// password could lock the owner out for good.
func (c *Cloud) OfferSecond(ctx context.Context, who Owner) (rekey.Secret, error) {
	key := make([]byte, totp.KeyLen)
	_, _ = rand.Read(key) // never fails
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		return c.spend(ctx, tx, map[limit]string{limits().mailTo: who.Address})
	})
	if err != nil {
		return rekey.Secret{}, err
	}
	if err := c.opt.Mail.Send(ctx, who.Address, offerMessage(c.offerCode(who, key, 0))); err != nil {
		c.opt.Log.Error("code for a second factor was not sent", "owner", who.ID, "error", err)
		return rekey.Secret{}, refuse(rekey.ErrUnreachable, "the message could not be sent; try again later")
	}
	return rekey.NewSecret(base32.StdEncoding.EncodeToString(key)), nil
}

// offerCode is the code that was mailed with a key so many half hours ago. It is
// kept nowhere.
func (c *Cloud) offerCode(who Owner, key []byte, ago int64) string {
	slot := c.now().Unix()/int64(confirmLife.Seconds()) - ago
	mac := hmac.New(sha256.New, c.keys.offer)
	mac.Write(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%x", who.ID, who.epoch, slot, key))
	return wire.CodeOf([12]byte(mac.Sum(nil)))
}

// mailed tells whether the code was mailed with the key, within an hour at most.
func (c *Cloud) mailed(who Owner, key []byte, typed string) bool {
	got, ok := wire.HashCode(typed)
	for ago := range int64(2) {
		want, _ := wire.HashCode(c.offerCode(who, key, ago))
		if ok && hmac.Equal([]byte(got), []byte(want)) {
			return true
		}
	}
	return false
}

// SecondOn tells whether the owner has a second factor, and how many codes of its
// sheet are left.
func (c *Cloud) SecondOn(ctx context.Context, who Owner) (on bool, left int, err error) {
	err = c.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT totp <> '', (SELECT COUNT(*) FROM sheets WHERE owner = id) FROM owners WHERE id = $1`, who.ID).Scan(&on, &left)
	})
	return on, left, err
}

// offeredKey is the key as the form brings it back; nil = it is none.
func offeredKey(text string) []byte {
	key, err := base32.StdEncoding.DecodeString(text)
	if err != nil || len(key) != totp.KeyLen {
		return nil
	}
	return key
}

// Offered is what an owner types to put an offered key in use.
type Offered struct {
	Key      string // as OfferSecond gave it
	Code     string // of the authenticator
	Mailed   string // the code of the message
	Password rekey.Secret
}

// SwitchOnSecond puts an offered key in use. It gives the codes of the sheet, this
// once, and ends the owner's other sessions; the owner as it is now goes on.
func (c *Cloud) SwitchOnSecond(ctx context.Context, who Owner, o Offered, from netip.Addr) (Owner, []rekey.Secret, error) {
	key := offeredKey(o.Key)
	if key == nil {
		return who, nil, refuse(rekey.ErrInput, "the key is not the one that was offered; begin again")
	}
	step, fits, _ := totp.Fits(key, digits(o.Code), c.now(), 0)
	if !fits { // who types it has the key before his eyes
		return who, nil, refuse(rekey.ErrInput, "the code of the authenticator does not fit; type the one that it shows now, and see that its clock is right. Nothing was changed")
	}
	if err := c.again(ctx, who, o.Password, "", from); err != nil {
		return who, nil, err
	}
	if !c.mailed(who, key, o.Mailed) {
		return who, nil, c.noted(ctx, who.ID, "second.on", "account", nil, refuse(rekey.ErrDenied, "the code from the message does not fit; take it from the newest message. Nothing was changed"))
	}
	sealed := c.sealSecond(who, key)
	var sheet []rekey.Secret
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE owners SET totp = $1, totp_step = $2, epoch = epoch + 1 WHERE id = $3 AND epoch = $4 AND totp = ''`, sealed, step, who.ID, who.epoch)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n != 1 {
			return errors.Join(refuse(rekey.ErrConflict, "the account was changed meanwhile; look again"), err)
		}
		sheet, err = newSheet(ctx, tx, who)
		return err
	})
	if err = c.noted(ctx, who.ID, "second.on", "account", nil, err); err != nil {
		return who, nil, err
	}
	who.epoch++
	c.noticeAccount(ctx, who, "a second factor was switched on")
	return who, sheet, nil
}

// SwitchOffSecond takes it away, for an owner who types password and code.
func (c *Cloud) SwitchOffSecond(ctx context.Context, who Owner, password rekey.Secret, code string, from netip.Addr) error {
	if err := c.again(ctx, who, password, code, from); err != nil {
		return err
	}
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sheets WHERE owner = $1`, who.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE owners SET totp = '', totp_step = 0 WHERE id = $1`, who.ID)
		return err
	})
	if err = c.noted(ctx, who.ID, "second.off", "account", nil, err); err != nil {
		return err
	}
	c.noticeAccount(ctx, who, "the second factor was switched off")
	return nil
}

// again is a log-in of somebody who is logged in: it costs a try as any other.
func (c *Cloud) again(ctx context.Context, who Owner, password rekey.Secret, code string, from netip.Addr) error {
	o, err := c.LogIn(ctx, who.Address, password, code, from)
	if err == nil && o.ID != who.ID {
		err = errLogin
	}
	return err
}

func newSheet(ctx context.Context, tx *sql.Tx, who Owner) (sheet []rekey.Secret, err error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM sheets WHERE owner = $1`, who.ID); err != nil {
		return nil, err
	}
	for range sheetCodes {
		code := wire.NewCode() // 60 bits: a plain hash keeps them
		hash, _ := wire.HashCode(code)
		if _, err := tx.ExecContext(ctx, `INSERT INTO sheets (owner, code) VALUES ($1, $2)`, who.ID, hash); err != nil {
			return nil, err
		}
		sheet = append(sheet, rekey.NewSecret(code))
	}
	return sheet, nil
}

// second checks the code of an owner whose password is right. It is charged
// before it is looked at; a right one is used up.
func (c *Cloud) second(ctx context.Context, who Owner, typed string) error {
	l := limits()
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		return c.spend(ctx, tx, map[limit]string{l.secondSoon: who.ID, l.secondDay: who.ID})
	})
	if err != nil {
		return err
	}
	fits := false
	err = c.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		if fits, err = c.useTOTP(ctx, tx, who, digits(typed)); err != nil || fits {
			return err
		}
		fits, err = useSheet(ctx, tx, who, typed)
		return err
	})
	if err != nil {
		return err
	}
	if !fits {
		c.noticeAccount(ctx, who, "somebody typed its password, and a wrong code after it")
		return errLogin
	}
	return c.forgive(ctx, l.secondSoon, who.ID)
}

func (c *Cloud) useTOTP(ctx context.Context, tx *sql.Tx, who Owner, typed string) (bool, error) {
	var sealed string
	var last int64
	if err := tx.QueryRowContext(ctx, `SELECT totp, totp_step FROM owners WHERE id = $1`, who.ID).Scan(&sealed, &last); err != nil {
		return false, err
	}
	key, err := c.openSecond(who, sealed)
	if err != nil {
		return false, err
	}
	step, fits, _ := totp.Fits(key, typed, c.now(), last)
	if !fits {
		return false, nil
	}
	_, err = tx.ExecContext(ctx, `UPDATE owners SET totp_step = $1 WHERE id = $2`, step, who.ID)
	return err == nil, err
}

func useSheet(ctx context.Context, tx *sql.Tx, who Owner, typed string) (bool, error) {
	hash, ok := wire.HashCode(typed)
	if !ok {
		return false, nil
	}
	done, err := tx.ExecContext(ctx, `DELETE FROM sheets WHERE owner = $1 AND code = $2`, who.ID, hash)
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return err == nil && n == 1, err
}

// digits is a code of an authenticator as typed, without its blanks.
func digits(typed string) string { return strings.ReplaceAll(clip(typed), " ", "") }

func (c *Cloud) sealSecond(who Owner, key []byte) string {
	nonce := make([]byte, c.keys.second.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return base64.StdEncoding.EncodeToString(c.keys.second.Seal(nonce, nonce, key, []byte(who.ID)))
}

func (c *Cloud) openSecond(who Owner, sealed string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	n := c.keys.second.NonceSize()
	if err != nil || len(raw) < n {
		return nil, refuse(rekey.ErrVerify, "the second factor of owner %s was changed in the database", who.ID)
	}
	key, err := c.keys.second.Open(nil, raw[:n], raw[n:], []byte(who.ID))
	if err != nil {
		return nil, refuse(rekey.ErrVerify, "the second factor of owner %s does not open: its row was changed, or the cloud has another key now", who.ID)
	}
	return key, nil
}

// noticeAccount tells the owner what happened to the account, the same thing a
// few times a day at most. It undoes nothing where it cannot be sent.
func (c *Cloud) noticeAccount(ctx context.Context, who Owner, what string) {
	ctx = context.WithoutCancel(ctx)
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		return c.spend(ctx, tx, map[limit]string{limits().noticeDay: who.ID + " " + what})
	})
	var limited *LimitError
	if errors.As(err, &limited) {
		return
	}
	if err == nil {
		err = c.opt.Mail.Send(ctx, who.Address, accountMessage(what, c.notMeLink(who)))
	}
	if err != nil {
		c.opt.Log.Error("notice was not sent", "owner", who.ID, "error", err)
	}
}

// ownerOf is who owns the link.
func (c *Cloud) ownerOf(ctx context.Context, l Link) (o Owner, err error) {
	err = c.db.Read(ctx, func(tx *sql.Tx) error {
		o, err = ownerByID(ctx, tx, l.owner)
		return err
	})
	return o, err
}

func ownerByID(ctx context.Context, tx *sql.Tx, id string) (o Owner, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id, address, epoch, frozen_at FROM owners WHERE id = $1`, id).Scan(&o.ID, &o.Address, &o.epoch, &o.frozen)
	return o, err
}
