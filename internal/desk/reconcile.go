package desk

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
	"rekey/seclog"
)

// keyUse is why a recorder's key, or the desk's own in suite 2, is used.
type keyUse string

const (
	keyForQR     keyUse = "qr"     // to check that a QR code is the recorder's
	keyForAnswer keyUse = "answer" // to work an answer out
)

// Events that Reconcile and Explain look for.
const (
	eventKeyUse = "key.use"
	eventReveal = "code.reveal"
)

// noteKeyUse records the use of a key before it is used.
func (d *Desk) noteKeyUse(ctx context.Context, c *Case, ch recovery.Challenge, why keyUse) error {
	return d.note(ctx, system(), eventKeyUse, target{object: c.DeviceID.String(), number: c.Number,
		detail: map[string]string{"why": string(why), "challenge_sha256": hashOf(ch), "suite": strconv.Itoa(int(ch.Suite))}}, "ok")
}

// Reconciled compares the uses of recorders' keys with the answers that were issued.
type Reconciled struct {
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	KeyUses  int       `json:"key_uses"` // records key.use for an answer, in the security log
	Reveals  int       `json:"reveals"`  // rows
	Recorded int       `json:"recorded"` // records code.reveal in the security log
	Problems []string  `json:"problems"` // each difference in words; empty = all agree
}

// Reconcile compares them for a span, and raises the alarm "keys" where they
// differ. It sees what somebody did to the database or the log behind the
// desk's back; whoever copies the desk's keys and answers elsewhere leaves no
// trace in either, and only a key store of its own that counts would show it.
func (d *Desk) Reconcile(ctx context.Context, who Agent, since, until time.Time) (r Reconciled, err error) {
	if since, until, err = checkSpan(since, until); err != nil {
		return Reconciled{}, d.unusable(ctx, who, ActReconcile, target{object: "answers"}, err)
	}
	err = d.perform(ctx, who, ActReconcile, target{object: "answers"}, func() error {
		r, err = d.reconcile(ctx, since, until)
		return err
	})
	return r, err
}

// answered is one answer as its row, or its record, tells of it.
type answered struct {
	at    time.Time
	about [8]string // as aboutWords says
	row   string    // of a row: pending, yes or no
	uses  bool      // of a record: a key.use belongs to it; not so before there were any
}

// aboutWords names what about holds.
func aboutWords() [8]string {
	return [8]string{"case", "recorder", "account", "purpose", "agent", "approver", "evidence", "delivery"}
}

// sides are what the database and the log tell of the answers of a span, by the
// hash of the challenge.
type sides struct {
	rows     map[string]answered
	recorded map[string][]answered
	uses     map[string][]answered
}

// sidesMargin is how far beyond a span the other side of what is in it is looked for.
const sidesMargin = 10 * time.Minute

func (d *Desk) reconcile(ctx context.Context, since, until time.Time) (Reconciled, error) {
	r := Reconciled{Since: since, Until: until, Problems: []string{}}
	within := func(a answered) bool { return !a.at.Before(since) && a.at.Before(until) }
	s, problem, err := d.readSides(ctx, since.Add(-sidesMargin), until.Add(sidesMargin))
	if err != nil {
		return r, err
	}
	for _, row := range s.rows {
		r.Reveals += count([]answered{row}, within)
	}
	for _, all := range s.recorded {
		r.Recorded += count(all, within)
	}
	for _, all := range s.uses {
		r.KeyUses += count(all, within)
	}
	if r.Problems = append(r.Problems, s.differences(within)...); problem != "" {
		r.Problems = append([]string{"the security log does not verify: " + problem}, r.Problems...)
	}
	if len(r.Problems) == 0 {
		return r, nil
	}
	words := fmt.Sprintf("Answers, their records and the uses of keys do not agree: %d differences. %s", len(r.Problems), strings.Join(r.Problems, "; "))
	return r, d.raise(ctx, "keys", strings.Join(r.Problems, "; "), words, 0)
}

func count(all []answered, is func(answered) bool) (n int) {
	for _, a := range all {
		if is(a) {
			n++
		}
	}
	return n
}

