package job

import (
	"context"
	"errors"
	"fmt"

	"rekey"
	"rekey/internal/harden"
)

// verify proves by fresh logins, interface by interface, that the new password
// opens the recorder and the old one does not. The old one is tried just
// before the new one, whose success clears the recorder's count of wrong tries:
// so no more than one wrong try ever stands against the account.
func (u *run) verify(ctx context.Context) error {
	if u.j.Verified {
		return u.useNew()
	}
	if err := u.useNew(); err != nil {
		return err
	}
	door, err := primary(u.plan.Recorder)
	if err != nil {
		return err
	}
	u.tell(rekey.StepVerify, rekey.EventStarted, "logging in afresh on every interface", nil)
	if err := u.check(ctx, door, u.new); err != nil {
		return u.notProved(ctx, door, err)
	}
	doors, err := u.doors(ctx)
	if err != nil {
		return err
	}
	var proofs []Proof
	for _, d := range doors {
		p, err := u.prove(ctx, d)
		if err != nil {
			return u.notProved(ctx, d, err)
		}
		proofs = append(proofs, p)
		u.tell(rekey.StepVerify, rekey.EventProgress, p.words(), map[string]string{"interface": string(d.Kind), "new": string(p.New), "old": string(p.Old)})
		u.point("proved " + string(d.Kind))
	}
	if err := u.record(ctx, "password.verified", u.plan.Account, "ok", proofDetail(proofs)); err != nil {
		return err
	}
	if err := u.j.append(line{Time: u.Now(), Proofs: &proofs}); err != nil {
		return err
	}
	u.tell(rekey.StepVerify, rekey.EventDone, fmt.Sprintf("the new password opens all %d interfaces%s", len(proofs), oldSummary(proofs)), nil)
	u.point("verified")
	return nil
}

// useNew makes the account with its new password the login of what follows.
func (u *run) useNew() error {
	if u.login.Account == u.plan.Account && u.login.Password.Equal(u.new) {
		return nil
	}
	u.login = rekey.Login{Account: u.plan.Account, Password: u.new}
	return nil
}

// doors are all interfaces, with the ports that the recorder itself tells once
// somebody is logged in.
func (u *run) doors(ctx context.Context) ([]rekey.Interface, error) {
	if err := u.open(ctx, u.plan.Recorder); err != nil {
		return nil, err
	}
	l, ok := u.session.(rekey.InterfaceLister)
	if !ok {
		return u.plan.Recorder.Interfaces, nil
	}
	doors, err := l.Interfaces(ctx)
	if errors.Is(err, rekey.ErrUnsupported) {
		return u.plan.Recorder.Interfaces, nil
	}
	return doors, err
}

// prove tries old, then new, on one interface.
func (u *run) prove(ctx context.Context, d rekey.Interface) (Proof, error) {
	p := Proof{Interface: d, Old: NotTried}
	switch {
	case u.old.IsZero():
		p.Note = "the old password is not known"
	case !u.mayTryOld():
		p.Note = "the old password could lock the account"
	default:
		err := u.check(ctx, d, u.old)
		switch {
		case err == nil:
			return p, fmt.Errorf("%w: the old password still opens %s at %s", rekey.ErrVerify, d.Kind, d.Address())
		case errors.Is(err, rekey.ErrBudget):
			p.Note = "the login budget leaves no try for the old password"
		case errors.Is(err, rekey.ErrDenied):
			p.Old = Dead
		default:
			return p, err
		}
	}
	if err := u.check(ctx, d, u.new); err != nil {
		return p, err
	}
	p.New = Opens
	return p, nil
}

// mayTryOld keeps the old password away from accounts that a single wrong try
// brings near a lock.
func (u *run) mayTryOld() bool {
	return !u.policy.Enabled || u.policy.Tries > keptBack+1
}

func (u *run) check(ctx context.Context, d rekey.Interface, password rekey.Secret) error {
	return u.driver.Check(ctx, d, rekey.Login{Account: u.plan.Account, Password: password}, u.tries)
}

