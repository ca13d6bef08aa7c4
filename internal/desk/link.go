package desk

import (
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"database/sql"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
)

// link is what stands in one message to an owner: URL/o/TOKEN. The token, of
// 128 bits, is kept nowhere: its row is found by a keyed hash.
type link struct {
	hash    string
	number  int64
	address string // keyed hash of where it was sent
	to      string // where it is sent to, in clear; only while it is made
	masked  string
	former  bool   // it is not registered now
	sealTo  string // a public key, in hex: what is sealed to it only the token opens
	url     string // only while it is made
}

var tokenText = base32.StdEncoding.WithPadding(base32.NoPadding)

// newLink makes a link for one message about a case.
func (d *Desk) newLink(ctx context.Context, tx *sql.Tx, number int64, address string) (link, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(d.opt.Rand, raw); err != nil {
		return link{}, fmt.Errorf("draw a link: %w", err)
	}
	token := strings.ToLower(tokenText.EncodeToString(raw))
	key, err := halfKey(raw)
	if err != nil {
		return link{}, err
	}
	l := link{hash: d.tokenMAC("link", string(raw)), number: number, address: d.addressMAC(address), to: address,
		masked: mask(address), sealTo: hex.EncodeToString(key.PublicKey().Bytes()), url: strings.TrimRight(d.opt.URL, "/") + "/o/" + token}
	_, err = tx.ExecContext(ctx, `INSERT INTO owner_links (hash, case_number, address, masked, seal_to, made_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		l.hash, number, l.address, l.masked, l.sealTo, store.Micros(d.now()))
	return l, err
}

// parseToken reads a token. Anything else is a link that never was.
func parseToken(token rekey.Secret) ([]byte, error) {
	text := strings.ToUpper(strings.TrimSpace(token.Reveal()))
	raw, err := tokenText.DecodeString(text)
	if err != nil || len(raw) != 16 || tokenText.EncodeToString(raw) != text {
		return nil, errNoLink()
	}
	return raw, nil
}

// errNoLink is the one refusal of a link, whether it never was or is over.
func errNoLink() error {
	return refuse(rekey.ErrNotFound, "this link is not valid, or not any more; call support if you have a question about your recorder")
}

// linkLife is how long a link counts after its case ended.
const linkLife = 7 * 24 * time.Hour

// findLink is the link of a token, with its case.
func (d *Desk) findLink(ctx context.Context, tx *sql.Tx, token rekey.Secret) (link, Case, error) {
	raw, err := parseToken(token)
	if err != nil {
		return link{}, Case{}, err
	}
	l := link{hash: d.tokenMAC("link", string(raw))}
	err = tx.QueryRowContext(ctx, `SELECT case_number, address, masked FROM owner_links WHERE hash = $1`, l.hash).Scan(&l.number, &l.address, &l.masked)
	if errors.Is(err, sql.ErrNoRows) {
		return link{}, Case{}, errNoLink()
	}
	if err != nil {
		return link{}, Case{}, err
	}
	c, err := d.readCase(ctx, tx, l.number)
	l.former = !d.registers(&c, l.address)
	if err == nil && !d.now().Before(c.ended().Add(linkLife)) {
		err = errNoLink()
	}
	return l, c, err
}

// ended is when a case ended, or will at the latest.
func (c *Case) ended() time.Time {
	if !c.ClosedAt.IsZero() {
		return c.ClosedAt
	}
	return c.OpenedAt.Add(caseLife)
}

// halfKey is the private key that only a link's token gives. What is sealed to
// its public half while the token is out opens for who has the message.
func halfKey(token []byte) (hpke.PrivateKey, error) {
	return hpke.DHKEM(ecdh.X25519()).DeriveKeyPair(append([]byte("rekey desk link v1\x00"), token...))
}
