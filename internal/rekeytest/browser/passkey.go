package browser

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator is a passkey's home in a tab: CTAP2, built in, with keys that say
// who they are of, whose user it verifies. It goes with the tab.
type Authenticator struct {
	tab *Tab
	id  webauthn.AuthenticatorID
}

// Passkeys gives the tab an authenticator, which says yes to everything at once.
func (tab *Tab) Passkeys() *Authenticator {
	tab.t.Helper()
	if _, err := chromedp.Call(tab.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		tab.t.Fatalf("switch virtual authenticators on: %v", err)
	}
	made, err := chromedp.Call(tab.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		},
	})
	if err != nil {
		tab.t.Fatalf("add a virtual authenticator: %v", err)
	}
	return &Authenticator{tab, made.AuthenticatorID}
}

// Verify tells whether the authenticator recognises its user from now on.
func (a *Authenticator) Verify(yes bool) {
	a.tab.t.Helper()
	_, err := chromedp.Call(a.tab.ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: yes})
	if err != nil {
		a.tab.t.Fatalf("set whether the user is verified: %v", err)
	}
}

// Forget loses all passkeys.
func (a *Authenticator) Forget() {
	a.tab.t.Helper()
	if _, err := chromedp.Call[webauthn.ClearCredentialsParams, cdp.Empty](a.tab.ctx, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: a.id}); err != nil {
		a.tab.t.Fatalf("clear the passkeys: %v", err)
	}
}
