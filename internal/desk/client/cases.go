package client

import (
	"context"
	"strconv"

	"rekey/internal/desk"
	"rekey/internal/desk/api"
)

// Cases lists cases, newest first.
func (c *Client) Cases(ctx context.Context, s desk.Search) ([]desk.Case, error) {
	query := values("device_id", s.DeviceID, "caller", s.Caller, "stage", string(s.Stage), "worked_by", s.WorkedBy, "text", s.Text)
	if s.Open {
		query.Set("open", "true")
	}
	if s.Before != 0 {
		query.Set("before", id(s.Before))
	}
	if s.Most != 0 {
		query.Set("most", strconv.Itoa(s.Most))
	}
	var out api.Cases
	err := c.get(ctx, &out, query, "cases")
	return out.Cases, err
}

// OpenCase opens a case.
func (c *Client) OpenCase(ctx context.Context, in api.OpenCase) (of desk.Case, err error) {
	return of, c.post(ctx, in, &of, "cases")
}

// Case is one case.
func (c *Client) Case(ctx context.Context, number int64) (of desk.Case, err error) {
	return of, c.get(ctx, &of, nil, "cases", id(number))
}

// Close ends a case.
func (c *Client) Close(ctx context.Context, number int64, end desk.Ending) (desk.Case, error) {
	return c.onCase(ctx, end, number, "close")
}

// AddNote writes a note.
func (c *Client) AddNote(ctx context.Context, number int64, text string) (desk.Case, error) {
	return c.onCase(ctx, api.AddNote{Text: text}, number, "notes")
}

// HandOver gives a case to another agent, who goes on with it.
func (c *Client) HandOver(ctx context.Context, number int64, to string) (desk.Case, error) {
	return c.onCase(ctx, api.HandOver{To: to}, number, "handover")
}

// Pause puts a case aside.
func (c *Client) Pause(ctx context.Context, number int64, why string) (desk.Case, error) {
	return c.onCase(ctx, api.Why{Why: why}, number, "pause")
}

// Resume goes on with it.
func (c *Client) Resume(ctx context.Context, number int64) (desk.Case, error) {
	return c.onCase(ctx, nil, number, "resume")
}

// Freeze stops a case and its recorder.
func (c *Client) Freeze(ctx context.Context, number int64, why string) (desk.Case, error) {
	return c.onCase(ctx, api.Why{Why: why}, number, "freeze")
}

// Thaw lets a frozen case and its recorder go on, with the reason.
func (c *Client) Thaw(ctx context.Context, number int64, why string) (of desk.Case, err error) {
	proof, err := c.stepUp(ctx, desk.ActCaseThaw, number, id(number))
	if err != nil {
		return of, err
	}
	return c.onCase(ctx, api.Thaw{Why: why, StepUp: proof}, number, "thaw")
}

// AddEvidence adds a piece of evidence to a case.
func (c *Client) AddEvidence(ctx context.Context, number int64, in api.Evidence) (desk.Case, error) {
	return c.onCase(ctx, in, number, "evidence")
}

// SendCode sends a number to a registered address, by its index in Case.Targets.
func (c *Client) SendCode(ctx context.Context, number int64, target int) (desk.Case, error) {
	return c.onCase(ctx, api.AtTarget{Target: target}, number, "code")
}

// SetSendTo chooses the registered address that gets the owner's half.
func (c *Client) SetSendTo(ctx context.Context, number int64, target int) (desk.Case, error) {
	return c.onCase(ctx, api.AtTarget{Target: target}, number, "send-to")
}

// ShowAddress shows a registered telephone number in full, for the call back.
func (c *Client) ShowAddress(ctx context.Context, number int64, target int) (string, error) {
	var out api.Address
	err := c.post(ctx, api.AtTarget{Target: target}, &out, "cases", id(number), "address")
	return out.Address, err
}

// Decide approves or denies ("approve", "deny") a case that waits for a second person.
func (c *Client) Decide(ctx context.Context, number int64, decision string) (of desk.Case, err error) {
	proof, err := c.stepUp(ctx, desk.ActCaseApprove, number, decision)
	if err != nil {
		return of, err
	}
	return c.onCase(ctx, api.Approval{Decision: decision, StepUp: proof}, number, "approval")
}

// Reveal gives the challenge, as typed or as the text of a QR code, and returns
// what the agent may see of the answer, once. It is never sent twice.
func (c *Client) Reveal(ctx context.Context, number int64, challenge string) (out desk.Revealed, err error) {
	proof, err := c.stepUp(ctx, desk.ActReveal, number, challenge)
	if err != nil {
		return out, err
	}
	return out, c.postOnce(ctx, api.Challenge{Challenge: challenge, StepUp: proof}, &out, "cases", id(number), "challenge")
}

func (c *Client) onCase(ctx context.Context, in any, number int64, what string) (of desk.Case, err error) {
	return of, c.post(ctx, in, &of, "cases", id(number), what)
}
