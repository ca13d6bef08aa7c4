package api

import (
	"context"

	"rekey/internal/desk"
)

// AddNote is the body of POST /cases/{number}/notes.
type AddNote struct {
	Text string `json:"text" example:"caller will ring again from the recorder" maxLength:"4000"`
}

// HandOver is the body of POST /cases/{number}/handover.
type HandOver struct {
	To string `json:"to" doc:"The agent who goes on with it." example:"bob" maxLength:"100"`
}

// Why is the body of POST /cases/{number}/pause and freeze.
type Why struct {
	Why string `json:"why" example:"caller drives to the recorder" maxLength:"2000"`
}

func (s *server) careRoutes() {
	add(s, of("addNote", "notes", tagCases, desk.ActCaseNote, "Write a note", "Never a secret, never a phrase."),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body AddNote
		}) (desk.Case, error) {
			return s.desk.AddNote(ctx, c.who, in.Number, in.Body.Text)
		})
	add(s, of("handOver", "handover", tagCases, desk.ActCaseHandOver, "Give a case to another agent", "Whoever had a part in a case can never approve it."),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body HandOver
		}) (desk.Case, error) {
			return s.desk.HandOver(ctx, c.who, in.Number, in.Body.To)
		})
	add(s, of("pauseCase", "pause", tagCases, desk.ActCasePause, "Put a case aside", ""),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body Why
		}) (desk.Case, error) {
			return s.desk.Pause(ctx, c.who, in.Number, in.Body.Why)
		})
	add(s, of("resumeCase", "resume", tagCases, desk.ActCaseResume, "Go on with a case that was put aside", ""),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body *Nothing
		}) (desk.Case, error) {
			return s.desk.Resume(ctx, c.who, in.Number)
		})
	add(s, of("freezeCase", "freeze", tagCases, desk.ActCaseFreeze, "Stop a case and its recorder", "Nobody gets an answer for the recorder, in no case, until it is thawed."),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body Why
		}) (desk.Case, error) {
			return s.desk.Freeze(ctx, c.who, in.Number, in.Body.Why)
		})
	add(s, of("thawCase", "thaw", tagCases, desk.ActCaseThaw, "Let a frozen case and its recorder go on", "It takes somebody who had no part in the case."),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body Thaw
		}) (desk.Case, error) {
			return s.desk.Thaw(ctx, c.who, in.Number, in.Body.Why, in.Body.StepUp)
		})
}
