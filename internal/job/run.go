package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/durable"
	"rekey/seclog"
)

// run is one run in this process: the journal with what lives in memory only.
type run struct {
	*Runner
	j      *journal
	plan   rekey.Plan
	req    Request // without secrets after reopen, but for those below
	login  rekey.Login
	old    rekey.Secret
	new    rekey.Secret
	driver rekey.Driver
	tries  *budget
	rule   rekey.PasswordRule
	policy rekey.LockPolicy
	// session is the open login, by whichever password is right at this step.
	session rekey.Session
	unlock  func() error // gives the recorder back
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
	if err := u.checkInput(way, catalog.Rule(id.Model)); err != nil {
		return nil, err
	}
	if err := u.equip(id); err != nil {
		return nil, err
	}
	u.plan = rekey.Plan{Recorder: id, Account: req.Account, Way: way, Risks: u.risks(way)}
	if err := ready(u); err != nil {
		return nil, err
	}
	if !way.ByHand() {
		if err := u.open(ctx, id); err != nil {
			return nil, err
		}
	}
	u.draw()
	u.tell(rekey.StepPlan, rekey.EventDone, fmt.Sprintf("%d steps by the way %q; nothing has been changed", len(u.plan.Steps), way.ID), nil)
	return u, nil
}

// find asks what is at the address.
func (u *run) find(ctx context.Context, t rekey.Target) (rekey.Identity, error) {
	u.tell(rekey.StepFind, rekey.EventStarted, "asking "+t.String()+" what it is, without a login", nil)
	id, err := u.Identify(ctx, t)
	if err != nil {
		return id, err
	}
	if id.Init == rekey.InitFactory {
		return id, fmt.Errorf("%w: %s is in factory state and has no password yet; do its first set-up at the local seat", rekey.ErrConflict, t)
	}
	u.tell(rekey.StepFind, rekey.EventDone, describe(id), map[string]string{"device_id": id.DeviceID, "model": id.Model, "serial": id.Serial, "firmware": id.Firmware})
	return id, nil
}

func describe(id rekey.Identity) string {
	s := "a " + id.Vendor + " " + id.Model
	if id.Firmware != "" {
		s += ", firmware " + id.Firmware
	}
	if id.DeviceID != "" {
		s += ", Device ID " + id.DeviceID
	}
	return s
}

// equip gives the run what it needs for this recorder: driver, budget, rule, policy.
func (u *run) equip(id rekey.Identity) error {
	d, err := u.Runner.driver(id)
	if err != nil {
		return err
	}
	tries, err := openBudget(u.Dir, id.Key(u.req.Target), slices.Contains(u.req.Accept, rekey.RiskLockAccount), u.Now)
	if err != nil {
		return err
	}
	u.driver, u.tries = d, tries
	u.rule, u.policy = catalog.Rule(id.Model), catalog.LockPolicy(id.Model)
	return u.limitTries(u.tries.assume)
}

// limitTries hands the policy at hand to the budget of each account that may log in.
func (u *run) limitTries(book func(account string, tries int) error) error {
	if !u.policy.Enabled || u.policy.Tries <= 0 {
		return nil
	}
	for _, account := range []string{u.req.Account, u.login.Account} {
		if account == "" {
			continue
		}
		if err := book(account, u.policy.Tries); err != nil {
			return err
		}
	}
	return nil
}

// open logs in once, with the login that the run holds at this step.
func (u *run) open(ctx context.Context, id rekey.Identity) error {
	if u.session != nil {
		return nil
	}
	u.tell(rekey.StepOpen, rekey.EventStarted, fmt.Sprintf("logging in as %q, once", u.login.Account), nil)
	s, err := u.driver.Open(ctx, id, u.login, u.tries)
	if err != nil {
		return errors.Join(err, u.record(ctx, "login", u.login.Account, result(err), map[string]string{"address": u.req.Target.String()}))
	}
	u.session = s
	if p, ok := s.(rekey.LockPolicyReader); ok {
		if policy, err := p.LockPolicy(ctx); err == nil {
			u.policy = policy
			if err := u.limitTries(u.tries.limit); err != nil {
				return err
			}
		}
	}
	if err := u.record(ctx, "login", u.login.Account, "ok", nil); err != nil {
		return err
	}
	u.tell(rekey.StepOpen, rekey.EventDone, fmt.Sprintf("logged in as %q; %s", u.login.Account, policyWords(u.policy)), nil)
	return nil
}

