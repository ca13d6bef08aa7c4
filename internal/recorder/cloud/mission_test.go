package cloud_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/mail"
	"rekey/internal/recorder"
	"rekey/internal/recorder/cloud"
	"rekey/internal/rekeytest/mailbox"
	"rekey/recovery"
	"rekey/seclog"
)

// records are those of a security log that tell of an event.
func records(t *testing.T, dir, event string) (all []seclog.Record) {
	t.Helper()
	for r, err := range seclog.Records(os.DirFS(dir)) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Event == event {
			all = append(all, r)
		}
	}
	return all
}

// TestForgotDevicePassword is the way by the maker's app: link once; later, with
// the password lost, challenge at the recorder, message, new password.
func TestForgotDevicePassword(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	if l, _, _ := b.CloudLink(); l.Owner != "p***@example.org" {
		t.Errorf("the box shows its owner as %q", l.Owner)
	}
	p.mail.Until("it was linked to your account")
	b.reboot() // the link outlives it

	challenge := b.challenge()
	mistyped := "0" + challenge[1:]
	if challenge[0] == '0' {
		mistyped = "1" + challenge[1:]
	}
	if got := owner.post(page+"/password", "account", "admin", "challenge", mistyped); got.status != 400 || !strings.Contains(got.body, "Group 1 of the challenge mistyped") {
		t.Errorf("mistyped: status %d", got.status)
	}
	got := owner.post(page+"/password", "account", "admin", "challenge", challenge)
	if got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	answer := p.answer(ownerAddress)
	if strings.Contains(got.body, answer) || strings.Contains(owner.get(page).body, answer) {
		t.Error("a page shows the temporary password")
	}
	grant, err := b.SubmitAnswer(recorder.AdminAccount, answer)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetPasswordByGrant(grant, recorder.AdminAccount, rekey.NewSecret("another-Pass-2")); err != nil {
		t.Fatal(err)
	}
	if ok := records(t, filepath.Join(p.dir, cloud.LogDir), "code.issue"); len(ok) != 1 || ok[0].Actor == ownerAddress {
		t.Errorf("the cloud's log has %d records of the answer", len(ok))
	}
	if ok := records(t, recorder.LogDir(b.Dir()), "answer.ok"); len(ok) != 1 || ok[0].Result != "second desk" {
		t.Errorf("the box's log: %v", ok)
	}
	secretNowhere(t, p.dir, answer)
}

