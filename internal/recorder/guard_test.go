package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rekey"
	"rekey/internal/durable"
	"rekey/recovery"
)

// answer works out what the desk would say.
func answer(t *testing.T, b *Box, account string, c recovery.Challenge) string {
	t.Helper()
	kdev, err := b.deviceKey()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := recovery.NewKeys(kdev)
	if err != nil {
		t.Fatal(err)
	}
	a, err := keys.Answer(b.DeviceID(), account, c)
	if err != nil {
		t.Fatal(err)
	}
	return a.Reveal()
}

// grantFor goes through challenge and answer.
func grantFor(t *testing.T, b *Box, account string) (*recovery.Grant, string) {
	t.Helper()
	c, err := b.NewChallenge(account)
	if err != nil {
		t.Fatal(err)
	}
	code := answer(t, b, account, c)
	grant, err := b.SubmitAnswer(account, code)
	if err != nil {
		t.Fatal(err)
	}
	return grant, code
}

func TestTemporaryPasswordSetsOnePasswordOnce(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	grant, code := grantFor(t, b, AdminAccount)
	if err := b.right(firstPassword); err != nil {
		t.Fatalf("a recovery that has begun shuts the owner out: %v", err)
	}
	var policy *PolicyError
	if err := b.SetPasswordByGrant(grant, AdminAccount, secret(code)); !errors.As(err, &policy) || policy.Rule != "code" {
		t.Errorf("the temporary password as the new one: %v", err)
	}
	if err := b.SetPasswordByGrant(grant, AdminAccount, secret("weak")); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("weak: %v", err)
	}
	epoch := b.Epoch(AdminAccount)
	if err := b.SetPasswordByGrant(grant, AdminAccount, secret("Fresh-Pass-7")); err != nil {
		t.Fatal(err)
	}
	if b.Epoch(AdminAccount) <= epoch {
		t.Error("sessions of the lost password live on")
	}
	if err := b.SetPasswordByGrant(grant, AdminAccount, secret("Again-Pass-8")); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("second use: %v", err)
	}
	if err := b.right(firstPassword); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the lost password: %v", err)
	}
	if err := b.right("Fresh-Pass-7"); err != nil {
		t.Error(err)
	}
	all := events(t, b.Dir())
	for _, e := range []string{string(recovery.EventShown), string(recovery.EventOK), "password.set", "sessions.revoked"} {
		if count(all, e) != 1 {
			t.Errorf("%d records of %s, want 1", count(all, e), e)
		}
	}
}

func TestGrantIsForItsAccountAndSeatOnly(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	if err := b.AddAccount(AdminAccount, rekey.Account{Name: "guest", Group: GroupUser}, secret("guest-Pass-1"), web); err != nil {
		t.Fatal(err)
	}
	c, err := b.NewChallenge("guest")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.SubmitAnswer(AdminAccount, answer(t, b, AdminAccount, c)); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("answer for another account: %v", err)
	}
	grant, err := b.SubmitAnswer("guest", answer(t, b, "guest", c))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetPasswordByGrant(grant, AdminAccount, secret("Fresh-Pass-7")); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("grant used for another account: %v", err)
	}
	if err := b.SetPasswordByGrant(nil, "guest", secret("Fresh-Pass-7")); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("no grant: %v", err)
	}
	if err := b.SetPasswordByGrant(&recovery.Grant{Account: "guest"}, "guest", secret("Fresh-Pass-7")); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("a grant made up: %v", err)
	}
	if err := b.SetPasswordByGrant(grant, "guest", secret("Fresh-Pass-7")); err != nil {
		t.Error(err)
	}
}

