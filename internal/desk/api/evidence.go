package api

import (
	"context"

	"rekey"
	"rekey/internal/desk"
)

// Evidence is the body of POST /cases/{number}/evidence.
type Evidence struct {
	Kind   string `json:"kind" enum:"E1,E2,E3,E4,E5,E6" example:"E6"`
	Note   string `json:"note,omitempty" doc:"E4, E5 and E6: what was checked." maxLength:"4000"`
	QR     string `json:"qr,omitempty" doc:"E1: the text of the recorder's QR code." maxLength:"2000"`
	Code   string `json:"code,omitempty" doc:"E2: the number that was sent, as the caller read it out." maxLength:"50"`
	Phrase string `json:"phrase,omitempty" doc:"E3: the support phrase, as the caller said it." maxLength:"200"`
}

func (e Evidence) given() (desk.Given, error) {
	kind, err := desk.ParseEvidence(e.Kind)
	return desk.Given{Kind: kind, Note: e.Note, QR: e.QR, Code: rekey.NewSecret(e.Code), Phrase: rekey.NewSecret(e.Phrase)}, err
}

// AtTarget is the body of a request about one registered address of the owner.
type AtTarget struct {
	Target int `json:"target" doc:"Its index in the case's targets." minimum:"0" maximum:"100" example:"0"`
}

// Address is the answer of POST /cases/{number}/address.
type Address struct {
	Address string `json:"address" doc:"In full."`
}

// Approval is the body of POST /cases/{number}/approval.
type Approval struct {
	Decision string `json:"decision" enum:"approve,deny" example:"approve"`
	StepUp   Proof  `json:"step_up,omitzero" doc:"Begun for the decision."`
}

// Challenge is the body of POST /cases/{number}/challenge.
type Challenge struct {
	Challenge string `json:"challenge" doc:"As typed, or the text of the recorder's QR code." maxLength:"2000"`
	StepUp    Proof  `json:"step_up,omitzero" doc:"Begun for the challenge, as it is sent here."`
}

func (s *server) evidenceRoutes() {
	add(s, of("addEvidence", "evidence", tagCases, desk.ActEvidenceAdd, "Add a piece of evidence", "E1, E2 and E3 the desk checks itself; of the others the note says what was checked."),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body Evidence
		}) (desk.Case, error) {
			given, err := in.Body.given()
			if err != nil {
				return desk.Case{}, err
			}
			return s.desk.AddEvidence(ctx, c.who, in.Number, given)
		})
	send := of("sendCode", "code", tagCases, desk.ActCodeSend, "Send a number to a registered address (E2)", "It counts for ten minutes and five tries.")
	send.secret = true
	add(s, send, func(ctx context.Context, c *call, in *struct {
		CaseOf
		Body AtTarget
	}) (desk.Case, error) {
		return s.desk.SendCode(ctx, c.who, in.Number, in.Body.Target)
	})
	add(s, of("setSendTo", "send-to", tagCases, desk.ActSendTo, "Choose where the owner's half of the answer goes", ""),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body AtTarget
		}) (desk.Case, error) {
			return s.desk.SetSendTo(ctx, c.who, in.Number, in.Body.Target)
		})
	show := of("showAddress", "address", tagCases, desk.ActAddressShow, "Show a registered telephone number in full, for the call back (E6)", "")
	show.secret = true
	add(s, show, func(ctx context.Context, c *call, in *struct {
		CaseOf
		Body AtTarget
	}) (Address, error) {
		address, err := s.desk.ShowAddress(ctx, c.who, in.Number, in.Body.Target)
		return Address{address}, err
	})
	s.answerRoutes()
}

func (s *server) answerRoutes() {
	add(s, of("decide", "approval", tagCases, desk.ActCaseApprove, "Approve a case that waits for a second person, or turn it down", "Never by somebody who had a part in the case, nor from their browser."),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body Approval
		}) (desk.Case, error) {
			return s.desk.Approve(ctx, c.who, in.Number, in.Body.Decision == "approve", in.Body.StepUp)
		})
	reveal := of("reveal", "challenge", tagCases, desk.ActReveal, "Give the challenge, and get what the agent may see of the answer, once",
		"The record of it is in a signed checkpoint before the answer exists. It is stored nowhere: a repeat gives no answer, with a key or without.")
	reveal.secret = true
	add(s, reveal, func(ctx context.Context, c *call, in *struct {
		CaseOf
		Body Challenge
	}) (desk.Revealed, error) {
		return s.desk.Reveal(ctx, c.who, in.Number, in.Body.Challenge, in.Body.StepUp)
	})
}