// secretNowhere looks through every file of a folder.
func secretNowhere(t *testing.T, dir, secret string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if strings.Contains(string(data), secret) || strings.Contains(string(data), ownerPassword) {
			t.Errorf("%s holds a secret", filepath.Base(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestResetUnlinks: the button ends the link at the box at once, but for the
// release of its lock; the cloud hears it, tells the owner, and keeps that right
// alone; the lock released, that is over as well, and a new link has a new key.
func TestResetUnlinks(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner, guest := p.account(ownerAddress), p.account(guestAddress)
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	owner.post(page+"/share", "address", guestAddress)
	old := b.key()
	b.reset()
	if ended := records(t, recorder.LogDir(b.Dir()), "cloud.unlink"); len(ended) != 1 || ended[0].Result != "button reset" {
		t.Errorf("the box's log: %v", ended)
	}
	if _, linked, err := b.CloudLink(); linked || err != nil {
		t.Fatalf("after the reset the box is still linked: %v", err)
	}
	p.mail.Until("says that it was reset by its button")
	if got := owner.get(page); got.status != 200 || !strings.Contains(got.body, "Release this recorder") || strings.Contains(got.body, page+"/share") {
		t.Errorf("the owner's page: status %d", got.status)
	}
	if got := owner.post(page+"/share", "address", "other@example.org"); got.status != 409 {
		t.Errorf("shared while reset: status %d", got.status)
	}
	if got := guest.get(page); got.status != 404 {
		t.Errorf("the guest's page: status %d", got.status)
	}
	c, err := b.challengeFor(recovery.PurposeRelease)
	if err != nil {
		t.Fatal(err)
	}
	if got := guest.post(page+"/password", "challenge", c); got.status != 404 {
		t.Errorf("the guest releases: status %d", got.status)
	}
	if got := owner.post(page+"/password", "challenge", c); got.status != 200 || !strings.Contains(got.body, "link it anew") {
		t.Fatalf("release: status %d", got.status)
	}
	m, answer := p.mail.Take(ownerAddress, answerForm)
	if !strings.Contains(m.Body, "You asked to release your recorder") {
		t.Error("the message does not say what it is for")
	}
	b.release(answer)
	p.mail.Until("its lock was released")
	if got := owner.get(page); got.status != 404 {
		t.Errorf("the right outlived the lock: status %d", got.status)
	}
	if err := b.FirstSetup(recorder.AdminAccount, rekey.NewSecret("another-Pass-2"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	b.admin.Password = rekey.NewSecret("another-Pass-2")
	if again := p.link(b, owner); again == page {
		t.Error("the new link is the old one")
	}
	if b.key().Equal(old) {
		t.Error("the new link has the old key")
	}
	if released := records(t, filepath.Join(p.dir, cloud.LogDir), "code.issue"); len(released) != 1 || released[0].Detail["purpose"] != recovery.PurposeRelease.String() {
		t.Errorf("the cloud's log: %v", released)
	}
}

// TestReleaseOffline: the recorder was reset without a network, and the cloud
// never heard of it. Its owner releases it all the same; once it is released,
// what the cloud holds opens nothing.
func TestReleaseOffline(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	b.stop() // the network is down
	cheap := argon.Cheap()
	offline, err := recorder.Open(b.Dir(), recorder.Options{Argon: &cheap, Clock: func() time.Duration { return time.Duration(b.clock.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	defer offline.Close()
	b.Box = offline
	b.reset()
	c, err := b.challengeFor(recovery.PurposeRelease)
	if err != nil {
		t.Fatal(err)
	}
	if got := owner.post(page+"/password", "challenge", c); got.status != 200 {
		t.Fatalf("release: status %d", got.status)
	}
	b.release(p.answer(ownerAddress))
	if err := b.FirstSetup(recorder.AdminAccount, rekey.NewSecret("another-Pass-2"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	p.later(11 * time.Minute)
	if got := owner.post(page+"/password", "account", "admin", "challenge", b.challenge()); got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	if _, err := b.SubmitAnswer(recorder.AdminAccount, p.answer(ownerAddress)); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("an answer under the forgotten key: %v", err)
	}
}

// TestUnlinkedByOwner: the box learns it by its poll.
func TestUnlinkedByOwner(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	if got := owner.post(page + "/unlink"); got.status != 200 || got.path != "/" {
		t.Fatalf("status %d at %s", got.status, got.path)
	}
	b.until("unlinked", func(_ recorder.CloudLink, ok bool) bool { return !ok })
	b.stop() // the record is written by then
	if ended := records(t, recorder.LogDir(b.Dir()), "cloud.unlink"); len(ended) != 1 || ended[0].Result != "unlinked by its owner" {
		t.Errorf("the box's log: %v", ended)
	}
}

// TestMailFails: the same challenge may be tried again and costs nothing more;
// once sent it is not sent again.
func TestMailFails(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	challenge := b.challenge()
	p.mail.Have(mailbox.RefusesData)
	if got := owner.post(page+"/password", "account", "admin", "challenge", challenge); got.status != 502 || !strings.Contains(got.body, "try again with the same challenge") {
		t.Errorf("status %d", got.status)
	}
	p.mail.Have(mailbox.None)
	if got := owner.post(page+"/password", "account", "admin", "challenge", challenge); got.status != 200 {
		t.Errorf("again: status %d", got.status)
	}
	if got := owner.post(page+"/password", "account", "admin", "challenge", challenge); got.status != 409 {
		t.Errorf("after it was sent: status %d", got.status)
	}
}

// hangsUp stands before the mail server and lets whoever asks hang up first.
type hangsUp struct {
	cloud.Mailer
	hangUp func()
}

func (h *hangsUp) Send(ctx context.Context, to string, m mail.Message) error {
	h.hangUp()
	return h.Mailer.Send(ctx, to, m)
}

// TestHangUp: who hangs up while a message is on its way stops neither the
// temporary password, nor the record of it, nor the notice of what was done.
func TestHangUp(t *testing.T) {
	t.Parallel()
	mailer := &hangsUp{hangUp: func() {}}
	p := placeWith(t, func(m cloud.Mailer) cloud.Mailer { mailer.Mailer = m; return mailer })
	b := newBox(t, "Shop")
	id := strings.TrimPrefix(p.link(b, p.account(ownerAddress)), "/recorders/")
	who, err := p.cloud.LogIn(t.Context(), ownerAddress, rekey.NewSecret(ownerPassword), "", netip.MustParseAddr("192.0.2.7"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	mailer.hangUp = cancel
	if _, err := p.cloud.ForgotPassword(ctx, who, id, recorder.AdminAccount, b.challenge()); err != nil {
		t.Errorf("temporary password: %v", err)
	}
	p.answer(ownerAddress)
	ctx, cancel = context.WithCancel(t.Context())
	mailer.hangUp = cancel
	if err := p.cloud.Unlink(ctx, who, id); err != nil {
		t.Errorf("unlink: %v", err)
	}
	p.mail.Until("was unlinked")
	mailer.hangUp = func() {}
}

// TestOffByDefault: a box that nobody linked calls nobody, and refuses addresses
// by which its key would cross a network in clear.
func TestOffByDefault(t *testing.T) {
	t.Parallel()
	b := newBox(t, "Shop")
	if _, linked, err := b.CloudLink(); linked || err != nil {
		t.Errorf("linked %v, %v", linked, err)
	}
	for _, at := range []string{"http://192.0.2.1", "http://cloud.example", "ftp://x", "https://u:p@x", "https://x/?a=b", ""} {
		if _, err := b.client.Pair(t.Context(), recorder.AdminAccount, at, atBox, recorder.AtSeat()); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: %v", at, err)
		}
	}
	if _, err := b.client.Pair(t.Context(), recorder.AdminAccount, "http://127.0.0.1:1", atBox, recorder.AtSeat()); !errors.Is(err, rekey.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
	if _, pending, _ := b.CloudLink(); pending {
		t.Error("a pairing that failed is left over")
	}
}
