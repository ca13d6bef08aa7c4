package say

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"time"

	"rekey"
	"rekey/seclog"
)

// Log is a page of the security log, newest first.
type Log struct {
	Kind    Kind       `json:"kind,omitempty"` // of all records; empty = of any
	Number  int        `json:"number"`         // of the page, from 1
	Pages   int        `json:"pages"`
	Total   int        `json:"total"` // records of the kind
	Records []LogEntry `json:"records"`
}

// LogEntry is one record in words, with the record's own fields beside them.
type LogEntry struct {
	Seq    int64     `json:"seq"`
	Time   time.Time `json:"time"`
	Text   string    `json:"text"`
	More   string    `json:"more,omitempty"`  // what else the record tells
	Where  string    `json:"where,omitempty"` // from where it was done, to follow the actor
	Kind   Kind      `json:"kind"`
	Event  string    `json:"event"`
	Actor  string    `json:"actor"`
	Object string    `json:"object,omitempty"`
	Result string    `json:"result,omitempty"`

	Unproved bool `json:"unproved,omitempty"` // the actor is the name that was typed, and no more is known
}

// ReadLog reads one page of the records of a kind, of the log in dir. A kind that
// there is not is any, a number that there is not the nearest.
func ReadLog(dir string, kind Kind, number, size int) (Log, error) {
	l := Log{Kind: kind, Number: number}
	if !slices.Contains(Kinds(), kind) {
		l.Kind = ""
	}
	if err := l.read(ofKind(dir, l.Kind), size); err != nil {
		return Log{}, fmt.Errorf("%w: read the security log: %w", rekey.ErrStorage, err)
	}
	return l, nil
}

// ofKind are the records of a kind, oldest first.
func ofKind(dir string, kind Kind) iter.Seq2[seclog.Record, error] {
	all := seclog.Records(os.DirFS(dir))
	return func(yield func(seclog.Record, error) bool) {
		for rec, err := range all {
			if (err != nil || kind == "" || KindOf(rec) == kind) && !yield(rec, err) {
				return
			}
		}
	}
}

// read takes one page, counted from the end. The log may grow meanwhile: what is
// new since it was counted is left out.
func (l *Log) read(records iter.Seq2[seclog.Record, error], size int) error {
	for _, err := range records {
		if err != nil {
			return err
		}
		l.Total++
	}
	l.Pages = max(1, (l.Total+size-1)/size)
	l.Number = min(max(1, l.Number), l.Pages)
	last := l.Total - (l.Number-1)*size
	n := 0
	for rec, err := range records {
		if err != nil {
			return err
		}
		if n++; n > last {
			break
		}
		if n > last-size {
			l.Records = append(l.Records, LogEntry{rec.Seq, rec.Time, Sentence(rec), More(rec), Where(rec), KindOf(rec), rec.Event, rec.Actor, rec.Object, rec.Result, Unproved(rec)})
		}
	}
	slices.Reverse(l.Records)
	return nil
}