func policyWords(p rekey.LockPolicy) string {
	if !p.Enabled {
		return "the recorder never locks an account"
	}
	return fmt.Sprintf("the recorder locks after %d wrong tries for %s", p.Tries, p.LockFor)
}

// claim refuses what could only fail later, and takes the recorder for this
// run alone: no other may be open or under way.
func (u *run) claim() (err error) {
	if err := refuseRisks(u.plan.Risks, u.req.Accept); err != nil {
		return err
	}
	key := u.plan.Recorder.Key(u.req.Target)
	if err := u.lockRecorder(key); err != nil {
		return err
	}
	open, err := u.OpenRuns()
	if err != nil {
		return err
	}
	for _, id := range open {
		j, err := readJournal(u.runsDir(), id)
		if err != nil {
			return err
		}
		if j.Begun.Plan.Recorder.Key(j.Begun.Target) == key {
			return fmt.Errorf("%w: run %s on this recorder is still open; go on with 'rekey resume %s'", rekey.ErrConflict, id, id)
		}
	}
	return nil
}

// lockRecorder holds the recorder until close.
func (u *run) lockRecorder(key string) (err error) {
	u.unlock, err = durable.TryLock(keyFile(u.Dir, key, ".run.lock"))
	if errors.Is(err, durable.ErrHeld) {
		return fmt.Errorf("%w: another rekey is at work on recorder %s", rekey.ErrConflict, key)
	}
	return storageError(err)
}

func (u *run) agree(ctx context.Context) error {
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
		Target: u.req.Target, Plan: u.plan, Login: u.login.Account, Footage: u.req.Footage,
		Accept: u.req.Accept, Fix: u.req.Fix, Started: u.Now(),
	})
	if err != nil {
		return err
	}
	u.point("begun")
	return u.record(ctx, "run.begun", u.req.Account, "ok", map[string]string{
		"way": string(u.plan.Way.ID), "address": u.req.Target.String(), "device_id": u.plan.Recorder.DeviceID,
	})
}

