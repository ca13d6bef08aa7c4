package cloud_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey/internal/recorder"
	"rekey/internal/rekeytest/browser"
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
	tab := browser.Start(t).Tab(t)
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
	tab.Type("#code", codeForm.FindString(p.mail.last(ownerAddress).body))
	tab.Press("OK")
	tab.Wants("No recorder is linked to petra@example.org yet")
	look(t, tab, "recorders-none")

	code, err := b.client.Pair(t.Context(), recorder.AdminAccount, p.base, recorder.AtSeat())
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
	tab.Press("My recorders")
	look(t, tab, "recorders")
	page := p.base + "/recorders/"
	tab.Tick(".devices a")
	tab.Wants("Shared with")

	tab.Open(page + strings.TrimPrefix(tab.Path(), "/recorders/") + "/password")
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
	if _, err := b.SubmitAnswer(recorder.AdminAccount, answerForm.FindString(p.mail.last(ownerAddress).body)); err != nil {
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
