package seclog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Random appends, batches, reopenings, crashes, lost hashes and stale
// checkpoints against a model: the list of what was acknowledged.
func TestLogAgainstModel(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(root, "log")
		must(t, err)
		m := &model{t: t, dir: dir}
		m.reopen(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"append":  m.append,
			"reopen":  m.reopen,
			"torn":    m.torn,
			"stale":   m.stale,
			"rebuild": m.rebuild,
			"":        m.check,
		})
		must(t, m.log.Close())
	})
}

type model struct {
	t      *testing.T
	dir    string
	log    *Log
	events []string // in order, without the log's own
	early  []byte   // some earlier checkpoint
}

func (m *model) append(rt *rapid.T) {
	names := rapid.SliceOfN(rapid.StringN(1, 40, -1), 1, 4).Draw(rt, "events")
	var batch []Record
	for _, name := range names {
		batch = append(batch, Record{Event: "e" + name, Detail: map[string]string{"k": name}})
	}
	entries, err := m.log.AppendBatch(m.t.Context(), batch)
	must(m.t, err)
	if m.early == nil || rapid.Bool().Draw(rt, "keep") {
		m.early = entries[0].Checkpoint
	}
	for _, name := range names {
		m.events = append(m.events, "e"+strings.ToValidUTF8(name, "\ufffd"))
	}
}

func (m *model) reopen(*rapid.T) {
	if m.log != nil {
		must(m.t, m.log.Close())
	}
	var err error
	m.log, err = OpenOrCreate(m.t.Context(), m.dir, testOrigin, Options{})
	must(m.t, err)
}

// torn is a crash that left part of a record.
func (m *model) torn(rt *rapid.T) {
	must(m.t, m.log.Close())
	tail := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(rt, "tail")
	write(m.t, m.dir, recordsFile, append(read(m.t, m.dir, recordsFile), tail...))
	m.reopen(rt)
}

// stale is a crash after the records were stored and before the checkpoint was.
func (m *model) stale(rt *rapid.T) {
	old := m.log.Checkpoint()
	m.append(rt)
	must(m.t, m.log.Close())
	write(m.t, m.dir, checkpointFile, old)
	m.reopen(rt)
	m.early = nil
}

// rebuild is a hashes file lost.
func (m *model) rebuild(rt *rapid.T) {
	must(m.t, m.log.Close())
	must(m.t, os.Remove(filepath.Join(m.dir, hashesFile)))
	m.reopen(rt)
}

func (m *model) check(rt *rapid.T) {
	report, err := Verify(m.t.Context(), os.DirFS(m.dir), m.log.Key(), m.early)
	must(m.t, err)
	if report.Records != m.log.Size() || report.Uncovered != 0 || report.TornBytes != 0 || !report.Hashes {
		rt.Fatalf("report: %+v, log has %d records", report, m.log.Size())
	}
	var got []string
	for i, r := range records(m.t, m.dir) {
		if r.Seq != int64(i) {
			rt.Fatalf("record %d is numbered %d", i, r.Seq)
		}
		if r.Actor != "seclog" {
			got = append(got, r.Event)
		}
	}
	if strings.Join(got, "\n") != strings.Join(m.events, "\n") {
		rt.Fatalf("log has %q, want %q", got, m.events)
	}
}
