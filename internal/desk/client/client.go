// Package client speaks the desk's JSON API, as an agent who is logged in.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// timeout bounds one call; a log-in hashes a password, a reveal waits for the
// security log.
const timeout = 30 * time.Second

// mostBody bounds an answer of the desk.
const mostBody = 4 << 20

// Client is one agent's session at a desk.
type Client struct {
	base *url.URL
	http *http.Client
}

// New makes a client of the desk at an http(s) URL without a path. It is not
// logged in yet.
func New(address string) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.User != nil {
		return nil, fmt.Errorf("%w: desk address: expected http(s)://HOST[:PORT]", rekey.ErrInput)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &Client{base: base.JoinPath("api", "v1"), http: &http.Client{
		Jar:           jar,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// LogIn begins a session.
func (c *Client) LogIn(ctx context.Context, name string, password rekey.Secret) (who desk.Agent, err error) {
	return who, c.do(ctx, http.MethodPost, desk.Credentials{Name: name, Password: password.Reveal()}, &who, "session")
}

// LogOut ends the session.
func (c *Client) LogOut(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, nil, nil, "session")
}

// Recorder is what the registry knows of a recorder.
func (c *Client) Recorder(ctx context.Context, id recovery.DeviceID) (r desk.Recorder, err error) {
	return r, c.do(ctx, http.MethodGet, nil, &r, "recorders", id.String())
}

// OpenCase opens a case.
func (c *Client) OpenCase(ctx context.Context, in desk.OpenCaseRequest) (of desk.Case, err error) {
	return of, c.do(ctx, http.MethodPost, in, &of, "cases")
}

// Case is one case.
func (c *Client) Case(ctx context.Context, number int64) (of desk.Case, err error) {
	return of, c.do(ctx, http.MethodGet, nil, &of, "cases", id(number))
}

// AddEvidence adds a piece of evidence to a case.
func (c *Client) AddEvidence(ctx context.Context, number int64, in desk.EvidenceRequest) (of desk.Case, err error) {
	return of, c.do(ctx, http.MethodPost, in, &of, "cases", id(number), "evidence")
}

// Decide approves or denies a case that waits for a second person.
func (c *Client) Decide(ctx context.Context, number int64, decision string) (of desk.Case, err error) {
	return of, c.do(ctx, http.MethodPost, desk.ApprovalRequest{Decision: decision}, &of, "cases", id(number), "approval")
}

// Answer gives the challenge, as typed or as the text of a QR code, and returns
// the answer. There is one answer in the life of a case.
func (c *Client) Answer(ctx context.Context, number int64, challenge string) (rekey.Secret, error) {
	var shown desk.Revealed
	err := c.do(ctx, http.MethodPost, desk.ChallengeRequest{Challenge: challenge}, &shown, "cases", id(number), "challenge")
	return rekey.NewSecret(shown.Answer), err
}

// Close ends a case with one of desk.Outcomes.
func (c *Client) Close(ctx context.Context, number int64, outcome string) (of desk.Case, err error) {
	return of, c.do(ctx, http.MethodPost, desk.CloseRequest{Outcome: outcome}, &of, "cases", id(number), "close")
}

func id(number int64) string { return strconv.FormatInt(number, 10) }

func (c *Client) do(ctx context.Context, method string, in, out any, path ...string) (err error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path...).String(), body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: support desk: %w", rekey.ErrUnreachable, err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	data, err := io.ReadAll(io.LimitReader(res.Body, mostBody))
	if err != nil {
		return fmt.Errorf("%w: support desk: %w", rekey.ErrUnreachable, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return refusal(res.StatusCode, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%w: support desk: its reply is not the expected JSON", rekey.ErrUnreachable)
	}
	return nil
}

// refusal turns the desk's problem back into a kind of failure.
func refusal(status int, body []byte) error {
	kind := rekey.ErrUnreachable
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		kind = rekey.ErrInput
	case http.StatusUnauthorized, http.StatusForbidden:
		kind = rekey.ErrDenied
	case http.StatusNotFound:
		kind = rekey.ErrNotFound
	case http.StatusConflict:
		kind = rekey.ErrConflict
	case http.StatusUnprocessableEntity:
		kind = rekey.ErrVerify
	case http.StatusTooManyRequests:
		kind = rekey.ErrLocked
	case http.StatusInsufficientStorage:
		kind = rekey.ErrStorage
	}
	var problem struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &problem) != nil || problem.Detail == "" {
		problem.Detail = http.StatusText(status)
	}
	return fmt.Errorf("%w: support desk: %s", kind, problem.Detail)
}
