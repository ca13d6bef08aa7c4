package staff

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"rekey"
	"rekey/internal/store"
)

// Passkey is one registered passkey.
type Passkey struct {
	ID      string    `json:"id"`
	Label   string    `json:"label"`
	AddedAt time.Time `json:"added_at"`
	UsedAt  time.Time `json:"used_at,omitzero"`
}

// maxPasskeys bounds the passkeys of one agent: one a device is plenty.
const maxPasskeys = 10

// BeginPasskey begins to register a passkey for whom a one-time link names.
// It does not use the link up. The error of a link that does not count is the
// same for every reason; addresses that come with many wait: *ThrottledError.
func (s *Staff) BeginPasskey(ctx context.Context, token rekey.Secret, from netip.Addr) (Ceremony, Agent, error) {
	link, who, err := s.invited(ctx, token, from)
	if err != nil {
		return Ceremony{}, Agent{}, err
	}
	id, challenge, err := s.ceremonies.begin(s.o.Rand, s.now(), kindJoin, link.token)
	if err != nil {
		return Ceremony{}, Agent{}, err
	}
	if link.fresh {
		who.user.credentials = nil
	}
	options, _, err := s.passkeys.BeginRegistration(who.user,
		webauthn.WithExclusions(webauthn.Credentials(who.user.credentials).CredentialDescriptors()),
		func(o *protocol.PublicKeyCredentialCreationOptions) error { o.Challenge = challenge; return nil })
	if err != nil {
		return Ceremony{}, Agent{}, fmt.Errorf("begin to register a passkey: %w", err)
	}
	c, err := asked(id, options)
	return c, who.Agent, err
}

// FinishPasskey registers it and uses the link up. The key must verify its user
// (PIN, finger), or nothing is registered. The agent's sessions are over then.
func (s *Staff) FinishPasskey(ctx context.Context, token rekey.Secret, from netip.Addr, id string, credential json.RawMessage, label string) (Agent, error) {
	link, who, err := s.invited(ctx, token, from)
	if err != nil {
		return Agent{}, err
	}
	label, err = checkLabel(label)
	if err != nil {
		return Agent{}, err
	}
	detail := map[string]string{"from": from.String(), "label": label}
	made, err := s.verifyNew(id, link, who.user, credential)
	if err != nil {
		return Agent{}, s.refused(ctx, from, "passkey.add", who.Name, detail, err, err)
	}
	err = s.recorded(ctx, who.Name, "passkey.add", who.Name, detail, func() error {
		return s.register(ctx, link, made, label)
	})
	if err != nil {
		return Agent{}, err
	}
	s.endSessions(who.Name)
	return s.Agent(ctx, who.Name)
}

func (s *Staff) verifyNew(id string, link invitation, who user, credential json.RawMessage) (made *webauthn.Credential, err error) {
	if len(credential) > maxAnswer {
		return nil, refuse(rekey.ErrDenied, "the passkey was not taken: too long")
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return nil, refusedBy(err)
	}
	err = s.ceremonies.run(s.now, id, kindJoin, []string{link.token}, func(challenge string) error {
		made, err = s.passkeys.CreateCredential(who, webauthn.SessionData{
			Challenge: challenge, UserID: who.handle, UserVerification: protocol.VerificationRequired,
			CredParams: webauthn.CredentialParametersDefault(),
		}, parsed)
		if err != nil {
			return refusedBy(err)
		}
		return nil
	})
	return made, err
}

// register keeps the passkey if the link still counts, which it does not after that.
func (s *Staff) register(ctx context.Context, link invitation, made *webauthn.Credential, label string) error {
	made.Attestation = webauthn.CredentialAttestation{} // none was asked for
	credential, err := json.Marshal(made)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sql.Tx) error {
		used, err := tx.ExecContext(ctx, `DELETE FROM invitations WHERE agent = $1 AND token = $2`, link.agent, link.token)
		if err != nil {
			return err
		}
		if n, err := used.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, errLink)
		}
		if link.fresh {
			if _, err := tx.ExecContext(ctx, `DELETE FROM passkeys WHERE agent = $1`, link.agent); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO passkeys (id, agent, label, credential, uses, added_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, 0)`,
			credentialID(made.ID), link.agent, label, string(credential), made.Authenticator.SignCount, store.Micros(s.now()))
		if store.IsDuplicate(err) {
			return refuse(rekey.ErrConflict, "this passkey is registered already")
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE agents SET epoch = epoch + 1 WHERE name = $1`, link.agent)
		return err
	})
}

// checkLabel takes what somebody calls their passkey.
func checkLabel(label string) (string, error) {
	label = strings.TrimSpace(label)
	if label == "" {
		return "passkey", nil
	}
	if len(label) > 60 || strings.ContainsFunc(label, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
		return "", refuse(rekey.ErrInput, "name of a passkey: expected at most 60 printable letters")
	}
	return label, nil
}

// PasskeysOf are the passkeys of an agent, the oldest first.
func (s *Staff) PasskeysOf(ctx context.Context, name string) (passkeys []Passkey, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) (err error) {
		passkeys, err = store.All(ctx, tx, func(scan store.Scan) (p Passkey, err error) {
			var added, used int64
			err = scan(&p.ID, &p.Label, &added, &used)
			p.AddedAt, p.UsedAt = store.Time(added), store.Time(used)
			return p, err
		}, `SELECT id, label, added_at, used_at FROM passkeys WHERE agent = $1 ORDER BY added_at, id`, name)
		return err
	})
	return passkeys, err
}

func credentialID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// credentialsOf reads an agent's passkeys as package webauthn knows them.
func credentialsOf(ctx context.Context, tx *sql.Tx, name string) ([]webauthn.Credential, error) {
	return store.All(ctx, tx, func(scan store.Scan) (c webauthn.Credential, err error) {
		var text string
		var uses uint32
		if err := scan(&text, &uses); err != nil {
			return c, err
		}
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			return c, fmt.Errorf("%w: a stored passkey of %s cannot be read", rekey.ErrStorage, name)
		}
		c.Authenticator.SignCount = uses
		return c, nil
	}, `SELECT credential, uses FROM passkeys WHERE agent = $1 ORDER BY added_at, id`, name)
}

// use counts one use of a passkey. It refuses where the passkey's own count did
// not rise, which a copy of it shows by (Level 3, section 6.1.1), also when two
// processes see the two at once.
func (s *Staff) use(ctx context.Context, who string, c *webauthn.Credential) error {
	clone := c.Authenticator.CloneWarning
	if !clone {
		err := s.db.Tx(ctx, func(tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, `UPDATE passkeys SET uses = $1, used_at = $2 WHERE id = $3 AND agent = $4 AND (uses < $1 OR (uses = 0 AND $1 = 0))`,
				c.Authenticator.SignCount, store.Micros(s.now()), credentialID(c.ID), who)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			clone = n != 1
			return err
		})
		if err != nil {
			return err
		}
	}
	if !clone {
		return nil
	}
	if err := s.o.Log.Note(ctx, who, "passkey.copied", who, "refused", map[string]string{"passkey": credentialID(c.ID)}); err != nil {
		return err
	}
	return refuse(rekey.ErrDenied, "the passkey's count went back: there may be a copy of it; have it replaced")
}
