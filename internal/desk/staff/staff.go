// Package staff is who acts at the desk, and whether it is them now: agents with
// roles and passkeys (W3C Web Authentication, Level 3), sign-on by an identity
// provider (OpenID Connect), sessions bound to one browser, one-time links, and
// API keys with scopes for programs.
//
// It says who somebody is. What they may do, and that it is recorded first, is
// the desk's own: nothing of this package is called by a page, except through
// package desk.
package staff

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"rekey"
	"rekey/internal/store"
	"rekey/internal/web"
)

// Role is what an agent may do.
type Role string

// The roles. RoleOperator is whoever runs rekey on the desk's own machine,
// RoleProgram is an API key, RoleSystem the desk itself; no agent can be given them.
const (
	RoleAgent         Role = "agent"         // works cases
	RoleApprover      Role = "approver"      // approves other people's cases
	RoleSupervisor    Role = "supervisor"    // both, and looks after everybody's cases
	RoleAuditor       Role = "auditor"       // reads and verifies, nothing else
	RoleAdministrator Role = "administrator" // agents, keys and recorders, no cases
	RoleOperator      Role = "operator"
	RoleProgram       Role = "program"
	RoleSystem        Role = "desk"
)

// Roles are the roles that an agent can be given.
func Roles() []Role {
	return []Role{RoleAgent, RoleApprover, RoleSupervisor, RoleAuditor, RoleAdministrator}
}

// Scope is what an API key may do.
type Scope string

// The scopes. No scope reveals, approves, thaws, or touches agents and keys.
const (
	ScopeEnrol     Scope = "recorders.enrol" // a production line
	ScopeRecorders Scope = "recorders.read"
	ScopeOwners    Scope = "recorders.owner" // a registration system: owners, addresses, stolen
	ScopeCases     Scope = "cases.read"
	ScopeOpenCases Scope = "cases.open" // a CRM: open, note, never evidence
	ScopeFigures   Scope = "figures.read"
	ScopeLog       Scope = "log.read"
)

// Scopes are the scopes that a key can be given.
func Scopes() []Scope {
	return []Scope{ScopeEnrol, ScopeRecorders, ScopeOwners, ScopeCases, ScopeOpenCases, ScopeFigures, ScopeLog}
}

// Agent is somebody, or some program, who acts at the desk.
type Agent struct {
	Name       string    `json:"name"` // of a program: "key:" and the key's name
	Role       Role      `json:"role"`
	DisabledAt time.Time `json:"disabled_at,omitzero"` // since then they cannot log in
	AddedAt    time.Time `json:"added_at,omitzero"`
	Passkeys   int       `json:"passkeys"`         // how many they have registered
	SSO        string    `json:"sso,omitempty"`    // who they are at the identity provider: its verified e-mail address
	Scopes     []Scope   `json:"scopes,omitempty"` // of a program

	// Browser is a hash of the browser that the session is bound to, or of the
	// program's key: two people of one case must not share it.
	Browser string `json:"-"`
	// BrowserSince is when the desk first saw that browser; zero = it is none.
	BrowserSince time.Time `json:"-"`
	// From is the address of the request.
	From netip.Addr `json:"-"`
}

// Options of a staff. URL, Key and Log must be set; a short Key is refused.
type Options struct {
	URL  string           // where agents open the desk, such as https://desk.example.com; passkeys are bound to its host
	Key  []byte           // 32 bytes, for the hashes of tokens
	Now  func() time.Time // nil = time.Now
	Rand io.Reader        // nil = crypto/rand
	SSO  *SSO             // nil = no identity provider
	Log  Log
}

// Log takes a record of the security log; it returns when that is in a signed checkpoint.
type Log interface {
	Note(ctx context.Context, actor, event, object, result string, detail map[string]string) error
}

