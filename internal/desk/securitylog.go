package desk

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// logWait is how long a record waits for another process that writes one.
const logWait = 5 * time.Second

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
}

// lastRecords is how many records an auditor's page shows.
const lastRecords = 100

// VerifyLog checks every record of the security log against its signed
// checkpoint. A log that does not verify is a report with a Problem, not an error.
func (d *Desk) VerifyLog(ctx context.Context, who Agent) (LogReport, error) {
	var report LogReport
	err := d.perform(ctx, who, ActLogVerify, target{object: "security log"}, func() error {
		dir := os.DirFS(filepath.Join(d.dir, LogDir))
		key, err := seclog.ReadKey(dir)
		if err != nil {
			return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
		}
		report.Report, err = seclog.Verify(ctx, dir, key, nil)
		if err != nil {
			report.Problem = err.Error()
		}
		var ring []seclog.Record
		for rec, err := range seclog.Records(dir) {
			if err != nil {
				break // Verify has said it
			}
			if ring = append(ring, rec); len(ring) > 2*lastRecords {
				ring = append(ring[:0], ring[len(ring)-lastRecords:]...)
			}
		}
		for i := len(ring) - 1; i >= max(0, len(ring)-lastRecords); i-- {
			report.Last = append(report.Last, ring[i])
		}
		return nil
	})
	return report, err
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
	return "internal error"
}