// readSides reads the rows first: an answer that is under way then, or comes
// after, is left out of what is read of the log.
func (d *Desk) readSides(ctx context.Context, since, until time.Time) (s sides, problem string, err error) {
	s = sides{recorded: map[string][]answered{}, uses: map[string][]answered{}}
	var rowsAt time.Time
	err = d.db.Read(ctx, func(tx *sql.Tx) (err error) {
		rowsAt = d.now()
		s.rows, err = readRows(ctx, tx, since, until)
		return err
	})
	if err != nil {
		return s, "", err
	}
	dir := os.DirFS(filepath.Join(d.dir, LogDir))
	key, err := seclog.ReadKey(dir)
	if err != nil {
		return s, "", fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	if _, err := seclog.Verify(ctx, dir, key, nil); err != nil {
		problem = err.Error()
	}
	for rec, err := range seclog.Records(dir) {
		if err == nil && !rec.Time.Before(since) && rec.Time.Before(until) && !rec.Time.After(rowsAt) {
			s.take(rec)
		}
	}
	for hash, row := range s.rows {
		if row.row == "pending" && rowsAt.Sub(row.at) < pendingFor {
			delete(s.rows, hash)
			delete(s.recorded, hash)
			delete(s.uses, hash)
		}
	}
	return s, problem, nil
}

// take takes a record, where it is about an answer.
func (s sides) take(rec seclog.Record) {
	hash := rec.Detail["challenge_sha256"]
	a := answered{at: rec.Time, about: [8]string{rec.Case, rec.Object}}
	switch {
	case rec.Event == eventReveal:
		a.about = [8]string{rec.Case, rec.Object, rec.Detail["account"], rec.Detail["purpose"], rec.Actor,
			rec.Detail["approved_by"], rec.Detail["evidence"], rec.Detail["delivery"]}
		a.uses = a.about[7] != ""
		s.recorded[hash] = append(s.recorded[hash], a)
	case rec.Event == eventKeyUse && rec.Detail["why"] == string(keyForAnswer):
		s.uses[hash] = append(s.uses[hash], a)
	}
}

func readRows(ctx context.Context, tx *sql.Tx, since, until time.Time) (map[string]answered, error) {
	rows := map[string]answered{}
	_, err := store.All(ctx, tx, func(scan store.Scan) (none struct{}, err error) {
		var hash string
		var a answered
		var at, number int64
		var purpose recovery.Purpose
		var split bool
		err = scan(&hash, &number, &a.about[1], &a.about[2], &purpose, &a.about[4], &a.about[5], &a.about[6], &split, &at, &a.row)
		a.at, a.about[0], a.about[3], a.about[7] = store.Time(at), strconv.FormatInt(number, 10), purpose.String(), delivery(split)
		rows[hash] = a
		return none, err
	}, `SELECT challenge, case_number, device_id, account, purpose, agent, COALESCE(approver, ''), evidence, split, at, delivered
		FROM reveals WHERE at >= $1 AND at < $2`, store.Micros(since), store.Micros(until))
	return rows, err
}

// delivery says how an answer leaves the desk.
func delivery(split bool) string {
	if split {
		return "split"
	}
	return "whole"
}

// differences says in words what of the span does not agree.
func (s sides) differences(within func(answered) bool) (all []string) {
	for _, hash := range slices.Sorted(maps.Keys(s.rows)) {
		if row := s.rows[hash]; within(row) {
			all = append(all, row.differs(s.recorded[hash], s.uses[hash])...)
		}
	}
	for _, hash := range slices.Sorted(maps.Keys(s.recorded)) {
		rec := s.recorded[hash][0]
		if _, ok := s.rows[hash]; !ok && within(rec) {
			all = append(all, rec.where()+" is in the security log, but its row is not in the database: somebody deleted it")
		}
		if len(s.recorded[hash]) > 1 && within(rec) {
			all = append(all, fmt.Sprintf("%s is in the security log %d times", rec.where(), len(s.recorded[hash])))
		}
	}
	for _, hash := range slices.Sorted(maps.Keys(s.uses)) {
		use := s.uses[hash][0]
		if len(s.recorded[hash]) == 0 && within(use) {
			all = append(all, "a key was used for "+use.where()+", of which the security log has no record")
		}
		if len(s.uses[hash]) > 1 && within(use) {
			all = append(all, fmt.Sprintf("a key was used %d times for %s", len(s.uses[hash]), use.where()))
		}
	}
	return all
}

// differs holds a row against its records. A row that led to no answer may be
// without: the log was down, or the desk stopped.
func (a answered) differs(recorded, uses []answered) (all []string) {
	if len(recorded) == 0 {
		if a.row == "yes" {
			all = append(all, a.where()+" is in the database, but the security log has no record of it: somebody added the row")
		}
		return all
	}
	rec := recorded[0]
	for i, word := range aboutWords() {
		if a.about[i] != rec.about[i] && (word != "delivery" || rec.uses) {
			all = append(all, fmt.Sprintf("%s differs from its record: %s is %q, recorded %q", a.where(), word, clip(a.about[i]), clip(rec.about[i])))
		}
	}
	if a.row == "yes" && rec.uses && len(uses) == 0 {
		all = append(all, a.where()+" was given, but the security log has no use of a key for it")
	}
	return all
}

func (a answered) where() string {
	return fmt.Sprintf("the answer of case %s (recorder %s, %s)", clip(a.about[0]), clip(a.about[1]), a.at.Format("2006-01-02 15:04:05"))
}
