package job

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/catalog"
)

// choose takes the way that was asked for, or the gentlest that the given
// login allows. Without either it is not guessed.
func (u *run) choose(id rekey.Identity) (rekey.Way, error) {
	ways := catalog.Ways(id, nil)
	want := u.req.Way
	if want == "" {
		switch {
		case u.login.Password.IsZero():
			return rekey.Way{}, fmt.Errorf("%w: no way was chosen; 'rekey look HOST' lists them, --way takes one", rekey.ErrInput)
		case u.login.Account == u.req.Account:
			want = rekey.WayKnownPassword
		default:
			want = rekey.WayAnotherAdmin
		}
	}
	var names []string
	for _, w := range ways {
		if w.ID == want {
			u.tell(rekey.StepWays, rekey.EventDone, fmt.Sprintf("the way is %q: %s", w.ID, w.Title), nil)
			return w, nil
		}
		names = append(names, string(w.ID))
	}
	return rekey.Way{}, fmt.Errorf("%w: the way %q does not fit a %s; those that do: %s", rekey.ErrInput, want, id.Model, strings.Join(names, ", "))
}

// checkInput refuses, before a login and before anything is written, what could
// only fail later.
func (u *run) checkInput(way rekey.Way, id rekey.Identity) error {
	if u.req.Account == "" {
		return fmt.Errorf("%w: no account is named", rekey.ErrInput)
	}
	if !way.ByHand() && (u.login.Account == "" || u.login.Password.IsZero()) {
		return fmt.Errorf("%w: the way %q needs a login: the account and its password", rekey.ErrInput, way.ID)
	}
	switch way.ID {
	case rekey.WayKnownPassword:
		if u.login.Account != u.req.Account {
			return fmt.Errorf("%w: the way %q changes the password of the account that logs in, %q, not of %q", rekey.ErrInput, way.ID, u.login.Account, u.req.Account)
		}
		u.old = u.login.Password
	case rekey.WayAnotherAdmin:
		if u.login.Account == u.req.Account {
			return fmt.Errorf("%w: the way %q needs another account than %q", rekey.ErrInput, way.ID, u.req.Account)
		}
	}
	if !u.new.IsZero() && !u.old.IsZero() && u.new.Equal(u.old) {
		return fmt.Errorf("%w: the new password is the old one", rekey.ErrInput)
	}
	model, _ := catalog.Find(id)
	if u.rule = model.Rule(); mayAsk(model, way) {
		return nil
	}
	return u.fits()
}

// risks are what must be accepted by name before anything is done.
func (u *run) risks(way rekey.Way, id rekey.Identity) []rekey.Risk {
	risks := slices.Clone(way.Risks)
	if u.req.Footage.Dir == "" {
		risks = append(risks, rekey.RiskSkipFootage)
	}
	if slices.ContainsFunc(id.Interfaces, u.odd) {
		risks = append(risks, rekey.RiskNewCertificate)
	}
	return risks
}

// addRisks adds what the change would cost by the session's own word, so that it
// is refused before hours of footage are saved. One that cannot be asked says so
// at the change.
func (u *run) addRisks(ctx context.Context) {
	asker, ok := u.session.(rekey.ChangeRisker)
	if !ok {
		return
	}
	risks, err := asker.ChangeRisks(ctx, u.plan.Way.ID == rekey.WayKnownPassword)
	if err != nil {
		return
	}
	for _, r := range risks {
		if !slices.Contains(u.plan.Risks, r) {
			u.plan.Risks = append(u.plan.Risks, r)
		}
	}
}

// draw writes the plan's steps down.
func (u *run) draw() {
	p, way := &u.plan, u.plan.Way
	add := func(kind rekey.StepKind, format string, args ...any) {
		p.Steps = append(p.Steps, rekey.Step{Kind: kind, What: fmt.Sprintf(format, args...)})
	}
	save := fmt.Sprintf("save all recordings and the settings to %s, with a manifest, and read them back", u.req.Footage.Dir)
	if u.req.Footage.Dir == "" {
		save = "do not save the footage; the decision is recorded"
	}
	if !way.ByHand() {
		add(rekey.StepKeep, "%s", save)
	} else {
		add(rekey.StepKeep, "record that no login is left to save the footage with before the change")
	}
	add(rekey.StepIntend, "seal a new password for %q in the vault, on disk, before anything changes", p.Account)
	if way.ByHand() {
		add(rekey.StepChange, "you set it by hand; rekey says what to press and waits")
	} else {
		add(rekey.StepChange, "set it on the recorder as %q", u.login.Account)
	}
	add(rekey.StepVerify, "log in afresh on every interface: the new password must open it%s", u.oldWords())
	if way.ByHand() {
		add(rekey.StepKeep, "%s", save)
	}
	if u.req.Fix {
		add(rekey.StepHarden, "check what is weak, mend what rekey may mend, read it back")
	} else {
		add(rekey.StepHarden, "check what is weak; mend nothing (--fix mends)")
	}
	add(rekey.StepWatch, "%s", u.watchWords())
	add(rekey.StepRecord, "write the outcome to the security log and the vault")
	p.Notes = u.notes(p.Recorder, way.ByHand())
}

func (u *run) watchWords() string {
	switch {
	case u.req.Watch < 0:
		return "look which cameras went dark; the recorder's log is not watched"
	case u.req.Watch == 0:
		return "look once in the recorder's log who still comes with the old password, and which cameras went dark"
	}
	return fmt.Sprintf("watch the recorder's log for %s for who still comes with the old password, and look which cameras went dark", u.req.Watch)
}

func (u *run) oldWords() string {
	switch {
	case u.old.IsZero():
		return "; the old one is not known, so it cannot be tried"
	case !u.mayTryOld():
		return "; the old one is not tried, as that could lock the account"
	}
	return ", the old one must not"
}

func (u *run) notes(id rekey.Identity, byHand bool) []string {
	notes := []string{policyWords(u.policy) + "; rekey stops at the first refusal"}
	if room, err := u.tries.room(u.plan.Account); err == nil {
		notes = append(notes, fmt.Sprintf("rekey may spend %d tries on %q; %d is kept for you", max(room, 0), u.plan.Account, keptBack))
	}
	if door, err := primary(id); err == nil && !door.TLS && !byHand {
		notes = append(notes, "the recorder was reached over plain HTTP: the new password crosses only inside the recorder's own encryption, or over its HTTPS")
	}
	if u.stripped(id) {
		notes = append(notes, "earlier logins were encrypted, and now no encrypted door is seen: find out why before you go on, as somebody between may have hidden it")
	}
	for _, n := range u.loggedInNotes() {
		notes = append(notes, printable(n, longest))
	}
	return append(notes, "stop apps, video management and home automation that hold the old password first: their tries would lock the account again")
}

// refuseRisks wants each of the plan's risks accepted by its name.
func refuseRisks(risks, accepted []rekey.Risk) error {
	var open []string
	for _, r := range risks {
		if !slices.Contains(accepted, r) {
			open = append(open, "--accept-risk "+string(r))
		}
	}
	if len(open) == 0 {
		return nil
	}
	return fmt.Errorf("%w: the plan may cost something; accept it by name: %s", rekey.ErrRisk, strings.Join(open, " "))
}
