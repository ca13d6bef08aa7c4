package dahua

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"rekey"
)

// stampForm is how times go out: the recorder's wall clock, no zone.
const stampForm = "2006-01-02 15:04:05"

// parseStamp reads times as firmwares write them: with or without leading zeros,
// some with AM or PM behind.
func parseStamp(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, form := range []string{"2006-1-2 15:4:5", "2006-1-2 3:4:5 PM"} {
		if t, err := time.Parse(form, s); err == nil {
			return t, nil
		}
	}
	// Some write a 24-hour time and AM or PM behind it all the same.
	if head, _, cut := strings.Cut(s, " AM"); cut {
		s = head
	} else if head, _, cut := strings.Cut(s, " PM"); cut {
		s = head
	}
	t, err := time.Parse("2006-1-2 15:4:5", s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time", clean(s))
	}
	return t, nil
}

// Clock reads the wall clock.
func (s *session) Clock(ctx context.Context) (time.Time, error) {
	const what = "getCurrentTime"
	var said string
	err := s.either(ctx,
		func(r *rpc) error {
			answer, err := r.call(ctx, "global.getCurrentTime", nil)
			if err != nil {
				return err
			}
			if json.Unmarshal(answer.Result, &said) == nil { // a text on old firmware
				return nil
			}
			var told struct{ Time string }
			err = r.read(what, answer, &told)
			said = told.Time
			return err
		},
		func(c *cgi) error {
			l, err := c.get(ctx, "global.cgi", "action", what)
			said = l["result"]
			return err
		})
	if err != nil {
		return time.Time{}, err
	}
	t, err := parseStamp(said)
	if err != nil {
		return time.Time{}, &oddAnswer{host: s.at.Address(), what: what, why: err.Error()}
	}
	return t, nil
}

var _ rekey.ClockReader = (*session)(nil)
