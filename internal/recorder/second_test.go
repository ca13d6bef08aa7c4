package recorder

import (
	"encoding/base32"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"rekey"
	"rekey/internal/durable"
	"rekey/internal/totp"
)

// guarded is a box whose admin has a second factor, on a wall clock that the
// test turns.
type guarded struct {
	*Box
	boottime *clock
	wall     atomic.Int64 // unix seconds
	key      []byte
	sheet    []rekey.Secret
}

const firstMinute = 1_800_000_000 // unix seconds; at the start of a step

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{boottime: &clock{}}
	g.wall.Store(firstMinute)
	dir := t.TempDir()
	if _, err := Init(dir, Config{AdminPassword: secret(firstPassword), Argon: &cheap}); err != nil {
		t.Fatal(err)
	}
	g.boot(t, dir)
	g.switchOn(t)
	return g
}

// boot switches the box on, after a power cut.
func (g *guarded) boot(t *testing.T, dir string) {
	t.Helper()
	b, err := open(dir, Options{Argon: &cheap, Clock: g.boottime.now, Now: func() time.Time { return time.Unix(g.wall.Load(), 0) }}, durable.WriteFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	g.Box = b
}

func (g *guarded) reboot(t *testing.T) {
	t.Helper()
	g.cutPower()
	g.boot(t, g.Dir())
}

func (g *guarded) switchOn(t *testing.T) {
	t.Helper()
	o, err := g.OfferSecond(AdminAccount, secret(firstPassword), AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	g.key = o.key
	if g.sheet, _, err = g.ConfirmSecond(o, g.code(0), AtSeat()); err != nil {
		t.Fatal(err)
	}
	g.wall.Add(totp.Step)
}

// code is what the authenticator shows so many steps from now.
func (g *guarded) code(steps int64) rekey.Secret {
	return codeAt(g.key, g.wall.Load()/totp.Step+steps)
}

func codeAt(key []byte, step int64) rekey.Secret {
	code, err := hotp.GenerateCode(base32.StdEncoding.EncodeToString(key), uint64(step))
	if err != nil {
		panic(err)
	}
	return secret(code)
}

// wrongCode fits none of the steps around now.
func (g *guarded) wrongCode() rekey.Secret {
	for _, try := range []string{"000000", "111111", "222222", "333333"} {
		if _, fits, used := totp.Fits(g.key, try, time.Unix(g.wall.Load(), 0), 0); !fits && !used {
			return secret(try)
		}
	}
	panic("four codes in three steps")
}

// half types the right password.
func (g *guarded) half(t *testing.T) *Half {
	t.Helper()
	epoch, half, err := g.LogIn(AdminAccount, secret(firstPassword), AtSeat())
	if err != nil || half == nil || epoch != 0 {
		t.Fatalf("the password alone: epoch %d, half %v, %v", epoch, half != nil, err)
	}
	return half
}

func TestSecondFactorIsAskedFor(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	h := g.half(t)
	if n := count(events(t, g.Dir()), "login"); n != 1 { // of OfferSecond
		t.Errorf("%d log-ins on record before the code", n)
	}
	if epoch, err := g.Finish(h, g.code(0)); err != nil || epoch != g.Epoch(AdminAccount) {
		t.Fatalf("the right code: epoch %d, %v", epoch, err)
	}
	if _, err := g.Finish(h, g.code(1)); !errors.Is(err, ErrHalfOver) {
		t.Errorf("the same half twice: %v", err)
	}
	all := events(t, g.Dir())
	last := all[len(all)-1]
	if last.Event != "login" || last.Detail[detailSecond] != "authenticator" || count(all, "2fa.asked") != 1 || count(all, "2fa.on") != 1 || count(all, "2fa.sheet") != 1 {
		t.Errorf("the record: %+v", last)
	}
}

func TestSwitchedOnOnlyByACodeThatWorks(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	if _, err := b.OfferSecond(AdminAccount, secret("wrong-Pass-1"), AtSeat()); !errors.Is(err, rekey.ErrDenied) {
		t.Fatalf("an offer without the password: %v", err)
	}
	offer := func() *Offer {
		o, err := b.OfferSecond(AdminAccount, secret(firstPassword), AtSeat())
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	now := func(o *Offer) rekey.Secret { return codeAt(o.key, b.Now().Unix()/totp.Step) }
	first, o := offer(), offer()
	for name, c := range map[string]struct {
		code rekey.Secret
		want error
	}{"of another key": {now(first), rekey.ErrDenied}, "malformed": {secret("12345"), rekey.ErrInput}, "of a sheet": {secret("ABCD-EFGH-JKMN"), rekey.ErrDenied}, "old": {codeAt(o.key, b.Now().Unix()/totp.Step-9), rekey.ErrDenied}} {
		if _, _, err := b.ConfirmSecond(o, c.code, AtSeat()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.SecondFactor(AdminAccount).On {
		t.Fatal("switched on without a code")
	}
	if err := b.right(firstPassword); err != nil {
		t.Errorf("the tries to switch it on were charged: %v", err)
	}
	late := offer()
	c.advance(offerLife)
	if _, _, err := b.ConfirmSecond(late, now(late), AtSeat()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("an offer that is too old: %v", err)
	}
	o, other := offer(), offer()
	before := b.Epoch(AdminAccount)
	sheet, epoch, err := b.ConfirmSecond(o, now(o), AtSeat())
	if err != nil || len(sheet) != sheetCodes || epoch != b.Epoch(AdminAccount) || epoch == before {
		t.Fatalf("%d codes on the sheet, epoch %d, %v", len(sheet), epoch, err)
	}
	if _, _, err := b.ConfirmSecond(other, now(other), AtSeat()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("a second key on top: %v", err)
	}
	if _, err := b.OfferSecond(AdminAccount, secret(firstPassword), AtSeat()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("an offer on top: %v", err)
	}
}

// A code is taken once: not again in its step, not after a power cut, not when
// the clock is set back, and not the one before it.
func TestCodeIsTakenOnce(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	g.wall.Add(10 * totp.Step)
	used, before := g.code(0), g.code(-1)
	if _, err := g.Finish(g.half(t), used); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, code rekey.Secret) {
		t.Helper()
		_, err := g.Finish(g.half(t), code)
		var e *CodeError
		if !errors.As(err, &e) || !e.Used || !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("at once", used)
	g.reboot(t)
	refused("after a power cut", used)
	g.wall.Add(-totp.Step)
	refused("with the clock set back", used)
	refused("the one before, never shown here", before)
	g.wall.Add(2 * totp.Step)
	if _, err := g.Finish(g.half(t), g.code(0)); err != nil {
		t.Errorf("the next one: %v", err)
	}
	if _, err := g.Finish(g.half(t), g.code(-1)); err == nil {
		t.Error("one that was passed over is taken")
	}
}

// Two who saw the same code race: one gets in.
func TestOneOfManyWithTheSameCode(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for _, code := range []rekey.Secret{g.code(0), g.sheet[3]} {
		var in atomic.Int64
		var group sync.WaitGroup
		for range 4 {
			h := g.half(t)
			group.Go(func() {
				if _, err := g.Finish(h, code); err == nil {
					in.Add(1)
				}
			})
		}
		group.Wait()
		if in.Load() != 1 {
			t.Errorf("%d got in", in.Load())
		}
	}
}

// Wrong codes lock the account, whatever is done with the right password in
// between: typed again at the seat, used over the LAN, changed, or the power cut.
func TestWrongCodesLock(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(t *testing.T, g *guarded){
		"nothing":                  func(*testing.T, *guarded) {},
		"the password at the seat": func(t *testing.T, g *guarded) { g.half(t) },
		"the password over the LAN": func(t *testing.T, g *guarded) {
			if err := g.right(firstPassword); err != nil {
				t.Fatal(err)
			}
		},
		"an orderly restart": func(t *testing.T, g *guarded) {
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
			g.boot(t, g.Dir())
		},
		"a power cut": func(t *testing.T, g *guarded) { g.reboot(t) },
		"the password set by itself": func(t *testing.T, g *guarded) {
			if err := g.ResetPassword(AdminAccount, AdminAccount, secret(firstPassword), web); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t)
			for left := 4; left >= 0; left-- {
				_, err := g.Finish(g.half(t), g.wrongCode())
				if e := loginError(t, err); !errors.Is(e, rekey.ErrDenied) || e.TriesLeft != left {
					t.Fatalf("%v with %d left, want %d", e.Kind, e.TriesLeft, left)
				}
				if left > 0 {
					between(t, g)
				}
			}
			if _, _, err := g.LogIn(AdminAccount, secret(firstPassword), AtSeat()); !errors.Is(err, rekey.ErrLocked) {
				t.Fatalf("after five wrong codes: %v", err)
			}
			if err := g.right(firstPassword); !errors.Is(err, rekey.ErrLocked) {
				t.Errorf("over the LAN: %v", err)
			}
			g.boottime.advance(30 * time.Minute)
			if _, err := g.Finish(g.half(t), g.code(0)); err != nil {
				t.Errorf("after the lock: %v", err)
			}
			if _, err := g.Finish(g.half(t), g.wrongCode()); loginError(t, err).TriesLeft != 4 {
				t.Errorf("a whole log-in did not clear the counter: %v", err)
			}
		})
	}
}

// The half that met the lock is over, also once the lock is.
func TestLockEndsTheHalf(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	h := g.half(t)
	for range 5 {
		_, _ = g.Finish(h, g.wrongCode())
	}
	if _, err := g.Finish(h, g.code(0)); !errors.Is(err, ErrHalfOver) {
		t.Errorf("while locked: %v", err)
	}
	g.boottime.advance(31 * time.Minute)
	if _, err := g.Finish(h, g.code(0)); !errors.Is(err, ErrHalfOver) {
		t.Errorf("after the lock: %v", err)
	}
	// Another interface locks it between the two steps: no code is compared.
	h = g.half(t)
	for range 5 {
		_ = g.right("wrong-Pass-1")
	}
	if _, err := g.Finish(h, g.code(0)); !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("locked from elsewhere: %v", err)
	}
}

// Nothing tells about the code before the password is right.
func TestNoOracleBeforeThePassword(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	plain, _ := newBox(t)
	_, _, with := g.LogIn(AdminAccount, secret("wrong-Pass-1"), AtSeat())
	_, _, without := plain.LogIn(AdminAccount, secret("wrong-Pass-1"), AtSeat())
	if a, b := *loginError(t, with), *loginError(t, without); a != b {
		t.Errorf("with a second factor %+v, without %+v", a, b)
	}
	for _, code := range []rekey.Secret{g.code(0), g.sheet[0], g.wrongCode()} {
		err := g.SwitchOffSecond(AdminAccount, secret("wrong-Pass-1"), code, AtSeat())
		if e := loginError(t, err); e.Said != "user or password not valid" {
			t.Errorf("with a wrong password: %v", e.Said)
		}
	}
	if g.SecondFactor(AdminAccount).SheetLeft != sheetCodes {
		t.Error("a code was used up beside a wrong password")
	}
	if count(events(t, g.Dir()), "2fa.refused")+count(events(t, g.Dir()), "2fa.sheet.used") != 0 {
		t.Error("a code was looked at before the password")
	}
}

func TestHalfEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, g *guarded){
		"five minutes": func(_ *testing.T, g *guarded) { g.boottime.advance(halfLife) },
		"a new password": func(t *testing.T, g *guarded) {
			if err := g.ResetPassword(AdminAccount, AdminAccount, secret("Next-Pass-2"), web); err != nil {
				t.Fatal(err)
			}
		},
		"switched off": func(t *testing.T, g *guarded) {
			if err := g.SwitchOffSecond(AdminAccount, secret(firstPassword), g.sheet[0], AtSeat()); err != nil {
				t.Fatal(err)
			}
		},
		"the button": func(t *testing.T, g *guarded) {
			if err := g.pressTwice(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t)
			h := g.half(t)
			end(t, g)
			if g.HalfOpen(h) {
				t.Error("told as open")
			}
			if _, err := g.Finish(h, g.code(0)); !errors.Is(err, ErrHalfOver) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRecoverySheet(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	stored, err := os.ReadFile(filepath.Join(g.Dir(), stateFile))
	if err != nil {
		t.Fatal(err)
	}
	for i, code := range g.sheet {
		if strings.Contains(string(stored), code.Reveal()) || strings.Contains(string(stored), strings.ReplaceAll(code.Reveal(), "-", "")) {
			t.Fatal("a code of the sheet is kept in the clear")
		}
		if _, err := g.Finish(g.half(t), secret(strings.ToLower(code.Reveal()))); err != nil {
			t.Fatalf("code %d: %v", i, err)
		}
		if left := g.SecondFactor(AdminAccount).SheetLeft; left != sheetCodes-1-i {
			t.Errorf("%d codes left after %d", left, i+1)
		}
		g.reboot(t)
		if _, err := g.Finish(g.half(t), code); !errors.Is(err, rekey.ErrDenied) {
			t.Fatalf("code %d again: %v", i, err)
		}
	}
	if n := count(events(t, g.Dir()), "2fa.sheet.used"); n != sheetCodes {
		t.Errorf("%d uses on record", n)
	}
	sheet, err := g.NewSheet(AdminAccount, secret(firstPassword), g.code(0), AtSeat())
	if err != nil || len(sheet) != sheetCodes || g.SecondFactor(AdminAccount).SheetLeft != sheetCodes {
		t.Fatalf("a new sheet: %v", err)
	}
	if again, err := g.NewSheet(AdminAccount, secret(firstPassword), sheet[0], AtSeat()); err != nil || len(again) != sheetCodes {
		t.Fatalf("a new sheet by a code of the one before: %v", err)
	}
	if _, err := g.Finish(g.half(t), sheet[1]); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("a code of a sheet that was replaced: %v", err)
	}
}

func TestSwitchOff(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	if err := g.SwitchOffSecond(AdminAccount, secret(firstPassword), g.wrongCode(), AtSeat()); !errors.Is(err, rekey.ErrDenied) {
		t.Fatalf("with a wrong code: %v", err)
	}
	if err := g.SwitchOffSecond(AdminAccount, secret(firstPassword), secret("12"), AtSeat()); !errors.Is(err, rekey.ErrInput) {
		t.Fatalf("without a code: %v", err)
	}
	if err := g.SwitchOffSecond(AdminAccount, secret(firstPassword), g.code(0), AtSeat()); err != nil {
		t.Fatal(err)
	}
	if epoch, half, err := g.LogIn(AdminAccount, secret(firstPassword), AtSeat()); err != nil || half != nil || epoch == 0 {
		t.Errorf("without a second factor: %d, %v", epoch, err)
	}
	if err := g.SwitchOffSecond(AdminAccount, secret(firstPassword), g.code(1), AtSeat()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("off twice: %v", err)
	}
	if n := count(events(t, g.Dir()), "2fa.off"); n != 1 {
		t.Errorf("%d records", n)
	}
}

// A temporary password sets a new password and leaves the second factor; remote
// access comes back with a whole log-in only. The button takes everything.
func TestRecoveryAndTheSecondFactor(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	grant, _ := grantFor(t, g.Box, AdminAccount)
	const next = "Next-Pass-2"
	if err := g.SetPasswordByGrant(grant, AdminAccount, secret(next)); err != nil {
		t.Fatal(err)
	}
	remote := func() string { table, _ := g.Table(remoteTable); return table["Enable"] }
	if err := g.right(next); err != nil || remote() != "false" {
		t.Errorf("a program on the LAN gave remote access back: %v", err)
	}
	_, h, err := g.LogIn(AdminAccount, secret(next), AtSeat())
	if err != nil || h == nil || remote() != "false" {
		t.Fatalf("after a temporary password: half %v, %v", h != nil, err)
	}
	if _, err := g.Finish(h, g.sheet[0]); err != nil || remote() != "true" {
		t.Errorf("by the sheet: %v, remote access %s", err, remote())
	}
	if err := g.pressTwice(); err != nil {
		t.Fatal(err)
	}
	if n := count(events(t, g.Dir()), "2fa.off"); n != 1 {
		t.Errorf("%d records of the second factor's end", n)
	}
	if err := errors.Join(g.ReleaseBySheet(g.sheet[1], AtSeat()), g.FirstSetup(AdminAccount, secret(firstPassword), AtSeat())); err != nil {
		t.Fatal(err)
	}
	if _, half, err := g.LogIn(AdminAccount, secret(firstPassword), AtSeat()); err != nil || half != nil {
		t.Errorf("after the button: half %v, %v", half != nil, err)
	}
}

// Programs that cannot give a code get in by the password, and the log says so.
func TestLANLoginsAreOnRecordAsWithoutACode(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for _, via := range []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI, rekey.InterfaceRTSP, rekey.InterfaceONVIF} {
		if _, err := g.Password(AdminAccount, secret(firstPassword), Client{Via: via}); err != nil {
			t.Fatal(err)
		}
		all := events(t, g.Dir())
		if last := all[len(all)-1]; last.Event != "login" || last.Detail[detailSecond] != "not asked: "+string(via)+" cannot give a code" {
			t.Errorf("%s: %+v", via, last)
		}
	}
}

func TestNoSecretInStateOrLog(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	if _, err := g.Finish(g.half(t), g.sheet[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Finish(g.half(t), g.code(0)); err != nil {
		t.Fatal(err)
	}
	secrets := []string{base32.StdEncoding.EncodeToString(g.key), string(g.key), g.code(0).Reveal()}
	for _, c := range g.sheet {
		secrets = append(secrets, c.Reveal(), strings.ReplaceAll(c.Reveal(), "-", ""))
	}
	for _, r := range events(t, g.Dir()) {
		for _, value := range append([]string{r.Actor, r.Object, r.Result}, r.Detail["second_factor"], r.Detail["codes_left"]) {
			for _, s := range secrets {
				if strings.Contains(value, s) {
					t.Errorf("%s holds a secret", r.Event)
				}
			}
		}
	}
}
