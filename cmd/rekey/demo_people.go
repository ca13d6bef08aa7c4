package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/client"
	"rekey/internal/job"
	"rekey/internal/recorder/seat"
)

// The people at the demo's desk.
const (
	demoAgent    = "ana"
	demoApprover = "ben"
)

// demoOwner is the person at the recorder: what rekey's hands are made of here.
// The pages of the local seat and the desk's API are the ones that people use.
type demoOwner struct{ *demo }

// Change takes the temporary-password way: Device ID, call, challenge, answer,
// and the new password at Main Menu > Settings > System > Account > User.
func (o demoOwner) Change(ctx context.Context, plan rekey.Plan, password rekey.Secret) error {
	o.secret("new password", password)
	screen, err := o.sitDown(ctx)
	if err != nil {
		return err
	}
	var info seat.InfoView
	if err := screen.get(ctx, "/info", &info); err != nil {
		return err
	}
	o.say("owner", "at the recorder, right-click > Info: Device ID "+info.DeviceID+". Calls support")
	of, agent, err := o.desk.prepareCase(ctx, o.demo, info.DeviceID, plan.Account)
	if err != nil {
		return err
	}
	forgot, err := screen.forgot(ctx, plan.Account)
	if err != nil {
		return err
	}
	o.say("owner", "Main Menu > Forgot password: reads out "+forgot.Challenge+", as "+strings.Join(forgot.Spelling[0], " ")+" and so on")
	answer, err := o.desk.answer(ctx, o.demo, agent, of.Number, forgot.Challenge)
	if err != nil {
		return err
	}
	if err := screen.setNew(ctx, plan.Account, answer, password, func(what string) { o.say("owner", what) }); err != nil {
		return err
	}
	_, err = agent.Close(ctx, of.Number, desk.Ending{Outcome: "solved", PasswordSet: "yes", CallerIn: "yes"})
	return err
}

func (d *demo) sitDown(ctx context.Context) (*screen, error) {
	s, err := sitDown(ctx, d.box.Ready().Seat, d.box.SeatToken())
	if err == nil {
		s.pages = d.pages
	}
	return s, err
}

// sitDown enters the local seat with the token that stands for being there.
func sitDown(ctx context.Context, base string, token rekey.Secret) (*screen, error) {
	s, err := newScreen(base)
	if err != nil {
		return nil, err
	}
	return s, s.post(ctx, "/enter", url.Values{"token": {token.Reveal()}}, nil)
}

// forgot presses Forgot password: a new challenge.
func (s *screen) forgot(ctx context.Context, account string) (v seat.ForgotView, err error) {
	return v, s.post(ctx, "/recovery", url.Values{"account": {account}}, &v)
}

// setNew logs in with the temporary password and sets the new one, through the
// one door that is open. tell gets what the person does.
func (s *screen) setNew(ctx context.Context, account string, answer, password rekey.Secret, tell func(string)) error {
	var users seat.UsersView
	if err := s.post(ctx, "/login", url.Values{"account": {account}, "password": {answer.Reveal()}}, &users); err != nil {
		return err
	}
	if !users.OneDoor {
		return fmt.Errorf("%w: the temporary password opened more than one door", rekey.ErrVerify)
	}
	path := strings.Join(users.Path, " > ")
	tell("logs in as " + account + " with it; the recorder opens one door only")
	form := url.Values{"modify": {"on"}, "old": {answer.Reveal()}, "new": {password.Reveal()}, "confirm": {password.Reveal()}}
	if err := s.post(ctx, "/settings/system/account/user/"+account, form, nil); err != nil {
		return err
	}
	tell(path + ": old, new, confirm, OK. The recorder takes it")
	return nil
}

// comeBack logs in at the local seat with the vault's password, and shows that
// the lost one does not.
func (d *demo) comeBack(ctx context.Context, rep job.Report) error {
	v, err := d.openVault()
	if err != nil {
		return err
	}
	password, err := v.Reveal(ctx, rep.VaultID)
	if err != nil {
		return err
	}
	s, err := d.sitDown(ctx)
	if err != nil {
		return err
	}
	err = s.post(ctx, "/login", url.Values{"account": {rep.Account}, "password": {d.lost.Reveal()}}, nil)
	if !errors.Is(err, rekey.ErrDenied) {
		return fmt.Errorf("%w: the lost password is not refused at the local seat: %v", rekey.ErrVerify, err)
	}
	var menu seat.MenuView
	if err := s.post(ctx, "/login", url.Values{"account": {rep.Account}, "password": {password.Reveal()}}, &menu); err != nil {
		return err
	}
	d.say("owner", "at the local seat: the lost password is refused, the one from the vault opens the Main Menu")
	return s.post(ctx, "/logout", nil, nil)
}

// screen is a person's browser at the local seat, reading the pages as JSON.
type screen struct {
	base  string
	http  *http.Client
	pages io.Writer // gets what is seen, where it is set
}

func newScreen(base string) (*screen, error) {
	jar, err := cookiejar.New(nil)
	return &screen{base: base, http: &http.Client{Jar: jar, Timeout: 30 * time.Second}}, err
}

func (s *screen) get(ctx context.Context, path string, view any) error {
	return s.do(ctx, http.MethodGet, path, nil, view)
}

