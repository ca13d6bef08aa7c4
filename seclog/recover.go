package seclog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// load reads the log's state and settles what a crash left. Recovery goes
// through commit, as any append does; a crash during recovery is one more crash.
func (l *Log) load(ctx context.Context) error {
	if err := l.loadKeys(); err != nil {
		return err
	}
	var err error
	if l.checkpoint, err = ReadCheckpoint(os.DirFS(l.dir)); err != nil {
		return err
	}
	cp, err := OpenCheckpoint(l.checkpoint, l.key)
	if err != nil {
		return err
	}
	if l.records, err = os.OpenFile(l.path(recordsFile), os.O_RDWR, 0); err != nil {
		return missingRecords(err)
	}
	rebuilt := false
	if !l.loadQuick(cp) {
		if rebuilt, err = true, l.loadSlow(ctx, cp); err != nil {
			return err
		}
	}
	if err := l.hashes.Truncate(hashBytes(cp.Size)); err != nil {
		return fmt.Errorf("open security log: %w", err)
	}
	if err := l.settle(ctx, rebuilt); err != nil {
		return fmt.Errorf("open security log %s: recover: %w", l.dir, err)
	}
	return nil
}

// loadQuick takes the tree from the hashes file and finds the end of the
// covered records near the end of the file, where it is unless something
// happened. It is false where anything does not fit; then loadSlow has the word.
func (l *Log) loadQuick(cp Checkpoint) bool {
	var err error
	if l.hashes, err = os.OpenFile(l.path(hashesFile), os.O_RDWR, 0); err != nil {
		return false
	}
	stored := storedHashes{l.hashes}
	if l.tree, err = loadFrontier(cp.Size, stored); err != nil || l.tree.root() != cp.Root {
		return false
	}
	if cp.Size == 0 {
		return true
	}
	leaf, err := stored.ReadHashes([]int64{tlog.StoredHashIndex(0, cp.Size-1)})
	if err != nil {
		return false
	}
	end, ok := l.findEnd(cp.Size-1, leaf[0])
	l.end = end
	return ok
}

// findEnd looks for the record with the given number and leaf hash in the last
// part of the records file, and returns where it ends.
func (l *Log) findEnd(seq int64, leaf tlog.Hash) (int64, bool) {
	const window = 4 * MaxRecord
	size, err := l.records.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, false
	}
	start := max(0, size-window)
	tail := make([]byte, 1+size-start)
	tail[0] = '\n' // so that the file's first line begins like every other
	if _, err := l.records.ReadAt(tail[1:], start); err != nil {
		return 0, false
	}
	at := bytes.LastIndex(tail, []byte("\n"+seqPrefix+strconv.FormatInt(seq, 10)+","))
	if at < 0 {
		return 0, false
	}
	line, _, whole := bytes.Cut(tail[at+1:], []byte{'\n'})
	if !whole || tlog.RecordHash(line) != leaf {
		return 0, false
	}
	return start + int64(at+len(line)+1), true
}

// loadSlow reads every covered record and writes the hashes file anew. It
// refuses where the records are not what the checkpoint signs.
func (l *Log) loadSlow(ctx context.Context, cp Checkpoint) error {
	name := l.path(hashesFile)
	if err := l.rebuildHashes(ctx, cp, name+tempSuffix); err != nil {
		return errors.Join(err, os.Remove(name+tempSuffix))
	}
	if l.hashes != nil {
		if err := l.hashes.Close(); err != nil {
			return err
		}
	}
	if err := renameSynced(name+tempSuffix, name); err != nil {
		return fmt.Errorf("rebuild hashes: %w", err)
	}
	var err error
	l.hashes, err = os.OpenFile(name, os.O_RDWR, 0) //nolint:gosec // the caller's directory
	return err
}

func (l *Log) rebuildHashes(ctx context.Context, cp Checkpoint, name string) error {
	fresh, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the caller's directory
	if err != nil {
		return fmt.Errorf("rebuild hashes: %w", err)
	}
	out := bufio.NewWriter(fresh)
	a := &audit{checkpoint: cp, rebuilt: out}
	if l.hashes != nil {
		a.stored = bufio.NewReader(io.NewSectionReader(l.hashes, 0, math.MaxInt64))
	}
	lines := newLineReader(io.NewSectionReader(l.records, 0, math.MaxInt64))
	err = a.run(ctx, lines)
	l.tree, l.end = a.tree, lines.read
	if err := errors.Join(err, out.Flush(), fresh.Sync(), fresh.Close()); err != nil {
		return fmt.Errorf("open security log %s: %w", l.dir, err)
	}
	return nil
}

// settle covers the whole records after the checkpoint and cuts off the rest.
func (l *Log) settle(ctx context.Context, rebuilt bool) error {
	first := l.tree.size
	if err := l.keep(ctx); err != nil {
		return err
	}
	kept := l.tree.size - first
	size, err := l.records.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	cut := size - l.end
	if err := l.records.Truncate(l.end); err != nil {
		return err
	}
	if l.tree.size == 0 {
		_, err := l.append([]Record{{Actor: "seclog", Event: EventCreated, Object: l.signer.Name(), Result: "ok", Detail: map[string]string{"key": l.key}}})
		return err
	}
	if kept == 0 && cut == 0 && !rebuilt {
		return nil
	}
	detail := map[string]string{"cut_bytes": strconv.FormatInt(cut, 10), "kept_records": strconv.FormatInt(kept, 10), "hashes": "kept"}
	if rebuilt {
		detail["hashes"] = "rebuilt"
	}
	if kept > 0 {
		detail["first_kept"] = strconv.FormatInt(first, 10)
		detail["last_kept"] = strconv.FormatInt(first+kept-1, 10)
	}
	_, err = l.append([]Record{{Actor: "seclog", Event: EventRecovered, Object: l.signer.Name(), Result: "ok", Detail: detail}})
	return err
}

// keep commits the records after the checkpoint, up to the first line that is
// not the next record. The same bytes are written to the same place once more,
// so that nothing is left to tell this from an ordinary append.
func (l *Log) keep(ctx context.Context) error {
	const atOnce = 256
	lines := newLineReader(io.NewSectionReader(l.records, l.end, math.MaxInt64-l.end))
	for {
		batch, err := l.nextRecords(lines, atOnce)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := l.commit(batch); err != nil {
			return err
		}
		if len(batch) < atOnce {
			return nil
		}
	}
}

func (l *Log) nextRecords(lines *lineReader, most int) ([][]byte, error) {
	var batch [][]byte
	for len(batch) < most {
		line, err := lines.next()
		if errors.Is(err, io.EOF) || isDamage(err) {
			break
		}
		if err != nil {
			return nil, err
		}
		if !isRecord(line, l.tree.size+int64(len(batch))) {
			break
		}
		batch = append(batch, slices.Clone(line))
	}
	return batch, nil //nolint:nilerr // a damaged line ends the batch
}

// isRecord reports whether a line is record n in the very bytes in which the
// log writes it: what it would have written otherwise, it did not write.
func isRecord(line []byte, n int64) bool {
	r, err := ParseRecord(line)
	if err != nil || r.Seq != n {
		return false
	}
	again, err := r.encode()
	return err == nil && bytes.Equal(again, line)
}
