package seclog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"
)

// maxProof bounds a proof in bytes: a record, a checkpoint and 64 hashes, with
// room for JSON's escapes.
const maxProof = 1 << 20

// A Proof shows that one record is in the log that a checkpoint signs, without
// the rest of the log.
type Proof struct {
	Index      int64       `json:"index"`
	Record     string      `json:"record"`     // the stored line
	Hashes     []tlog.Hash `json:"hashes"`     // RFC 6962 audit path
	Checkpoint string      `json:"checkpoint"` // signed
}

// A ConsistencyProof shows that the log that a checkpoint signs begins with the
// records of an earlier, smaller checkpoint, without any of the records.
type ConsistencyProof struct {
	Size       int64       `json:"size"` // of the earlier checkpoint
	Hashes     []tlog.Hash `json:"hashes"`
	Checkpoint string      `json:"checkpoint"` // signed, of the larger log
}

// Prove makes the proof that record n is in the log in fsys, a log's directory.
// It checks the proof before it returns it; where record and tree do not agree
// the error is a *TamperError.
func Prove(fsys fs.FS, n int64) (Proof, error) {
	cp, signed, err := ownCheckpoint(fsys)
	if err != nil {
		return Proof{}, err
	}
	if n < 0 || n >= cp.Size {
		return Proof{}, fmt.Errorf("prove record %d: the log has records 0 to %d: %w", n, cp.Size-1, fs.ErrNotExist)
	}
	line, err := recordLine(fsys, n)
	if err != nil {
		return Proof{}, err
	}
	var path tlog.RecordProof
	err = withHashes(fsys, func(r tlog.HashReader) (err error) {
		path, err = tlog.ProveRecord(cp.Size, n, r)
		return err
	})
	if err != nil {
		return Proof{}, fmt.Errorf("prove record %d: %w", n, err)
	}
	if err := tlog.CheckRecord(path, cp.Size, cp.Root, n, tlog.RecordHash(line)); err != nil {
		return Proof{}, tamperedAt(n, "its line and the stored hashes do not lead to the signed root; verify the log to see which is wrong")
	}
	return Proof{Index: n, Record: string(line), Hashes: path, Checkpoint: string(signed)}, nil
}

// CheckProof checks a proof with a verifier key, offline, and returns the
// record that it proves.
func CheckProof(p Proof, key string) (Record, error) {
	cp, err := OpenCheckpoint([]byte(p.Checkpoint), key)
	if err != nil {
		return Record{}, err
	}
	if err := tlog.CheckRecord(p.Hashes, cp.Size, cp.Root, p.Index, tlog.RecordHash([]byte(p.Record))); err != nil {
		return Record{}, tamperedAt(p.Index, "the proof does not lead from it to the root that the checkpoint of %d records signs", cp.Size)
	}
	r, err := ParseRecord([]byte(p.Record))
	if err != nil {
		return Record{}, tamperedAt(p.Index, "%v", err)
	}
	return r, nil
}

// ParseProof reads a proof from its JSON form. It checks the form only.
func ParseProof(b []byte) (Proof, error) {
	var p Proof
	if err := parseStrict(b, &p); err != nil {
		return Proof{}, fmt.Errorf("this is not a proof of a record: %w", err)
	}
	return p, nil
}

// ProveConsistency makes the proof that the log in fsys, a log's directory,
// begins with the records of its earlier checkpoint of the given size, which is
// at least 1.
func ProveConsistency(fsys fs.FS, size int64) (ConsistencyProof, error) {
	cp, signed, err := ownCheckpoint(fsys)
	if err != nil {
		return ConsistencyProof{}, err
	}
	if size < 1 || size > cp.Size {
		return ConsistencyProof{}, fmt.Errorf("prove consistency with %d records: expected a size from 1 to %d: %w", size, cp.Size, fs.ErrNotExist)
	}
	var path tlog.TreeProof
	err = withHashes(fsys, func(r tlog.HashReader) (err error) {
		path, err = tlog.ProveTree(cp.Size, size, r)
		return err
	})
	if err != nil {
		return ConsistencyProof{}, fmt.Errorf("prove consistency with %d records: %w", size, err)
	}
	return ConsistencyProof{Size: size, Hashes: path, Checkpoint: string(signed)}, nil
}

// CheckConsistency checks with a verifier key that the log of a proof's
// checkpoint begins with the records of the earlier signed checkpoint, and
// returns the larger one. That is what a witness does before it moves on.
func CheckConsistency(p ConsistencyProof, earlier []byte, key string) (Checkpoint, error) {
	old, err := OpenCheckpoint(earlier, key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("earlier checkpoint: %w", err)
	}
	cp, err := OpenCheckpoint([]byte(p.Checkpoint), key)
	if err != nil {
		return Checkpoint{}, err
	}
	if p.Size != old.Size {
		return Checkpoint{}, tampered("the proof is for an earlier checkpoint of %d records, not of %d", p.Size, old.Size)
	}
	if err := tlog.CheckTree(p.Hashes, cp.Size, cp.Root, old.Size, old.Root); err != nil {
		return Checkpoint{}, tampered("the log of %d records does not begin with the %d records of the earlier checkpoint", cp.Size, old.Size)
	}
	return cp, nil
}

// ParseConsistencyProof reads a consistency proof from its JSON form. It checks
// the form only.
func ParseConsistencyProof(b []byte) (ConsistencyProof, error) {
	var p ConsistencyProof
	if err := parseStrict(b, &p); err != nil {
		return ConsistencyProof{}, fmt.Errorf("this is not a consistency proof: %w", err)
	}
	return p, nil
}

func parseStrict(b []byte, into any) error {
	if len(b) > maxProof {
		return fmt.Errorf("longer than %d bytes", maxProof)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows it")
	}
	return nil
}

// ownCheckpoint reads the checkpoint for a prover, who has no reason to doubt
// the key beside it: whoever checks the proof brings a key.
func ownCheckpoint(fsys fs.FS) (Checkpoint, []byte, error) {
	key, err := ReadKey(fsys)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	signed, err := ReadCheckpoint(fsys)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	cp, err := OpenCheckpoint(signed, key)
	return cp, signed, err
}

// recordLine reads the file from its start, as lines have no index: a million
// records take a fraction of a second.
func recordLine(fsys fs.FS, n int64) ([]byte, error) {
	f, err := fsys.Open(recordsFile)
	if err != nil {
		return nil, missingRecords(err)
	}
	defer f.Close() //nolint:errcheck // only read
	lines := newLineReader(f)
	for i := int64(0); ; i++ {
		line, err := lines.next()
		if errors.Is(err, io.EOF) || isDamage(err) {
			return nil, tamperedAt(i, "cannot read its line: %v", err)
		}
		if err != nil {
			return nil, fmt.Errorf("read record %d: %w", i, err)
		}
		if i == n {
			return line, nil
		}
	}
}

func withHashes(fsys fs.FS, use func(tlog.HashReader) error) error {
	f, err := fsys.Open(hashesFile)
	if err != nil {
		return fmt.Errorf("open the log's hashes: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	r, ok := f.(io.ReaderAt)
	if !ok {
		return fmt.Errorf("the log's hashes can only be read in order here; unpack the bundle first")
	}
	return use(storedHashes{r})
}
