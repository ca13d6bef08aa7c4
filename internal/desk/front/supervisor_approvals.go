package front

import (
	"net/url"
	"strconv"

	"rekey"
	"rekey/internal/desk"
)

// approvals are what waits for a second person.
func (f *front) approvals(c *call) (reply, error) { return f.approvalsPage(c, nil) }

func (f *front) approvalsPage(c *call, failed error) (reply, error) {
	all, err := f.desk.SearchCases(c.r.Context(), c.who, desk.Search{Stage: desk.StageApproval, Open: true, Most: 200})
	if err != nil {
		return reply{}, err
	}
	waiting := make([]desk.Case, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- { // oldest first
		waiting = append(waiting, all[i])
	}
	return reply{title: "Approvals", page: approvalsPage(c.who, waiting, approvalDone(c.r.URL.Query()), told(failed))}, failed
}

func (f *front) approve(c *call) (reply, error) {
	number, err := c.number()
	if err != nil {
		return reply{}, err
	}
	decision := c.field("decision")
	if decision != "approve" && decision != "deny" {
		return f.approvalsPage(c, refuse(rekey.ErrInput, "decision: expected approve or deny"))
	}
	proof, err := c.stepUp()
	if err == nil {
		_, err = f.desk.Approve(c.r.Context(), c.who, number, decision == "approve", proof)
	}
	if err != nil {
		return f.approvalsPage(c, err)
	}
	return reply{location: "/approvals?done=" + decision + "&case=" + strconv.FormatInt(number, 10)}, nil
}

// approvalDone says what became of the last decision.
func approvalDone(q url.Values) string {
	number, err := strconv.ParseInt(q.Get("case"), 10, 64)
	switch {
	case err != nil:
		return ""
	case q.Get("done") == "approve":
		return caseTitle(number) + " is approved."
	case q.Get("done") == "deny":
		return caseTitle(number) + " is turned down and closed."
	}
	return ""
}

// ownPart tells whether somebody works a case, and so cannot approve it.
func ownPart(who desk.Agent, c desk.Case) bool {
	return who.Name == c.OpenedBy || who.Name == c.WorkedBy
}
