package rekeytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// FaultTable counts how runs with a fault ended, as they say of themselves.
type FaultTable struct {
	mu   sync.Mutex
	runs map[faultCell]faultCount
}

type faultCell struct{ table, face, fault string }

type faultCount struct {
	runs     int
	ends     map[string]int // by outcome
	wrong    int            // tries
	most     int            // wrong tries in one run
	falsely  int            // told what is not so
	outcomes []string
}

// The outcomes of the two kinds of runs.
var (
	changeEnds = []string{"changed", "unchanged", "unknown"}
	loginEnds  = []string{"accepted", "refused", "untold"}
)

// note counts a run in that table: how it says that it ended, of these outcomes, and
// how many wrong tries the recorder counted.
func (f *FaultTable) note(table, face, fault, outcome string, wrong int, falsely bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.runs == nil {
		f.runs = map[faultCell]faultCount{}
	}
	at := faultCell{table, face, fault}
	c := f.runs[at]
	if c.ends == nil {
		c.ends = map[string]int{}
		c.outcomes = changeEnds
		if slices.Contains(loginEnds, outcome) {
			c.outcomes = loginEnds
		}
	}
	c.runs++
	c.ends[outcome]++
	c.wrong += wrong
	c.most = max(c.most, wrong)
	if falsely {
		c.falsely++
	}
	f.runs[at] = c
}

// Markdown is a table for each kind of runs, a face a row and a fault a column.
func (f *FaultTable) Markdown() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out strings.Builder
	tables := map[string]bool{}
	for c := range f.runs {
		tables[c.table] = true
	}
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		f.table(&out, table)
	}
	return out.String()
}

func (f *FaultTable) table(out *strings.Builder, table string) {
	faces, faults := map[string]bool{}, map[string]bool{}
	var sum faultCount
	sum.ends = map[string]int{}
	for at, c := range f.runs {
		if at.table != table {
			continue
		}
		faces[at.face], faults[at.fault] = true, true
		sum.runs, sum.wrong, sum.most, sum.falsely, sum.outcomes = sum.runs+c.runs, sum.wrong+c.wrong, max(sum.most, c.most), sum.falsely+c.falsely, c.outcomes
		for end, n := range c.ends {
			sum.ends[end] += n
		}
	}
	columns := slices.Sorted(maps.Keys(faults))
	fmt.Fprintf(out, "\n%s: runs = %s; wrong tries, and the most of one run.\n\n| face | %s |\n|---|%s\n",
		table, strings.Join(sum.outcomes, " + "), strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, face := range slices.Sorted(maps.Keys(faces)) {
		fmt.Fprintf(out, "| %s |", face)
		for _, fault := range columns {
			fmt.Fprintf(out, " %s |", f.runs[faultCell{table, face, fault}])
		}
		out.WriteString("\n")
	}
	fmt.Fprintf(out, "\nAll: %s\n", sum)
}

// String is like "8 = 2 + 4 + 2; 1 wrong, 1".
func (c faultCount) String() string {
	if c.runs == 0 {
		return ""
	}
	var ends []string
	for _, end := range c.outcomes {
		ends = append(ends, fmt.Sprint(c.ends[end]))
	}
	s := fmt.Sprintf("%d = %s", c.runs, strings.Join(ends, " + "))
	if c.wrong > 0 {
		s += fmt.Sprintf("; %d wrong, %d", c.wrong, c.most)
	}
	if c.falsely > 0 {
		s += fmt.Sprintf("; %d TOLD FALSELY", c.falsely)
	}
	return s
}
