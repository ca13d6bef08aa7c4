package seclog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A Report is what Verify found.
type Report struct {
	Origin    string    `json:"origin"`
	Records   int64     `json:"records"`              // covered by the checkpoint
	Root      tlog.Hash `json:"root"`                 // signed root of these records
	Time      time.Time `json:"time,omitzero"`        // of the last covered record: a checkpoint holds no time of its own
	Earlier   int64     `json:"earlier,omitempty"`    // records of the earlier checkpoint, found unchanged
	Hashes    bool      `json:"hashes"`               // stored hashes were there and agree with every record
	Uncovered int64     `json:"uncovered,omitempty"`  // whole records after the checkpoint: being written now, or left by a crash
	TornBytes int64     `json:"torn_bytes,omitempty"` // after the last whole record
	FirstBad  int64     `json:"first_bad"`            // first record in question; -1 when none is, or none can be named
}

// Verify reads a whole log, or a bundle, and holds it against its checkpoint.
// fsys is the log's directory (os.DirFS) or an opened bundle (*zip.Reader); key
// is the verifier key, best one that was kept elsewhere. Earlier may be nil or
// a signed checkpoint taken before; then the log must still begin with the
// records that it covers.
//
// An error that wraps ErrTampered is a *TamperError and says where the log is
// wrong; the Report then holds what was found up to there. Memory does not grow
// with the log. A log that is being written can be verified at the same time.
func Verify(ctx context.Context, fsys fs.FS, key string, earlier []byte) (Report, error) {
	report, err := verify(ctx, fsys, key, earlier)
	report.FirstBad = -1
	var bad *TamperError
	if errors.As(err, &bad) {
		report.FirstBad = bad.Record
	}
	return report, err
}

func verify(ctx context.Context, fsys fs.FS, key string, earlier []byte) (Report, error) {
	a, err := newAudit(fsys, key, earlier)
	if err != nil {
		return Report{}, err
	}
	report := Report{Origin: a.checkpoint.Origin, Records: a.checkpoint.Size, Root: a.checkpoint.Root}
	if a.earlier != nil && a.earlier.Size > a.checkpoint.Size {
		return report, tamperedAt(a.checkpoint.Size, "it is missing; the earlier checkpoint covers %d records, the log's own only %d: the log was put back", a.earlier.Size, a.checkpoint.Size)
	}
	hashes, err := fsys.Open(hashesFile)
	switch {
	case err == nil:
		defer hashes.Close() //nolint:errcheck // only read
		a.stored = bufio.NewReaderSize(hashes, 1<<16)
	case !errors.Is(err, fs.ErrNotExist):
		return report, fmt.Errorf("open the log's hashes: %w", err)
	}
	records, err := fsys.Open(recordsFile)
	if err != nil {
		return report, missingRecords(err)
	}
	defer records.Close() //nolint:errcheck // only read
	lines := newLineReader(records)
	if err := a.run(ctx, lines); err != nil {
		return report, err
	}
	return report, report.finish(a, lines)
}

func missingRecords(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return tamperedAt(0, "it is missing; there is a checkpoint but no records file")
	}
	return fmt.Errorf("open the log's records: %w", err)
}

func newAudit(fsys fs.FS, key string, earlier []byte) (*audit, error) {
	signed, err := ReadCheckpoint(fsys)
	if _, left := fs.Stat(fsys, recordsFile); left == nil && errors.Is(err, fs.ErrNotExist) {
		return nil, tampered("the checkpoint is missing, but there are records")
	}
	if err != nil {
		return nil, err
	}
	a := &audit{}
	if a.checkpoint, err = OpenCheckpoint(signed, key); err != nil {
		return nil, err
	}
	if earlier == nil {
		return a, nil
	}
	old, err := OpenCheckpoint(earlier, key)
	if err != nil {
		return nil, fmt.Errorf("earlier checkpoint: %w", err)
	}
	a.earlier = &old
	return a, nil
}

// finish is reached when the records are whole. What remains is to see whether
// the stored hashes are whole, too, and what follows the covered records.
func (r *Report) finish(a *audit, lines *lineReader) error {
	r.Earlier = a.passed
	if last, err := ParseRecord(a.last); err == nil {
		r.Time = last.Time
	}
	if bad := a.mismatched.from(0); bad != nil {
		return &TamperError{Record: bad.Record, Until: bad.Until,
			Reason: "the records are whole and match the checkpoint, but the hashes file was changed here; remove that file and the next append writes it anew"}
	}
	r.Hashes = a.stored != nil
	for {
		rest, err := lines.next()
		switch {
		case err == nil:
			r.Uncovered++
		case errors.Is(err, io.EOF):
			return nil
		case isDamage(err):
			left, err := io.Copy(io.Discard, lines.r)
			r.TornBytes = int64(len(rest)) + left
			return err
		default:
			return fmt.Errorf("read what follows record %d: %w", r.Records-1, err)
		}
	}
}
