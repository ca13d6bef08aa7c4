package staff

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"rekey"
)

// StepUp is a fresh proof of presence for one act: the answer to a Ceremony.
type StepUp struct {
	ID        string          `json:"id"`
	Assertion json.RawMessage `json:"assertion"`
}

// BeginStepUp begins a proof of presence by one of the agent's own passkeys.
// subject names the one thing that it is for, such as "reveal case 7"; the
// proof counts for that alone, once, from the browser of who. The error wraps
// rekey.ErrDenied where the agent has no passkey.
func (s *Staff) BeginStepUp(ctx context.Context, who Agent, subject string) (Ceremony, error) {
	prover, err := s.prover(ctx, who)
	if err != nil {
		return Ceremony{}, err
	}
	id, challenge, err := s.ceremonies.begin(s.o.Rand, s.now(), kindStepUp, who.Name, who.Browser, subject)
	if err != nil {
		return Ceremony{}, err
	}
	options, _, err := s.passkeys.BeginLogin(prover, withChallenge(challenge))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin a proof of presence: %w", err)
	}
	return asked(id, options)
}

// FinishStepUp checks it. The error wraps rekey.ErrDenied.
func (s *Staff) FinishStepUp(ctx context.Context, who Agent, subject string, proof StepUp) error {
	if proof.ID == "" {
		return refuse(rekey.ErrDenied, "this needs a fresh proof of presence with your passkey")
	}
	prover, err := s.prover(ctx, who)
	if err != nil {
		return err
	}
	used, err := s.verifyPresence(prover, []string{who.Name, who.Browser, subject}, proof)
	if err != nil {
		return err
	}
	return s.use(ctx, who.Name, used)
}

// verifyPresence checks a proof against what it must have been begun for.
func (s *Staff) verifyPresence(prover user, bound []string, proof StepUp) (used *webauthn.Credential, err error) {
	parsed, err := parseAssertion(proof.Assertion)
	if err != nil {
		return nil, err
	}
	err = s.ceremonies.run(s.now, proof.ID, kindStepUp, bound, func(challenge string) error {
		used, err = s.passkeys.ValidateLogin(prover,
			webauthn.SessionData{Challenge: challenge, UserID: prover.handle, UserVerification: protocol.VerificationRequired}, parsed)
		if err != nil {
			return refusedBy(err)
		}
		return nil
	})
	return used, err
}

// prover is an agent who can prove their presence.
func (s *Staff) prover(ctx context.Context, who Agent) (prover user, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		row, err := readAgent(ctx, tx, who.Name)
		switch {
		case errors.Is(err, rekey.ErrNotFound):
			return refuse(rekey.ErrDenied, "this needs a passkey, and %s is no agent", clip(who.Name))
		case err != nil:
			return err
		case !row.DisabledAt.IsZero(): // since the request began
			return refuse(rekey.ErrDenied, "the agent is disabled")
		}
		prover, err = s.user(ctx, tx, who.Name)
		return err
	})
	if err == nil && len(prover.credentials) == 0 {
		err = refuse(rekey.ErrDenied, "this needs a passkey, and %s has none; an administrator can draw a link to register one", who.Name)
	}
	return prover, err
}
