package desk

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rekey"
	"rekey/seclog"
)

// securityLog writes the desk's security log. It opens the log for each record and
// lets go of it again, so that `rekey desk agent add` can write its record
// while the desk serves; the price is small beside the record's fsyncs.
type securityLog struct {
	dir string
	now func() time.Time
	one *sync.Mutex // one goroutine at a time, instead of all asking for the file lock
}

// logWait is how long a record waits for another process that writes one. A slow
// disk takes seconds for a few records of the other one, and no turn is kept.
const logWait = time.Minute

// makeLog makes an empty security log. Its name is drawn, so that no two desks
// have logs of one name.
func makeLog(ctx context.Context, dir string, o Options) error {
	id := make([]byte, 8)
	if _, err := io.ReadFull(o.Rand, id); err != nil {
		return fmt.Errorf("draw a name for the security log: %w", err)
	}
	log, err := seclog.Create(ctx, dir, "rekey/desk/"+hex.EncodeToString(id), seclog.Options{Now: o.Now})
	if err != nil {
		return err
	}
	return log.Close()
}

// openLog sees to it that the log can be written to now.
func openLog(ctx context.Context, dir string, now func() time.Time) (securityLog, error) {
	l := securityLog{dir: dir, now: now, one: new(sync.Mutex)}
	return l, l.with(ctx, func(*seclog.Log) error { return nil })
}

// append returns nil when a signed checkpoint that covers the record is on
// stable storage. The error wraps rekey.ErrStorage, or rekey.ErrVerify where
// the log was tampered with.
func (l securityLog) append(ctx context.Context, rec seclog.Record) error {
	return l.with(ctx, func(log *seclog.Log) error {
		_, err := log.Append(ctx, rec)
		return err
	})
}

func (l securityLog) with(ctx context.Context, fn func(*seclog.Log) error) error {
	l.one.Lock()
	defer l.one.Unlock()
	waiting, cancel := context.WithTimeout(ctx, logWait)
	defer cancel()
	log, err := seclog.Open(waiting, l.dir, seclog.Options{Now: l.now})
	if err == nil {
		err = errors.Join(fn(log), log.Close())
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, seclog.ErrTampered):
		return fmt.Errorf("%w: %w", rekey.ErrVerify, err)
	}
	return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
}

// LogReport is what checking the whole security log found.
type LogReport struct {
	seclog.Report
	Problem string          `json:"problem,omitempty"` // why it does not verify; empty = it does
	Last    []seclog.Record `json:"last"`              // the newest records, newest first
	Explanation
}

// lastRecords is how many records an auditor's page shows.
const lastRecords = 100

// VerifyLog checks every record of the security log against its signed
// checkpoint, and explains what that shows. A log that does not verify is a
// report with a Problem, not an error.
func (d *Desk) VerifyLog(ctx context.Context, who Agent) (report LogReport, err error) {
	err = d.perform(ctx, who, ActLogVerify, target{object: "security log"}, func() error {
		dir := os.DirFS(filepath.Join(d.dir, LogDir))
		key, err := seclog.ReadKey(dir)
		if err != nil {
			return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
		}
		if report.Report, err = seclog.Verify(ctx, dir, key, nil); err != nil {
			report.Problem = err.Error()
		}
		last, e := newest[seclog.Record]{most: lastRecords}, newExplainer()
		for rec, err := range seclog.Records(dir) {
			if err != nil {
				continue // Verify has said it
			}
			last.add(rec)
			e.take(rec)
		}
		report.Last, report.Explanation = last.newestFirst(), e.explain(report)
		return nil
	})
	return report, err
}

// newest keeps the last of many.
type newest[T any] struct {
	most int
	all  []T
}

func (n *newest[T]) add(one T) {
	if n.all = append(n.all, one); len(n.all) > 2*n.most {
		n.all = append(n.all[:0], n.all[len(n.all)-n.most:]...)
	}
}

func (n *newest[T]) newestFirst() []T {
	last := slices.Clone(n.all[max(0, len(n.all)-n.most):])
	slices.Reverse(last)
	return last
}

// LogSearch narrows the records of the security log; what is empty does not count.
type LogSearch struct {
	Event  string // such as code.reveal, or case. for all that begin so
	Actor  string
	Case   int64
	Before int64 // only records before this one, by Seq; 0 = all. For the next page
	Most   int   // 0 = 100, at most 500
}

// LogLine is one record, with its event in words.
type LogLine struct {
	seclog.Record
	Words string `json:"words"`
}

// LogPage is a part of the security log.
type LogPage struct {
	Records []LogLine `json:"records"`        // newest first
	Next    int64     `json:"next,omitempty"` // LogSearch.Before of the next page; 0 = there is none
}

// SearchLog shows records of the security log. It verifies nothing: see VerifyLog.
func (d *Desk) SearchLog(ctx context.Context, who Agent, s LogSearch) (page LogPage, err error) {
	if s.Most < 0 || s.Most > 500 || s.Before < 0 || s.Case < 0 {
		return page, d.unusable(ctx, who, ActLogVerify, target{object: "security log"}, refuse(rekey.ErrInput, "a page of the security log has at most 500 records"))
	}
	if s.Most == 0 {
		s.Most = lastRecords
	}
	err = d.perform(ctx, who, ActLogVerify, target{object: "security log"}, func() error {
		found := newest[LogLine]{most: s.Most + 1}
		for rec, err := range seclog.Records(os.DirFS(filepath.Join(d.dir, LogDir))) {
			if err == nil && s.fits(rec) {
				found.add(LogLine{rec, EventWords(rec.Event)})
			}
		}
		page.Records = found.newestFirst()
		if len(page.Records) > s.Most {
			page.Records = page.Records[:s.Most]
			page.Next = page.Records[s.Most-1].Seq
		}
		return ctx.Err()
	})
	return page, err
}

func (s LogSearch) fits(rec seclog.Record) bool {
	begins := strings.HasSuffix(s.Event, ".") && strings.HasPrefix(rec.Event, s.Event)
	return (s.Event == "" || rec.Event == s.Event || begins) &&
		(s.Actor == "" || rec.Actor == s.Actor) &&
		(s.Case == 0 || rec.Case == strconv.FormatInt(s.Case, 10)) &&
		(s.Before == 0 || rec.Seq < s.Before)
}

// reason is how a failed call reads in the security log: words for errors that
// rekey made itself, and nothing of what a file or a database said.
func reason(err error) string {
	for _, kind := range []error{rekey.ErrStorage, rekey.ErrVerify} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	var said *refusal
	if errors.As(err, &said) {
		return strings.ToValidUTF8(said.text, "?")
	}
	for _, kind := range []error{rekey.ErrInput, rekey.ErrDenied, rekey.ErrConflict, rekey.ErrNotFound} {
		if errors.Is(err, kind) {
			return strings.ToValidUTF8(clip(err.Error()), "?") // the staff's or the courier's own words
		}
	}
	return "internal error"
}