// notProved stops at the first login that was not as it should be.
func (u *run) notProved(ctx context.Context, d rekey.Interface, why error) error {
	if err := u.record(ctx, "password.verified", u.plan.Account, result(why), map[string]string{"interface": string(d.Kind)}); err != nil {
		return err
	}
	if errors.Is(why, rekey.ErrDenied) {
		unknown := rekey.Unknown
		if err := u.j.append(line{Time: u.Now(), Outcome: &unknown}); err != nil {
			return err
		}
		why = fmt.Errorf("%w: the new password is refused on %s: %w", rekey.ErrUnknown, d.Kind, why)
	}
	u.tell(rekey.StepVerify, rekey.EventFailed, fmt.Sprintf("not proved on %s", d.Kind), nil)
	return why
}

func (p Proof) words() string {
	s := fmt.Sprintf("%s at %s: the new password opens it", p.Interface, p.Interface.Address())
	if p.Old == Dead {
		return s + ", the old one is dead"
	}
	return s + "; " + p.Note
}

func oldSummary(proofs []Proof) string {
	dead := 0
	for _, p := range proofs {
		if p.Old == Dead {
			dead++
		}
	}
	switch dead {
	case 0:
		return "; the old one was not tried"
	case len(proofs):
		return " and the old one none"
	}
	return fmt.Sprintf("; the old one was tried on %d and is dead there", dead)
}

func proofDetail(proofs []Proof) map[string]string {
	d := map[string]string{}
	for _, p := range proofs {
		d[p.Interface.String()+" at "+p.Interface.Address()] = fmt.Sprintf("new %s, old %s", p.New, p.Old)
	}
	return d
}

// harden checks what is weak, and mends what was allowed.
func (u *run) harden(ctx context.Context) error {
	if u.j.Hardened {
		return nil
	}
	if err := u.open(ctx, u.plan.Recorder); err != nil {
		return err
	}
	u.tell(rekey.StepHarden, rekey.EventStarted, "checking what is weak", nil)
	findings, err := Harden(ctx, u.session, harden.CheckInput{Identity: u.plan.Recorder, Account: u.plan.Account, Now: u.Now()}, u.req.Fix)
	if err != nil {
		return fmt.Errorf("hardening check: %w", err)
	}
	for _, f := range findings {
		if err := u.record(ctx, "finding", f.ID+" "+f.Subject, findingState(f), map[string]string{"severity": string(f.Severity)}); err != nil {
			return err
		}
		u.tell(rekey.StepHarden, rekey.EventProgress, findingState(f)+": "+f.Title, map[string]string{"id": f.ID, "severity": string(f.Severity)})
	}
	if err := u.j.append(line{Time: u.Now(), Findings: &findings}); err != nil {
		return err
	}
	u.tell(rekey.StepHarden, rekey.EventDone, findingsSummary(findings), nil)
	u.point("hardened")
	return nil
}

// Harden checks over an open session and, with fix, mends what rekey may mend.
func Harden(ctx context.Context, s rekey.Session, in harden.CheckInput, fix bool) ([]harden.Finding, error) {
	findings, err := harden.Check(ctx, s, in)
	if err != nil || !fix {
		return findings, err
	}
	return harden.Fix(ctx, s, findings, harden.Safe)
}

func findingState(f harden.Finding) string {
	if f.Fixed {
		return "mended"
	}
	return "left to you"
}

func findingsSummary(findings []harden.Finding) string {
	fixed := 0
	for _, f := range findings {
		if f.Fixed {
			fixed++
		}
	}
	return fmt.Sprintf("%d findings, %d mended, %d left to you", len(findings), fixed, len(findings)-fixed)
}

// finish makes the new password the current one in the vault, records the
// outcome, and closes the journal last.
func (u *run) finish(ctx context.Context) error {
	if err := u.Vault.Confirm(ctx, u.j.VaultID); err != nil {
		return err
	}
	u.point("confirmed")
	if err := u.record(ctx, "run.closed", u.plan.Account, string(u.j.Outcome), map[string]string{"vault": u.j.VaultID}); err != nil {
		return err
	}
	u.point("recorded")
	if err := u.j.closeRun(u.Now()); err != nil {
		return err
	}
	u.tell(rekey.StepRecord, rekey.EventDone, "the outcome is recorded: "+string(u.j.Outcome), nil)
	return nil
}
