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
	"strings"
	"time"

	"rekey"
	"rekey/internal/desk"
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
	answer, err := agent.Answer(ctx, of.Number, forgot.Challenge)
	if err != nil {
		return err
	}
	o.secret("answer", answer)
	o.say(demoAgent, "types the challenge; its record is in a signed checkpoint; reads out the answer, a temporary password for this recorder, once")
	if err := screen.setNew(ctx, plan.Account, answer, password, func(what string) { o.say("owner", what) }); err != nil {
		return err
	}
	_, err = agent.Close(ctx, of.Number, "solved")
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

// prepareCase is the call up to the challenge: case, evidence, approval.
func (k *demoDesk) prepareCase(ctx context.Context, d *demo, deviceID, account string) (of desk.Case, agent *client.Client, err error) {
	if agent, err = k.logIn(ctx, demoAgent); err != nil {
		return of, nil, err
	}
	if of, err = agent.OpenCase(ctx, desk.OpenCaseRequest{DeviceID: deviceID, Account: account, Caller: demoPhone}); err != nil {
		return of, nil, err
	}
	d.say(demoAgent, fmt.Sprintf("opens case %d for Device ID %s", of.Number, of.DeviceID))
	for _, e := range []desk.EvidenceRequest{
		{Kind: string(desk.EvidenceAddress), Note: "code sent to the registered mailbox was read back"},
		{Kind: string(desk.EvidenceCallback), Note: "called back at the registered number"},
	} {
		if of, err = agent.AddEvidence(ctx, of.Number, e); err != nil {
			return of, nil, err
		}
		d.say(demoAgent, fmt.Sprintf("evidence %s: %s", e.Kind, e.Note))
	}
	approver, err := k.logIn(ctx, demoApprover)
	if err != nil {
		return of, nil, err
	}
	if of, err = approver.Decide(ctx, of.Number, "approve"); err != nil {
		return of, nil, err
	}
	d.say(demoApprover, "approves: "+strings.Join(of.Reasons, "; "))
	return of, agent, nil
}
