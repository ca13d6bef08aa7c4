package job

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"unicode"
	"unicode/utf8"

	"rekey"
	"rekey/seclog"
)

// record writes to the security log. What happened is recorded before it is told.
func (u *run) record(ctx context.Context, event, object, result string, detail map[string]string) error {
	rec := seclog.Record{Actor: "operator " + clip(userName()), Event: event, Object: clip(object), Result: result, Detail: short(detail)}
	if u.j != nil {
		rec.Case = u.j.ID
	}
	_, err := u.Log.Append(context.WithoutCancel(ctx), rec)
	if err != nil {
		return fmt.Errorf("%w: security log: %w", rekey.ErrStorage, err)
	}
	return nil
}

// clip keeps a name that a recorder chose to what can be printed, and to a length
// that every record takes.
func clip(s string) string {
	const most = 200
	return printable(s, most)
}

// printable is the beginning of a text, without what a terminal would act upon.
func printable(s string, most int) string {
	r := []rune(s[:min(len(s), most*utf8.UTFMax)])
	for i := range r {
		if !unicode.IsPrint(r[i]) {
			r[i] = ' '
		}
	}
	return string(r[:min(len(r), most)])
}

// longest is how many runes of a sentence are told and recorded; a recorder may
// have put its own words into it.
const longest = 2000

// short bounds the values of a record's detail or of an event's fields.
func short(fields map[string]string) map[string]string {
	fields = maps.Clone(fields)
	for k, v := range fields {
		fields[k] = printable(v, longest)
	}
	return fields
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
	e := rekey.Event{Time: u.Now(), Step: step, State: state, Message: printable(message, longest), Fields: short(fields)}
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
