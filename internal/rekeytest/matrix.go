package rekeytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Matrix is what came of each test of each driver on each face, as a run tells it.
type Matrix struct {
	mu    sync.Mutex
	cells map[cell]result
}

type cell struct{ driver, face, ability string }

// result is what came of a test, with why where there is something to say of it.
type result struct{ what, why string }

const (
	passed = "passed"
	failed = "FAILED"
	absent = "lacks"
)

// note keeps what came of a test. lacks is why the face has not the ability, remark
// what the test left out.
func (m *Matrix) note(at cell, lacks, remark string, fails bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cells == nil {
		m.cells = map[cell]result{}
	}
	switch {
	case fails || m.cells[at].what == failed:
		m.cells[at] = result{what: failed}
	case lacks != "":
		m.cells[at] = result{absent, lacks}
	default:
		m.cells[at] = result{passed, remark}
	}
}

// Markdown is a table for each driver, an ability a row and a face a column, and
// below it why a face lacks an ability.
func (m *Matrix) Markdown() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out strings.Builder
	for _, driver := range m.names(func(c cell) (string, bool) { return c.driver, true }) {
		m.table(&out, driver)
	}
	return out.String()
}

// names are those of a column or row, sorted, each once.
func (m *Matrix) names(of func(cell) (string, bool)) []string {
	seen := map[string]bool{}
	for c := range m.cells {
		if name, ok := of(c); ok {
			seen[name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func (m *Matrix) table(out *strings.Builder, driver string) {
	faces := m.names(func(c cell) (string, bool) { return c.face, c.driver == driver })
	rows := m.names(func(c cell) (string, bool) { return c.ability, c.driver == driver })
	fmt.Fprintf(out, "\n| %s | %s |\n|---|%s\n", driver, strings.Join(faces, " | "), strings.Repeat("---|", len(faces)))
	var notes []string
	for _, ability := range rows {
		fmt.Fprintf(out, "| %s |", ability)
		for _, face := range faces {
			r := m.cells[cell{driver, face, ability}]
			what := r.what
			if r.why != "" {
				n := slices.Index(notes, r.why)
				if n < 0 {
					n, notes = len(notes), append(notes, r.why)
				}
				what = fmt.Sprintf("%s (%d)", what, n+1)
			}
			fmt.Fprintf(out, " %s |", what)
		}
		out.WriteString("\n")
	}
	for n, why := range notes {
		fmt.Fprintf(out, "\n%d. %s", n+1, why)
	}
	out.WriteString("\n")
}
