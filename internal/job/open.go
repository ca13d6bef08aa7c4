package job

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"rekey"
	"rekey/internal/catalog"
)

// find asks what is at the address. The identity comes back with the names of
// earlier answers.
func (u *run) find(ctx context.Context, t rekey.Target) (rekey.Identity, error) {
	u.tell(rekey.StepFind, rekey.EventStarted, "asking "+t.String()+" what it is, without a login", nil)
	id, err := u.Identify(ctx, t)
	if err != nil {
		return id, err
	}
	if id.Init == rekey.InitFactory {
		return id, u.factory(id, t)
	}
	if id, u.key, err = u.Recognise(id, t); err != nil {
		return id, err
	}
	u.tell(rekey.StepFind, rekey.EventDone, describe(id), map[string]string{"device_id": id.DeviceID, "model": id.Model, "serial": id.Serial, "firmware": id.Firmware})
	return id, nil
}

// factory: there is nothing to log in at. In a run by hand that is how its reset
// button leaves a recorder, and the hands go on; its count of wrong tries is gone.
func (u *run) factory(id rekey.Identity, t rekey.Target) error {
	kind := rekey.ErrConflict
	if u.j != nil && u.plan.Way.ByHand() {
		kind = rekey.ErrWaiting
		if err := u.forgetTries(id, t); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: %s is in factory state and has no password yet; do its first set-up at the local seat", kind, t)
}

// forgetTries empties the login budget, where that recorder is the run's.
func (u *run) forgetTries(id rekey.Identity, t rekey.Target) error {
	_, key, err := u.Recognise(id, t)
	if err != nil || key != u.key {
		return err
	}
	b, err := openBudget(u.Dir, key, u.Now)
	if err != nil {
		return err
	}
	return b.forget()
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

// equip gives the run what it needs for this recorder: driver, budget, rule and
// lock policy.
func (u *run) equip(id rekey.Identity) (err error) {
	if u.driver, err = u.Runner.driver(id, u.req.Accept); err != nil {
		return err
	}
	if err := u.remember(id, u.req.Target); err != nil {
		return err
	}
	if u.tries, err = openBudget(u.Dir, u.key, u.Now); err != nil {
		return err
	}
	model, _ := catalog.Find(id)
	u.rule, u.made, u.policy = model.Rule(), model.Rule(), model.Lock()
	if u.policy.Enabled {
		u.tries.assumed = u.policy.Tries
	}
	u.tries.told = func(account string, left int) {
		u.tell(u.step, rekey.EventProgress, triesWords(account, left), map[string]string{"account": account, "tries_left": strconv.Itoa(max(left, 0))})
	}
	if u.prints, err = u.remembered(u.key); err != nil {
		return err
	}
	u.tries.accepted = slices.Contains(u.req.Accept, rekey.RiskLockAccount)
	u.tries.last = u.tries.accepted
	return nil
}

// open logs in once, with the login that the run holds at this step.
func (u *run) open(ctx context.Context) error {
	if u.session != nil {
		return nil
	}
	u.tell(rekey.StepOpen, rekey.EventStarted, fmt.Sprintf("logging in as %q, once", u.login.Account), nil)
	var s rekey.Session
	err := u.proven(func() (err error) {
		s, err = u.driver.Open(ctx, u.plan.Recorder, u.login, u.tries)
		return err
	})
	if u.proved && isRefusal(err) && errors.Is(err, rekey.ErrDenied) {
		door, noDoor := primary(u.plan.Recorder)
		return errors.Join(noDoor, u.fellBack(ctx, door, err))
	}
	if err != nil {
		return errors.Join(err, u.record(ctx, "login", u.login.Account, result(err), map[string]string{"address": u.req.Target.String()}))
	}
	u.session = s
	if err := u.trustLogin(); err != nil {
		return err
	}
	if err := u.readPolicy(ctx); err != nil {
		return err
	}
	if err := u.record(ctx, "login", u.login.Account, "ok", nil); err != nil {
		return err
	}
	u.tell(rekey.StepOpen, rekey.EventDone, fmt.Sprintf("logged in as %q; %s", u.login.Account, policyWords(u.policy)), nil)
	return nil
}

// readPolicy takes over what the recorder says of its lock, where it does.
func (u *run) readPolicy(ctx context.Context) error {
	reader, ok := u.session.(rekey.LockPolicyReader)
	if !ok {
		return nil
	}
	policy, err := reader.LockPolicy(ctx)
	if err != nil || (policy.Enabled && policy.Tries < 1) {
		return nil //nolint:nilerr // it may not be readable, or be nonsense; the catalogue's stays
	}
	u.policy = policy
	if !policy.Enabled {
		return nil
	}
	for _, account := range []string{u.plan.Account, u.req.Account, u.login.Account} {
		if account == "" {
			continue
		}
		if err := u.tries.limit(account, policy.Tries); err != nil {
			return err
		}
	}
	return nil
}

func policyWords(p rekey.LockPolicy) string {
	if !p.Enabled {
		return "the recorder never locks an account"
	}
	return fmt.Sprintf("the recorder locks after %d wrong tries for %s", p.Tries, p.LockFor)
}

// footageDir is the folder of one recorder below the chosen one.
func footageDir(base, key string) string {
	name := []rune(key)
	for i, r := range name {
		ok := r == '-' || r == '_' || r == '.' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		if !ok || (i == 0 && r == '.') {
			name[i] = '_'
		}
	}
	return filepath.Join(base, string(name))
}
