package seclog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
)

// A lineReader splits the records file into lines without holding more than
// one of them.
type lineReader struct {
	r    *bufio.Reader
	read int64 // bytes of the whole lines so far, newlines included
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, MaxRecord+1)}
}

// errTorn says that the file ends in the middle of a line.
var errTorn = errors.New("cut off before its end")

// errLong says that a line is longer than any record.
var errLong = fmt.Errorf("longer than %d bytes", MaxRecord)

// next returns the next line without its newline, valid until the next call.
// After the last whole line the error is io.EOF, or errTorn with what is left.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	switch {
	case err == nil:
		l.read += int64(len(line))
		return line[:len(line)-1], nil
	case errors.Is(err, bufio.ErrBufferFull):
		return line, errLong
	case errors.Is(err, io.EOF) && len(line) > 0:
		return line, errTorn
	}
	return nil, err
}

// isDamage tells a damaged line from the file's end and from a failing disk.
func isDamage(err error) bool { return errors.Is(err, errTorn) || errors.Is(err, errLong) }

// Records reads the records of a log or bundle in order, for showing them. It
// verifies nothing, and also yields records that no checkpoint covers yet. A
// line that is not a record is yielded as an error that names its place, and
// reading goes on; after any other error it ends. What is left of a record that
// is just being written, or was when the power went, is passed over.
func Records(fsys fs.FS) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		f, err := fsys.Open(recordsFile)
		if err != nil {
			yield(Record{}, fmt.Errorf("open the log's records: %w", err))
			return
		}
		defer f.Close() //nolint:errcheck // only read
		yieldLines(newLineReader(f), yield)
	}
}

func yieldLines(lines *lineReader, yield func(Record, error) bool) {
	for n := int64(0); ; n++ {
		line, err := lines.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			return
		}
		var r Record
		last := err != nil
		if err == nil {
			r, err = ParseRecord(line)
		}
		if err != nil {
			err = fmt.Errorf("line %d of the log: %w", n, err)
		}
		if !yield(r, err) || last {
			return
		}
	}
}

// ReadCheckpoint returns the signed checkpoint of a log or bundle. Keep a copy
// elsewhere: with it Verify shows later that nothing before it was rewritten.
func ReadCheckpoint(fsys fs.FS) ([]byte, error) {
	return readSmall(fsys, checkpointFile)
}

// ReadKey returns the verifier key that lies beside the log or in the bundle.
// Whoever can rewrite the log can rewrite this key as well; a copy that was
// taken earlier and kept elsewhere is the stronger one.
func ReadKey(fsys fs.FS) (string, error) {
	key, err := readSmall(fsys, publicKeyFile)
	return string(key), err
}

func readSmall(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the log's %s: %w", name, err)
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxCheckpoint+1))
	if err != nil {
		return nil, fmt.Errorf("read the log's %s: %w", name, err)
	}
	return b, nil
}
