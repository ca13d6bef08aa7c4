package staff

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"rekey"
	"rekey/internal/web"
)

var errLogIn = refuse(rekey.ErrDenied, "log-in refused; use the passkey that you registered here, or ask an administrator for a new link")

// BeginLogIn begins a log-in by passkey; the passkey says who it is. Nothing is
// kept of it: to begin many holds nobody up.
func (s *Staff) BeginLogIn(_ context.Context, _ netip.Addr) (Ceremony, error) {
	id, challenge, err := s.ceremonies.begin(s.o.Rand, s.now(), kindLogIn)
	if err != nil {
		return Ceremony{}, err
	}
	options, _, err := s.passkeys.BeginDiscoverableLogin(withChallenge(challenge))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin a log-in: %w", err)
	}
	return asked(id, options)
}

func withChallenge(challenge protocol.URLEncodedBase64) webauthn.LoginOption {
	return func(o *protocol.PublicKeyCredentialRequestOptions) error {
		o.Challenge = challenge
		return nil
	}
}

// FinishLogIn begins a session for whom the passkey belongs to: 15 minutes idle,
// 12 hours at most, bound to this browser and its network. It is recorded, also
// when it fails; the error is the same for every reason. Addresses that failed
// often wait: *ThrottledError; a passkey that holds is taken all the same.
func (s *Staff) FinishLogIn(w http.ResponseWriter, r *http.Request, id string, assertion json.RawMessage) (Agent, error) {
	row, err := s.provenLogIn(r.Context(), id, assertion)
	if _, refusal := errors.AsType[*refusal](err); err != nil && !refusal {
		return Agent{}, err
	}
	how := map[string]string{"by": "passkey"}
	if err != nil {
		how["from"] = web.Sender(r).String()
		return Agent{}, s.refused(r.Context(), web.Sender(r), "agent.login", row.Name, how, err, errLogIn)
	}
	at, err := s.browser(w, r)
	if err != nil {
		return Agent{}, err
	}
	return s.begin(w, r, row, at, how)
}

// provenLogIn returns the agent of the passkey, also where the proof does not hold.
func (s *Staff) provenLogIn(ctx context.Context, id string, assertion json.RawMessage) (agentRow, error) {
	parsed, err := parseAssertion(assertion)
	if err != nil {
		return agentRow{}, err
	}
	row, who, err := s.holder(ctx, parsed.RawID)
	if err != nil {
		return agentRow{}, err
	}
	var used *webauthn.Credential
	err = s.ceremonies.run(s.now, id, kindLogIn, nil, func(challenge string) error {
		_, used, err = s.passkeys.ValidatePasskeyLogin(
			func(_, _ []byte) (webauthn.User, error) { return who, nil },
			webauthn.SessionData{Challenge: challenge, UserVerification: protocol.VerificationRequired}, parsed)
		if err != nil {
			return refusedBy(err)
		}
		return nil
	})
	if err != nil {
		return row, err
	}
	if !row.DisabledAt.IsZero() {
		return row, refuse(rekey.ErrDenied, "the agent is disabled")
	}
	return row, s.use(ctx, row.Name, used)
}

func parseAssertion(assertion json.RawMessage) (*protocol.ParsedCredentialAssertionData, error) {
	if len(assertion) > maxAnswer {
		return nil, refuse(rekey.ErrDenied, "the passkey was not taken: too long")
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(assertion)
	if err != nil {
		return nil, refusedBy(err)
	}
	return parsed, nil
}

// holder is whom a passkey belongs to.
func (s *Staff) holder(ctx context.Context, id []byte) (row agentRow, who user, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		var name string
		err := tx.QueryRowContext(ctx, `SELECT agent FROM passkeys WHERE id = $1`, credentialID(id)).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return refuse(rekey.ErrDenied, "the passkey is not known here")
		}
		if err != nil {
			return err
		}
		if row, err = readAgent(ctx, tx, name); err != nil {
			return err
		}
		who, err = s.user(ctx, tx, name)
		return err
	})
	return row, who, err
}
