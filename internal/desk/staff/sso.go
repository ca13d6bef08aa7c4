package staff

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"rekey"
	"rekey/internal/web"
)

// SSO is an identity provider (OpenID Connect, code flow with PKCE).
type SSO struct {
	Issuer, ClientID string // Issuer is an https address, as the provider writes it
	Secret           rekey.Secret
	CA               []byte // certificates (PEM) that the issuer's must lead to; nil = the system's
}

// ssoPath is where the identity provider sends people back to, under the desk's URL.
const ssoPath = "/sso/back"

var errSSO = refuse(rekey.ErrDenied, "the log-in by the identity provider was refused; try again, or use your passkey")

// HasSSO tells whether there is an identity provider.
func (s *Staff) HasSSO() bool { return s.o.SSO != nil }

// BeginSSO leads to the identity provider. The error wraps rekey.ErrUnsupported
// where there is none, and rekey.ErrUnreachable where it does not answer.
func (s *Staff) BeginSSO(w http.ResponseWriter, r *http.Request) (redirect string, err error) {
	// The browser's cookie does not come with a link of another site: it would get
	// another name here, its session would end, and somebody be logged in unasked.
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return "", refuse(rekey.ErrDenied, "another site began this log-in; begin it here")
	}
	config, _, err := s.identityProvider(r.Context())
	if err != nil {
		return "", err
	}
	f := flow{Began: s.now(), Verifier: oauth2.GenerateVerifier()}
	for _, drawn := range []*string{&f.State, &f.Nonce} {
		if *drawn, err = s.token(32); err != nil {
			return "", err
		}
	}
	// The browser's own cookie does not come back with who is sent from another site.
	at, err := s.browser(w, r)
	if err != nil {
		return "", err
	}
	f.Browser, f.Since = at.hash, at.since
	sealed, err := s.sealFlow(f)
	if err != nil {
		return "", err
	}
	http.SetCookie(w, s.hostCookie(flowCookie, sealed, ceremonyLife, http.SameSiteLaxMode))
	return config.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), nil
}

// FinishSSO takes who comes back from the identity provider and begins a
// session. A step-up still needs a passkey. It is recorded, also when it fails;
// the error is the same for every reason.
//
// The session's cookie does not come with a redirect from here, because the
// request came from another site: answer with a page of the desk that goes on
// by itself, or offers a link.
func (s *Staff) FinishSSO(w http.ResponseWriter, r *http.Request) (Agent, error) {
	config, verifier, err := s.identityProvider(r.Context())
	if err != nil {
		return Agent{}, err
	}
	from := web.Sender(r)
	if err := s.waits(r.Context(), from); err != nil {
		return Agent{}, err
	}
	how := map[string]string{"by": "sso", "from": from.String()}
	f, err := s.openFlow(r)
	http.SetCookie(w, s.hostCookie(flowCookie, "", -time.Second, http.SameSiteLaxMode))
	var row agentRow
	if err == nil {
		row, err = s.provenSSO(r, f, config, verifier)
	}
	if _, refusal := errors.AsType[*refusal](err); err != nil && !refusal {
		return Agent{}, err
	}
	if err != nil {
		return Agent{}, s.refused(r.Context(), from, "agent.login", row.Name, how, err, errSSO)
	}
	return s.begin(w, r, row, browser{f.Browser, f.Since}, how)
}

// provenSSO is the agent whom the identity provider names.
func (s *Staff) provenSSO(r *http.Request, f flow, config *oauth2.Config, verifier *oidc.IDTokenVerifier) (agentRow, error) {
	q := r.URL.Query()
	switch {
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(f.State)) != 1:
		return agentRow{}, refuse(rekey.ErrDenied, "the state is another one")
	case q.Get("error") != "":
		return agentRow{}, refuse(rekey.ErrDenied, "the identity provider says: %s", clip(q.Get("error")))
	case q.Get("code") == "" || len(q.Get("code")) > 4096:
		return agentRow{}, refuse(rekey.ErrDenied, "the identity provider gave no code")
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(r.Context(), s.provider.client), providerTimeout)
	defer cancel()
	token, err := config.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return agentRow{}, refuse(rekey.ErrDenied, "the identity provider did not take the code")
	}
	raw, _ := token.Extra("id_token").(string)
	email, err := verifiedEmail(ctx, verifier, raw, f.Nonce)
	if err != nil {
		return agentRow{}, err
	}
	row, err := s.agentBySSO(r.Context(), email)
	if err == nil && !row.DisabledAt.IsZero() {
		err = refuse(rekey.ErrDenied, "the agent is disabled")
	}
	return row, err
}

// verifiedEmail is whom an ID token is about, where it was made for this desk
// and this log-in.
func verifiedEmail(ctx context.Context, verifier *oidc.IDTokenVerifier, raw, nonce string) (string, error) {
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return "", refuse(rekey.ErrDenied, "the ID token does not hold: %s", clip(err.Error()))
	}
	var claims struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if err := token.Claims(&claims); err != nil {
		return "", refuse(rekey.ErrDenied, "the ID token cannot be read")
	}
	switch email, err := checkEmail(claims.Email); {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1:
		return "", refuse(rekey.ErrDenied, "the ID token is of another log-in")
	case len(token.Audience) != 1:
		return "", refuse(rekey.ErrDenied, "the ID token is for others, too")
	case !claims.Verified:
		return "", refuse(rekey.ErrDenied, "the identity provider has not verified the e-mail address")
	case err != nil || email == "":
		return "", refuse(rekey.ErrDenied, "the ID token has no usable e-mail address")
	default:
		return email, nil
	}
}

func (s *Staff) agentBySSO(ctx context.Context, email string) (row agentRow, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		row, err = scanAgent(tx.QueryRowContext(ctx, agentQuery+` WHERE sso = $1`, email).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return refuse(rekey.ErrDenied, "nobody here is that at the identity provider")
		}
		return err
	})
	return row, err
}
