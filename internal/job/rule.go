package job

import (
	"context"

	"rekey"
	"rekey/internal/catalog"
)

// mayAsk: nobody vouches for the catalogue's rule of passwords, so a wanted one
// is held to the recorder's own after the login. Otherwise the catalogue's
// refuses it before anything is sent.
func mayAsk(m catalog.Model, way rekey.Way) bool {
	return !way.ByHand() && m.PasswordRule.Certainty == rekey.Unverified
}

// readRule takes over what the recorder itself demands of a password, where it
// tells. A wanted password is held to that; a made one fits the catalogue's rule
// besides.
func (u *run) readRule(ctx context.Context) {
	reader, ok := u.session.(rekey.PasswordRuleReader)
	if !ok {
		return
	}
	told, err := reader.PasswordRule(ctx)
	if err != nil {
		return // it may not be readable; the catalogue's stays
	}
	model, _ := catalog.Find(u.plan.Recorder)
	u.rule = overlay(told, model.Rule())
	u.made = strictest(u.rule, model.Rule())
}

// overlay is what the recorder told, and the catalogue's for what it did not.
func overlay(told, known rekey.PasswordRule) rekey.PasswordRule {
	if told.Min <= 0 {
		told.Min = known.Min
	}
	if told.Max <= 0 {
		told.Max = max(known.Max, told.Min)
	}
	if told.Forbidden == "" {
		told.Forbidden = known.Forbidden
	}
	return told
}

// strictest is a rule whose passwords fit both; the first where none would.
func strictest(a, b rekey.PasswordRule) rekey.PasswordRule {
	both := rekey.PasswordRule{
		Min: max(a.Min, b.Min), Max: min(a.Max, b.Max), Classes: max(a.Classes, b.Classes),
		Forbidden: a.Forbidden + b.Forbidden, DigitsOnly: a.DigitsOnly || b.DigitsOnly,
	}
	if both.Min > both.Max || both.Classes > both.Max || (both.DigitsOnly && both.Classes > 1) {
		return a
	}
	return both
}

// fits refuses a wanted password before it is sent.
func (u *run) fits() error {
	if u.new.IsZero() {
		return nil
	}
	return catalog.CheckPassword(u.rule, u.req.Account, u.new)
}
