package front

import (
	"strconv"
	"strings"

	"rekey"
	"rekey/internal/desk"
)

// act runs what a form on the case's page does, and shows the case again: after
// a refusal with the reason and what was typed.
func (f *front) act(c *call, do func(number int64) error) (reply, error) {
	number, err := c.number()
	if err != nil {
		return reply{}, err
	}
	if err := do(number); err != nil {
		return f.casePage(c, number, err)
	}
	return reply{location: caseURL(number)}, nil
}

// target is the index of a registered address that a form names.
func (c *call) target() (int, error) {
	n, err := strconv.Atoi(c.field("target"))
	if err != nil {
		return 0, refuse(rekey.ErrInput, "choose one of the registered addresses")
	}
	return n, nil
}

func (f *front) evidence(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		kind, err := desk.ParseEvidence(c.field("kind"))
		if err != nil {
			return err
		}
		_, err = f.desk.AddEvidence(c.r.Context(), c.who, number, desk.Given{
			Kind: kind, Note: c.field("note"), QR: c.field("qr"), Code: c.secret("code"), Phrase: c.secret("phrase"),
		})
		return err
	})
}

func (f *front) sendCode(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		target, err := c.target()
		if err == nil {
			_, err = f.desk.SendCode(c.r.Context(), c.who, number, target)
		}
		return err
	})
}

// showAddress shows a registered number in full, to call back; it is on this one
// page only.
func (f *front) showAddress(c *call) (reply, error) {
	number, err := c.number()
	if err != nil {
		return reply{}, err
	}
	target, err := c.target()
	if err != nil {
		return f.casePage(c, number, err)
	}
	address, err := f.desk.ShowAddress(c.r.Context(), c.who, number, target)
	if err != nil {
		return f.casePage(c, number, err)
	}
	v, err := f.viewCase(c, number)
	if err != nil {
		return reply{}, err
	}
	v.shown = strings.TrimPrefix(address, "tel:")
	return c.showCase(v), nil
}

func (f *front) sendTo(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		target, err := c.target()
		if err == nil {
			_, err = f.desk.SetSendTo(c.r.Context(), c.who, number, target)
		}
		return err
	})
}

func (f *front) approval(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		decision := c.field("decision")
		if decision != "approve" && decision != "deny" {
			return refuse(rekey.ErrInput, "decision: expected approve or deny")
		}
		proof, err := c.stepUp()
		if err == nil {
			_, err = f.desk.Approve(c.r.Context(), c.who, number, decision == "approve", proof)
		}
		return err
	})
}

// challenge gives the agent's half of the answer, on a page that goes away by
// itself.
func (f *front) challenge(c *call) (reply, error) {
	number, err := c.number()
	if err != nil {
		return reply{}, err
	}
	proof, err := c.stepUp()
	if err != nil {
		return f.casePage(c, number, err)
	}
	out, err := f.desk.Reveal(c.r.Context(), c.who, number, c.field("challenge"), proof)
	if err != nil {
		return f.casePage(c, number, err)
	}
	c.w.Header().Set("Refresh", strconv.Itoa(out.Seconds)+";url="+caseURL(number)) // no script is needed for that
	return reply{title: "Answer for case " + strconv.FormatInt(number, 10), page: answerPage(number, out)}, nil
}

func (f *front) note(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		_, err := f.desk.AddNote(c.r.Context(), c.who, number, c.field("text"))
		return err
	})
}

func (f *front) handOver(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		_, err := f.desk.HandOver(c.r.Context(), c.who, number, c.field("to"))
		return err
	})
}

func (f *front) pause(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		_, err := f.desk.Pause(c.r.Context(), c.who, number, c.field("why"))
		return err
	})
}

func (f *front) resume(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		_, err := f.desk.Resume(c.r.Context(), c.who, number)
		return err
	})
}

func (f *front) freeze(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		_, err := f.desk.Freeze(c.r.Context(), c.who, number, c.field("why"))
		return err
	})
}

func (f *front) thaw(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		proof, err := c.stepUp()
		if err == nil {
			_, err = f.desk.Thaw(c.r.Context(), c.who, number, c.field("why"), proof)
		}
		return err
	})
}

func (f *front) closeCase(c *call) (reply, error) {
	return f.act(c, func(number int64) error {
		_, err := f.desk.CloseCase(c.r.Context(), c.who, number, desk.Ending{
			Outcome: c.field("outcome"), PasswordSet: c.field("password_set"), CallerIn: c.field("caller_in"),
		})
		return err
	})
}
