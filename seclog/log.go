package seclog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Options of an open log. The zero value is ready for use.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Boot and ClockTrust fill these fields of records that leave them empty.
	Boot, ClockTrust string
}

// A Log is open for writing. There is one writer at a time, held by a file
// lock; its methods may be called by many goroutines.
type Log struct {
	dir     string
	opt     Options
	signer  note.Signer
	key     string
	lock    *os.File
	records *os.File
	hashes  *os.File

	turn       chan struct{} // holds one token; whoever has it may touch what follows
	tree       frontier
	end        int64 // length of the covered records in bytes
	checkpoint []byte
	broken     error // why nothing can be appended any more

	between func(step string) error // tests look at the directory between two writes; else nil
}

// An Entry is a record in the log, covered by a signed checkpoint.
type Entry struct {
	Record
	Hash       tlog.Hash // the leaf of the tree: the RFC 6962 hash of the stored line
	Checkpoint []byte    // the signed checkpoint that covers it
}

// Append stamps a record with its place and time and writes it. When it
// returns without an error the record is covered by a signed checkpoint, and
// both are on stable storage: what must not happen before it is on record may
// happen now.
//
// A refused record (ErrRecord) leaves the log as it was. After any other error
// the record may or may not be stored; the log takes no more records until it
// is opened again, and opening settles it.
func (l *Log) Append(ctx context.Context, r Record) (Entry, error) {
	entries, err := l.AppendBatch(ctx, []Record{r})
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

// AppendBatch appends several records under one checkpoint: for the price of
// one, and in the given order with none of another writer between them.
func (l *Log) AppendBatch(ctx context.Context, records []Record) ([]Entry, error) {
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	defer l.release()
	if len(records) == 0 {
		return nil, nil
	}
	return l.append(records)
}

// begin waits for its turn. It looks at the context again after that, since a
// commit that has begun is carried to its end.
func (l *Log) begin(ctx context.Context) error {
	select {
	case <-l.turn:
	case <-ctx.Done():
		return fmt.Errorf("append to the security log %s: %w", l.dir, ctx.Err())
	}
	err := l.broken
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("append to the security log %s: %w", l.dir, ctx.Err())
	}
	if err != nil {
		l.release()
	}
	return err
}

func (l *Log) release() { l.turn <- struct{}{} }

func (l *Log) append(records []Record) ([]Entry, error) {
	entries := make([]Entry, len(records))
	lines := make([][]byte, len(records))
	for i, r := range records {
		r = l.stamp(r, l.tree.size+int64(i))
		line, err := r.encode()
		if err != nil {
			return nil, err
		}
		lines[i] = line
		entries[i] = Entry{Record: r, Hash: tlog.RecordHash(line)}
	}
	if err := l.commit(lines); err != nil {
		l.broken = fmt.Errorf("append to the security log %s: %w; open it again to settle what was stored", l.dir, err)
		return nil, l.broken
	}
	for i := range entries {
		entries[i].Checkpoint = slices.Clone(l.checkpoint)
	}
	return entries, nil
}

func (l *Log) stamp(r Record, seq int64) Record {
	r.Seq = seq
	r.Time = l.opt.Now().UTC().Truncate(time.Microsecond)
	if r.Boot == "" {
		r.Boot = l.opt.Boot
	}
	if r.ClockTrust == "" {
		r.ClockTrust = l.opt.ClockTrust
	}
	return r
}

// commit stores lines after the covered records. Recovery rests on one order:
// the checkpoint takes its name only when it and all that it covers are on
// stable storage. So a crash can leave records without a checkpoint, never the
// other way round.
func (l *Log) commit(lines [][]byte) error {
	tree := l.tree
	var records, hashes []byte
	for _, line := range lines {
		records = append(append(records, line...), '\n')
		for _, h := range tree.add(tlog.RecordHash(line)) {
			hashes = append(hashes, h[:]...)
		}
	}
	signed, err := Checkpoint{Origin: l.signer.Name(), Size: tree.size, Root: tree.root()}.sign(l.signer)
	if err != nil {
		return err
	}
	if err := l.store(records, hashes, signed); err != nil {
		return err
	}
	if err := l.publish(); err != nil {
		return err
	}
	l.tree, l.end, l.checkpoint = tree, l.end+int64(len(records)), signed
	return nil
}

// store writes the three files, the checkpoint under its temporary name, and
// has them synced side by side: a journal then commits once and not three times.
func (l *Log) store(records, hashes, signed []byte) error {
	next, err := os.OpenFile(l.path(checkpointFile+tempSuffix), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	for _, w := range []struct {
		file *os.File
		b    []byte
		at   int64
	}{{l.records, records, l.end}, {l.hashes, hashes, hashBytes(l.tree.size)}, {next, signed, 0}} {
		_, err = w.file.WriteAt(w.b, w.at)
		if err == nil {
			err = l.step("write " + filepath.Base(w.file.Name()))
		}
		if err != nil {
			return errors.Join(err, next.Close())
		}
	}
	return errors.Join(syncAll(l.records, l.hashes, next), next.Close(), l.step("sync"))
}

func (l *Log) publish() error {
	if err := os.Rename(l.path(checkpointFile+tempSuffix), l.path(checkpointFile)); err != nil {
		return err
	}
	if err := l.step("rename"); err != nil {
		return err
	}
	return syncDir(l.dir)
}

func (l *Log) path(name string) string { return filepath.Join(l.dir, name) }

func (l *Log) step(name string) error {
	if l.between == nil {
		return nil
	}
	return l.between(name)
}

// Checkpoint returns the signed checkpoint that covers all records.
func (l *Log) Checkpoint() []byte {
	<-l.turn
	defer l.release()
	return slices.Clone(l.checkpoint)
}

// Size returns the number of records.
func (l *Log) Size() int64 {
	<-l.turn
	defer l.release()
	return l.tree.size
}

// Key returns the verifier key of the log, as in the file key.pub.
func (l *Log) Key() string { return l.key }

// Close waits for an append under way, then lets the next writer in.
func (l *Log) Close() error {
	<-l.turn
	defer l.release()
	if errors.Is(l.broken, ErrClosed) {
		return nil
	}
	l.broken = fmt.Errorf("%w: %s", ErrClosed, l.dir)
	return l.closeFiles()
}

func (l *Log) closeFiles() error {
	var errs []error
	for _, f := range []*os.File{l.records, l.hashes, l.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
