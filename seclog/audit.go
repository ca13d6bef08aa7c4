package seclog

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// An audit walks the records that a checkpoint covers, rebuilds the tree and
// holds it against the checkpoint. On the way it notes the first record that
// looks wrong, which tells a reader where to look when the root does not match.
type audit struct {
	checkpoint Checkpoint
	earlier    *Checkpoint   // nil, or one that this log must have passed
	stored     *bufio.Reader // nil, or the hashes file
	rebuilt    io.Writer     // nil, or where the recomputed hashes go

	tree       frontier
	leaf       []byte       // scratch for leafHash
	was        tlog.Hash    // scratch for compare
	last       []byte       // the last record read
	misplaced  *TamperError // the first line that cannot be where it is
	mismatched mismatches
	passed     int64 // size of the earlier checkpoint once it was matched
	forked     bool  // the earlier checkpoint does not match
}

// run reads the covered records. The error is nil where they are what the
// checkpoint signs, a *TamperError where they are not, and something else
// where they could not be read.
func (a *audit) run(ctx context.Context, lines *lineReader) error {
	a.matchEarlier()
	for a.tree.size < a.checkpoint.Size {
		if a.tree.size%1024 == 0 && ctx.Err() != nil {
			return fmt.Errorf("verify record %d: %w", a.tree.size, ctx.Err())
		}
		line, err := lines.next()
		if errors.Is(err, io.EOF) || isDamage(err) {
			return a.cutShort(err)
		}
		if err != nil {
			return fmt.Errorf("read record %d: %w", a.tree.size, err)
		}
		if err := a.add(line); err != nil {
			return err
		}
	}
	return a.judge()
}

func (a *audit) add(line []byte) error {
	n := a.tree.size
	if seq, ok := lineSeq(line); a.misplaced == nil && (!ok || seq != n) {
		a.misplaced = misplaced(n, seq, ok)
	}
	hashes := a.tree.add(a.leafHash(line))
	if err := a.compare(n, hashes); err != nil {
		return err
	}
	if a.rebuilt != nil {
		for _, h := range hashes {
			if _, err := a.rebuilt.Write(h[:]); err != nil {
				return fmt.Errorf("write hashes of record %d: %w", n, err)
			}
		}
	}
	if a.tree.size == a.checkpoint.Size {
		a.last = append(a.last[:0], line...)
	}
	a.matchEarlier()
	return nil
}

// leafHash is tlog.RecordHash without its allocations, so that a long log makes
// no garbage.
func (a *audit) leafHash(line []byte) tlog.Hash {
	a.leaf = append(append(a.leaf[:0], 0), line...) // RFC 6962, section 2.1
	return sha256.Sum256(a.leaf)
}

func misplaced(n, seq int64, ok bool) *TamperError {
	if ok {
		return tamperedAt(n, "the line in its place is numbered %d", seq)
	}
	return tamperedAt(n, "the line in its place does not start as a record does")
}

// compare holds the hashes of record n against the stored ones. After so many
// differences that more would tell nothing the hashes file is let go.
func (a *audit) compare(n int64, hashes []tlog.Hash) error {
	if a.stored == nil || a.mismatched.full() {
		return nil
	}
	for level, h := range hashes {
		switch _, err := io.ReadFull(a.stored, a.was[:]); {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			a.mismatched.short = true
			a.mismatched.add(n, n+1)
			return nil //nolint:nilerr // what is found is kept, and told at the end
		case err != nil:
			return fmt.Errorf("read stored hash of record %d: %w", n, err)
		case a.was != h:
			a.mismatched.add(n>>level<<level, n+1)
		}
	}
	return nil
}

func (a *audit) matchEarlier() {
	if a.earlier == nil || a.earlier.Size != a.tree.size {
		return
	}
	if a.earlier.Root == a.tree.root() {
		a.passed = a.earlier.Size
	} else {
		a.forked = true
	}
}

// cutShort says what is known when the records end too early.
func (a *audit) cutShort(cause error) error {
	if first := a.suspect(); first != nil {
		return first
	}
	n := a.tree.size
	if isDamage(cause) {
		return tamperedAt(n, "it is %v; the checkpoint covers %d records", cause, a.checkpoint.Size)
	}
	return tamperedAt(n, "it is missing; the records end here, but the checkpoint covers %d", a.checkpoint.Size)
}

// judge compares the roots when all covered records were read.
func (a *audit) judge() error {
	whole := a.tree.root() == a.checkpoint.Root
	switch {
	case whole && a.forked:
		return &TamperError{Record: 0, Until: a.earlier.Size,
			Reason: "the log matches its own checkpoint but not the earlier one: its beginning was rewritten and signed again"}
	case whole && a.misplaced != nil:
		return a.misplaced
	case whole:
		return nil
	}
	if first := a.suspect(); first != nil {
		return first
	}
	return &TamperError{Record: a.passed, Until: a.checkpoint.Size,
		Reason: "they are not the ones that the checkpoint signs; the stored hashes do not tell which one, as they are missing or were changed too, or the checkpoint is another log's"}
}

// suspect is what looks wrong first, once it is known that some record is: what
// lies before a matched earlier checkpoint is beyond doubt.
func (a *audit) suspect() *TamperError {
	first := a.misplaced
	if m := a.mismatched.from(a.passed); m != nil && (first == nil || m.Record < first.Record) {
		first = m
	}
	return first
}
