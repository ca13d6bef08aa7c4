package job

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"rekey"
	"rekey/internal/footage"
	"rekey/internal/harden"
)

// Backup is the step keep alone: footage and settings of one recorder into a
// folder, read back, recorded. Of the request it takes Target, Login, Accept and Footage.
func (r *Runner) Backup(ctx context.Context, req Request) (*Kept, error) {
	u, err := r.enter(ctx, req)
	if err != nil {
		return nil, err
	}
	defer u.close(ctx)
	dir := footageDir(req.Footage.Dir, u.key)
	k, err := Keep(ctx, u.session, dir, u.plan.Recorder, req.Footage, u.keepProgress)
	detail := map[string]string{}
	if k != nil {
		detail = map[string]string{"files": strconv.Itoa(k.Files), "bytes": strconv.FormatInt(k.Bytes, 10), "root": k.Root}
	}
	return k, errors.Join(err, u.record(ctx, "footage.saved", dir, result(err), detail))
}

// Check is the step harden alone. Of the request it takes Target, Login, Accept and Fix.
func (r *Runner) Check(ctx context.Context, req Request) ([]harden.Finding, error) {
	u, err := r.enter(ctx, req)
	if err != nil {
		return nil, err
	}
	defer u.close(ctx)
	return u.findings(ctx, req.Login.Account, req.Fix)
}

// enter identifies a recorder and logs in once.
func (r *Runner) enter(ctx context.Context, req Request) (*run, error) {
	req.Account = req.Login.Account
	u := &run{Runner: r, req: req, login: req.Login}
	if req.Account == "" || u.login.Password.IsZero() {
		return nil, fmt.Errorf("%w: a login wants an account and its password", rekey.ErrInput)
	}
	id, err := u.find(ctx, req.Target)
	if err != nil {
		return nil, err
	}
	if err := u.equip(id); err != nil {
		return nil, err
	}
	if u.plan.Recorder, err = u.meet(id); err != nil {
		return nil, err
	}
	if err := u.lockRecorder(); err != nil {
		return nil, err
	}
	if err := u.open(ctx); err != nil {
		u.close(ctx)
		return nil, err
	}
	return u, nil
}

func (u *run) keepProgress(p footage.Progress) {
	u.tell(rekey.StepKeep, rekey.EventProgress, fmt.Sprintf("%d of %d recordings", p.Files, p.AllFiles),
		map[string]string{"bytes": strconv.FormatInt(p.Bytes, 10), "of": strconv.FormatInt(p.AllBytes, 10)})
}
