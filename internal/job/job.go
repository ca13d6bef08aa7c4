// Package job is the main job on one recorder: plan, keep the footage, intend,
// change, verify, harden, watch, record; and resume, which runs the same steps from
// wherever a crash or an unknown outcome left them.
//
// The promise that everything here serves: at every instant, a crash included,
// the vault or the journal holds a password that opens the recorder.
package job

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"rekey"
	"rekey/internal/harden"
	"rekey/internal/vault"
	"rekey/seclog"
)

// Runner carries out runs. All fields but At are needed, Hands only for ways by hand.
type Runner struct {
	Dir string // the operator's state folder: runs, login budget and known recorders lie in it
	// Drivers are the protocol families, made to run the risks that were accepted.
	Drivers func(accepted []rekey.Risk) []rekey.Driver
	// Identify asks what is at the address, without a login.
	Identify func(ctx context.Context, t rekey.Target) (rekey.Identity, error)
	Vault    *vault.Vault
	Log      Log
	Hands    Hands
	// Agree shows the plan; an error (ErrRisk) ends the run before anything is changed.
	Agree  func(ctx context.Context, p rekey.Plan) error
	Events func(rekey.Event)
	Now    func() time.Time
	// At, when set, is called at each named point between two effects. The
	// crash tests kill the process there.
	At func(point string)
}

// Log is the operator's security log. Append returns when the record is on
// stable storage, under a signed checkpoint.
type Log interface {
	Append(ctx context.Context, r seclog.Record) (seclog.Entry, error)
}

// Hands is the person at the recorder or at the vendor, where a way needs one.
type Hands interface {
	// Change has the person set the account's password to new, as plan.Way.Hands
	// says. nil: the person says it is done. ErrWaiting: nobody can do it now.
	Change(ctx context.Context, plan rekey.Plan, new rekey.Secret) error
}

// Request is what a person wants done to one recorder.
type Request struct {
	Target  rekey.Target
	Account string      // whose password is changed
	Way     rekey.WayID // empty: the gentlest that the logins given allow
	// Login opens the recorder for the ways that need no hands: the account
	// itself with its known password, or another administrator.
	Login rekey.Login
	// Old is the password that must be dead afterwards, where somebody has it.
	// For the known-password way it is Login's and need not be given.
	Old rekey.Secret
	// New is the wanted password; zero has one made that fits the model's rule.
	New     rekey.Secret
	Footage Footage
	Accept  []rekey.Risk // risks accepted by name
	Fix     bool         // mend the findings that rekey may mend
	// Watch is how long the recorder's log is watched after the proofs for clients
	// with the old password: 0 = one look, less = none.
	Watch time.Duration
}

// Footage says what to save, and where.
type Footage struct {
	Dir      string    `json:"dir"`       // a folder; one folder a recorder is made in it
	From, To time.Time `json:",omitzero"` // recorder's wall clock; zero To = all
}

// Proof is what fresh logins showed on one interface.
type Proof struct {
	Interface rekey.Interface `json:"interface"`
	New       Verdict         `json:"new"`
	Old       Verdict         `json:"old"`
	Note      string          `json:"note,omitempty"`
	// NoDriver: nobody can try that door, or only by a risk that was not accepted,
	// as Note says; that does not make the run fail.
	NoDriver bool `json:"no_driver,omitempty"`
	// Shut: the door refuses the old password and the new one alike, which the
	// recorder took elsewhere right after; that does not make the run fail.
	Shut bool `json:"shut,omitempty"`
	// Locked: the recorder said that the account is locked.
	Locked bool `json:"locked,omitempty"`
}

// Verdict is what a login with one password on one interface gave.
type Verdict string

// Verdicts of a Proof.
const (
	Opens    Verdict = "opens"
	Dead     Verdict = "dead"    // the old password is refused
	Refused  Verdict = "refused" // the new password is
	NotTried Verdict = "not tried"
)

// Report is how a run ended.
type Report struct {
	Run      string           `json:"run"`
	Recorder rekey.Identity   `json:"recorder"`
	Address  string           `json:"address"`
	Account  string           `json:"account"`
	Way      rekey.WayID      `json:"way"`
	Outcome  rekey.Outcome    `json:"outcome"`
	VaultID  string           `json:"vault_id,omitempty"`
	Proofs   []Proof          `json:"proofs,omitempty"`
	Footage  *Kept            `json:"footage,omitempty"`
	Findings []harden.Finding `json:"findings,omitempty"`
	Own      []OwnAccount     `json:"own_accounts,omitempty"`
	Stale    []StaleClient    `json:"stale,omitempty"`    // who came with the old password after the change
	Channels []ChannelChange  `json:"channels,omitempty"` // the cameras whose state changed
	Notes    []string         `json:"notes,omitempty"`    // what else a person should know
	Started  time.Time        `json:"started"`
	Ended    time.Time        `json:"ended,omitzero"`
}

// Kept tells what was saved of the recorder, or why nothing was.
type Kept struct {
	Dir     string `json:"dir,omitempty"` // where the manifest lies
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
	Root    string `json:"root,omitempty"`    // Merkle root of the manifest
	Skipped string `json:"skipped,omitempty"` // the recorded decision, where nothing was saved
}

