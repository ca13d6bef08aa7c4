package recorder

import (
	"errors"
	"testing"

	"rekey"
)

// A sheet without an authenticator asks for nothing at a log-in, and opens what a
// reset closes: so an owner who wants no second factor can claim the box, too.
func TestSheetWithoutAnAuthenticator(t *testing.T) {
	t.Parallel()
	b, clock := newBox(t)
	if err := b.AddAccount(AdminAccount, rekey.Account{Name: "guest", Group: GroupUser}, secret(secondPassword), AtSeat()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.NewSheet("guest", secret(secondPassword), rekey.Secret{}, AtSeat()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("a sheet for one whom it opens nothing: %v", err)
	}
	if _, err := b.NewSheet(AdminAccount, secret("Wrong-1-password"), rekey.Secret{}, AtSeat()); !errors.Is(err, rekey.ErrDenied) {
		t.Fatalf("with a wrong password: %v", err)
	}
	if b.fails(b.state(), AdminAccount) != 1 || b.SecondFactor(AdminAccount).SheetLeft != 0 {
		t.Error("a wrong password costs no try, or makes a sheet")
	}
	sheet, err := b.NewSheet(AdminAccount, secret(firstPassword), rekey.Secret{}, AtSeat())
	if err != nil || len(sheet) != sheetCodes {
		t.Fatalf("%d codes, %v", len(sheet), err)
	}
	if f := b.SecondFactor(AdminAccount); f.On || f.SheetLeft != sheetCodes {
		t.Errorf("%+v", f)
	}
	if epoch, half, err := b.LogIn(AdminAccount, secret(firstPassword), AtSeat()); err != nil || half != nil || epoch == 0 {
		t.Fatalf("the log-in asks for a code: %v", err)
	}
	if err := b.SwitchOffSecond(AdminAccount, secret(firstPassword), sheet[7], AtSeat()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("what is not on is switched off: %v", err)
	}

	pressReset(t, b)
	b.cutPower()
	b = boot(t, b.Dir(), clock)
	if a := b.Activation(); !a.Locked || !a.Sheet {
		t.Fatalf("after the reset: %+v", a)
	}
	if err := b.ReleaseBySheet(sheet[0], AtSeat()); err != nil {
		t.Fatal(err)
	}
	if err := b.FirstSetup(AdminAccount, secret(secondPassword), AtSeat()); err != nil {
		t.Fatal(err)
	}
	if err := b.UnsealBySheet(AdminAccount, sheet[0], AtSeat()); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the code that was used: %v", err)
	}
	if err := b.UnsealBySheet(AdminAccount, sheet[1], AtSeat()); err != nil {
		t.Fatal(err)
	}
	if !b.footageOpen(t) {
		t.Error("the recordings are still sealed")
	}
	if n := count(events(t, b.Dir()), "2fa.off"); n != 0 {
		t.Error("the reset tells of a second factor that never was")
	}
}

// Who switches the authenticator on gets a sheet with it; the one of before is
// worth nothing any more.
func TestSheetBeforeTheAuthenticator(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	if err := g.SwitchOffSecond(AdminAccount, secret(firstPassword), g.code(0), AtSeat()); err != nil {
		t.Fatal(err)
	}
	before, err := g.NewSheet(AdminAccount, secret(firstPassword), rekey.Secret{}, AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	g.switchOn(t)
	if _, err := g.Finish(g.half(t), before[0]); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("a code of the sheet of before: %v", err)
	}
	if _, err := g.Finish(g.half(t), g.sheet[0]); err != nil {
		t.Errorf("a code of the sheet: %v", err)
	}
}
