package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"rekey"
)

// request is one call of the API.
type request struct {
	method string
	path   []string
	query  url.Values
	in     any
	key    string // idempotency key; empty = none
}

func (c *Client) get(ctx context.Context, out any, query url.Values, path ...string) error {
	return c.do(ctx, request{method: http.MethodGet, path: path, query: query}, out)
}

// post changes something, once, however often it has to be sent.
func (c *Client) post(ctx context.Context, in, out any, path ...string) error {
	return c.do(ctx, request{method: http.MethodPost, path: path, in: in, key: rand.Text()}, out)
}

// postOnce is sent once, and where its answer is lost, it is lost.
func (c *Client) postOnce(ctx context.Context, in, out any, path ...string) error {
	return c.do(ctx, request{method: http.MethodPost, path: path, in: in}, out)
}

func (c *Client) remove(ctx context.Context, path ...string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: path}, nil)
}

// tries is how often a call is sent whose answer was lost, if sending it again
// does nothing twice.
const tries = 3

func (c *Client) do(ctx context.Context, q request, out any) error {
	body, err := q.body()
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := c.send(ctx, q, body, out)
		var lost *lostError
		if !errors.As(err, &lost) || !q.repeatable() || try == tries || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try) * 300 * time.Millisecond):
		}
	}
}

func (q request) repeatable() bool { return q.method == http.MethodGet || q.key != "" }

func (q request) body() ([]byte, error) {
	if q.method != http.MethodPost {
		return nil, nil
	}
	if q.in == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(q.in)
}

func (c *Client) send(ctx context.Context, q request, body []byte, out any) (err error) {
	res, err := c.open(ctx, c.http, q, body)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	data, err := io.ReadAll(io.LimitReader(res.Body, mostBody))
	if err != nil {
		return &lostError{err}
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

// open sends a request and returns its answer, of whatever status.
func (c *Client) open(ctx context.Context, by *http.Client, q request, body []byte) (*http.Response, error) {
	path, err := escaped(q.path)
	if err != nil {
		return nil, err
	}
	u := c.base.JoinPath(path...)
	u.RawQuery = q.query.Encode()
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "application/json")
	if q.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		req.Header.Set("Idempotency-Key", q.key)
	}
	if !c.bearer.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.bearer.Reveal())
	}
	res, err := by.Do(req)
	if err != nil {
		return nil, &lostError{err}
	}
	return res, nil
}

// escaped keeps what somebody typed within its segment of the path.
func escaped(path []string) ([]string, error) {
	all := make([]string, len(path))
	for i, p := range path {
		if p == "" || p == "." || p == ".." {
			return nil, fmt.Errorf("%w: support desk: %q is the name of nothing there", rekey.ErrInput, p)
		}
		all[i] = url.PathEscape(p)
	}
	return all, nil
}

// lostError is a request whose answer never came.
type lostError struct{ err error }

// Error says so.
func (e *lostError) Error() string { return fmt.Sprintf("support desk: %v", e.err) }

// Unwrap is rekey.ErrUnreachable and the cause.
func (e *lostError) Unwrap() []error { return []error{rekey.ErrUnreachable, e.err} }

// kinds are what the codes of the desk's problems stand for.
func kinds() map[string]error {
	return map[string]error{
		"input": rekey.ErrInput, "too_large": rekey.ErrInput, "method": rekey.ErrInput, "denied": rekey.ErrDenied, "no_session": rekey.ErrDenied, "cross_origin": rekey.ErrDenied,
		"not_found": rekey.ErrNotFound, "conflict": rekey.ErrConflict, "waiting": rekey.ErrWaiting, "findings": rekey.ErrFindings,
		"verify": rekey.ErrVerify, "locked": rekey.ErrLocked, "budget": rekey.ErrBudget, "storage": rekey.ErrStorage,
		"risk": rekey.ErrRisk, "unsupported": rekey.ErrUnsupported, "unreachable": rekey.ErrUnreachable, "unknown": rekey.ErrUnknown,
	}
}

// refusal turns the desk's problem back into a kind of failure.
func refusal(status int, body []byte) error {
	var problem struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &problem) != nil || problem.Detail == "" {
		problem.Detail = http.StatusText(status)
	}
	kind := kinds()[problem.Code]
	if kind == nil {
		kind = rekey.ErrUnreachable // something that is no desk, or not well
	}
	return fmt.Errorf("%w: support desk: %s", kind, problem.Detail)
}
