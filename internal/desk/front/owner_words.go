package front

import (
	"fmt"
	"time"

	"rekey/internal/desk"
)

// ownerStep is one step of a case in words for an owner.
type ownerStep struct {
	Text string
	Done bool
	Now  bool
}

// ownerSteps are where a case stands. Of approval and hold an owner is told that
// there is a wait, and until when; why is the desk's own.
func ownerSteps(v desk.OwnerView) []ownerStep {
	texts := []string{
		"Somebody asked us for help with this recorder.",
		"We check that it is really you.",
		"You get a temporary password: half of it from the agent on the telephone, half of it here.",
		"You set a new password at the recorder, one that only you know.",
		"The case is closed.",
	}
	now := ownerPlace(v)
	steps := make([]ownerStep, len(texts))
	for i, text := range texts {
		steps[i] = ownerStep{text, i < now, i == now}
	}
	if v.Closed {
		steps[len(steps)-1] = ownerStep{texts[len(texts)-1], true, false}
		if !v.Answered {
			return append(steps[:2:2], ownerStep{"The case is closed. No temporary password was given out.", true, false})
		}
		if v.PasswordSet != "yes" {
			return append(steps[:3:3], ownerStep{"The case is closed. We do not know of a new password.", true, false})
		}
	}
	return steps
}

func ownerPlace(v desk.OwnerView) int {
	switch {
	case v.Closed:
		return 4
	case v.Answered && v.HalfReady:
		return 2
	case v.Answered:
		return 3
	case v.Stage == desk.StageChallenge:
		return 2
	}
	return 1
}

// ownerNow is what happens now, in one sentence or two.
func ownerNow(v desk.OwnerView) string {
	switch {
	case v.Frozen:
		return "This case is stopped, and so is every other one for this recorder. Nobody gets a temporary password for it until our supervisor has looked into it."
	case v.Closed && v.Answered && v.PasswordSet == "yes":
		return "The case is closed. The caller told us that a new password is set at the recorder: the temporary one does not work any more."
	case v.Closed && v.Answered:
		return "The case is closed. A temporary password was given out; we do not know of a new one that was set with it. It counts for ten minutes at most, and only at the recorder itself."
	case v.Closed:
		return "The case is closed. No temporary password was given out."
	case v.HalfReady:
		return "The agent has the first half of the temporary password. The second half is here."
	case v.Answered:
		return "The temporary password was given out. Set a new password at the recorder now."
	}
	return ownerStageWords(v)
}

func ownerStageWords(v desk.OwnerView) string {
	switch v.Stage {
	case desk.StageEvidence:
		return "The agent is checking that the caller is really you. There is nothing to do at the recorder yet."
	case desk.StageApproval:
		return "A second person at our desk is looking at the case. There is nothing to do at the recorder yet."
	case desk.StageHold:
		return "For your safety there is a wait, so that you can say no in time. It is over at " + day(v.HoldUntil) + ". Please call again then and tell the case number."
	case desk.StageChallenge:
		return "The agent may ask you now to press Forgot password at the recorder."
	case desk.StagePaused:
		return "The agent has put the case aside. Call again and tell the case number to go on."
	}
	return "Our desk is working on the case. There is nothing to do at the recorder yet."
}

// purposeForOwner is what was asked for.
func purposeForOwner(v desk.OwnerView) string {
	switch v.Purpose {
	case "release":
		return "to release the lock after a reset by the button"
	case "unseal":
		return "to open recordings that were kept through a reset"
	}
	return "to set a new password for the user " + v.Account
}

// day is a time in words that need no table of zones to be understood.
func day(t time.Time) string { return t.UTC().Format("15:04 UTC on 2 January 2006") }

// lasts is how long something counts from now on, in words.
func lasts(until time.Time) string {
	switch left := time.Until(until); {
	case left < time.Minute:
		return "for less than a minute"
	case left < 2*time.Minute:
		return "for about one minute"
	default:
		return fmt.Sprintf("for about %d minutes", int(left.Minutes()))
	}
}
