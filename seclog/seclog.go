// Package seclog is the tamper-evident security log: append, checkpoint,
// prove, verify.
//
// A record is one line of JSON. Its stored bytes are the leaf of an RFC 6962
// Merkle tree and are never serialised again. After every append the root of
// the tree is signed as a C2SP tlog-checkpoint, and Append returns only when a
// signed checkpoint that covers the record is on stable storage. Whoever holds
// the verifier key can check offline that no record was changed, cut out,
// reordered or taken from another log; whoever also kept an earlier checkpoint
// can check that the log still begins with the records it had then.
//
// What the log cannot show by itself: somebody who steals the signing key can
// write another history, and somebody who puts back an old copy of the whole
// directory hides what came after it. An earlier checkpoint, kept somewhere
// else, shows both. That is what a witness is for.
//
// A log is a directory:
//
//	records.jsonl  the records, one a line; readable with less
//	hashes         32-byte hashes of the tree, in the order of x/mod/sumdb/tlog
//	checkpoint     origin, size and root of the tree, signed (a C2SP signed note)
//	key            the signing key (mode 0600)
//	key.pub        the verifier key, to be copied elsewhere
//	lock           held by the one writer
//
// Records are framed by lines because a person can then read them with any
// tool, and because a cut-off line is seen at once: JSON never holds a raw
// newline, so a record without one at its end was not written whole.
package seclog

import (
	"errors"
	"fmt"
)

// The files of a log's directory, and of a bundle, which has all but the last
// two.
const (
	recordsFile    = "records.jsonl"
	hashesFile     = "hashes"
	checkpointFile = "checkpoint"
	publicKeyFile  = "key.pub"
	keyFile        = "key"
	lockFile       = "lock"
)

var (
	// ErrTampered says that a log, a bundle or a proof is not what its
	// checkpoint signs. Where the error is a *TamperError it names the record.
	ErrTampered = errors.New("security log does not verify")

	// ErrRecord says that a record was not accepted: a field is too long or
	// missing. Nothing was written.
	ErrRecord = errors.New("record not accepted")

	// ErrBusy says that another writer held the log until the context ended.
	ErrBusy = errors.New("security log is in use by another writer")

	// ErrClosed says that the log was closed.
	ErrClosed = errors.New("security log is closed")
)

// A TamperError says where a log stops being what its checkpoint signs. The
// record that is wrong lies in [Record, Until), counted from 0; where only one
// record is in question Until is Record+1. Record is -1 where the checkpoint
// itself is not to be trusted, so that nothing can be said about any record.
type TamperError struct {
	Record int64
	Until  int64
	Reason string
}

func (e *TamperError) Error() string {
	switch {
	case e.Record < 0:
		return fmt.Sprintf("%v: %s", ErrTampered, e.Reason)
	case e.Until <= e.Record+1:
		return fmt.Sprintf("%v: record %d: %s", ErrTampered, e.Record, e.Reason)
	}
	return fmt.Sprintf("%v: records %d to %d: %s", ErrTampered, e.Record, e.Until-1, e.Reason)
}

// Unwrap makes errors.Is(err, ErrTampered) true.
func (e *TamperError) Unwrap() error { return ErrTampered }

func tampered(format string, args ...any) error {
	return &TamperError{Record: -1, Until: -1, Reason: fmt.Sprintf(format, args...)}
}

func tamperedAt(record int64, format string, args ...any) *TamperError {
	return &TamperError{Record: record, Until: record + 1, Reason: fmt.Sprintf(format, args...)}
}