// seal hands the run's secrets to the vault's key.
func (u *run) seal(ctx context.Context, id string) (s sealed, err error) {
	for _, x := range []struct {
		name   string
		secret rekey.Secret
		to     *string
	}{{"login", u.login.Password, &s.Login}, {"old", u.old, &s.Old}, {"new", u.new, &s.New}} {
		if x.secret.IsZero() {
			continue
		}
		if *x.to, err = u.Vault.Seal(ctx, "run "+id+" "+x.name, x.secret); err != nil {
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
	for _, x := range []struct {
		name, text string
		to         *rekey.Secret
	}{{"login", s.Login, &u.login.Password}, {"old", s.Old, &u.old}, {"new", s.New, &u.new}} {
		if x.text == "" {
			continue
		}
		if *x.to, err = u.Vault.Unseal(ctx, "run "+u.j.ID+" "+x.name, x.text); err != nil {
			return err
		}
	}
	return nil
}

// reopen takes an open run up from its journal.
func (r *Runner) reopen(ctx context.Context, id string, accept []rekey.Risk) (_ *run, err error) {
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
	u.plan = b.Plan
	u.req = Request{Target: b.Target, Account: b.Plan.Account, Way: b.Plan.Way.ID, Footage: b.Footage, Accept: slices.Concat(b.Accept, accept), Fix: b.Fix}
	u.login.Account = b.Login
	if err := u.unseal(ctx); err != nil {
		return nil, err
	}
	now, err := u.find(ctx, b.Target)
	if err != nil {
		return nil, err
	}
	if now.Key(b.Target) != b.Plan.Recorder.Key(b.Target) {
		return nil, fmt.Errorf("%w: %s is now another recorder (%s) than the one of run %s (%s)", rekey.ErrConflict, b.Target, describe(now), id, describe(b.Plan.Recorder))
	}
	u.plan.Recorder = now
	if err := u.equip(now); err != nil {
		return nil, err
	}
	if err := u.lockRecorder(now.Key(b.Target)); err != nil {
		return nil, err
	}
	return u, u.record(ctx, "run.resumed", u.req.Account, "ok", nil)
}

// carry runs the steps that have not ended yet. Recovery and the normal way
// are the same code.
func (u *run) carry(ctx context.Context) (Report, error) {
	steps := []func(context.Context) error{u.keep, u.intend, u.change, u.verify, u.harden, u.finish}
	if u.plan.Way.ByHand() { // no login before the change: the footage is saved as soon as there is one
		steps = []func(context.Context) error{u.decideKeep, u.intend, u.change, u.verify, u.keep, u.harden, u.finish}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return u.report(), u.stopped(ctx, err)
		}
	}
	return u.report(), nil
}

// stopped records why a run did not go on, and closes it where it is certain
// that nothing was changed.
func (u *run) stopped(ctx context.Context, why error) error {
	ctx = context.WithoutCancel(ctx)
	why = errors.Join(why, u.record(ctx, "run.stopped", u.req.Account, result(why), map[string]string{"why": why.Error()}))
	if u.j.Changing {
		return fmt.Errorf("%w; the run stays open: 'rekey resume %s' goes on", why, u.j.ID)
	}
	return errors.Join(why, u.closeUnchanged(ctx))
}

// closeUnchanged ends a run that changed nothing. Footage that it saved stays.
func (u *run) closeUnchanged(ctx context.Context) error {
	unchanged := rekey.Unchanged
	if err := u.j.append(line{Time: u.Now(), Outcome: &unchanged}); err != nil {
		return err
	}
	if u.j.VaultID != "" {
		if err := u.Vault.Withdraw(ctx, u.j.VaultID); err != nil {
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

// record writes to the security log. What happened is recorded before it is told.
func (u *run) record(ctx context.Context, event, object, result string, detail map[string]string) error {
	rec := seclog.Record{Actor: "operator " + userName(), Event: event, Object: object, Result: result, Detail: detail}
	if u.j != nil {
		rec.Case = u.j.ID
	}
	_, err := u.Log.Append(context.WithoutCancel(ctx), rec)
	if err != nil {
		return fmt.Errorf("%w: security log: %w", rekey.ErrStorage, err)
	}
	return nil
}

func userName() string {
	for _, v := range []string{"SUDO_USER", "USER", "LOGNAME", "USERNAME"} {
		if name := os.Getenv(v); name != "" {
			return name
		}
	}
	return "unnamed"
}

func (u *run) tell(step rekey.StepKind, state rekey.EventState, message string, fields map[string]string) {
	e := rekey.Event{Time: u.Now(), Step: step, State: state, Message: message, Fields: fields}
	if u.j != nil {
		e.Run = u.j.ID
	}
	u.Events(e)
}

func (u *run) point(name string) {
	if u.At != nil {
		u.At(name)
	}
}

// result is the word for an error in the security log.
func result(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, rekey.ErrUnknown):
		return "unknown"
	case errors.Is(err, rekey.ErrWaiting):
		return "waiting"
	case errors.Is(err, rekey.ErrDenied), errors.Is(err, rekey.ErrLocked), errors.Is(err, rekey.ErrBudget), errors.Is(err, rekey.ErrRisk):
		return "refused"
	}
	return "failed"
}

// footageDir is the folder of one recorder below the chosen one.
func footageDir(base string, id rekey.Identity, t rekey.Target) string {
	name := []rune(id.Key(t))
	for i, r := range name {
		ok := r == '-' || r == '_' || r == '.' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		if !ok || (i == 0 && r == '.') {
			name[i] = '_'
		}
	}
	return filepath.Join(base, string(name))
}
