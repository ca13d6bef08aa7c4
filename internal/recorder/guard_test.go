package recorder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rekey"
	"rekey/internal/durable"
	"rekey/recovery"
	"rekey/seclog"
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

// What ends a recovery ends challenge and grant, whichever has been reached.
func TestWhatEndsARecovery(t *testing.T) {
	t.Parallel()
	const guestPassword, notTold = "guest-Pass-1", "not told"
	guest := rekey.Account{Name: "guest", Group: GroupUser}
	table := func(b *Box, enable string) error {
		return b.SetTable(AdminAccount, recoveryTable, map[string]string{"Enable": enable}, web)
	}
	for name, end := range map[string]func(b *Box) error{
		"own password": func(b *Box) error {
			return b.SetPassword("guest", "guest", secret(guestPassword), secret("guest-Pass-2"), web)
		},
		"by an admin": func(b *Box) error { return b.ResetPassword(AdminAccount, "guest", secret("guest-Pass-2"), web) },
		"made anew": func(b *Box) error {
			return errors.Join(b.DeleteAccount(AdminAccount, "guest", web), b.AddAccount(AdminAccount, guest, secret("guest-Pass-2"), web))
		},
		"switched off": func(b *Box) error { return table(b, "false") },
		"off and on":   func(b *Box) error { return errors.Join(table(b, "false"), table(b, "true")) },
		"button and anew": func(b *Box) error {
			return errors.Join(b.pressTwice(), b.FirstSetup("guest", secret("guest-Pass-2"), AtSeat()))
		},
		// The second wall: the account changed and nothing cancelled.
		notTold: func(b *Box) error {
			return b.commit(func(next *state) ([]seclog.Record, error) {
				next.put(mainList, "guest", next.Accounts["guest"])
				return nil, nil
			})
		},
	} {
		for _, granted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, granted %v", name, granted), func(t *testing.T) {
				t.Parallel()
				b, _ := newBox(t)
				if err := b.AddAccount(AdminAccount, guest, secret(guestPassword), web); err != nil {
					t.Fatal(err)
				}
				c, err := b.NewChallenge("guest")
				if err != nil {
					t.Fatal(err)
				}
				code := answer(t, b, "guest", c)
				var grant *recovery.Grant
				if granted {
					if grant, err = b.SubmitAnswer("guest", code); err != nil {
						t.Fatal(err)
					}
				}
				if err := end(b); err != nil {
					t.Fatal(err)
				}
				if s, err := b.GuardState(); err != nil || name != notTold && (s.Open || s.GrantLeft != 0) {
					t.Errorf("right after it: %+v, %v", s, err)
				}
				epoch := b.Epoch("guest")
				if _, err := b.SubmitAnswer("guest", code); err == nil {
					t.Error("the answer was taken")
				}
				if err := b.SetPasswordByGrant(grant, "guest", secret("Thief-Pass-3")); err == nil {
					t.Error("the grant was taken")
				}
				if s, err := b.GuardState(); err != nil || s.Open || s.GrantLeft != 0 || b.Epoch("guest") != epoch {
					t.Errorf("after it: %+v, %v", s, err)
				}
				want := recovery.EventExpired
				if granted {
					want = recovery.EventLost
				}
				if n := count(events(t, b.Dir()), string(want)); n != 1 {
					t.Errorf("%d records of %s, want 1", n, want)
				}
			})
		}
	}
}

// Other accounts' recoveries go on.
func TestAnotherAccountsPasswordEndsNoRecovery(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	if err := b.AddAccount(AdminAccount, rekey.Account{Name: "guest", Group: GroupUser}, secret("guest-Pass-1"), web); err != nil {
		t.Fatal(err)
	}
	grant, _ := grantFor(t, b, "guest")
	if err := b.ResetPassword(AdminAccount, AdminAccount, secret("Next-Pass-2"), web); err != nil {
		t.Fatal(err)
	}
	if err := b.SetPasswordByGrant(grant, "guest", secret("Fresh-Pass-7")); err != nil {
		t.Error(err)
	}
}