func TestGuardRefusalsHaveTheirKind(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	if _, err := b.SubmitAnswer(AdminAccount, "05D8-4WAY-9MWG-ZXD1"); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("no challenge: %v", err)
	}
	if _, err := b.NewChallenge("nobody"); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("unknown account: %v", err)
	}
	if _, err := b.NewChallenge(AdminAccount); err != nil {
		t.Fatal(err)
	}
	var wait *recovery.WaitError
	if _, err := b.NewChallenge(AdminAccount); !errors.Is(err, rekey.ErrLocked) || !errors.As(err, &wait) {
		t.Errorf("within 30 s: %v", err)
	}
	var mistyped *recovery.MistypedError
	if _, err := b.SubmitAnswer(AdminAccount, "05D8"); !errors.Is(err, rekey.ErrInput) || !errors.As(err, &mistyped) {
		t.Errorf("cut short: %v", err)
	}
	var wrong *recovery.WrongAnswerError
	if _, err := b.SubmitAnswer(AdminAccount, "05D8-4WAY-9MWG-ZXD1"); !errors.Is(err, rekey.ErrDenied) || !errors.As(err, &wrong) {
		t.Errorf("wrong: %v", err)
	}
	if _, err := b.SubmitAnswer(AdminAccount, "05D8-4WAY-9MWG-ZXD1"); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("wrong again: %v", err)
	}
	c.advance(10 * time.Minute)
	if _, err := b.SubmitAnswer(AdminAccount, "05D8-4WAY-9MWG-ZXD1"); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("expired: %v", err)
	}
	if err := b.SetTable(AdminAccount, "PwdReset", map[string]string{"Enable": "false"}, web); err != nil {
		t.Fatal(err)
	}
	if _, err := b.NewChallenge(AdminAccount); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("switched off by the owner: %v", err)
	}
	all := events(t, b.Dir())
	for event, want := range map[string]int{"challenge.shown": 1, "answer.wrong": 1, "answer.dup": 1, "challenge.expired": 1} {
		if got := count(all, event); got != want {
			t.Errorf("%d records of %s, want %d", got, event, want)
		}
	}
}

func TestChallengeAndGrantDieWithThePower(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	grant, code := grantFor(t, b, AdminAccount)
	b.cutPower()
	b = boot(t, b.Dir(), &clock{})
	if _, err := b.SubmitAnswer(AdminAccount, code); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("answer after the power cut: %v", err)
	}
	if err := b.SetPasswordByGrant(grant, AdminAccount, secret("Fresh-Pass-7")); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("grant after the power cut: %v", err)
	}
}

func TestRequestQR(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	if _, err := b.RequestQR("desk.example.org"); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("without a challenge: %v", err)
	}
	c, err := b.NewChallenge(AdminAccount)
	if err != nil {
		t.Fatal(err)
	}
	text, err := b.RequestQR("desk.example.org")
	if err != nil {
		t.Fatal(err)
	}
	q, err := recovery.ParseQR(text)
	if err != nil || q.Challenge != c || q.DeviceID != b.DeviceID() || q.Log == nil || q.Log.Size != b.journal.Size() {
		t.Errorf("QR %+v: %v", q, err)
	}
}

func TestGuardStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	load := func() (recovery.Record, error) { return newGuardStore(dir, durable.WriteFile).Load() }
	if _, err := load(); err == nil {
		t.Error("a record that is gone was taken for a new one")
	}
	s := newGuardStore(dir, durable.WriteFile)
	for n := 1; n <= 3; n++ {
		if err := s.Save(recovery.Record{Fails: n}); err != nil {
			t.Fatal(err)
		}
	}
	for _, damaged := range []string{guardFile, guardCopyFile} {
		name := filepath.Join(dir, damaged)
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]byte{nil, whole[:len(whole)/2], append([]byte(`{"save":9,"record":{"fails":0},"sum":"`), whole...)} {
			if err := os.WriteFile(name, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if r, err := load(); err != nil || r.Fails != 3 {
				t.Errorf("%s damaged: %+v, %v", damaged, r, err)
			}
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range s.names {
		if err := os.WriteFile(name, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := load(); err == nil {
		t.Error("two damaged copies were taken for a new record")
	}
}

func TestGuardStoreTakesTheNewerCopy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newGuardStore(dir, durable.WriteFile)
	if err := s.Save(recovery.Record{Fails: 1}); err != nil {
		t.Fatal(err)
	}
	s.write = cutAfter(1)
	if err := s.Save(recovery.Record{Fails: 2}); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	if r, err := newGuardStore(dir, durable.WriteFile).Load(); err != nil || r.Fails != 2 {
		t.Errorf("%+v, %v; want the newer", r, err)
	}
}
