package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rekey"
	"rekey/internal/durable"
)

// run is one run in this process: the journal with what lives in memory only.
type run struct {
	*Runner
	j      *journal
	key    string // of the recorder, see Recognise
	plan   rekey.Plan
	req    Request // without secrets after reopen, but for those below
	login  rekey.Login
	old    rekey.Secret
	new    rekey.Secret
	driver rekey.Driver
	tries  *budget
	rule   rekey.PasswordRule // that a wanted password is held to
	made   rekey.PasswordRule // that a made password fits
	policy rekey.LockPolicy
	prints map[string]string // certificates under which logins succeeded, by port
	apart  time.Duration     // how far the recorder's wall clock is ahead of Now
	step   rekey.StepKind    // that was told of last
	unread []string          // what of the recorder could not be read for the plan
	// session is the open login, by whichever password is right at this step.
	session rekey.Session
	unlock  func() error // gives the recorder back
	proved  bool         // this process logged in with the new password
	locked  bool         // the account was seen locked after the change
	left    error        // what is told when all else is done: something could not be proved or mended
}

// prepare does the steps before anything is agreed: find, ways, open, plan.
// ready may refuse once the plan's risks are known and before the login is made.
func (r *Runner) prepare(ctx context.Context, req Request, ready func(*run) error) (_ *run, err error) {
	u := &run{Runner: r, req: req, login: req.Login, old: req.Old, new: req.New}
	defer func() {
		if err != nil {
			u.close(ctx)
		}
	}()
	id, err := u.find(ctx, req.Target)
	if err != nil {
		return nil, err
	}
	way, err := u.choose(id)
	if err != nil {
		return nil, err
	}
	if err := u.checkInput(way, id); err != nil {
		return nil, err
	}
	if err := u.equip(id); err != nil {
		return nil, err
	}
	if id, err = u.meet(id); err != nil {
		return nil, err
	}
	u.plan = rekey.Plan{Recorder: id, Account: req.Account, Way: way, Risks: u.risks(way, id)}
	if err := ready(u); err != nil {
		return nil, err
	}
	if !way.ByHand() {
		if err := u.enterAndLook(ctx); err != nil {
			return nil, err
		}
	}
	u.draw()
	u.tell(rekey.StepPlan, rekey.EventDone, fmt.Sprintf("%d steps by the way %q; nothing has been changed", len(u.plan.Steps), way.ID), nil)
	return u, nil
}

