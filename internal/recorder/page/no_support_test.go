package page

import (
	"crypto/ecdh"
	"crypto/hpke"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

// TestForgotNamesNoOwner: who is on the LAN learns that the owner can help
// themselves at the cloud, and nothing of who they are.
func TestForgotNamesNoOwner(t *testing.T) {
	t.Parallel()
	n := owned(t)
	key, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	must(t, err)
	l, _, err := n.box.BeginCloudLink("admin", recorder.CloudAddress{URL: "https://cloud.example"}, key.PublicKey(), recorder.StepUp{Password: rekey.NewSecret(adminPassword)}, recorder.AtSeat())
	must(t, err)
	must(t, n.box.CloudLinked(l.Key, "petra@example.org"))
	p := n.stranger(t)
	p.json = false
	html := p.get("/forgot").got.body
	if !strings.Contains(html, "https://cloud.example") || strings.Contains(html, "example.org") || strings.Contains(html, "p***") {
		t.Errorf("the page does not name the cloud, or names its owner:\n%s", html)
	}
}

// TestForgotSaysOnlyWhatHelps: the page sends nobody to support or to a user where
// that does not help: while support is switched off, and while the recorder waits
// for its owner.
func TestForgotSaysOnlyWhatHelps(t *testing.T) {
	t.Parallel()
	n := owned(t)
	n.switchOn(t, n.admin(t), adminPassword)
	p := n.stranger(t)
	says := func(title string, want map[string]bool) {
		t.Helper()
		p.json = false
		html := p.get("/forgot").got.body
		for text, is := range want {
			if strings.Contains(html, text) != is {
				t.Errorf("%s: the page says %q: %v", title, text, !is)
			}
		}
	}
	const call, code = "Call support", "activation code"
	says("as made", map[string]bool{call: true, code: true})

	must(t, n.box.SetTable("admin", "PwdReset", map[string]string{"Enable": "false"}, recorder.AtSeat()))
	says("switched off", map[string]bool{call: false, code: true, "Nobody gives out": true})
	p.json = true
	if v := read[ForgotView](p.get("/forgot").want(200, "forgot")); !v.Off || v.Locked || len(v.Steps) != 0 {
		t.Errorf("%+v", v)
	}

	for _, held := range []time.Duration{12 * time.Second, time.Second} {
		_, err := n.box.Press(held)
		must(t, err)
	}
	says("locked", map[string]bool{call: false, code: false, "locked until its owner is known again": true})
}
