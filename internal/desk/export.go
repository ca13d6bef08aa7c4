package desk

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// exported is one case as it leaves the desk: nothing of its caller or owner, no
// free text, no account.
type exported struct {
	Case        int64     `json:"case"`
	DeviceID    string    `json:"device_id"`
	Model       string    `json:"model"`
	Purpose     string    `json:"purpose"`
	OpenedAt    time.Time `json:"opened_at"`
	OpenedBy    string    `json:"opened_by"`
	WorkedBy    string    `json:"worked_by"`
	ApprovedAt  time.Time `json:"approved_at,omitzero"`
	ApprovedBy  string    `json:"approved_by"`
	Level       string    `json:"approved_level"`
	AnsweredAt  time.Time `json:"answered_at,omitzero"`
	AnsweredBy  string    `json:"answered_by"`
	Evidence    string    `json:"evidence"` // kinds, by commas
	Split       bool      `json:"split"`
	ClosedAt    time.Time `json:"closed_at,omitzero"`
	Outcome     string    `json:"outcome"`
	PasswordSet string    `json:"password_set"`
	CallerIn    string    `json:"caller_in"`
	Refusals    int       `json:"refusals"`
}

// exportColumns are the names of cells, in the order of exported.cells.
func exportColumns() []string {
	return []string{"case", "device_id", "model", "purpose", "opened_at", "opened_by", "worked_by", "approved_at", "approved_by", "approved_level",
		"answered_at", "answered_by", "evidence", "split", "closed_at", "outcome", "password_set", "caller_in", "refusals"}
}

func (e exported) cells() []string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	return []string{strconv.FormatInt(e.Case, 10), e.DeviceID, e.Model, e.Purpose, at(e.OpenedAt), e.OpenedBy, e.WorkedBy, at(e.ApprovedAt), e.ApprovedBy, e.Level,
		at(e.AnsweredAt), e.AnsweredBy, e.Evidence, strconv.FormatBool(e.Split), at(e.ClosedAt), e.Outcome, e.PasswordSet, e.CallerIn, strconv.Itoa(e.Refusals)}
}

// exportAtATime is how many cases are read in one transaction, so that whoever
// takes the export slowly holds nothing up.
const exportAtATime = 200

// Export writes the cases that were opened in a span, with their answers, as
// "csv" (RFC 4180) or "json" (one object a line): no names, numbers or addresses
// of callers and owners, no notes. Of CSV, cells that a spreadsheet would take
// for a formula begin with an apostrophe. A refused span or format writes nothing.
func (d *Desk) Export(ctx context.Context, who Agent, w io.Writer, format string, since, until time.Time) error {
	since, until, err := checkSpan(since, until)
	if err != nil {
		return d.unusable(ctx, who, ActExport, target{object: "cases"}, err)
	}
	write, end, err := exporter(w, format)
	if err != nil {
		return d.unusable(ctx, who, ActExport, target{object: "cases"}, err)
	}
	t := target{object: "cases", detail: map[string]string{"format": format, "since": since.Format(time.RFC3339), "until": until.Format(time.RFC3339)}}
	return d.perform(ctx, who, ActExport, t, func() error {
		for after := int64(0); ; {
			page, err := d.exportPage(ctx, after, since, until)
			if err != nil {
				return err
			}
			for _, e := range page {
				if err := write(e); err != nil {
					return err
				}
				after = e.Case
			}
			if len(page) < exportAtATime {
				return end()
			}
		}
	})
}

// exporter writes cases in a format; end flushes.
func exporter(w io.Writer, format string) (write func(exported) error, end func() error, err error) {
	switch format {
	case "json":
		lines := json.NewEncoder(w)
		return func(e exported) error { return lines.Encode(e) }, func() error { return nil }, nil
	case "csv":
		table, begun := csv.NewWriter(w), false
		table.UseCRLF = true
		begin := func() error {
			if begun {
				return nil
			}
			begun = true
			return table.Write(exportColumns())
		}
		write = func(e exported) error { return errors.Join(begin(), table.Write(defused(e.cells()))) }
		end = func() error {
			err := begin()
			table.Flush()
			return errors.Join(err, table.Error())
		}
		return write, end, nil
	}
	return nil, nil, refuse(rekey.ErrInput, "format %q: expected csv or json", clip(format))
}

// defused are cells of which a spreadsheet takes none for a formula.
func defused(cells []string) []string {
	for i, cell := range cells {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			cells[i] = "'" + cell
		}
	}
	return cells
}

func (d *Desk) exportPage(ctx context.Context, after int64, since, until time.Time) (page []exported, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		page, err = store.All(ctx, tx, scanExported, `SELECT c.number, c.device_id, r.model, c.purpose, c.opened_at, c.opened_by, COALESCE(c.worked_by, ''),
				c.approved_at, COALESCE(c.approved_by, ''), c.approved_level, COALESCE(a.at, 0), COALESCE(a.agent, ''), COALESCE(a.evidence, ''), COALESCE(a.split, 0),
				c.closed_at, c.outcome, c.password_set, c.caller_in, (SELECT COUNT(*) FROM refusals f WHERE f.case_number = c.number)
			FROM cases c JOIN recorders r ON r.device_id = c.device_id LEFT JOIN reveals a ON a.case_number = c.number AND a.delivered = 'yes'
			WHERE c.number > $1 AND c.opened_at >= $2 AND c.opened_at < $3 ORDER BY c.number LIMIT $4`,
			after, store.Micros(since), store.Micros(until), exportAtATime)
		return err
	})
	return page, err
}

func scanExported(scan store.Scan) (e exported, err error) {
	var opened, approved, answered, closed int64
	var purpose recovery.Purpose
	var level Level
	err = scan(&e.Case, &e.DeviceID, &e.Model, &purpose, &opened, &e.OpenedBy, &e.WorkedBy,
		&approved, &e.ApprovedBy, &level, &answered, &e.AnsweredBy, &e.Evidence, &e.Split,
		&closed, &e.Outcome, &e.PasswordSet, &e.CallerIn, &e.Refusals)
	e.Purpose = purposeNames[purpose]
	e.OpenedAt, e.ApprovedAt, e.AnsweredAt, e.ClosedAt = store.Time(opened), store.Time(approved), store.Time(answered), store.Time(closed)
	if e.ApprovedBy != "" {
		e.Level = level.String()
	}
	return e, err
}
