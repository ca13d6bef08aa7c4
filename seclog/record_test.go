package seclog

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// Whatever a value holds, it stays one printable line and reads back the same.
func TestInjectionIsHarmless(t *testing.T) {
	t.Parallel()
	nasty := []string{
		"two\nlines", "\r\n{\"seq\":9,\"event\":\"forged\"}", "\x1b[2Jcleared", "\u009b31mred", "del\x7f", "\u202egnp.exe",
		"\u2028line", "nul\x00", `quo"te\`, "<b>&", "Jürgen 日本 🙂", "\U000e0001tag", "\u200bzero width",
	}
	for _, s := range nasty {
		r := Record{Seq: 3, Time: time.Unix(1, 2000).UTC(), Event: s, Actor: s, Object: s, Result: s, Case: s, Boot: s, Detail: map[string]string{s: s}}
		line, err := r.encode()
		must(t, err)
		if i := bytes.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q: byte %d of the stored line is not printable: %q", s, i, line)
		}
		back, err := ParseRecord(line)
		must(t, err)
		if back.Event != s || back.Actor != s || back.Object != s || back.Result != s || back.Case != s || back.Boot != s || back.Detail[s] != s || !back.Time.Equal(r.Time) {
			t.Errorf("%q reads back as %+v", s, back)
		}
	}
	line, err := Record{Event: "bad\xff\xfeutf8"}.encode()
	must(t, err)
	if !utf8.Valid(line) || !bytes.Contains(line, []byte(`bad\ufffd\ufffdutf8`)) {
		t.Errorf("invalid UTF-8 is stored as %q", line)
	}
}

// What is escaped reads back as the same value.
func TestEscapeUnprintableKeepsTheValue(t *testing.T) {
	t.Parallel()
	want := map[string]any{"a": "\u009b31m \u202e\u2066 \x7f \U000e0001 日本 🙂 \\ \" /", "b": []any{1.5, nil, true}}
	line, err := json.Marshal(want)
	must(t, err)
	got := EscapeUnprintable(line)
	if i := bytes.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("byte %d is not printable: %q", i, got)
	}
	var back map[string]any
	must(t, json.Unmarshal(got, &back))
	if !reflect.DeepEqual(back, want) {
		t.Errorf("%q reads back as %v", got, back)
	}
}

func TestStoredForm(t *testing.T) {
	t.Parallel()
	r := Record{
		Seq: 7, Time: time.Date(2026, 3, 1, 13, 0, 0, 120_000, time.FixedZone("CET", 3600)), ClockTrust: ClockRTC, Boot: "b1",
		Actor: "local seat", Event: "password.set", Object: "admin", Result: "ok", Case: "C-12", Detail: map[string]string{"b": "2", "a": "1"},
	}
	line, err := r.encode()
	must(t, err)
	const want = `{"seq":7,"time":"2026-03-01T12:00:00.000120Z","clock_trust":"rtc","boot":"b1","actor":"local seat",` +
		`"event":"password.set","object":"admin","result":"ok","case":"C-12","detail":{"a":"1","b":"2"}}`
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	if seq, ok := lineSeq(line); !ok || seq != 7 {
		t.Errorf("lineSeq = %d, %v", seq, ok)
	}
}

func TestRecordLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxField+1)
	for name, r := range map[string]Record{
		"no event":     {Actor: "a"},
		"long actor":   {Event: "e", Actor: long},
		"long event":   {Event: long},
		"long key":     {Event: "e", Detail: map[string]string{long: "v"}},
		"long record":  {Event: "e", Detail: map[string]string{"v": strings.Repeat("x", MaxRecord)}},
		"escaped long": {Event: "e", Detail: map[string]string{"v": strings.Repeat("\x1b", MaxRecord/5)}},
		"clock trust":  {Event: "e", ClockTrust: "gps"},
		"year":         {Event: "e", Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := r.encode(); !errors.Is(err, ErrRecord) || len(err.Error()) > 300 {
			t.Errorf("%s: got %v, want a short ErrRecord", name, err)
		}
	}
}

// The longest record that is accepted can be read and recovered again.
func TestLongestRecord(t *testing.T) {
	t.Parallel()
	r := Record{Event: "e"}
	empty, err := Record{Seq: 1, Event: "e", Detail: map[string]string{"v": ""}}.encode()
	must(t, err)
	r.Detail = map[string]string{"v": strings.Repeat("x", MaxRecord-len(empty))}
	dir := newLog(t, 0)
	l := reopen(t, dir)
	l.opt.Boot, l.opt.ClockTrust = "", ""
	_, err = l.Append(t.Context(), r)
	must(t, err)
	must(t, l.Close())
	must(t, reopen(t, dir).Close())
	if report := verified(t, dir); report.Records != 2 {
		t.Fatalf("report: %+v", report)
	}
	if got := records(t, dir)[1]; !maps.Equal(got.Detail, r.Detail) {
		t.Error("the longest record reads back differently")
	}
	lines := bytes.Split(read(t, dir, recordsFile), []byte("\n"))
	if len(lines[1]) != MaxRecord {
		t.Errorf("the line is %d bytes long, want %d", len(lines[1]), MaxRecord)
	}
}

func FuzzParseRecord(f *testing.F) {
	line, err := Record{Seq: 12, Time: time.Unix(0, 0), Event: "e", Detail: map[string]string{"a": "\x1b"}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add([]byte(`{"seq":-1,"event":"x"}`))
	f.Add([]byte(`{"seq":00,"time":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		lineSeq(line)
		r, err := ParseRecord(line)
		if err != nil {
			return
		}
		again, err := r.encode()
		if err != nil {
			return // larger than what we would write ourselves
		}
		back, err := ParseRecord(again)
		if err != nil {
			t.Fatalf("wrote %q, cannot read it: %v", again, err)
		}
		if seq, ok := lineSeq(again); r.Seq < 1e14 && (!ok || seq != r.Seq) || back.Event != r.Event || !maps.Equal(back.Detail, r.Detail) {
			t.Fatalf("%q reads back as %+v", again, back)
		}
	})
}