// Asking for a challenge does not tell which accounts there are, and the answer
// for one that is not there opens nothing.
func TestChallengeForNobody(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	challenge, err := b.NewChallenge("nobody")
	if err != nil {
		t.Fatal(err)
	}
	var wrong *recovery.WrongAnswerError
	if _, err := b.SubmitAnswer("nobody", "05D8-4WAY-9MWG-ZXD1"); !errors.As(err, &wrong) || wrong.AttemptsLeft != 4 {
		t.Errorf("wrong: %v", err)
	}
	if grant, err := b.SubmitAnswer("nobody", answer(t, b, "nobody", challenge)); !errors.Is(err, rekey.ErrNotFound) || grant != nil {
		t.Errorf("right, for nobody: %v", err)
	}
	if s, err := b.GuardState(); err != nil || s.Open || s.GrantLeft != 0 {
		t.Errorf("something is open: %+v, %v", s, err)
	}

	c.advance(time.Minute)
	if challenge, err = b.NewChallenge("late"); err != nil {
		t.Fatal(err)
	}
	if err := b.AddAccount(AdminAccount, rekey.Account{Name: "late", Group: GroupUser}, secret("guest-Pass-1"), web); err != nil {
		t.Fatal(err)
	}
	if _, err := b.SubmitAnswer("late", answer(t, b, "late", challenge)); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("made after the challenge: %v", err)
	}
}

// After a temporary password remote access waits for the account's login, and
// an admin is asked to look through the recorder.
func TestRecorderMistrustsItselfAfterATemporaryPassword(t *testing.T) {
	t.Parallel()
	remote := func(b *Box) string {
		table, _ := b.Table(remoteTable)
		return table["Enable"]
	}
	b, c := newBox(t)
	reset := func(b *Box, pw string) {
		t.Helper()
		c.advance(time.Minute)
		grant, _ := grantFor(t, b, AdminAccount)
		if err := b.SetPasswordByGrant(grant, AdminAccount, secret(pw)); err != nil {
			t.Fatal(err)
		}
	}
	if b.ReviewDue() {
		t.Error("a review is due before anything happened")
	}
	reset(b, "Fresh-Pass-7")
	b.cutPower()
	b = boot(t, b.Dir(), c)
	if remote(b) != "false" || !b.ReviewDue() {
		t.Errorf("after the temporary password: remote access %s, review due %v", remote(b), b.ReviewDue())
	}
	_ = b.right("wrong-Pass-1")
	if remote(b) != "false" {
		t.Error("a refused login gave remote access back")
	}
	if err := b.right("Fresh-Pass-7"); err != nil || remote(b) != "true" || !b.ReviewDue() {
		t.Errorf("after the login: remote access %s, review due %v, %v", remote(b), b.ReviewDue(), err)
	}
	for _, name := range ReviewNames() {
		if err := b.MarkReview(AdminAccount, name, ReviewDone, AtSeat()); err != nil {
			t.Errorf("review %s: %v", name, err)
		}
	}
	if b.ReviewDue() {
		t.Error("everything is reviewed, and a review is due")
	}
	all := events(t, b.Dir())
	for event, want := range map[string]int{"review.opened": 1, "review.done": 1, "service.off": 1, "service.on": 1} {
		if n := count(all, event); n != want {
			t.Errorf("%d records of %s, want %d", n, event, want)
		}
	}

	// What the owner has switched off by hand is not switched on by a login.
	for _, when := range []string{"before", "after"} {
		off := func() {
			if err := b.SetTable(AdminAccount, remoteTable, map[string]string{"Enable": "false"}, web); err != nil {
				t.Fatal(err)
			}
		}
		if when == "before" {
			off()
		}
		reset(b, "Fresh-Pass-8"+when)
		off()
		if err := b.right("Fresh-Pass-8" + when); err != nil || remote(b) != "false" {
			t.Errorf("switched off %s: remote access %s, %v", when, remote(b), err)
		}
		if err := b.SetTable(AdminAccount, remoteTable, map[string]string{"Enable": "true"}, web); err != nil {
			t.Fatal(err)
		}
	}
}

// The guard counts its events in its own file: a log that knows fewer is told of, once.
func TestLogThatKnowsFewerEventsThanTheGuard(t *testing.T) {
	t.Parallel()
	const missing = "guard.events_missing"
	b, c := newBox(t)
	if _, err := b.NewChallenge(AdminAccount); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	if _, err := b.NewChallenge(AdminAccount); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = boot(t, b.Dir(), c)
	if n := count(events(t, b.Dir()), missing); n != 0 {
		t.Errorf("%d records after an orderly end", n)
	}
	store := newGuardStore(b.Dir(), durable.WriteFile)
	r, err := store.Load()
	if err != nil {
		t.Fatal(err)
	}
	r.LastEventSeq += 40 // as if the log had lost forty and more
	if err := errors.Join(b.Close(), store.Save(r)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b = boot(t, b.Dir(), c)
		var told []seclog.Record
		for _, e := range events(t, b.Dir()) {
			if e.Event == missing {
				told = append(told, e)
			}
		}
		if len(told) != 1 || told[0].Detail["event_seq"] != fmt.Sprint(r.LastEventSeq) || told[0].Detail["log_event_seq"] == "" || told[0].Detail["log_event_seq"] == "0" {
			t.Fatalf("told %+v", told)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
