package staff

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"rekey"
)

const (
	providerTimeout = 10 * time.Second
	providerLimit   = 1 << 20 // bytes of an answer
	providerRest    = 30 * time.Second
)

// provider is the identity provider, which is asked about itself when it is
// first needed. One that does not answer is left alone for a while.
type provider struct {
	client *http.Client
	mu     sync.Mutex
	found  *oidc.Provider
	failed time.Time
	why    error
}

// newProvider checks what is known without the network. The error wraps rekey.ErrInput.
func newProvider(o *SSO) (*provider, error) {
	if o == nil {
		return &provider{}, nil
	}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || o.ClientID == "" {
		return nil, refuse(rekey.ErrInput, "identity provider %q: expected an https address and a client id", o.Issuer)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: providerTimeout, MaxIdleConns: 4, IdleConnTimeout: time.Minute,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}
	if len(o.CA) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(bytes.Clone(o.CA)) {
			return nil, refuse(rekey.ErrInput, "identity provider %s: no certificate (PEM) in the list of authorities", u.Host)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	return &provider{client: &http.Client{
		Transport: guarded{transport}, Timeout: providerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// guarded asks over TLS only and reads no more than it must.
type guarded struct{ http.RoundTripper }

// RoundTrip bounds the answer.
func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, fmt.Errorf("%w: the identity provider names an address without TLS: %s", rekey.ErrInput, r.URL.Host)
	}
	resp, err := g.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, providerLimit)
	}
	return resp, err
}

// CloseIdleConnections lets http.Client reach the transport's.
func (g guarded) CloseIdleConnections() {
	if t, ok := g.RoundTripper.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

func (s *Staff) identityProvider(ctx context.Context) (*oauth2.Config, *oidc.IDTokenVerifier, error) {
	if s.o.SSO == nil {
		return nil, nil, refuse(rekey.ErrUnsupported, "this desk has no identity provider; log in with a passkey")
	}
	found, err := s.provider.ask(ctx, s.o.SSO.Issuer, s.now())
	if err != nil {
		return nil, nil, err
	}
	config := &oauth2.Config{
		ClientID: s.o.SSO.ClientID, ClientSecret: s.o.SSO.Secret.Reveal(), Endpoint: found.Endpoint(),
		RedirectURL: s.url + ssoPath, Scopes: []string{oidc.ScopeOpenID, "email"},
	}
	return config, found.Verifier(&oidc.Config{ClientID: s.o.SSO.ClientID, Now: s.o.Now}), nil
}

// ask goes on when whoever asked first goes away: others wait for the answer.
func (p *provider) ask(ctx context.Context, issuer string, now time.Time) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if since := now.Sub(p.failed); p.why != nil && since >= 0 && since < providerRest {
		return nil, p.why
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(context.WithoutCancel(ctx), p.client), providerTimeout)
	defer cancel()
	found, err := oidc.NewProvider(ctx, issuer)
	if err == nil && !strings.HasPrefix(found.Endpoint().AuthURL, "https://") {
		err = errors.New("its log-in page is no https address")
	}
	if err != nil {
		p.failed, p.why = now, refuse(rekey.ErrUnreachable, "the identity provider cannot be used now; log in with a passkey, or try again in a minute (%s)", clip(err.Error()))
		return nil, p.why
	}
	p.found = found
	return found, nil
}

// flowCookie names a log-in by the identity provider that was begun. Nothing is
// kept of it here. It must come back from another site: SameSite=Lax.
const flowCookie = "rekey-desk-sso"

// flow is what the cookie holds, sealed.
type flow struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Browser  string    `json:"browser"` // its hash
	Since    time.Time `json:"since"`
	Began    time.Time `json:"began"`
}

func (s *Staff) flowSeal() (cipher.AEAD, error) {
	block, err := aes.NewCipher(mac(s.o.Key, "seal of the identity provider's cookie"))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s *Staff) sealFlow(f flow) (string, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	aead, err := s.flowSeal()
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, plain, nil)), nil //nolint:gosec // G407: it draws its nonce
}

// openFlow reads the cookie of a request.
func (s *Staff) openFlow(r *http.Request) (f flow, err error) {
	none := refuse(rekey.ErrDenied, "this browser began no log-in, or too long ago")
	c, err := r.Cookie(s.cookieName(flowCookie))
	if err != nil {
		return flow{}, none
	}
	sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return flow{}, none
	}
	aead, err := s.flowSeal()
	if err != nil {
		return flow{}, err
	}
	plain, err := aead.Open(nil, nil, sealed, nil) //nolint:gosec // G407: the nonce stands in front
	if err != nil || json.Unmarshal(plain, &f) != nil {
		return flow{}, none
	}
	if age := s.now().Sub(f.Began); age < 0 || age >= ceremonyLife {
		return flow{}, none
	}
	return f, nil
}
