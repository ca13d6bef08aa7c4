package job

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rekey"
	"rekey/internal/harden"
)

// harden checks what is weak, and mends what was allowed. What cannot be
// checked or mended does not keep the run from its end: it is told there.
func (u *run) harden(ctx context.Context) error {
	if u.j.Hardened {
		return nil
	}
	u.tell(rekey.StepHarden, rekey.EventStarted, "checking what is weak", nil)
	findings, err := u.findings(ctx, u.plan.Account, u.req.Fix)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("%w: the hardening check did not end; 'rekey check' repeats it: %v", rekey.ErrVerify, err)
		u.left = errors.Join(u.left, err)
		u.tell(rekey.StepHarden, rekey.EventFailed, err.Error(), nil)
	}
	if err := u.j.append(line{Time: u.Now(), Findings: &findings}); err != nil {
		return err
	}
	u.tell(rekey.StepHarden, rekey.EventDone, findingsSummary(findings), nil)
	u.point("hardened")
	return nil
}

// findings checks over the open session, mends with fix what rekey may mend,
// and records each finding. What was found before an error comes with it.
func (u *run) findings(ctx context.Context, account string, fix bool) ([]harden.Finding, error) {
	if err := u.open(ctx); err != nil {
		return nil, err
	}
	in := harden.CheckInput{Identity: u.plan.Recorder, Account: account, Now: u.Now()}
	if u.j != nil && u.j.Begun.Login != "" {
		in.Known = []string{u.j.Begun.Login}
	}
	if u.j != nil {
		in.Separate = separate(u.j.Own)
	}
	found, err := harden.Check(ctx, u.session, in)
	if err == nil && fix {
		found, err = u.mend(ctx, account, found)
	}
	found = bounded(found)
	for _, f := range found {
		if recErr := u.record(ctx, "finding", f.ID+" "+f.Subject, findingState(f), map[string]string{"severity": string(f.Severity)}); recErr != nil {
			return found, errors.Join(err, recErr)
		}
		u.tell(rekey.StepHarden, rekey.EventProgress, findingState(f)+": "+f.Title, map[string]string{"id": f.ID, "severity": string(f.Severity)})
	}
	return found, err
}

// mend mends what rekey may mend. The lock policy may be among it: the login
// budget follows it, before power can fail in between.
func (u *run) mend(ctx context.Context, account string, found []harden.Finding) ([]harden.Finding, error) {
	if slices.ContainsFunc(found, func(f harden.Finding) bool { return f.ID == harden.LockPolicyOff || f.ID == harden.LockPolicyWeak }) {
		if err := u.tries.limitAtMost(account, harden.FixTries); err != nil {
			return found, err
		}
	}
	found, err := harden.Fix(ctx, u.session, found, harden.Safe)
	return found, errors.Join(err, u.readPolicy(ctx))
}

// bounded keeps the gravest findings: there may be one for each account that a
// recorder tells, by any name.
func bounded(found []harden.Finding) []harden.Finding {
	const most = 300
	found = slices.Clone(found[:min(len(found), most)])
	for n := range found {
		f := &found[n]
		f.Subject, f.Title, f.Why = clip(f.Subject), printable(f.Title, longest), printable(f.Why, longest)
	}
	return found
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

// stillNew is the last login, once all else is done: a recorder that fell back to
// its old state meanwhile is not called changed, and the old password is not
// forgotten with the journal. Where the account is locked nothing is sent.
func (u *run) stillNew(ctx context.Context) error {
	if u.locked {
		return nil
	}
	u.tell(rekey.StepRecord, rekey.EventStarted, "making sure, before the run is closed, that the new password still opens the recorder", nil)
	err := u.clear(ctx)
	if errors.Is(err, rekey.ErrLocked) || errors.Is(err, rekey.ErrBudget) {
		u.tell(rekey.StepRecord, rekey.EventProgress, fmt.Sprintf("that could not be tried: %v", err), nil)
		return nil
	}
	if err != nil && !errors.Is(err, rekey.ErrUnknown) {
		return fmt.Errorf("the password is changed, and whether it still is so could not be tried at the end: %w", err)
	}
	return err
}

// finish records the outcome and closes the journal last.
func (u *run) finish(ctx context.Context) error {
	if err := u.stillNew(ctx); err != nil {
		return err
	}
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
