package client

import (
	"context"

	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/recovery"
)

// Recorders lists recorders whose Device ID, serial number, model or owner's
// name has the text.
func (c *Client) Recorders(ctx context.Context, text string) ([]desk.Recorder, error) {
	var out api.Recorders
	err := c.get(ctx, &out, values("text", text), "recorders")
	return out.Recorders, err
}

// Recorder is what the registry knows of a recorder.
func (c *Client) Recorder(ctx context.Context, id recovery.DeviceID) (r desk.Recorder, err error) {
	return r, c.get(ctx, &r, nil, "recorders", id.String())
}

// Enrol takes a recorder and its key into the registry.
func (c *Client) Enrol(ctx context.Context, file []byte, owner api.Owner) (done desk.Enrolled, err error) {
	return done, c.post(ctx, api.Enrol{Enrolment: file, Owner: owner}, &done, "recorders")
}

// SetOwner changes the owner, or how they are reached. What is empty stays.
func (c *Client) SetOwner(ctx context.Context, id recovery.DeviceID, owner api.Owner) error {
	proof, err := c.stepUp(ctx, desk.ActRecorderUpdate, 0, desk.OwnerProof(id, desk.Owner(owner)))
	if err != nil {
		return err
	}
	return c.post(ctx, api.SetOwner{Owner: owner, StepUp: proof}, nil, "recorders", id.String(), "owner")
}

// SetStolen marks a recorder as reported stolen, or takes the mark away.
func (c *Client) SetStolen(ctx context.Context, id recovery.DeviceID, stolen bool) (err error) {
	in := api.Stolen{Stolen: stolen}
	if !stolen {
		if in.StepUp, err = c.stepUp(ctx, desk.ActRecorderUpdate, 0, desk.FoundProof(id)); err != nil {
			return err
		}
	}
	return c.post(ctx, in, nil, "recorders", id.String(), "stolen")
}

// SetPhrases registers the support phrase and the duress word; an empty one is removed.
func (c *Client) SetPhrases(ctx context.Context, id recovery.DeviceID, p desk.Phrases) error {
	proof, err := c.stepUp(ctx, desk.ActRecorderUpdate, 0, desk.PhrasesProof(id, p))
	if err != nil {
		return err
	}
	in := api.Phrases{Support: p.Support.Reveal(), Duress: p.Duress.Reveal(), StepUp: proof}
	return c.post(ctx, in, nil, "recorders", id.String(), "phrases")
}

// ThawRecorder lets a frozen recorder go on, where its case is closed.
func (c *Client) ThawRecorder(ctx context.Context, id recovery.DeviceID, why string) (r desk.Recorder, err error) {
	proof, err := c.stepUp(ctx, desk.ActRecorderThaw, 0, id.String())
	if err != nil {
		return r, err
	}
	return r, c.post(ctx, api.Thaw{Why: why, StepUp: proof}, &r, "recorders", id.String(), "thaw")
}

// Dealers lists the vetted dealers.
func (c *Client) Dealers(ctx context.Context) ([]desk.Dealer, error) {
	var out api.Dealers
	err := c.get(ctx, &out, nil, "dealers")
	return out.Dealers, err
}

// AddDealer registers a vetted dealer, or renews the vetting.
func (c *Client) AddDealer(ctx context.Context, d desk.Dealer) error {
	proof, err := c.stepUp(ctx, desk.ActDealerAdd, 0, d.Name)
	if err != nil {
		return err
	}
	in := api.AddDealer{Name: d.Name, Company: d.Company, Phone: d.Phone, Until: d.Until, StepUp: proof}
	return c.post(ctx, in, nil, "dealers")
}

// EndDealer ends a dealer's account.
func (c *Client) EndDealer(ctx context.Context, name string) error {
	return c.remove(ctx, "dealers", name)
}