// post sends a form and follows to the page that comes next, as a browser does.
func (s *screen) post(ctx context.Context, path string, form url.Values, view any) error {
	return s.do(ctx, http.MethodPost, path, strings.NewReader(form.Encode()), view)
}

func (s *screen) do(ctx context.Context, method, path string, body io.Reader, view any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: local seat: %w", rekey.ErrUnreachable, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%w: local seat: %w", rekey.ErrUnreachable, err)
	}
	if s.pages != nil {
		fmt.Fprintf(s.pages, "%s\n%v\n%s\n", res.Request.URL, res.Header, raw)
	}
	if res.StatusCode != http.StatusOK {
		return seatRefusal(res.StatusCode, path, raw)
	}
	if view == nil {
		return nil
	}
	return json.Unmarshal(raw, view)
}

// seatRefusal keeps what the screen said of an error, in its words.
func seatRefusal(status int, path string, raw []byte) error {
	var said struct{ Error, Detail string }
	_ = json.Unmarshal(raw, &said) // a page without words is told by its status alone
	kind := rekey.ErrConflict
	if status == http.StatusForbidden || status == http.StatusUnauthorized {
		kind = rekey.ErrDenied
	}
	return fmt.Errorf("%w: local seat, %s: status %d, %s%s", kind, path, status, said.Error, said.Detail)
}

// What the owner reads off the telephone.
var (
	codeOnPhone = regexp.MustCompile(`([0-9]{4} [0-9]{4}) is your number`)
	halfOnPhone = regexp.MustCompile(`([0-9A-Z]{4}-[0-9A-Z]{4}) are groups 3 and 4`)
)

// prepareCase is the call up to the challenge: case, evidence, approval.
func (k *demoDesk) prepareCase(ctx context.Context, d *demo, deviceID, account string) (of desk.Case, agent *client.Client, err error) {
	if agent, err = k.logIn(ctx, demoAgent); err != nil {
		return of, nil, err
	}
	if of, err = agent.OpenCase(ctx, api.OpenCase{DeviceID: deviceID, Account: account, Caller: demoNumber}); err != nil {
		return of, nil, err
	}
	d.say(demoAgent, fmt.Sprintf("logs in with her passkey and opens case %d for Device ID %s; the desk tells the owner's telephone", of.Number, of.DeviceID))
	if err := k.proveOwner(ctx, d, agent, of.Number); err != nil {
		return of, nil, err
	}
	approver, err := k.logIn(ctx, demoApprover)
	if err != nil {
		return of, nil, err
	}
	if of, err = approver.Decide(ctx, of.Number, "approve"); err != nil {
		return of, nil, err
	}
	d.say(demoApprover, "approves with his own passkey: "+strings.Join(of.Reasons, "; "))
	for of.Stage == desk.StageTelling {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return of, nil, ctx.Err()
		}
		if of, err = agent.Case(ctx, of.Number); err != nil {
			return of, nil, err
		}
	}
	d.say("desk", "the owner is told of both; now, and not before, the challenge is due")
	return of, agent, nil
}

// proveOwner gathers the evidence: the number that the desk sends to the
// registered telephone, and a call back.
func (k *demoDesk) proveOwner(ctx context.Context, d *demo, agent *client.Client, number int64) error {
	if _, err := agent.SendCode(ctx, number, 0); err != nil {
		return err
	}
	code, err := k.phone.read(ctx, codeOnPhone)
	if err != nil {
		return err
	}
	d.secret("number", rekey.NewSecret(code))
	d.say("owner", "reads out the number that the desk has sent to the registered telephone")
	if _, err := agent.AddEvidence(ctx, number, api.Evidence{Kind: string(desk.EvidenceAddress), Code: code}); err != nil {
		return err
	}
	d.say(demoAgent, "evidence E2: the desk finds the number right")
	const note = "called back at the registered number"
	if _, err := agent.AddEvidence(ctx, number, api.Evidence{Kind: string(desk.EvidenceCallback), Note: note}); err != nil {
		return err
	}
	d.say(demoAgent, "evidence E6: "+note)
	return nil
}

// answer is the temporary password as the owner writes it down: two groups by
// voice, and two from the telephone.
func (k *demoDesk) answer(ctx context.Context, d *demo, agent *client.Client, number int64, challenge string) (rekey.Secret, error) {
	out, err := agent.Reveal(ctx, number, challenge)
	if err != nil {
		return rekey.Secret{}, err
	}
	if !out.Split || len(out.Groups) != 2 {
		return rekey.Secret{}, fmt.Errorf("%w: the answer is not split: the agent has %d groups", rekey.ErrVerify, len(out.Groups))
	}
	d.say(demoAgent, "types the challenge; its record is in a signed checkpoint; reads out groups 1 and 2 of the answer, a temporary password for this recorder, once")
	half, err := k.phone.read(ctx, halfOnPhone)
	if err != nil {
		return rekey.Secret{}, err
	}
	d.say("owner", "has groups 3 and 4 on the telephone; no agent ever sees them")
	answer := rekey.NewSecret(out.Groups[0].Text + "-" + out.Groups[1].Text + "-" + half)
	d.secret("agent's half", rekey.NewSecret(out.Groups[0].Text+"-"+out.Groups[1].Text))
	d.secret("owner's half", rekey.NewSecret(half))
	d.secret("answer", answer)
	return answer, nil
}
