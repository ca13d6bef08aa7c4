package desk

import (
	"net/http"
	"strconv"
	"strings"

	"rekey"
	"rekey/recovery"
)

func (f *front) session(c *call) (reply, error) {
	if !isAPI(c.r) {
		return f.start(c)
	}
	return reply{view: c.who}, nil
}

// start is the first page: the cases, or the recorders for whoever may not see cases.
func (f *front) start(c *call) (reply, error) {
	if c.who.Role == RoleAdministrator {
		return reply{location: "/recorders"}, nil
	}
	return f.cases(c)
}

func (f *front) recorders(c *call) (reply, error) {
	all, err := f.desk.Recorders(c.r.Context(), c.who)
	return reply{view: all, title: "Recorders", page: recordersPage(all)}, err
}

func (f *front) recorder(c *call) (reply, error) {
	id, err := parseID(c.r.PathValue("id"))
	if err != nil {
		return reply{}, err
	}
	r, err := f.desk.Recorder(c.r.Context(), c.who, id)
	return reply{view: r, title: recorderTitle(r), page: recorderPage(c.who, r, nil, "")}, err
}

// find leads from a typed Device ID, or the text of a recorder's QR code, to
// the recorder.
func (f *front) find(c *call) (reply, error) {
	typed := c.r.URL.Query().Get("device_id")
	if q, err := recovery.ParseQR(strings.TrimSpace(typed)); err == nil {
		return reply{location: "/recorders/" + q.DeviceID.String()}, nil
	}
	id, err := parseID(typed)
	if err != nil {
		return reply{}, err
	}
	return reply{location: "/recorders/" + id.String()}, nil
}

func parseID(typed string) (recovery.DeviceID, error) {
	id, err := recovery.ParseDeviceID(typed)
	if err != nil {
		return id, refuse(rekey.ErrInput, "%v", err)
	}
	return id, nil
}

func (f *front) cases(c *call) (reply, error) {
	all, err := f.desk.Cases(c.r.Context(), c.who)
	return reply{view: all, title: "Cases", page: casesPage(c.who, all)}, err
}

// OpenCaseRequest is the body of POST /cases.
type OpenCaseRequest struct {
	DeviceID string `json:"device_id"`
	Account  string `json:"account"`
	Purpose  string `json:"purpose"` // password, release or unseal; empty = password
	Caller   string `json:"caller"`  // telephone number as shown, or withheld
}

func (f *front) openCase(c *call) (reply, error) {
	var in OpenCaseRequest
	if err := decode(c.r, &in); err != nil {
		return reply{}, err
	}
	id, err := parseID(in.DeviceID)
	if err != nil {
		return reply{}, err
	}
	purpose, err := ParsePurpose(in.Purpose)
	if err != nil {
		return reply{}, err
	}
	of, err := f.desk.OpenCase(c.r.Context(), c.who, NewCase{DeviceID: id, Account: in.Account, Purpose: purpose, Caller: in.Caller})
	return reply{status: http.StatusCreated, view: of, location: caseURL(of.Number)}, err
}

func (f *front) caseOf(c *call) (reply, error) {
	number, err := c.number()
	if err != nil {
		return reply{}, err
	}
	of, err := f.desk.Case(c.r.Context(), c.who, number)
	return reply{view: of, title: caseTitle(of), page: casePage(c.who, of, "")}, err
}

// EvidenceRequest is the body of POST /cases/{number}/evidence.
type EvidenceRequest struct {
	Kind string `json:"kind"` // E1 to E6
	Note string `json:"note"` // what was checked
	QR   string `json:"qr"`   // E1: the text of the recorder's QR code
}

func (f *front) evidence(c *call) (reply, error) {
	var in EvidenceRequest
	number, err := c.body(&in)
	if err != nil {
		return reply{}, err
	}
	kind, err := ParseEvidence(in.Kind)
	if err != nil {
		return reply{}, err
	}
	of, err := f.desk.AddEvidence(c.r.Context(), c.who, number, kind, in.Note, in.QR)
	return reply{status: http.StatusCreated, view: of, location: caseURL(number)}, err
}

// ApprovalRequest is the body of POST /cases/{number}/approval.
type ApprovalRequest struct {
	Decision string `json:"decision"` // approve or deny
}

func (f *front) approval(c *call) (reply, error) {
	var in ApprovalRequest
	number, err := c.body(&in)
	if err != nil {
		return reply{}, err
	}
	if in.Decision != "approve" && in.Decision != "deny" {
		return reply{}, refuse(rekey.ErrInput, "decision %q: expected approve or deny", clip(in.Decision))
	}
	of, err := f.desk.Approve(c.r.Context(), c.who, number, in.Decision == "approve")
	return reply{view: of, location: caseURL(number)}, err
}

// ChallengeRequest is the body of POST /cases/{number}/challenge.
type ChallengeRequest struct {
	Challenge string `json:"challenge"` // as typed, or the text of a QR code
}

// Revealed is the answer as it leaves the desk, once.
type Revealed struct {
	Answer  string  `json:"answer"`
	Groups  []Group `json:"groups"`
	Seconds int     `json:"seconds"` // how long it may be shown
}

// Group is one group of an answer, with a word for each symbol.
type Group struct {
	Text  string   `json:"text"`
	Words []string `json:"words"`
}

func (f *front) challenge(c *call) (reply, error) {
	var in ChallengeRequest
	number, err := c.body(&in)
	if err != nil {
		return reply{}, err
	}
	answer, err := f.desk.Reveal(c.r.Context(), c.who, number, in.Challenge)
	if err != nil {
		return reply{}, err
	}
	shown := Revealed{Answer: answer.Reveal(), Seconds: int(ShowFor.Seconds())}
	for text := range strings.SplitSeq(shown.Answer, "-") {
		shown.Groups = append(shown.Groups, Group{text, recovery.Spell(text)})
	}
	c.w.Header().Set("Cache-Control", "no-store")
	if !isAPI(c.r) {
		// The page leaves by itself; no script is needed for that.
		c.w.Header().Set("Refresh", strconv.Itoa(shown.Seconds)+";url="+caseURL(number))
	}
	return reply{view: shown, title: "Answer", page: answerPage(number, shown)}, nil
}

// CloseRequest is the body of POST /cases/{number}/close.
type CloseRequest struct {
	Outcome string `json:"outcome"` // one of Outcomes
}

func (f *front) close(c *call) (reply, error) {
	var in CloseRequest
	number, err := c.body(&in)
	if err != nil {
		return reply{}, err
	}
	of, err := f.desk.CloseCase(c.r.Context(), c.who, number, in.Outcome)
	return reply{view: of, location: caseURL(number)}, err
}

func (f *front) log(c *call) (reply, error) {
	report, err := f.desk.VerifyLog(c.r.Context(), c.who)
	return reply{view: report, title: "Security log", page: logPage(report)}, err
}

// body reads the number of the case and the body.
func (c *call) body(into any) (number int64, err error) {
	if number, err = c.number(); err != nil {
		return 0, err
	}
	return number, decode(c.r, into)
}
