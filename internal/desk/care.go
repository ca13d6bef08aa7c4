package desk

import (
	"context"
	"database/sql"
	"strings"
	"unicode/utf8"

	"rekey"
	"rekey/internal/desk/staff"
	"rekey/internal/store"
	"rekey/recovery"
)

// maxNote bounds what is written down in one piece, in characters.
const maxNote = 500

// mostNotes bounds what people write about a case; what the desk itself writes
// down, such as why a case was frozen, always fits.
const mostNotes = 200

// checkText is the text without what surrounds it, where it is fit to be kept.
func checkText(text, what string) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n < 3 || n > maxNote || !utf8.ValidString(text) {
		return "", refuse(rekey.ErrInput, "%s needs 3 to %d characters", what, maxNote)
	}
	return text, nil
}

// AddNote writes a note, also about a case that is closed.
func (d *Desk) AddNote(ctx context.Context, who Agent, number int64, text string) (Case, error) {
	text, err := checkText(text, "a note")
	if err != nil {
		return Case{}, d.unusable(ctx, who, ActCaseNote, targetOf(number, nil), err)
	}
	return d.changeCase(ctx, who, ActCaseNote, target{object: "case", number: number}, func(tx *sql.Tx, c *Case) error {
		if len(c.Notes) >= mostNotes {
			return refuse(rekey.ErrBudget, "case %d has %d notes already", number, len(c.Notes))
		}
		return d.putNote(ctx, tx, who.Name, number, text)
	})
}

func (d *Desk) putNote(ctx context.Context, tx *sql.Tx, by string, number int64, text string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO case_notes (case_number, turn, at, by_whom, note)
		VALUES ($1, (SELECT COALESCE(MAX(turn), 0) + 1 FROM case_notes WHERE case_number = $1), $2, $3, $4)`,
		number, store.Micros(d.now()), by, text)
	return err
}

func readNotes(ctx context.Context, tx *sql.Tx, number int64) ([]Note, error) {
	return store.All(ctx, tx, func(scan store.Scan) (n Note, err error) {
		var at int64
		err = scan(&at, &n.By, &n.Text)
		n.At = store.Time(at)
		return n, err
	}, `SELECT at, by_whom, note FROM case_notes WHERE case_number = $1 ORDER BY turn`, number)
}

// HandOver gives a case to another agent or supervisor, who goes on with it;
// an agent takes one that nobody works by giving it to themselves. Whoever had a
// part in a case keeps it: who worked it can never approve it, and who approved
// it can never work it.
func (d *Desk) HandOver(ctx context.Context, who Agent, number int64, to string) (Case, error) {
	t := target{object: "case", number: number, detail: map[string]string{"to": clip(to)}}
	return d.changeCase(ctx, who, ActCaseHandOver, t, func(tx *sql.Tx, c *Case) error {
		switch {
		case c.Stage == StageClosed:
			return c.mustBe()
		case c.WorkedBy == to:
			return refuse(rekey.ErrConflict, "case %d is worked by %s already", number, clip(to))
		case c.WorkedBy == "" && who.Role == staff.RoleAgent && to != who.Name:
			return refuse(rekey.ErrDenied, "case %d is worked by nobody yet; take it yourself, or have a supervisor give it to somebody", number)
		}
		next, err := d.staff.Agent(ctx, to)
		if err != nil {
			return err
		}
		if !worksCases(next) {
			return refuse(rekey.ErrConflict, "%s does not work cases now; choose an agent or a supervisor", next.Name)
		}
		if err := d.takePart(ctx, tx, number, next.Name, works); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE cases SET worked_by = $1 WHERE number = $2`, next.Name, number)
		return err
	})
}

// worksCases tells whether an agent may work any case now.
func worksCases(a Agent) bool { return a.DisabledAt.IsZero() && May(a, ActEvidenceAdd) }

