package desk

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// Search narrows a list of cases; what is empty does not count.
type Search struct {
	DeviceID string // a recorder
	Caller   string // a telephone number as shown, or the name that Case.Caller is
	Stage    Stage
	WorkedBy string
	Free     bool   // beside WorkedBy: also cases that nobody works yet
	Text     string // in model, serial number, firmware, account, owner's name or notes
	Open     bool   // only cases that are not closed
	Before   int64  // only numbers below; for the next page
	Most     int    // 0 = 100, at most 500
}

const (
	mostListed   = 100  // in a list, where nobody asks for more
	mostFound    = 500  // in any list
	mostSearched = 2000 // cases that one search by stage looks at
	maxSearch    = 64   // characters of a text
)

// like makes a text a LIKE pattern that finds it anywhere, in small letters.
// Databases differ in what they take for small beyond ASCII, so such a letter
// stands for any one character.
func like(text string) (string, error) {
	valid := utf8.ValidString(text)
	text = strings.ToLower(strings.TrimSpace(text))
	if !valid || utf8.RuneCountInString(text) > maxSearch {
		return "", refuse(rekey.ErrInput, "search for a text of at most %d characters", maxSearch)
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r > unicode.MaxASCII:
			r = '_'
		case strings.ContainsRune(`\%_`, r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return "%" + b.String() + "%", nil
}

// where collects conditions with their arguments.
type where struct {
	all  []string
	args []any
}

// and adds a condition in which ? stands for the argument, as often as it is there.
func (w *where) and(condition string, arg any) {
	w.args = append(w.args, arg)
	w.all = append(w.all, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(w.args))))
}

// sql is the conditions together.
func (w *where) sql() string {
	if len(w.all) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.all, " AND ")
}

// SearchCases lists cases, newest first. A search by stage looks at the newest
// 2000 that fit the rest.
func (d *Desk) SearchCases(ctx context.Context, who Agent, s Search) (all []Case, err error) {
	t := target{object: "cases", detail: s.what()}
	err = d.perform(ctx, who, ActCaseList, t, func() error {
		return d.db.Read(ctx, func(tx *sql.Tx) error {
			numbers, err := d.findCases(ctx, tx, s)
			if err != nil {
				return err
			}
			for _, n := range numbers {
				c, err := d.readCase(ctx, tx, n)
				if err != nil {
					return err
				}
				if (s.Stage != "" && c.Stage != s.Stage) || (s.Open && c.Stage == StageClosed) {
					continue
				}
				if all = append(all, c.seenBy(who)); len(all) == s.most() {
					break
				}
			}
			return nil
		})
	})
	return all, err
}

func (s Search) most() int {
	if s.Most <= 0 {
		return mostListed
	}
	return min(s.Most, mostFound)
}

// what says how a list was narrowed, without what may be of a person.
func (s Search) what() map[string]string {
	detail := map[string]string{}
	for name, value := range map[string]string{"device_id": s.DeviceID, "stage": string(s.Stage), "worked_by": s.WorkedBy} {
		if value != "" {
			detail[name] = clip(value)
		}
	}
	for name, has := range map[string]bool{"caller": s.Caller != "", "text": s.Text != ""} {
		if has {
			detail[name] = "given"
		}
	}
	return detail
}

