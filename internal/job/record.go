package job

import (
	"context"
	"errors"
	"fmt"
	"os"

	"rekey"
	"rekey/seclog"
)

// record writes to the security log. What happened is recorded before it is told.
func (u *run) record(ctx context.Context, event, object, result string, detail map[string]string) error {
	rec := seclog.Record{Actor: "operator " + clip(userName()), Event: event, Object: clip(object), Result: result, Detail: detail}
	if u.j != nil {
		rec.Case = u.j.ID
	}
	_, err := u.Log.Append(context.WithoutCancel(ctx), rec)
	if err != nil {
		return fmt.Errorf("%w: security log: %w", rekey.ErrStorage, err)
	}
	return nil
}

// clip keeps a name that a recorder chose to a length that every record takes.
func clip(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

func userName() string {
	for _, v := range []string{"SUDO_USER", "USER", "LOGNAME", "USERNAME"} {
		if name := os.Getenv(v); name != "" {
			return name
		}
	}
	return "unnamed"
}

func (u *run) tell(step rekey.StepKind, state rekey.EventState, message string, fields map[string]string) {
	u.step = step
	e := rekey.Event{Time: u.Now(), Step: step, State: state, Message: message, Fields: fields}
	if u.j != nil {
		e.Run = u.j.ID
	}
	u.Events(e)
}

// result is the word for an error in the security log.
func result(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, rekey.ErrUnknown):
		return "unknown"
	case errors.Is(err, rekey.ErrWaiting):
		return "waiting"
	case errors.Is(err, rekey.ErrDenied), errors.Is(err, rekey.ErrLocked), errors.Is(err, rekey.ErrBudget), errors.Is(err, rekey.ErrRisk):
		return "refused"
	}
	return "failed"
}
