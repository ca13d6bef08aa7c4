package desk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"rekey"
	"rekey/internal/desk/staff"
	"rekey/seclog"
)

// StepUp is a fresh proof of presence.
type StepUp = staff.StepUp

// BeginStepUp begins a proof of presence for one act: on a case, where number
// is not 0, and for the object, which is what the act's method says. It is
// refused, and recorded, as the act itself would be.
func (d *Desk) BeginStepUp(ctx context.Context, who Agent, act Act, number int64, object string) (c staff.Ceremony, err error) {
	allowed := d.authorise(ctx, who, act, target{number: number})
	if allowed == nil && !NeedsStepUp(act) {
		allowed = refuse(rekey.ErrInput, "%q needs no proof of presence", clip(string(act)))
	}
	err = d.record(ctx, who, ActStepUp, target{object: string(act), number: number}, allowed, func() error {
		c, err = d.staff.BeginStepUp(ctx, who, subject(act, number, object))
		return err
	})
	return c, err
}

// subject is what a proof of presence counts for.
func subject(act Act, number int64, object string) string {
	sum := sha256.Sum256([]byte(object))
	return fmt.Sprintf("%s %d %x", act, number, sum)
}

// target is what an act is done to.
type target struct {
	object string // a Device ID, an agent, "security log"
	number int64  // the case, where it is about one
	detail map[string]string

	of    string // whose session it is about; everybody = all, empty = it is about none
	bound string // what a proof of presence must have been begun for; see BeginStepUp
	proof StepUp // where the act needs one
}

// everybody stands for the sessions of all agents.
const everybody = "*"

// perform is the one gate: whatever is done at the desk goes through it. It
// looks at the clock, and up whether who may do the act, records that, and only
// when the record is in a signed checkpoint runs fn. A refusal is recorded and
// returned, and so is an error of fn. It must not be called in a transaction.
func (d *Desk) perform(ctx context.Context, who Agent, act Act, t target, fn func() error) error {
	if err := d.tick(ctx); err != nil {
		return err
	}
	return d.record(ctx, who, act, t, d.permit(ctx, who, act, t), fn)
}

// Unusable is the answer to input that cannot be used, for why: nil where it came
// through. Who may not do the act hears that instead, which is recorded. So
// nobody learns what an act takes, or tries its door, unseen. It is for fronts
// that read input before they call the act's own method; number may be 0.
func (d *Desk) Unusable(ctx context.Context, who Agent, act Act, number int64, object string, why error) error {
	return d.unusable(ctx, who, act, target{object: object, number: number}, why)
}

func (d *Desk) unusable(ctx context.Context, who Agent, act Act, t target, why error) error {
	if denied := d.authorise(ctx, who, act, t); denied != nil {
		return d.record(ctx, who, act, t, denied, nil)
	}
	return why
}

// permit tells why who may not do the act now; nil = they may.
func (d *Desk) permit(ctx context.Context, who Agent, act Act, t target) error {
	if err := d.authorise(ctx, who, act, t); err != nil {
		return err
	}
	if grants()[act].timed {
		if err := d.clockRight(ctx); err != nil {
			return err
		}
	}
	if NeedsStepUp(act) && hasPasskey(who) {
		return d.staff.FinishStepUp(ctx, who, subject(act, t.number, t.bound), t.proof)
	}
	return nil
}

// hasPasskey tells people from those who have none to touch: the operator, who sits
// at the desk's own machine, and a program. What a program may do is in the scopes of
// its key, for which somebody proved their presence; what it did is on record as its.
func hasPasskey(who Agent) bool {
	return who.Role != staff.RoleOperator && who.Role != staff.RoleProgram
}

// record writes down whether an act is allowed, and then does it.
func (d *Desk) record(ctx context.Context, who Agent, act Act, t target, allowed error, fn func() error) error {
	result := "allowed"
	if allowed != nil {
		result = "refused"
		t.detail = map[string]string{"reason": reason(allowed)}
	}
	if err := d.note(ctx, who, string(act), t, result); err != nil {
		return err
	}
	lasting := context.WithoutCancel(ctx)
	if allowed != nil {
		return errors.Join(allowed, d.countRefusal(lasting, who, act, t.number, true))
	}
	if err := fn(); err != nil {
		t.detail = map[string]string{"reason": reason(err)}
		err = errors.Join(err, d.note(lasting, who, string(act), t, "failed"))
		if isRefusal(act, err) {
			err = errors.Join(err, d.countRefusal(lasting, who, act, t.number, false))
		}
		return err
	}
	if !grants()[act].reads {
		d.countChange(lasting)
	}
	return nil
}

// note writes one record of the security log.
func (d *Desk) note(ctx context.Context, who Agent, event string, t target, result string) error {
	rec := seclog.Record{Actor: who.Name, Event: event, Object: clip(t.object), Result: result, Detail: t.detail}
	if t.number != 0 {
		rec.Case = strconv.FormatInt(t.number, 10)
	}
	if err := d.log.append(ctx, rec); err != nil {
		return fmt.Errorf("nothing is done without a record of it: %w", err)
	}
	return nil
}

// clip bounds what somebody typed before it is recorded.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// authorise tells why who has no right to the act; nil = they have.
func (d *Desk) authorise(ctx context.Context, who Agent, act Act, t target) error {
	g := grants()[act]
	if !May(who, act) {
		return refuse(rekey.ErrDenied, "the role %s may not do this (%s)", who.Role, clip(string(act)))
	}
	if t.of != "" && t.of != who.Name && !slices.Contains(g.anyone, who.Role) {
		return refuse(rekey.ErrDenied, "the role %s may do this (%s) with their own sessions only", who.Role, act)
	}
	if slices.Contains(staff.Roles(), who.Role) {
		if err := d.stillIs(ctx, who); err != nil {
			return err
		}
	}
	switch {
	case t.number == 0:
		return nil
	case slices.Contains(g.own, who.Role):
		return d.mayWork(ctx, who, t.number, act == ActCaseHandOver)
	case len(g.never) > 0:
		return d.mayJudge(ctx, who, t.number, g.never)
	}
	return nil
}

// stillIs refuses agents whose rights were taken away or changed since their
// request came in.
func (d *Desk) stillIs(ctx context.Context, who Agent) error {
	now, err := d.staff.Agent(ctx, who.Name)
	switch {
	case errors.Is(err, rekey.ErrNotFound):
		return refuse(rekey.ErrDenied, "there is no agent %q", clip(who.Name))
	case err != nil:
		return err
	case !now.DisabledAt.IsZero():
		return refuse(rekey.ErrDenied, "the agent %s is disabled", who.Name)
	case now.Role != who.Role:
		return refuse(rekey.ErrDenied, "the role of %s was changed; log in again", who.Name)
	}
	return nil
}
