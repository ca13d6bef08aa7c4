package front

import (
	"net/url"
	"strconv"

	"rekey"
	"rekey/internal/desk"
)

// mostOnPage is how many cases one page of the list shows.
const mostOnPage = 50

// cases searches cases: by stage, by who works them, by a word.
func (f *front) cases(c *call) (reply, error) {
	q := c.r.URL.Query()
	by := desk.Search{
		Stage: desk.Stage(q.Get("stage")), WorkedBy: q.Get("worked_by"), Text: q.Get("text"),
		DeviceID: q.Get("device_id"), Caller: q.Get("caller"), Open: q.Get("open") != "", Most: mostOnPage,
	}
	if before := q.Get("before"); before != "" {
		n, err := strconv.ParseInt(before, 10, 64)
		if err != nil || n < 1 {
			return reply{}, refuse(rekey.ErrInput, "before: expected the number of a case")
		}
		by.Before = n
	}
	all, err := f.desk.SearchCases(c.r.Context(), c.who, by)
	return reply{title: "Cases", page: casesPage(by, all)}, err
}

// older is the address of the next page of a list that is full.
func older(by desk.Search, all []desk.Case) string {
	if len(all) < mostOnPage {
		return ""
	}
	q := url.Values{}
	for name, value := range map[string]string{
		"stage": string(by.Stage), "worked_by": by.WorkedBy, "text": by.Text, "device_id": by.DeviceID, "caller": by.Caller,
		"before": strconv.FormatInt(all[len(all)-1].Number, 10),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if by.Open {
		q.Set("open", "yes")
	}
	return "/cases?" + q.Encode()
}

// stages are what a list can be narrowed to, with their words.
func stages() []stageWords {
	return []stageWords{
		{desk.StageEvidence, "evidence is missing"},
		{desk.StageApproval, "waits for a second person"},
		{desk.StageHold, "on hold"},
		{desk.StageTelling, "the owner is being told"},
		{desk.StageChallenge, "ready for the challenge"},
		{desk.StageAnswered, "answered"},
		{desk.StageRefused, "no answer"},
		{desk.StageFrozen, "frozen"},
		{desk.StagePaused, "put aside"},
		{desk.StageClosed, "closed"},
	}
}

type stageWords struct {
	stage desk.Stage
	words string
}

// inWords is a stage as a list tells it.
func inWords(stage desk.Stage) string {
	for _, s := range stages() {
		if s.stage == stage {
			return s.words
		}
	}
	return string(stage)
}
