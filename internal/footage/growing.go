package footage

import (
	"context"
	"time"

	"rekey"
)

// during is from when to when the recordings were listed, by the recorder's own
// clock. It is zero where the recorder does not tell it.
type during struct{ began, ended time.Time }

// margin is how long after its last entry in the list a recording may still be
// written, and how far the list runs behind the clock.
const margin = 2 * time.Minute

// clock is the recorder's; zero where it cannot be read. Nothing fails by that:
// a recording that grows is then named as one that is not whole.
func clock(ctx context.Context, src Source) time.Time {
	c, ok := src.(rekey.ClockReader)
	if !ok {
		return time.Time{}
	}
	now, err := c.Clock(ctx)
	if err != nil {
		return time.Time{}
	}
	return now
}

// growing reports whether the recording spans the time of the listing, so that
// the recorder may be writing it. One that lies in the future as a whole is from
// before the clock was set back.
func (d during) growing(r rekey.Recording) bool {
	if d.began.IsZero() || d.ended.IsZero() {
		return false
	}
	return r.End.After(d.began.Add(-margin)) && r.Start.Before(d.ended.Add(margin))
}