// Staff knows the desk's people. Its methods may be called by many goroutines.
type Staff struct {
	db         *store.DB
	o          Options
	url        string // without a slash at its end
	passkeys   *webauthn.WebAuthn
	ceremonies *ceremonies
	sessions   *web.Sessions[session]
	provider   *provider
}

// New makes the staff of a desk on its database, whose migrations are applied.
// The error wraps rekey.ErrInput where passkeys cannot work at Options.URL.
func New(db *store.DB, o Options) (*Staff, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if len(o.Key) < sha256.Size {
		return nil, refuse(rekey.ErrInput, "key of the desk's tokens: expected %d bytes or more", sha256.Size)
	}
	s := &Staff{db: db, o: o}
	var err error
	if s.url, s.passkeys, err = relyingParty(o.URL); err != nil {
		return nil, err
	}
	if s.ceremonies, err = newCeremonies(o.Rand); err != nil {
		return nil, err
	}
	if s.provider, err = newProvider(o.SSO); err != nil {
		return nil, err
	}
	s.sessions = web.NewSessions[session](web.SessionOptions{Name: sessionCookie, Idle: sessionIdle, Max: sessionMax, TLS: s.overTLS(), Now: o.Now})
	return s, nil
}

// relyingParty is the desk as browsers know it: the host is what passkeys are
// bound to, the origin, with its port, what they must be used at.
func relyingParty(address string) (string, *webauthn.WebAuthn, error) {
	u, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", nil, refuse(rekey.ErrInput, "URL of the desk %q: expected a scheme and a host, such as https://desk.example.com", address)
	}
	host := u.Hostname()
	switch {
	case net.ParseIP(host) != nil:
		return "", nil, refuse(rekey.ErrInput, "URL of the desk %q: passkeys are bound to a name, not to an address; give the machine a name, or use localhost", address)
	case u.Scheme != "https" && (u.Scheme != "http" || host != "localhost"):
		return "", nil, refuse(rekey.ErrInput, "URL of the desk %q: browsers offer passkeys over https only, or at http://localhost", address)
	case u.Port() == map[string]string{"https": "443", "http": "80"}[u.Scheme], strings.HasSuffix(u.Host, ":"), host != strings.ToLower(host):
		return "", nil, refuse(rekey.ErrInput, "URL of the desk %q: write it as browsers do, in lower case and without the scheme's own port; passkeys are bound to that", address)
	}
	party, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: "rekey desk", RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		// The desk asks for no extension; some password stores answer unasked.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return "", nil, refuse(rekey.ErrInput, "URL of the desk %q: %v", address, err)
	}
	return u.String(), party, nil
}

func (s *Staff) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// mac is a keyed hash: what the database holds instead of tokens and addresses.
// The parts are told apart by their lengths.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

func (s *Staff) hash(kind, what string) string {
	return hex.EncodeToString(mac(s.o.Key, kind, what))
}

// token draws a secret of n bytes, for a link, a key or a cookie.
func (s *Staff) token(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.o.Rand, b); err != nil {
		return "", fmt.Errorf("draw a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// refusal is an error of one of rekey's kinds in words of its own, for a person.
type refusal struct {
	kind error
	text string
}

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.text }

// Unwrap returns the kind.
func (r *refusal) Unwrap() error { return r.kind }

// clip bounds what somebody typed before it is told or recorded.
func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// recorded writes that an act is allowed, then does it; that it failed is written, too.
func (s *Staff) recorded(ctx context.Context, actor, event, object string, detail map[string]string, act func() error) error {
	if err := s.o.Log.Note(ctx, actor, event, object, "allowed", detail); err != nil {
		return err
	}
	err := act()
	if err == nil {
		return nil
	}
	failed := s.o.Log.Note(context.WithoutCancel(ctx), actor, event, object, "failed", map[string]string{"reason": reason(err)})
	return errors.Join(err, failed)
}

// reason is why something was refused, as the log may hold it: the words of a
// refusal, and of anything else no more than that.
func reason(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.text
	}
	return "internal error"
}