// takers are the names of those to whom HandOver would give the case: who worked it
// before may go on with it, who approved it never.
func takers(ctx context.Context, tx *sql.Tx, c *Case, all []Agent) (names []string, err error) {
	for _, a := range all {
		if !worksCases(a) || a.Name == c.WorkedBy {
			continue
		}
		has, err := partOf(ctx, tx, c.Number, a.Name)
		if err != nil {
			return nil, err
		}
		if has != approves {
			names = append(names, a.Name)
		}
	}
	return names, nil
}

// Pause puts a case aside; Resume goes on with it. A hold goes on meanwhile.
func (d *Desk) Pause(ctx context.Context, who Agent, number int64, why string) (Case, error) {
	why, err := checkText(why, "why the case is put aside")
	if err != nil {
		return Case{}, d.unusable(ctx, who, ActCasePause, targetOf(number, nil), err)
	}
	return d.changeCase(ctx, who, ActCasePause, target{object: "case", number: number}, func(tx *sql.Tx, c *Case) error {
		if err := c.mustBe(takesCodes()...); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE cases SET paused_at = $1, paused_why = $2 WHERE number = $3`, store.Micros(d.now()), why, number)
		return err
	})
}

// Resume goes on with a case that was put aside.
func (d *Desk) Resume(ctx context.Context, who Agent, number int64) (Case, error) {
	return d.changeCase(ctx, who, ActCaseResume, target{object: "case", number: number}, func(tx *sql.Tx, c *Case) error {
		if err := c.mustBe(StagePaused); err != nil {
			return err
		}
		if err := d.putNote(ctx, tx, who.Name, number, "went on; was put aside: "+c.PausedWhy); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE cases SET paused_at = 0, paused_why = '' WHERE number = $1`, number)
		return err
	})
}

// ShowAddress shows a registered telephone number in full, for the call back.
// It is the only way in which an owner's address leaves the desk in full, and
// each time is recorded.
func (d *Desk) ShowAddress(ctx context.Context, who Agent, number int64, index int) (address string, err error) {
	t := target{object: "case", number: number}
	_, err = d.changeCase(ctx, who, ActAddressShow, t, func(_ *sql.Tx, c *Case) error {
		if err := c.mustBe(takesCodes()...); err != nil {
			return err
		}
		to, err := c.target(index)
		if err != nil {
			return err
		}
		tel, ok := strings.CutPrefix(to.address, "tel:")
		if !ok {
			return refuse(rekey.ErrInput, "only a telephone number is shown, to call it back")
		}
		address = tel
		return nil
	})
	return address, err
}

// SetSendTo chooses the registered address that gets the owner's half. Where the
// case was approved with another one, it takes another approval.
func (d *Desk) SetSendTo(ctx context.Context, who Agent, number int64, index int) (Case, error) {
	t := target{object: "case", number: number}
	return d.changeCase(ctx, who, ActSendTo, t, func(tx *sql.Tx, c *Case) error {
		if err := c.mustBe(takesCodes()...); err != nil {
			return err
		}
		to, err := c.target(index)
		if err != nil {
			return err
		}
		if !to.Reachable {
			return refuse(rekey.ErrInput, "the desk cannot send to %s", to.Address)
		}
		if index != c.SendTo && c.ApprovedBy != "" {
			if err := dropApproval(ctx, tx, number); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `UPDATE cases SET send_to = $1 WHERE number = $2`, to.address, number)
		return err
	})
}

// dropApproval takes an approval back; who gave it keeps their part in the case.
func dropApproval(ctx context.Context, tx *sql.Tx, number int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE cases SET approved_by = NULL, approved_at = 0, approved_level = 0, approved_hold = 0, approved_rules = '' WHERE number = $1`, number)
	return err
}

// GroupStates tells of each group of a challenge, while it is typed, whether it
// is right: recovery.FormChallenge. It looks nothing up.
func GroupStates(typed string) []recovery.GroupState {
	return recovery.FormChallenge.GroupStates(typed)
}
