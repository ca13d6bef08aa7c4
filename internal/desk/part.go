package desk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"rekey"
	"rekey/internal/desk/staff"
	"rekey/internal/store"
)

// part is what somebody does in a case. Nobody has two in one case, and neither
// has a browser: the keys of the tables say so as well.
type part string

const (
	works    part = "works"
	approves part = "approves"
)

// mayWork refuses who is not the one who works the case, and takes down the
// browser that they work it from. Where nobody works it yet, as a program
// opened it, only taking is due.
func (d *Desk) mayWork(ctx context.Context, who Agent, number int64, taking bool) error {
	err := d.db.Tx(ctx, func(tx *sql.Tx) error {
		worker, err := workerOf(ctx, tx, number)
		switch {
		case errors.Is(err, sql.ErrNoRows) || (err == nil && worker == "" && taking):
			return nil // that there is no such case, the act itself says
		case err != nil:
			return err
		case worker == "":
			return refuse(rekey.ErrDenied, "case %d is worked by nobody yet; take it first", number)
		case worker != who.Name:
			return refuse(rekey.ErrDenied, "case %d is worked by %s; only they can go on with it", number, worker)
		}
		return sitAt(ctx, tx, who, number, works)
	})
	if errors.Is(err, errSameBrowser) {
		return d.oneBrowser(ctx, who, number)
	}
	return err
}

// mayJudge refuses who has one of the parts in the case, or had it.
func (d *Desk) mayJudge(ctx context.Context, who Agent, number int64, never []part) error {
	return d.db.Read(ctx, func(tx *sql.Tx) error {
		has, err := partOf(ctx, tx, number, who.Name)
		if err == nil && slices.Contains(never, has) {
			return ownCase(number)
		}
		return err
	})
}

func ownCase(number int64) error {
	return refuse(rekey.ErrDenied, "case %d is your own: you had a part in it; somebody else must do this", number)
}

func workerOf(ctx context.Context, tx *sql.Tx, number int64) (name string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(worked_by, '') FROM cases WHERE number = $1`, number).Scan(&name)
	return name, err
}

// partOf is who's part in a case, or empty.
func partOf(ctx context.Context, tx *sql.Tx, number int64, name string) (has part, err error) {
	err = tx.QueryRowContext(ctx, `SELECT part FROM case_parts WHERE case_number = $1 AND agent = $2`, number, name).Scan(&has)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return has, err
}

// takePart gives somebody a part in a case; having it already is fine, having
// the other one is not.
func (d *Desk) takePart(ctx context.Context, tx *sql.Tx, number int64, name string, wanted part) error {
	has, err := partOf(ctx, tx, number, name)
	switch {
	case err != nil || has == wanted:
		return err
	case has == works:
		return ownCase(number)
	case has == approves:
		return refuse(rekey.ErrDenied, "%s approved case %d and can never work it", name, number)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO case_parts (case_number, agent, part, at) VALUES ($1, $2, $3, $4)`,
		number, name, wanted, store.Micros(d.now()))
	return err
}

// errSameBrowser says that a browser has the other part in the case.
var errSameBrowser = errors.New("one browser for two parts")

// sitAt takes down the browser of a part. Agents without one, such as those of
// tools on the desk's own machine, are told apart by their names alone.
func sitAt(ctx context.Context, tx *sql.Tx, who Agent, number int64, as part) error {
	if who.Browser == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO case_browsers (case_number, browser, part, place) VALUES ($1, $2, $3, $4)
		ON CONFLICT (case_number, browser) DO NOTHING`, number, who.Browser, as, placeOf(who))
	if err != nil {
		return err
	}
	var has part
	err = tx.QueryRowContext(ctx, `SELECT part FROM case_browsers WHERE case_number = $1 AND browser = $2`, number, who.Browser).Scan(&has)
	if err == nil && has != as {
		return errSameBrowser
	}
	return err
}

// oneBrowser raises the alarm and is the refusal.
func (d *Desk) oneBrowser(ctx context.Context, who Agent, number int64) error {
	err := d.raise(context.WithoutCancel(ctx), "browser", fmt.Sprintf("%d %s", number, who.Name),
		fmt.Sprintf("One browser was used to work case %d and to judge it, last by %s.", number, who.Name), number)
	return errors.Join(refuse(rekey.ErrDenied, "case %d: this browser has the other part in it; whoever works a case and whoever approves it are two people at two browsers", number), err)
}

// worksHere refuses a judge at a browser that the case is worked from.
func worksHere(ctx context.Context, tx *sql.Tx, who Agent, number int64) error {
	var worked int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM case_browsers WHERE case_number = $1 AND browser = $2 AND part = $3`, number, who.Browser, works).Scan(&worked)
	if err == nil && worked > 0 {
		return errSameBrowser
	}
	return err
}

// placeOf is the address that somebody acts from; this machine is one, by
// whichever address, and empty is none.
func placeOf(who Agent) string {
	switch {
	case !who.From.IsValid():
		return ""
	case who.From.IsLoopback():
		return "this machine"
	}
	return who.From.String()
}

// seat is a judge's browser for the record: which, and since when the desk knows it.
func seat(who Agent, detail map[string]string) map[string]string {
	if who.Browser != "" {
		detail["browser"] = who.Browser[:min(len(who.Browser), staff.BrowserLetters)]
	}
	if !who.BrowserSince.IsZero() {
		detail["browser_since"] = who.BrowserSince.UTC().Format(time.RFC3339)
	}
	return detail
}

// doubtSeat raises the alarm where an approval came from an address that the
// case is worked from, by a browser that the desk did not know when the case
// was opened: a private window, or one whose cookies were deleted, looks so. It
// refuses nothing, as two people of one office may look so, too.
func (d *Desk) doubtSeat(ctx context.Context, tx *sql.Tx, who Agent, c *Case) error {
	place := placeOf(who)
	if place == "" || !who.BrowserSince.After(c.OpenedAt) {
		return nil
	}
	var beside int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM case_browsers WHERE case_number = $1 AND part = $2 AND place = $3`, c.Number, works, place).Scan(&beside)
	if err != nil || beside == 0 {
		return err
	}
	return d.raiseIn(ctx, tx, "browser", fmt.Sprintf("%d %s anew", c.Number, who.Name),
		fmt.Sprintf("Case %d was approved by %s from the address that it is worked from (%s), at a browser that the desk first saw after the case was opened. It may be one person with two names and a private window: ask who sat there.",
			c.Number, who.Name, place), c.Number)
}
