package cloud_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder"
	"rekey/internal/rekeytest/browser"
	"rekey/recovery"
)

// look holds the page against axe-core. Where REKEY_PICTURES names a folder it
// leaves pictures there.
func look(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	tab.Axe(browser.Desktop, browser.PhoneDark)
	if dir := os.Getenv("REKEY_PICTURES"); dir != "" {
		for screen, l := range map[string]browser.Look{"desktop": browser.Desktop, "desktop-dark": browser.DesktopDark, "phone": browser.Phone, "phone-dark": browser.PhoneDark} {
			tab.Look(l)
			if err := os.WriteFile(filepath.Join(dir, "cloud-"+name+"-"+screen+".png"), tab.Picture(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tab.Look(browser.Phone)
}

// TestOwnerOnAPhone: account, pairing, sharing, forgot device password, unlink,
// as an owner does them on a phone.
func TestOwnerOnAPhone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := newBox(t, "Shop")
	tab := chromium.Tab(t)
	tab.Look(browser.Phone)
	tab.Open(p.base + "/")
	look(t, tab, "login")
	tab.Press("Make an account, or set a new password for the one you have")
	tab.Type("#address", ownerAddress)
	tab.Type("#password", "too short")
	tab.Press("Send the code")
	tab.Wants("must have 12 to 128 characters")
	look(t, tab, "account")
	tab.Type("#password", ownerPassword)
	tab.Press("Send the code")
	look(t, tab, "confirm")
	tab.Type("#code", p.code(ownerAddress))
	tab.Press("OK")
	tab.Wants("No recorder is linked to petra@example.org yet")
	look(t, tab, "recorders-none")

	code, err := b.client.Pair(t.Context(), recorder.AdminAccount, p.base, atBox, recorder.AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	tab.Type("#code", "0000-0000-0000")
	tab.Press("Add")
	tab.Wants("No recorder waits with this code")
	tab.Type("#code", code.Reveal())
	tab.Press("Add")
	tab.Wants("Shop", b.Info().DeviceID, "You (petra@example.org)")
	b.until("linked", func(l recorder.CloudLink, ok bool) bool { return ok && l.Linked })
	tab.Type("#address", guestAddress)
	tab.Press("Share")
	tab.Wants(guestAddress)
	look(t, tab, "recorder")
	page := p.base + tab.Path()
	tab.Press("My recorders")
	look(t, tab, "recorders")
	tab.Open(page)
	tab.Wants("Shared with")

	tab.Open(page + "/password")
	tab.Wants("Forgot device password", "Go to the recorder")
	look(t, tab, "forgot")
	challenge := []byte(b.challenge())
	right := string(challenge)
	challenge[10] ^= 1
	tab.Type("#challenge", string(challenge))
	tab.Press("Send the temporary password")
	tab.Wants("Group 3 of the challenge mistyped")
	look(t, tab, "forgot-mistyped")
	tab.Press("Back to the recorder")
	tab.Open(p.base + tab.Path() + "/password")
	tab.Type("#challenge", right)
	tab.Press("Send the temporary password")
	tab.Wants("It is on its way to petra@example.org")
	look(t, tab, "sent")
	if _, err := b.SubmitAnswer(recorder.AdminAccount, p.answer(ownerAddress)); err != nil {
		t.Errorf("the temporary password: %v", err)
	}
	tab.Press("Back to the recorder")
	tab.Open(p.base + tab.Path() + "/unlink")
	look(t, tab, "unlink")
	tab.Press("Unlink")
	tab.Wants("No recorder is linked")
	b.until("unlinked", func(_ recorder.CloudLink, ok bool) bool { return !ok })
	tab.Press("Log out")
	tab.Wants("Log in")
}

// TestReleaseOnAPhone: the recorder was reset; its owner, with a second factor,
// releases it, and says of another message that it was somebody else.
func TestReleaseOnAPhone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := newBox(t, "Shop")
	page := p.link(b, p.account(ownerAddress))
	tab := chromium.Tab(t)
	tab.Look(browser.Phone)
	tab.Open(p.base + "/login")
	tab.Type("#address", ownerAddress)
	tab.Type("#password", ownerPassword)
	tab.Press("Log in")
	tab.Press("Account")
	tab.Wants("Second factor", "Off. With it")
	look(t, tab, "account-off")
	tab.Press("Switch it on")
	tab.Wants("Give your authenticator the key")
	look(t, tab, "account-offered")
	phone := authenticator{p, strings.ReplaceAll(tab.Text(".steps strong.code"), " ", "")}
	tab.Type("#code", phone.wrong())
	mailed := p.code(ownerAddress)
	tab.Type("#mailed", mailed)
	tab.Type("#password", ownerPassword)
	tab.Press("Switch it on")
	tab.Wants("The code of the authenticator does not fit")
	look(t, tab, "account-wrong-code")
	tab.Type("#code", phone.code())
	tab.Type("#mailed", mailed)
	tab.Type("#password", ownerPassword)
	tab.Press("Switch it on")
	tab.Wants("Recovery sheet", "The second factor is on")
	look(t, tab, "sheet")
	tab.Press("I have kept them")
	tab.Wants("8 codes of your sheet are left")
	look(t, tab, "account-on")
	tab.Press("Log out")
	p.later(time.Minute)
	tab.Type("#address", ownerAddress)
	tab.Type("#password", ownerPassword)
	tab.Type("#code", phone.code())
	tab.Press("Log in")

	b.reset()
	p.mail.Until("says that it was reset by its button")
	tab.Open(p.base + "/")
	tab.Wants("Reset by its button, and locked")
	look(t, tab, "recorders-reset")
	tab.Open(p.base + page)
	tab.Wants("The recorder says that it was reset by its button")
	look(t, tab, "recorder-reset")
	tab.Open(p.base + page + "/unlink")
	tab.Wants("If you are giving it away, release it first")
	look(t, tab, "forget")
	tab.Open(p.base + page + "/password")
	tab.Wants("Release this recorder", "If it was stolen, do not release it")
	look(t, tab, "release")
	challenge, err := b.challengeFor(recovery.PurposeRelease)
	if err != nil {
		t.Fatal(err)
	}
	tab.Type("#challenge", "400R-0YG6-V5GS-YMWC-QV05")
	tab.Press("Send the temporary password")
	tab.Wants("only the challenge of its lock is answered here")
	look(t, tab, "release-refused")
	tab.Open(p.base + page + "/password")
	tab.Type("#challenge", challenge)
	tab.Press("Send the temporary password")
	tab.Wants("It is on its way to petra@example.org", "link it anew")
	look(t, tab, "release-sent")
	m, answer := p.mail.Take(ownerAddress, answerForm)
	b.release(answer)

	tab.Open(p.base + p.notMe(m))
	tab.Wants("That was not me")
	look(t, tab, "not-me")
	tab.Press("It was not me: freeze my account")
	tab.Wants("Account frozen", "Nobody gets into your account now")
	look(t, tab, "frozen")
	tab.Press("Set a new password")
	tab.Wants("A code comes by e-mail")
}
