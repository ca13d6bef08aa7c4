package desk

import (
	"slices"
	"time"

	"rekey"
)

// Stage is where a case stands. It is worked out from what is known of the
// case, never stored.
type Stage string

// The stages, in the order in which a case goes through them.
const (
	StageEvidence  Stage = "evidence"  // evidence is missing
	StageApproval  Stage = "approval"  // a second person must approve
	StageHold      Stage = "hold"      // approved, and must wait
	StageTelling   Stage = "telling"   // the owner must be told first: a notice waits for the mail
	StageChallenge Stage = "challenge" // the caller may read out the challenge
	StageAnswered  Stage = "answered"  // the answer was issued
	StageRefused   Stage = "refused"   // the rules allow no answer
	StageFrozen    Stage = "frozen"    // somebody said "not me", or froze it; nothing goes on
	StagePaused    Stage = "paused"    // put aside by who works it
	StageClosed    Stage = "closed"
)

// caseLife is how long after its opening a case can lead to an answer.
const caseLife = 7 * 24 * time.Hour

const expired = "expired"

// decide applies the rules to the facts.
func (c *Case) decide(facts Facts, now time.Time) {
	decision := Decide(facts)
	c.facts, c.decision, c.HoldUntil = facts, decision, time.Time{}
	c.Level, c.Reasons, c.TwoPeople = decision.Level.String(), decision.Reasons, decision.Approve
	c.Missing = decision.MissingWords()
	if decision.Hold > 0 && c.approvedFor(decision) {
		c.HoldUntil = c.ApprovedAt.Add(decision.Hold + c.jumped)
	}
	if c.ClosedAt.IsZero() && c.AnsweredAt.IsZero() && now.Sub(c.OpenedAt) > caseLife {
		c.Outcome = expired
	}
	c.Stage = c.stage(now)
}

// approvedFor reports whether the case was approved when the rules asked for this
// much or more, for no other grave reasons than then, and with the same owner and
// addresses registered: who approved has seen all that counts now.
func (c *Case) approvedFor(decision Decision) bool {
	if c.ApprovedBy == "" || c.outdated || c.approvedLevel < decision.Level || c.approvedHold < decision.Hold {
		return false
	}
	unseen := func(rule string) bool { return !slices.Contains(c.approvedRules, rule) }
	return c.approvedRules == nil || !slices.ContainsFunc(decision.grave, unseen)
}

func (c *Case) stage(now time.Time) Stage {
	switch {
	case !c.ClosedAt.IsZero() || c.Outcome == expired:
		return StageClosed
	case !c.FrozenAt.IsZero():
		return StageFrozen
	case !c.AnsweredAt.IsZero():
		return StageAnswered
	case !c.PausedAt.IsZero():
		return StagePaused
	case c.decision.Level == LevelRefuse:
		return StageRefused
	case len(c.decision.Missing) > 0:
		return StageEvidence
	case c.decision.Approve && !c.approvedFor(c.decision):
		return StageApproval
	case now.Before(c.HoldUntil):
		return StageHold
	case c.untold:
		return StageTelling
	}
	return StageChallenge
}

// mustBe refuses what is not due at this stage.
func (c *Case) mustBe(stages ...Stage) error {
	for _, s := range stages {
		if c.Stage == s {
			return nil
		}
	}
	switch c.Stage {
	case StageRefused, StageFrozen:
		return noAnswer(rekey.ErrConflict)
	case StageHold:
		return refuse(rekey.ErrConflict, "case %d is on hold until %s", c.Number, c.HoldUntil.Format(time.RFC3339))
	}
	return refuse(rekey.ErrConflict, "case %d is at the stage %q; this is not due now", c.Number, c.Stage)
}
