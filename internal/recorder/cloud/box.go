package cloud

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"rekey"
	"rekey/internal/recorder/cloud/wire"
	"rekey/internal/store"
	"rekey/internal/web"
)

// What recorders say to the cloud. Every message is signed; the nonce in it was
// drawn here and counts once.

func (f *front) boxRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET "+wire.PathCloud, f.about)
	mux.HandleFunc("POST "+wire.PathPair, f.boxPair)
	mux.HandleFunc("POST "+wire.PathPoll, f.boxPoll)
	mux.HandleFunc("POST "+wire.PathUnlink, f.boxUnlink)
}

func (f *front) about(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, wire.Cloud{PublicKey: hex.EncodeToString(f.cloud.keys.enrol.PublicKey().Bytes()), Nonce: f.cloud.nonces.draw()})
}

func sendJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v) // who went away does not read it
}

func (f *front) boxPair(w http.ResponseWriter, r *http.Request) {
	var p wire.Pair
	signature, body, err := readMessage(w, r, &p)
	if err == nil && (!signature.By(p.Key, r.URL.Path, body) || !f.cloud.nonces.use(signature.Nonce)) {
		err = errSignature
	}
	if err == nil {
		err = f.cloud.BeginPairing(r.Context(), p, prefix(sender(r)))
	}
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

var errSignature = refuse(rekey.ErrDenied, "the signature is not that of a recorder that is linked here")

// readMessage reads a message; its signature is not checked yet.
func readMessage(w http.ResponseWriter, r *http.Request, into any) (wire.Signature, []byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxBody))
	if err != nil {
		return wire.Signature{}, nil, err
	}
	signature, err := wire.ParseSignature(r.Header.Get(wire.Header))
	if err != nil {
		return signature, nil, errSignature
	}
	if err := json.Unmarshal(body, into); err != nil {
		return signature, nil, refuse(rekey.ErrInput, "the message is not the JSON that was expected")
	}
	return signature, body, nil
}

// linkOf is the link whose key made the message, ended ones included.
func (f *front) linkOf(w http.ResponseWriter, r *http.Request, into any) (l Link, err error) {
	signature, body, err := readMessage(w, r, into)
	if err != nil {
		return l, err
	}
	err = f.cloud.db.Read(r.Context(), func(tx *sql.Tx) (err error) {
		l, err = readLink(r.Context(), tx, signature.Link)
		return err
	})
	if err != nil || !signature.By(l.key, r.URL.Path, body) || !f.cloud.nonces.use(signature.Nonce) {
		return l, errSignature
	}
	return l, nil
}

func (f *front) boxPoll(w http.ResponseWriter, r *http.Request) {
	var p wire.Poll
	l, err := f.linkOf(w, r, &p)
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	status, err := f.cloud.waitForNews(r.Context(), l, p.Known)
	if r.Context().Err() != nil {
		return // the recorder has hung up
	}
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	sendJSON(w, status)
}

// waitForNews is the status of a link, as soon as it is another one than known
// or, where it is the same, after wire.Hold.
func (c *Cloud) waitForNews(ctx context.Context, l Link, known wire.State) (wire.Status, error) {
	over := time.NewTimer(wire.Hold)
	defer over.Stop()
	for {
		news := c.news()
		status, err := c.status(ctx, l.ID)
		if err != nil || status.State != known {
			return status, err
		}
		select {
		case <-news:
		case <-over.C:
			return status, nil
		case <-c.over:
			return status, nil
		case <-ctx.Done():
			return status, ctx.Err()
		}
	}
}

// status also keeps when the recorder was last seen.
func (c *Cloud) status(ctx context.Context, id string) (s wire.Status, err error) {
	now := c.now()
	var begun int64
	var l Link
	err = c.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		if l, err = readLink(ctx, tx, id); err != nil {
			return err
		}
		if now.Sub(l.SeenAt) > time.Minute && (l.state == wire.Linked || l.state == wire.Reset) {
			if _, err := tx.ExecContext(ctx, `UPDATE links SET seen_at = $1 WHERE id = $2`, store.Micros(now), id); err != nil {
				return err
			}
		}
		return tx.QueryRowContext(ctx, `SELECT begun_at FROM links WHERE id = $1`, id).Scan(&begun)
	})
	s = wire.Status{State: l.state, Why: l.endedWhy}
	switch {
	case err != nil:
	case l.state == wire.Linked:
		s.Owner = mask(l.Address)
	case l.state == wire.Pending && now.Sub(store.Time(begun)) > wire.CodeLife:
		s = wire.Status{State: wire.Ended, Why: "the pairing code was not typed in time"}
	}
	return s, err
}

func (f *front) boxUnlink(w http.ResponseWriter, r *http.Request) {
	// What a recorder tells is taken down whole, though it may not wait for the
	// answer: told again it would be nothing new, and the owner would not hear of it.
	ctx := context.WithoutCancel(r.Context())
	var u wire.Unlink
	l, err := f.linkOf(w, r.WithContext(ctx), &u)
	switch {
	case err != nil:
	case u.Reset:
		err = f.cloud.reset(ctx, l)
	default:
		err = f.cloud.leave(ctx, l, printableName(u.Why))
	}
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// leave ends a link because its recorder has forgotten it, and tells the owner.
func (c *Cloud) leave(ctx context.Context, l Link, why string) error {
	if l.state == wire.Ended {
		return nil
	}
	err := c.db.Tx(ctx, func(tx *sql.Tx) error { return c.end(ctx, tx, l.ID, why) })
	if err = c.noted(ctx, "recorder", "unlink", l.DeviceID.String(), map[string]string{"link": l.ID, "why": why}, err); err != nil {
		return err
	}
	c.tell()
	if l.state == wire.Linked || l.state == wire.Reset {
		c.notify(ctx, l, "says that it is no longer linked: "+why)
	}
	return nil
}

// reset takes down that the recorder was reset by its button and waits, locked,
// for its owner. Of the link one right is left, the release of that lock, and it
// is the owner's alone.
func (c *Cloud) reset(ctx context.Context, l Link) error {
	if l.state != wire.Linked {
		return nil // known, or never somebody's
	}
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM shares WHERE link = $1`, l.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE links SET reset_at = $1 WHERE id = $2 AND state = 'linked' AND reset_at = 0`, store.Micros(c.now()), l.ID)
		return err
	})
	if err = c.noted(ctx, "recorder", "reset", l.DeviceID.String(), map[string]string{"link": l.ID}, err); err != nil {
		return err
	}
	c.tell()
	c.notify(ctx, l, "says that it was reset by its button. It is locked until you release it, or support does; its recordings are sealed")
	return nil
}
