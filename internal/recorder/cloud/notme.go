package cloud

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"rekey"
	"rekey/internal/store"
	"rekey/internal/web"
)

// "That was not me" stands in the messages to an owner. It freezes the account:
// its sessions end, and nobody logs in, so that nobody asks for temporary
// passwords of its recorders, until a new password is set by e-mail. It stops who
// knows the password. A link counts until the account is changed.

const notMePath = "/notme"

// CheckURL refuses an address that must not stand in messages as the cloud's.
func CheckURL(typed string) error {
	u, err := url.Parse(typed)
	bad := err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != ""
	if !bad && u.Scheme != "https" {
		ip, err := netip.ParseAddr(u.Hostname())
		bad = u.Scheme != "http" || err != nil || !ip.IsLoopback()
	}
	if bad {
		return fmt.Errorf("%w: the cloud's own address must be https://HOST or https://HOST:PORT; plain http only on loopback", rekey.ErrInput)
	}
	return nil
}

// notMeLink is the address for a message; empty where the cloud does not know its own.
func (c *Cloud) notMeLink(o Owner) string {
	if c.opt.URL == "" || o.ID == "" {
		return ""
	}
	return c.opt.URL + notMePath + "?t=" + c.notMeToken(o)
}

func (c *Cloud) notMeToken(o Owner) string {
	text := o.ID + "." + strconv.FormatInt(o.epoch, 10)
	mac := hmac.New(sha256.New, c.keys.notMe)
	mac.Write([]byte(text))
	return text + "." + hex.EncodeToString(mac.Sum(nil)[:16])
}

var errNotMe = refuse(rekey.ErrNotFound, "this link is over: the account was changed since the message was sent, or the link was cut off")

// NotMe freezes the account that the token of a message names.
func (c *Cloud) NotMe(ctx context.Context, token string) error {
	id, _, _ := strings.Cut(token, ".")
	var o Owner
	err := c.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		if o, err = ownerByID(ctx, tx, id); errors.Is(err, sql.ErrNoRows) {
			return errNotMe
		}
		if err != nil {
			return err
		}
		if !hmac.Equal([]byte(c.notMeToken(o)), []byte(token)) {
			return errNotMe
		}
		if o.frozen != 0 {
			return nil
		}
		_, err = tx.ExecContext(ctx, `UPDATE owners SET frozen_at = $1 WHERE id = $2`, store.Micros(c.now()), o.ID)
		return err
	})
	if errors.Is(err, errNotMe) {
		return err // a made-up link is not worth a record
	}
	if err = c.noted(ctx, o.ID, "account.freeze", "account", nil, err); err != nil {
		return err
	}
	c.sessions.EndWhere(func(s session) bool { return s.address == o.Address })
	return nil
}

// showNotMe only asks: programs that look into mail follow links.
func (f *front) showNotMe(w http.ResponseWriter, r *http.Request) {
	f.page(w, r, nil, "That was not me", notMeBody(clip(r.URL.Query().Get("t"))), nil)
}

func (f *front) notMe(w http.ResponseWriter, r *http.Request) {
	if err := f.cloud.NotMe(r.Context(), clip(r.PostFormValue("t"))); err != nil {
		web.Fail(w, r, err)
		return
	}
	f.page(w, r, nil, "Account frozen", frozenBody(), nil)
}
