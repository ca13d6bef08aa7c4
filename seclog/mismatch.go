package seclog

import (
	"fmt"
	"strings"
)

// mismatches are the places where records and stored hashes do not fit each
// other, in the order of the log. Such a place tells that the record or the
// stored hash was changed, but not which of them.
type mismatches struct {
	ranges []span
	short  bool // the last one is where the hashes file ends too early
}

// span is the records from first up to, but without, until.
type span struct{ first, until int64 }

// mostMismatches bounds what is kept of a log that fits nowhere.
const mostMismatches = 8

func (m *mismatches) full() bool { return m.short || len(m.ranges) >= mostMismatches }

// add notes that the hash over the records from first to until is another one.
// Where a part of them is noted already, this is its consequence.
func (m *mismatches) add(first, until int64) {
	for _, s := range m.ranges {
		if s.first >= first {
			return
		}
	}
	if len(m.ranges) < mostMismatches {
		m.ranges = append(m.ranges, span{first, until})
	}
}

// from names the places from a record on; nil where there is none.
func (m *mismatches) from(record int64) *TamperError {
	rest := m.ranges
	for len(rest) > 0 && rest[0].first < record {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return nil
	}
	e := &TamperError{Record: rest[0].first, Until: rest[len(rest)-1].until}
	switch also := rest[1:]; {
	case m.short && len(also) == 0:
		e.Reason = "the hashes file ends before the stored hash"
	case len(also) == 0:
		e.Reason = "the record or its stored hash was changed: they do not fit each other"
	default:
		e.Reason = fmt.Sprintf("a record or its stored hash was changed: %s and its stored hash do not fit each other, and neither do %s", rest[0], list(also))
	}
	return e
}

func list(spans []span) string {
	names := make([]string, len(spans))
	for i, s := range spans {
		names[i] = s.String()
	}
	if len(names) == mostMismatches-1 {
		names = append(names, "perhaps more")
	}
	return strings.Join(names, ", ")
}

func (s span) String() string {
	if s.until == s.first+1 {
		return fmt.Sprintf("record %d", s.first)
	}
	return fmt.Sprintf("records %d to %d", s.first, s.until-1)
}
