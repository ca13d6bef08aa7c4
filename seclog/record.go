package seclog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a record. A record that breaks one is refused with ErrRecord.
const (
	// MaxRecord is the length of a whole record in bytes, without its newline.
	// It is the limit that other tile logs have for an entry, too.
	MaxRecord = 65535
	// MaxField is the length in bytes of one field and of one key in Detail.
	// A value in Detail is limited by MaxRecord only.
	MaxField = 1024
)

// How far the clock could be trusted when a record was written.
const (
	ClockNone = "none" // never set since power was lost
	ClockNTP  = "ntp"  // set from the network
	ClockRTC  = "rtc"  // kept by the battery clock only
)

// A Record is one event of the security log. Append sets Seq and Time; the
// caller gives the rest. Event is required, everything else is optional.
//
// Text may hold anything: what could start a new line, move a terminal's
// cursor or turn text around is stored escaped, and bytes that are not UTF-8
// are stored as U+FFFD. Passwords, answers, keys and phone numbers do not
// belong in a record.
type Record struct {
	Seq        int64             `json:"seq"`                   // place in the log, from 0
	Time       time.Time         `json:"time"`                  // UTC, whole microseconds
	ClockTrust string            `json:"clock_trust,omitempty"` // ClockNone, ClockNTP, ClockRTC or empty
	Boot       string            `json:"boot,omitempty"`        // id of the boot of the machine that wrote it
	Actor      string            `json:"actor,omitempty"`       // who: an account, an agent, "local seat", "button"
	Event      string            `json:"event"`                 // what, such as "password.set"
	Object     string            `json:"object,omitempty"`      // to what: a recorder, an account, a file
	Result     string            `json:"result,omitempty"`      // how it ended, such as "ok", "refused", "unknown"
	Case       string            `json:"case,omitempty"`        // the desk's case or the run it belongs to
	Detail     map[string]string `json:"detail,omitempty"`
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

// encode returns the stored bytes of a record: one line, without the newline,
// in which every rune can be printed. They start with the sequence number, by
// which a reader finds a record's place without parsing it.
func (r Record) encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	type fields Record // without methods; seq and time are shadowed by the outer ones
	line, err := json.Marshal(struct {
		Seq  int64  `json:"seq"`
		Time string `json:"time"`
		fields
	}{r.Seq, r.Time.UTC().Format(timeLayout), fields(r)})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrRecord, r.name(), err)
	}
	line = EscapeUnprintable(line)
	if len(line) > MaxRecord {
		return nil, fmt.Errorf("%w: %s is %d bytes long, at most %d are stored; shorten its detail", ErrRecord, r.name(), len(line), MaxRecord)
	}
	return line, nil
}

func (r Record) name() string { return "event " + strconv.QuoteToASCII(clip(r.Event)) }

func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

func (r Record) check() error {
	if r.Event == "" {
		return fmt.Errorf("%w: it names no event", ErrRecord)
	}
	switch r.ClockTrust {
	case "", ClockNone, ClockNTP, ClockRTC:
	default:
		return fmt.Errorf("%w: clock trust %q is none of none, ntp, rtc", ErrRecord, clip(r.ClockTrust))
	}
	if y := r.Time.UTC().Year(); y < 0 || y > 9999 {
		return fmt.Errorf("%w: year %d cannot be written in RFC 3339", ErrRecord, y)
	}
	for _, f := range []struct{ name, text string }{
		{"boot", r.Boot}, {"actor", r.Actor}, {"event", r.Event}, {"object", r.Object}, {"result", r.Result}, {"case", r.Case},
	} {
		if len(f.text) > MaxField {
			return fmt.Errorf("%w: %s: field %s is %d bytes long, at most %d are stored", ErrRecord, r.name(), f.name, len(f.text), MaxField)
		}
	}
	for k := range r.Detail {
		if len(k) > MaxField {
			return fmt.Errorf("%w: %s: a key of its detail is %d bytes long, at most %d are stored", ErrRecord, r.name(), len(k), MaxField)
		}
	}
	return nil
}

// EscapeUnprintable writes as \uXXXX what encoding/json leaves as it is but a
// terminal may act upon: DEL, the C1 controls (U+009B starts an escape
// sequence), and the marks that turn text around. In JSON without line breaks
// such runes stand inside strings only, so the text keeps its meaning. Records
// are stored in this form; whoever prints JSON that holds what others wrote can
// use it, too.
func EscapeUnprintable(line []byte) []byte {
	if isPrintable(line) {
		return line
	}
	out := make([]byte, 0, len(line)+32)
	for _, r := range string(line) {
		switch {
		case unicode.IsPrint(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

func isPrintable(line []byte) bool {
	return bytes.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// ParseRecord reads one stored line, without its newline. It checks the form
// only; that the line is the one the log was given is for Verify or CheckProof.
func ParseRecord(line []byte) (Record, error) {
	var r Record
	if len(line) > MaxRecord {
		return r, fmt.Errorf("line is %d bytes long, a record has at most %d", len(line), MaxRecord)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return Record{}, fmt.Errorf("line is not a record: %w", err)
	}
	if r.Event == "" || r.Seq < 0 {
		return Record{}, fmt.Errorf("line is not a record: it has no event or no sequence number")
	}
	return r, nil
}

const seqPrefix = `{"seq":`

// lineSeq reads the sequence number off the start of a stored line. It is false
// where the line does not start as our own lines do.
func lineSeq(line []byte) (int64, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(seqPrefix))
	if !ok {
		return 0, false
	}
	var n int64
	for i, c := range rest {
		switch {
		case c == ',' && i > 0:
			return n, true
		case c < '0' || c > '9' || i > 0 && n == 0 || i == 15:
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return 0, false
}