// findCases are the numbers of the cases that may fit, newest first.
func (d *Desk) findCases(ctx context.Context, tx *sql.Tx, s Search) ([]int64, error) {
	var w where
	if s.DeviceID != "" {
		id, err := recovery.ParseDeviceID(s.DeviceID)
		if err != nil {
			return nil, refuse(rekey.ErrInput, "%v", err)
		}
		w.and("c.device_id = ?", id.String())
	}
	switch {
	case s.WorkedBy != "" && s.Free:
		w.and("(c.worked_by = ? OR c.worked_by IS NULL)", s.WorkedBy)
	case s.WorkedBy != "":
		w.and("c.worked_by = ?", s.WorkedBy)
	}
	if s.Before > 0 {
		w.and("c.number < ?", s.Before)
	}
	if s.Open {
		w.and("c.closed_at = ?", 0)
	}
	if strings.TrimSpace(s.Text) != "" {
		pattern, err := like(s.Text)
		if err != nil {
			return nil, err
		}
		w.and(`(LOWER(r.model) LIKE ? ESCAPE '\' OR LOWER(r.serial) LIKE ? ESCAPE '\' OR LOWER(r.firmware) LIKE ? ESCAPE '\' OR LOWER(r.owner) LIKE ? ESCAPE '\' OR LOWER(c.account) LIKE ? ESCAPE '\'
			OR EXISTS (SELECT 1 FROM case_notes n WHERE n.case_number = c.number AND LOWER(n.note) LIKE ? ESCAPE '\')
			OR EXISTS (SELECT 1 FROM evidence e WHERE e.case_number = c.number AND LOWER(e.note) LIKE ? ESCAPE '\'))`, pattern)
	}
	most := s.most()
	if s.Stage != "" || s.Open {
		most = mostSearched
	}
	if s.Caller != "" {
		if err := d.ofCaller(ctx, tx, &w, s.Caller); err != nil {
			return nil, err
		}
	}
	w.args = append(w.args, most)
	return store.All(ctx, tx, func(scan store.Scan) (n int64, err error) { return n, scan(&n) },
		`SELECT c.number FROM cases c JOIN recorders r ON r.device_id = c.device_id`+w.sql()+
			fmt.Sprintf(` ORDER BY c.number DESC LIMIT $%d`, len(w.args)), w.args...)
}

// ofCaller narrows to one caller, by number or by name.
func (d *Desk) ofCaller(ctx context.Context, tx *sql.Tx, w *where, typed string) error {
	names := []string{typed}
	if number, err := parseCaller(typed); err == nil {
		if names, err = d.callerNames(ctx, tx, number); err != nil {
			return err
		}
	}
	var either []string
	for _, name := range names {
		w.args = append(w.args, name)
		either = append(either, fmt.Sprintf("c.caller = $%d", len(w.args)))
	}
	if len(either) == 0 {
		either = []string{"1 = 0"}
	}
	w.all = append(w.all, "("+strings.Join(either, " OR ")+")")
	return nil
}

// SearchRecorders lists recorders whose Device ID, serial number, model, firmware
// or owner's name has the text, newest first; an empty text is all. The list is
// bounded to 100.
func (d *Desk) SearchRecorders(ctx context.Context, who Agent, text string) (all []Recorder, err error) {
	pattern, err := like(text)
	if err != nil {
		return nil, d.unusable(ctx, who, ActRecorderList, target{object: "recorders"}, err)
	}
	var w where
	if id, err := recovery.ParseDeviceID(text); err == nil {
		w.and("device_id = ?", id.String())
	} else if pattern != "%%" {
		w.and(`(LOWER(device_id) LIKE ? ESCAPE '\' OR LOWER(model) LIKE ? ESCAPE '\' OR LOWER(serial) LIKE ? ESCAPE '\' OR LOWER(firmware) LIKE ? ESCAPE '\'
			OR LOWER(owner) LIKE ? ESCAPE '\')`, pattern)
	}
	w.args = append(w.args, mostListed)
	query := `SELECT device_id FROM recorders` + w.sql() + fmt.Sprintf(` ORDER BY enrolled_at DESC, device_id LIMIT $%d`, len(w.args))
	err = d.perform(ctx, who, ActRecorderList, target{object: "recorders"}, func() error {
		return d.db.Read(ctx, func(tx *sql.Tx) error {
			found, err := store.All(ctx, tx, func(scan store.Scan) (s string, err error) { return s, scan(&s) }, query, w.args...)
			if err != nil {
				return err
			}
			for _, text := range found {
				id, err := recovery.ParseDeviceID(text)
				if err != nil {
					return err
				}
				r, err := readRecorder(ctx, tx, id)
				if err != nil {
					return err
				}
				all = append(all, r)
			}
			return nil
		})
	})
	return all, err
}
