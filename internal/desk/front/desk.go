package front

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
	"rekey/recovery"
)

// agentRoutes are the pages that an agent works in, and what all roles have.
func (f *front) agentRoutes() map[string]route {
	return map[string]route{
		"GET /{$}":            {"", f.start},
		"GET /cases":          {desk.ActCaseList, f.cases},
		"POST /cases":         {desk.ActCaseOpen, f.openCase},
		"GET /cases/{number}": {desk.ActCaseRead, f.caseOf},

		"POST /cases/{number}/evidence":  {desk.ActEvidenceAdd, f.evidence},
		"POST /cases/{number}/code":      {desk.ActCodeSend, f.sendCode},
		"POST /cases/{number}/address":   {desk.ActAddressShow, f.showAddress},
		"POST /cases/{number}/send-to":   {desk.ActSendTo, f.sendTo},
		"POST /cases/{number}/approval":  {desk.ActCaseApprove, f.approval},
		"POST /cases/{number}/challenge": {desk.ActReveal, f.challenge},
		"POST /cases/{number}/notes":     {desk.ActCaseNote, f.note},
		"POST /cases/{number}/handover":  {desk.ActCaseHandOver, f.handOver},
		"POST /cases/{number}/pause":     {desk.ActCasePause, f.pause},
		"POST /cases/{number}/resume":    {desk.ActCaseResume, f.resume},
		"POST /cases/{number}/freeze":    {desk.ActCaseFreeze, f.freeze},
		"POST /cases/{number}/thaw":      {desk.ActCaseThaw, f.thaw},
		"POST /cases/{number}/close":     {desk.ActCaseClose, f.closeCase},

		// A form that was refused leaves its own address in the browser.
		"GET /cases/{number}/{form}": {desk.ActCaseRead, func(c *call) (reply, error) {
			number, err := c.number()
			return reply{location: caseURL(number)}, err
		}},

		"GET /recorders":      {desk.ActRecorderList, f.recorders},
		"GET /recorders/{id}": {desk.ActRecorderRead, f.recorder},

		// These read what was sent and nothing of the desk's.
		"POST /scan":  {"", f.scan},
		"POST /marks": {"", f.marks},

		"GET /account":                    {desk.ActSessionList, f.account},
		"POST /account/sessions/{id}/end": {desk.ActSessionEnd, f.endSession},
		"POST /logout":                    {desk.ActLogOut, f.logOut},
	}
}

// start is where an agent works: one field that finds, what it found, and the
// cases that wait for this agent, or for anybody. Everybody begins here; who has
// no use for the field is led to where they begin, which withholds nothing.
func (f *front) start(c *call) (reply, error) {
	if h := home(c.who); h != "/" && !desk.May(c.who, desk.ActCaseOpen) {
		return reply{location: h}, nil
	}
	typed := strings.TrimSpace(c.r.URL.Query().Get("find"))
	view, err := f.find(c, typed)
	if err != nil {
		return reply{}, err
	}
	if view.number != 0 {
		return reply{location: caseURL(view.number)}, nil
	}
	return f.startPage(c, view)
}

func (f *front) startPage(c *call, view finding) (reply, error) {
	mine, err := f.desk.SearchCases(c.r.Context(), c.who, desk.Search{WorkedBy: c.who.Name, Free: true, Open: true, Most: 20})
	if err != nil {
		return reply{}, err
	}
	return reply{title: "Desk", page: startPage(c.who, view, mine), camera: true}, nil
}

// finding is what the one field led to: a recorder, a case, or lists of both.
type finding struct {
	now       time.Time
	typed     string
	problem   string // why nothing was found, or what went wrong with the form
	recorder  *desk.Recorder
	qr        string // the recorder's QR text, where that was what was typed
	number    int64  // a case
	recorders []desk.Recorder
	cases     []desk.Case // of the recorder, of the caller, or with the text
	searched  bool
	form      url.Values // of the case that could not be opened
}

// find tells what was typed, pasted or scanned: the text of a QR code, a Device
// ID, the number of a case, a telephone number, or a word to look for.
func (f *front) find(c *call, typed string) (finding, error) {
	v := finding{now: f.desk.Now(), typed: typed, form: url.Values{}}
	if typed == "" {
		return v, nil
	}
	if q, err := recovery.ParseQR(typed); err == nil {
		v.qr = typed
		return f.findRecorder(c, v, q.DeviceID)
	}
	if id, err := recovery.ParseDeviceID(typed); err == nil {
		return f.findRecorder(c, v, id)
	}
	if n, err := strconv.ParseInt(strings.TrimPrefix(typed, "#"), 10, 64); err == nil && n > 0 && !strings.HasPrefix(typed, "0") && !strings.HasPrefix(typed, "+") {
		return f.findCase(c, v, n)
	}
	if why := mistyped(typed); why != "" {
		v.problem = why
		return v, nil
	}
	return f.findText(c, v)
}