// enterAndLook logs in and reads what the plan tells of the recorder.
func (u *run) enterAndLook(ctx context.Context) error {
	if err := u.open(ctx); err != nil {
		return err
	}
	u.readRule(ctx)
	if err := u.fits(); err != nil {
		return err
	}
	u.look(ctx)
	u.addRisks(ctx)
	if err := u.notUpgrading(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// claim refuses what could only fail later, and takes the recorder for this
// run alone: no other may be open or under way.
func (u *run) claim() error {
	if err := refuseRisks(u.plan.Risks, u.req.Accept); err != nil {
		return err
	}
	if dir := u.req.Footage.Dir; dir != "" {
		if err := durable.Probe(dir); err != nil {
			return fmt.Errorf("%w: folder for footage: %w", rekey.ErrStorage, err)
		}
	}
	if err := u.lockRecorder(); err != nil {
		return err
	}
	open, err := u.OpenRuns()
	if err != nil {
		return err
	}
	for _, id := range open {
		j, err := readJournal(u.runsDir(), id)
		if err != nil {
			u.tell(rekey.StepPlan, rekey.EventProgress, fmt.Sprintf("the journal of run %s cannot be read; if it is of this recorder, look at it first: %v", id, err), nil)
			continue
		}
		if j.Begun.Key == u.key {
			return fmt.Errorf("%w: run %s on this recorder is still open; go on with 'rekey resume %s'", rekey.ErrConflict, id, id)
		}
	}
	return nil
}

// lockRecorder holds the recorder until close.
func (u *run) lockRecorder() (err error) {
	u.unlock, err = durable.TryLock(keyFile(u.Dir, u.key, ".run.lock"))
	if errors.Is(err, durable.ErrHeld) {
		return fmt.Errorf("%w: another rekey is at work on recorder %s", rekey.ErrConflict, u.key)
	}
	return storageError(err)
}

func (u *run) agree(ctx context.Context) error {
	if err := refuseRisks(u.plan.Risks, u.req.Accept); err != nil { // with those that the session told
		return err
	}
	if err := u.provable(); err != nil { // before hours of footage are saved
		return err
	}
	if err := u.Agree(ctx, u.plan); err != nil {
		return err
	}
	u.tell(rekey.StepAgree, rekey.EventDone, "the plan is agreed", nil)
	return nil
}

// begin puts the run on disk: from here on resume knows it.
func (u *run) begin(ctx context.Context) error {
	id := newRunID(u.Now())
	s, err := u.seal(ctx, id)
	if err != nil {
		return err
	}
	u.j, err = createJournal(u.runsDir(), id, s, begun{
		Key: u.key, Target: u.req.Target, Plan: u.plan, Login: u.login.Account, Footage: u.req.Footage,
		Accept: u.req.Accept, Fix: u.req.Fix, Watch: u.req.Watch, Started: u.Now(),
	})
	if err != nil {
		return err
	}
	u.point("begun")
	err = u.record(ctx, "run.begun", u.req.Account, "ok", map[string]string{
		"way": string(u.plan.Way.ID), "address": u.req.Target.String(), "device_id": u.plan.Recorder.DeviceID,
	})
	if err != nil {
		return u.stopped(ctx, err)
	}
	return nil
}

// seal hands the run's secrets to the vault's key.
func (u *run) seal(ctx context.Context, id string) (s sealed, err error) {
	for _, x := range u.secrets(&s) {
		if x.secret.IsZero() {
			continue
		}
		if *x.sealed, err = u.Vault.Seal(ctx, "run "+id+" "+x.name, *x.secret); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (u *run) unseal(ctx context.Context) error {
	s, err := u.j.sealed()
	if err != nil {
		return err
	}
	for _, x := range u.secrets(&s) {
		if *x.sealed == "" {
			continue
		}
		if *x.secret, err = u.Vault.Unseal(ctx, "run "+u.j.ID+" "+x.name, *x.sealed); err != nil {
			return err
		}
	}
	return nil
}

type secretPlace struct {
	name   string
	secret *rekey.Secret
	sealed *string
}

func (u *run) secrets(s *sealed) []secretPlace {
	return []secretPlace{{"login", &u.login.Password, &s.Login}, {"old", &u.old, &s.Old}, {"new", &u.new, &s.New}}
}

// reopen takes an open run up from its journal. What is accepted now is beside
// what was accepted when the run began, but for the last try before a lock and
// for a new certificate: those are accepted anew each time.
func (r *Runner) reopen(ctx context.Context, id string, o ResumeOptions) (_ *run, err error) {
	u := &run{Runner: r}
	defer func() {
		if err != nil {
			u.close(ctx)
		}
	}()
	if u.j, err = openJournal(r.runsDir(), id); err != nil {
		return nil, err
	}
	if u.j.Closed {
		return nil, fmt.Errorf("%w: run %s is closed, with the outcome %s", rekey.ErrConflict, id, u.j.Outcome)
	}
	b := u.j.Begun
	if o.At != nil {
		b.Target = *o.At
	}
	u.plan, u.key = b.Plan, b.Key
	before := slices.DeleteFunc(slices.Clone(b.Accept), func(r rekey.Risk) bool {
		return r == rekey.RiskLockAccount || r == rekey.RiskNewCertificate
	})
	u.req = Request{Target: b.Target, Account: b.Plan.Account, Way: b.Plan.Way.ID, Footage: b.Footage, Accept: slices.Concat(before, o.Accept), Fix: b.Fix, Watch: b.Watch}
	u.login.Account = b.Login
	if u.j.Outcome == rekey.Unchanged {
		return u, nil // it was being closed; nothing is asked of the recorder any more
	}
	if err := u.unseal(ctx); err != nil {
		return nil, err
	}
	now, err := u.find(ctx, b.Target)
	if errors.Is(err, rekey.ErrWaiting) {
		return nil, u.waiting(err)
	}
	if err != nil {
		return nil, err
	}
	if err := u.equip(now); err != nil {
		return nil, err
	}
	if u.key != b.Key {
		return nil, fmt.Errorf("%w: %s is now another recorder (%s) than the one of run %s (%s)", rekey.ErrConflict, b.Target, describe(now), id, describe(b.Plan.Recorder))
	}
	if u.plan.Recorder, err = u.meet(now); err != nil {
		return nil, err
	}
	if err := u.lockRecorder(); err != nil {
		return nil, err
	}
	if b.Target != u.j.Begun.Target { // it is the same recorder, there
		if err := u.j.append(line{Time: r.Now(), Moved: &b.Target}); err != nil {
			return nil, err
		}
	}
	return u, u.record(ctx, "run.resumed", u.req.Account, "ok", nil)
}

// carry runs the steps that have not ended yet. Recovery and the normal way
// are the same code.
func (u *run) carry(ctx context.Context) (Report, error) {
	if u.j.Outcome == rekey.Unchanged {
		err := u.closeUnchanged(ctx)
		return u.report(), err
	}
	steps := []func(context.Context) error{u.keep, u.intend, u.change, u.verify, u.harden, u.watch, u.finish}
	if u.plan.Way.ByHand() { // no login before the change: the footage is saved as soon as there is one
		steps = []func(context.Context) error{u.decideKeep, u.intend, u.change, u.verify, u.keep, u.harden, u.watch, u.finish}
	}
	for _, step := range steps {
		err := ctx.Err()
		if err == nil {
			err = step(ctx)
		}
		if err != nil {
			err = u.stopped(ctx, err)
			return u.report(), err
		}
	}
	return u.report(), u.left
}

// stopped records why a run did not go on, and closes it where it is certain
// that nothing was changed.
func (u *run) stopped(ctx context.Context, why error) error {
	ctx = context.WithoutCancel(ctx)
	notRecorded := u.record(ctx, "run.stopped", u.req.Account, result(why), map[string]string{"why": why.Error()})
	if errors.Is(why, rekey.ErrWaiting) && notRecorded == nil {
		return u.waiting(why)
	}
	if u.j.Changing || notRecorded != nil {
		return fmt.Errorf("%w; the run stays open: 'rekey resume %s' goes on", errors.Join(why, notRecorded), u.j.ID)
	}
	return errors.Join(why, u.closeUnchanged(ctx))
}

// waiting says what the person does next.
func (u *run) waiting(why error) error {
	return fmt.Errorf("%w; set the password of 'rekey vault show %s' at the recorder, then 'rekey resume %s --done'", why, u.j.VaultID, u.j.ID)
}

// closeUnchanged ends a run that changed nothing. Footage that it saved stays.
func (u *run) closeUnchanged(ctx context.Context) error {
	unchanged := rekey.Unchanged
	if err := u.j.append(line{Time: u.Now(), Outcome: &unchanged}); err != nil {
		return err
	}
	u.point("unchanged")
	e, ok, err := u.proposal(ctx)
	if err != nil {
		return err
	}
	if ok {
		if err := u.Vault.Withdraw(ctx, e.ID); err != nil {
			return err
		}
	}
	return u.j.closeRun(u.Now())
}

func (u *run) report() Report {
	rep := Report{Recorder: u.plan.Recorder, Address: u.req.Target.String(), Account: u.plan.Account, Way: u.plan.Way.ID, Outcome: rekey.Unchanged}
	if u.j == nil {
		return rep
	}
	rep.Run, rep.VaultID, rep.Proofs, rep.Footage, rep.Findings = u.j.ID, u.j.VaultID, u.j.Proofs, u.j.Kept, u.j.Findings
	rep.Own = u.j.Own
	if w := u.j.Watched; w != nil {
		rep.Stale, rep.Channels, rep.Notes = w.Stale, w.Channels, w.Notes
	}
	rep.Started, rep.Ended = u.j.Begun.Started, u.j.Ended
	switch {
	case u.j.Outcome != "":
		rep.Outcome = u.j.Outcome
	case u.j.Changing:
		rep.Outcome = rekey.Unknown
	}
	return rep
}

// close gives back what the process holds; the run itself stays as it is on disk.
func (u *run) close(ctx context.Context) {
	u.logOut(ctx)
	_ = u.j.close() // nothing is buffered: every line was fsynced
	if u.unlock != nil {
		_ = u.unlock() // ends with the process all the same
	}
}

func (u *run) logOut(ctx context.Context) {
	if u.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = u.session.Close(ctx) // the recorder ends it by itself when this fails
	u.session = nil
}

func (u *run) point(name string) {
	if u.At != nil {
		u.At(name)
	}
}
