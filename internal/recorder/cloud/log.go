package cloud

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"rekey"
	"rekey/seclog"
)

// nobody is the actor of what no owner and no recorder did.
const nobody = "nobody"

func openLog(ctx context.Context, dir string, now func() time.Time) (*seclog.Log, error) {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	open := func(ctx context.Context) (*seclog.Log, error) {
		log, err := seclog.Open(ctx, dir, seclog.Options{Now: now})
		if errors.Is(err, fs.ErrNotExist) { // its name is drawn once, when it is made
			log, err = seclog.OpenOrCreate(ctx, dir, "rekey/cloud/"+hex.EncodeToString(id), seclog.Options{Now: now})
		}
		return log, err
	}
	const patience = 5 * time.Second
	brief, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	log, err := open(brief)
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, seclog.ErrBusy) {
		log, err = open(ctx) // nobody holds it: a slow disk, or much to settle
	}
	switch {
	case errors.Is(err, seclog.ErrBusy):
		return nil, fmt.Errorf("%w: this cloud is running already", rekey.ErrConflict)
	case errors.Is(err, seclog.ErrTampered):
		return nil, fmt.Errorf("%w: %w", rekey.ErrVerify, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	return log, nil
}

// note writes one record. When it returns nil, a signed checkpoint covers it.
// Addresses are never in it: an owner is named by id, so that a person can be
// forgotten although the log cannot.
func (c *Cloud) note(ctx context.Context, actor, event, object, result string, detail map[string]string) error {
	_, err := c.log.Append(context.WithoutCancel(ctx), seclog.Record{Actor: actor, Event: event, Object: object, Result: result, Detail: detail})
	if err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	return nil
}

// noted puts on record how a call ended, before anybody is told.
func (c *Cloud) noted(ctx context.Context, actor, event, object string, detail map[string]string, err error) error {
	result := "ok"
	if err != nil {
		result = reason(err)
	}
	return errors.Join(err, c.note(ctx, actor, event, object, result, detail))
}

// reason is how a failed call reads in the security log: words for errors that
// rekey made itself, and nothing of what a file or a database said.
func reason(err error) string {
	var said *refusal
	if errors.As(err, &said) {
		return strings.ToValidUTF8(said.text, "?")
	}
	var limited *LimitError
	if errors.As(err, &limited) {
		return "refused by the limit " + limited.Limit
	}
	for _, kind := range []error{rekey.ErrStorage, rekey.ErrVerify, rekey.ErrInput, rekey.ErrUnreachable} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "internal error"
}
