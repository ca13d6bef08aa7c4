package job

import (
	"context"
	"errors"
	"fmt"

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
		found, err = harden.Fix(ctx, u.session, found, harden.Safe)
	}
	for _, f := range found {
		if recErr := u.record(ctx, "finding", f.ID+" "+f.Subject, findingState(f), map[string]string{"severity": string(f.Severity)}); recErr != nil {
			return found, errors.Join(err, recErr)
		}
		u.tell(rekey.StepHarden, rekey.EventProgress, findingState(f)+": "+f.Title, map[string]string{"id": f.ID, "severity": string(f.Severity)})
	}
	return found, err
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

// finish records the outcome and closes the journal last.
func (u *run) finish(ctx context.Context) error {
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