// Plan identifies the recorder, logs in once where the way allows it, reads
// what it needs, and says what a run would do. Nothing is changed.
func (r *Runner) Plan(ctx context.Context, req Request) (rekey.Plan, error) {
	u, err := r.prepare(ctx, req, func(*run) error { return nil })
	if err != nil {
		return rekey.Plan{}, err
	}
	defer u.close(ctx)
	return u.plan, nil
}

// Reset carries out the whole job. On an error the Report holds what is known.
// A run that stops before the change was begun is closed, with the outcome
// unchanged; ErrUnknown and ErrWaiting leave it open for Resume.
func (r *Runner) Reset(ctx context.Context, req Request) (Report, error) {
	u, err := r.prepare(ctx, req, (*run).claim)
	if err != nil {
		return Report{}, err
	}
	defer u.close(ctx)
	if err := u.agree(ctx); err != nil {
		return u.report(), err
	}
	if err := u.begin(ctx); err != nil {
		return u.report(), err
	}
	return u.carry(ctx)
}

// ResumeOptions say how an open run is gone on with. The zero value is usual.
type ResumeOptions struct {
	Accept []rekey.Risk  // beside what was accepted when the run began
	At     *rekey.Target // where the recorder is now, if it has moved
}

// Resume goes on with an open run from its journal. A change that may or may
// not have happened is settled first, by trying the new password once.
func (r *Runner) Resume(ctx context.Context, run string, o ResumeOptions) (Report, error) {
	u, err := r.reopen(ctx, run, o)
	if err != nil {
		return Report{}, err
	}
	defer u.close(ctx)
	return u.carry(ctx)
}

// Abandon closes an open run whose change was not begun or, on a way by hand,
// was never done, as the person says. Where nobody knows, it wants
// RiskLeaveUnknown: the outcome stays what it was, and the old password goes to
// the vault beside the new one.
func (r *Runner) Abandon(ctx context.Context, id string, accept []rekey.Risk) (rekey.Outcome, error) {
	j, err := openJournal(r.runsDir(), id)
	if err != nil {
		return "", err
	}
	u := &run{Runner: r, j: j, key: j.Begun.Key, plan: j.Begun.Plan}
	u.req.Target = j.Begun.Target
	defer u.close(ctx)
	if j.Closed {
		return j.Outcome, fmt.Errorf("%w: run %s is closed, with the outcome %s", rekey.ErrConflict, id, j.Outcome)
	}
	inDoubt := j.Outcome == rekey.Changed || (j.Changing && !u.plan.Way.ByHand())
	if inDoubt && !slices.Contains(accept, rekey.RiskLeaveUnknown) {
		return rekey.Unknown, fmt.Errorf("%w: the password may have been changed: 'rekey resume %s' settles it; --accept-risk %s closes the run all the same", rekey.ErrRisk, id, rekey.RiskLeaveUnknown)
	}
	if err := u.record(ctx, "run.abandoned", u.plan.Account, string(u.report().Outcome), nil); err != nil {
		return "", err
	}
	if inDoubt {
		return u.report().Outcome, u.closeInDoubt(ctx)
	}
	return rekey.Unchanged, u.closeUnchanged(ctx)
}

// closeInDoubt ends a run whose outcome nobody knows. Both passwords are in the
// vault: the new one as it stands, the old one as a former one.
func (u *run) closeInDoubt(ctx context.Context) error {
	if err := u.unseal(ctx); err != nil {
		return err
	}
	if !u.old.IsZero() {
		e, err := u.Vault.Propose(ctx, vault.Entry{
			Recorder: u.key, Address: u.req.Target.String(), Model: u.plan.Recorder.Model, Account: u.plan.Account, Run: u.j.ID + " (old)",
		}, u.old)
		if err == nil {
			err = u.Vault.Withdraw(ctx, e.ID)
		}
		if err != nil {
			return err
		}
	}
	outcome := u.report().Outcome
	if err := u.j.append(line{Time: u.Now(), Outcome: &outcome}); err != nil {
		return err
	}
	return u.j.closeRun(u.Now())
}

// OpenRuns lists the runs that Resume can go on with, oldest first.
func (r *Runner) OpenRuns() ([]string, error) { return openRuns(r.runsDir()) }

func (r *Runner) runsDir() string { return filepath.Join(r.Dir, "runs") }

// driver picks the driver by what the recorder said of itself.
func (r *Runner) driver(id rekey.Identity, accepted []rekey.Risk) (rekey.Driver, error) {
	for _, d := range r.Drivers(accepted) {
		if d.Family() == id.Family {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w: no driver for family %q", rekey.ErrUnsupported, id.Family)
}

// settled reports whether err leaves no doubt that nothing was changed: the
// recorder refused in so many words, or rekey did.
func settled(err error) bool {
	if errors.Is(err, rekey.ErrUnknown) {
		return false
	}
	for _, sure := range []error{rekey.ErrDenied, rekey.ErrLocked, rekey.ErrBudget, rekey.ErrInput, rekey.ErrUnsupported, rekey.ErrRisk} {
		if errors.Is(err, sure) {
			return true
		}
	}
	return false
}
