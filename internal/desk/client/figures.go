package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
)

func span(since, until time.Time) url.Values {
	return values("since", since.Format(time.RFC3339Nano), "until", until.Format(time.RFC3339Nano))
}

// Figures counts a span of time; at most 92 days.
func (c *Client) Figures(ctx context.Context, since, until time.Time) (f desk.Figures, err error) {
	return f, c.get(ctx, &f, span(since, until), "figures")
}

// Reconcile compares the uses of recorders' keys with the answers that were issued.
func (c *Client) Reconcile(ctx context.Context, since, until time.Time) (r desk.Reconciled, err error) {
	return r, c.get(ctx, &r, span(since, until), "reconcile")
}

// Alarms lists alarms, newest first; only open ones where open is set.
func (c *Client) Alarms(ctx context.Context, open bool) ([]desk.Alarm, error) {
	query := url.Values{}
	if open {
		query.Set("open", "true")
	}
	var out api.Alarms
	err := c.get(ctx, &out, query, "alarms")
	return out.Alarms, err
}

// SettleAlarm says in a note what was found.
func (c *Client) SettleAlarm(ctx context.Context, alarm int64, note string) (a desk.Alarm, err error) {
	return a, c.post(ctx, api.Settle{Note: note}, &a, "alarms", id(alarm))
}

// VerifyLog checks the whole security log of the desk.
func (c *Client) VerifyLog(ctx context.Context) (r desk.LogReport, err error) {
	return r, c.get(ctx, &r, nil, "log")
}

// Export writes the cases and answers of a span as "csv" or "json" (lines).
func (c *Client) Export(ctx context.Context, w io.Writer, format string, since, until time.Time) (err error) {
	query := span(since, until)
	query.Set("format", format)
	body, err := c.stream(ctx, query, "export")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("%w: support desk: the export broke off: %w", rekey.ErrUnreachable, err)
	}
	return nil
}

// Watch calls changed whenever something changed at the desk, until ctx ends or
// the session is over, which is a rekey.ErrUnreachable.
func (c *Client) Watch(ctx context.Context, changed func()) (err error) {
	body, err := c.stream(ctx, nil, "news")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		if lines.Text() == "event: changed" {
			changed()
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: support desk: it tells no more news", rekey.ErrUnreachable)
}

// stream opens an answer without an end of its own.
func (c *Client) stream(ctx context.Context, query url.Values, path string) (io.ReadCloser, error) {
	res, err := c.open(ctx, c.streams, request{method: http.MethodGet, path: []string{path}, query: query}, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, mostBody))
	return nil, errors.Join(refusal(res.StatusCode, data), err, res.Body.Close())
}
