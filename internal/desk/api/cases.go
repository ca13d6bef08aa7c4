package api

import (
	"context"
	"net/http"

	"rekey/internal/desk"
)

// OpenCase is the body of POST /cases.
type OpenCase struct {
	DeviceID string `json:"device_id" doc:"As on the label." example:"V7KX-4YBM-0P97" maxLength:"40"`
	Account  string `json:"account" example:"admin" maxLength:"200"`
	Purpose  string `json:"purpose,omitempty" enum:",password,release,unseal" doc:"Empty = password."`
	Caller   string `json:"caller" doc:"Telephone number as shown, with the country code, or withheld." example:"+49 30 1234567" maxLength:"50"`
	Dealer   string `json:"dealer,omitempty" doc:"The vetted account, where a dealer asks." maxLength:"100"`
}

// Close is the body of POST /cases/{number}/close.
type Close struct {
	Outcome     string `json:"outcome" enum:"solved,not solved,given up,suspicious"`
	PasswordSet string `json:"password_set" enum:"yes,no,unknown" doc:"Did the new password get set?"`
	CallerIn    string `json:"caller_in" enum:"yes,no,unknown" doc:"Did the caller get in?"`
}

// Cases is the answer of GET /cases.
type Cases struct {
	Cases []desk.Case `json:"cases"`
}

// CaseOf is the path of a case.
type CaseOf struct {
	Number int64 `path:"number" minimum:"1" example:"7"`
}

// search is the query of GET /cases.
type search struct {
	DeviceID string     `query:"device_id" maxLength:"40"`
	Caller   string     `query:"caller" doc:"A telephone number as shown, or the name that stands in a case for one." maxLength:"100"`
	Stage    desk.Stage `query:"stage" enum:",evidence,approval,hold,telling,challenge,answered,refused,frozen,paused,closed"`
	WorkedBy string     `query:"worked_by" maxLength:"100"`
	Text     string     `query:"text" doc:"In model, serial number, account, owner's name or notes." maxLength:"200"`
	Open     bool       `query:"open" doc:"Only cases that are not closed."`
	Before   int64      `query:"before" minimum:"0" doc:"Only numbers below, for the next page."`
	Most     int        `query:"most" minimum:"0" maximum:"500" doc:"0 = 100."`
}

// of is a route of one case.
func of(id, path, tag string, act desk.Act, summary, about string) route {
	return route{id: id, method: http.MethodPost, path: "/cases/{number}/" + path, tag: tag, act: act, keyed: true, summary: summary, about: about}
}

func (s *server) caseRoutes() {
	add(s, route{id: "listCases", method: http.MethodGet, path: "/cases", tag: tagCases, act: desk.ActCaseList,
		summary: "Search cases", about: "Newest first."},
		func(ctx context.Context, c *call, in *search) (Cases, error) {
			all, err := s.desk.SearchCases(ctx, c.who, desk.Search{DeviceID: in.DeviceID, Caller: in.Caller, Stage: in.Stage, WorkedBy: in.WorkedBy,
				Text: in.Text, Open: in.Open, Before: in.Before, Most: in.Most})
			return Cases{some(all)}, err
		})
	add(s, route{id: "openCase", method: http.MethodPost, path: "/cases", tag: tagCases, act: desk.ActCaseOpen, status: http.StatusCreated, keyed: true,
		summary: "Open a case"},
		func(ctx context.Context, c *call, in *struct{ Body OpenCase }) (desk.Case, error) {
			id, err := parseID(in.Body.DeviceID)
			if err != nil {
				return desk.Case{}, err
			}
			purpose, err := desk.ParsePurpose(in.Body.Purpose)
			if err != nil {
				return desk.Case{}, err
			}
			return s.desk.OpenCase(ctx, c.who, desk.NewCase{DeviceID: id, Account: in.Body.Account, Purpose: purpose, Caller: in.Body.Caller, Dealer: in.Body.Dealer})
		})
	add(s, route{id: "getCase", method: http.MethodGet, path: "/cases/{number}", tag: tagCases, act: desk.ActCaseRead,
		summary: "One case, and where it stands"},
		func(ctx context.Context, c *call, in *CaseOf) (desk.Case, error) {
			return s.desk.Case(ctx, c.who, in.Number)
		})
	add(s, of("closeCase", "close", tagCases, desk.ActCaseClose, "End a case", "With how it ended."),
		func(ctx context.Context, c *call, in *struct {
			CaseOf
			Body Close
		}) (desk.Case, error) {
			return s.desk.CloseCase(ctx, c.who, in.Number, desk.Ending(in.Body))
		})
}