// mistyped says what is wrong with what can only have been meant as a code.
func mistyped(typed string) string {
	if strings.Contains(typed, "://") {
		return "This is not the whole text of a recorder's QR code. Ask the caller to copy all of it, or to scan it again."
	}
	if _, err := recovery.ParseChallenge(typed); err == nil {
		return "This is a challenge. Find the recorder by its Device ID and open a case first; the challenge comes later."
	}
	_, err := recovery.ParseDeviceID(typed)
	wrong, ok := errors.AsType[*recovery.MistypedError](err)
	if ok && wrong.Symbols == 4*recovery.FormDeviceID.Groups() && strings.ContainsAny(typed, "0123456789") {
		return sentence(wrong.Error()) + ". Ask for this group again."
	}
	return ""
}

func (f *front) findRecorder(c *call, v finding, id recovery.DeviceID) (finding, error) {
	r, err := f.desk.Recorder(c.r.Context(), c.who, id)
	if errors.Is(err, rekey.ErrNotFound) {
		v.problem = told(err)
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.recorder = &r
	if desk.May(c.who, desk.ActCaseList) {
		v.cases, err = f.desk.SearchCases(c.r.Context(), c.who, desk.Search{DeviceID: id.String(), Most: 10})
	}
	return v, err
}

func (f *front) findCase(c *call, v finding, number int64) (finding, error) {
	_, err := f.desk.Case(c.r.Context(), c.who, number)
	if errors.Is(err, rekey.ErrNotFound) {
		v.problem = told(err) + ". A telephone number begins with + and the country code."
		return v, nil
	}
	v.number = number
	return v, err
}

func (f *front) findText(c *call, v finding) (finding, error) {
	v.searched = true
	by := desk.Search{Text: v.typed, Most: 20}
	caller := strings.HasPrefix(v.typed, "+") || strings.HasPrefix(v.typed, "00") || strings.EqualFold(v.typed, desk.Withheld)
	if caller {
		by = desk.Search{Caller: v.typed, Most: 20}
	}
	var err error
	if v.cases, err = f.desk.SearchCases(c.r.Context(), c.who, by); err == nil && !caller {
		v.recorders, err = f.desk.SearchRecorders(c.r.Context(), c.who, v.typed)
	}
	if errors.Is(err, rekey.ErrInput) {
		v.problem = told(err)
		return v, nil
	}
	return v, err
}

// openCase opens a case from the form beside a recorder. Where the recorder was
// found by its QR code, that is the first evidence.
func (f *front) openCase(c *call) (reply, error) {
	id, err := recovery.ParseDeviceID(c.field("device_id"))
	if err != nil {
		return reply{}, refuse(rekey.ErrInput, "%v", err)
	}
	purpose, err := desk.ParsePurpose(c.field("purpose"))
	if err != nil {
		return reply{}, err
	}
	opened, err := f.desk.OpenCase(c.r.Context(), c.who, desk.NewCase{
		DeviceID: id, Account: c.field("account"), Purpose: purpose, Caller: c.field("caller"), Dealer: c.field("dealer"),
	})
	if err != nil {
		return f.openAgain(c, id, err)
	}
	if qr := c.field("qr"); qr != "" {
		given, err := f.desk.AddEvidence(c.r.Context(), c.who, opened.Number, desk.Given{Kind: desk.EvidenceQR, QR: qr})
		if err != nil {
			return f.casePage(c, opened.Number, err)
		}
		opened = given
	}
	return reply{location: caseURL(opened.Number)}, nil
}

// openAgain shows the form again with what was wrong.
func (f *front) openAgain(c *call, id recovery.DeviceID, wrong error) (reply, error) {
	v, err := f.findRecorder(c, finding{now: f.desk.Now(), typed: id.String(), qr: c.field("qr")}, id)
	if err != nil || v.recorder == nil {
		return reply{}, wrong
	}
	v.problem, v.form = told(wrong), c.r.PostForm
	out, err := f.startPage(c, v)
	if err != nil {
		return reply{}, wrong
	}
	return out, wrong
}

// mayOpen tells whether the form to open a case is for them.
func mayOpen(who desk.Agent) bool {
	return desk.May(who, desk.ActCaseOpen) && who.Role != staff.RoleProgram
}
