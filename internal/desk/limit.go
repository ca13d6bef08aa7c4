package desk

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"rekey"
	"rekey/internal/store"
)

// Limit is how many answers one recorder, caller or agent may get in a time.
type Limit struct {
	Whose string // "device", "caller" or "agent"
	Most  int
	In    time.Duration
}

// Limits are the desk's limits. They are checked and spent in one transaction.
func Limits() []Limit {
	const day = 24 * time.Hour
	return []Limit{
		{"device", 1, 15 * time.Minute},
		{"device", 3, day},
		{"device", 5, 30 * day},
		{"caller", 3, day},
		{"agent", 20, time.Hour},
		{"agent", 100, day},
	}
}

// SayNoAnswer is what the caller hears whenever there is no answer, whatever the reason.
const SayNoAnswer = "I cannot give you an answer for this recorder now. A colleague will look at it and get in touch with you at the address we have registered."

// noAnswer refuses in the same words for every limit and every rule.
func noAnswer(kind error) error {
	return refuse(kind, "there is no answer for this case now. Say: %s", SayNoAnswer)
}

// spent is what a reveal counts against.
type spent struct{ device, caller, agent string }

// checkLimits refuses, in the same words for every limit, where an answer more
// would be too many. The limit that was reached is returned for the record.
func checkLimits(ctx context.Context, tx *sql.Tx, s spent, now time.Time) (*Limit, error) {
	for _, l := range Limits() {
		query, subject := `SELECT COUNT(*) FROM reveals WHERE device_id = $1 AND at > $2`, s.device
		switch l.Whose {
		case "caller":
			query, subject = `SELECT COUNT(*) FROM reveals WHERE caller = $1 AND at > $2`, s.caller
		case "agent":
			query, subject = `SELECT COUNT(*) FROM reveals WHERE agent = $1 AND at > $2`, s.agent
		}
		var n int
		if err := tx.QueryRowContext(ctx, query, subject, store.Micros(now.Add(-l.In))).Scan(&n); err != nil {
			return nil, err
		}
		if n >= l.Most {
			return &l, noAnswer(rekey.ErrBudget)
		}
	}
	return nil, nil
}

// String is such as "3 per device in 24h0m0s".
func (l Limit) String() string { return fmt.Sprintf("%d per %s in %s", l.Most, l.Whose, l.In) }
