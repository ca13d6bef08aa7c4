package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// leastNote is the width below which a table's last column stands on lines of its own.
const leastNote = 24

// table writes rows, the first of which is the head. A column that is empty in
// all others is left out. What is too long for the last one goes on below.
func (p page) table(rows [][]string) {
	last := len(rows[0]) - 1
	widths := make([]int, last)
	for i := range widths {
		if told(rows, i) {
			for _, row := range rows {
				widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			}
		}
	}
	for n, row := range rows {
		var line strings.Builder
		for i, w := range widths {
			if w > 0 {
				fmt.Fprintf(&line, "%-*s  ", w, row[i])
			}
		}
		note := row[last]
		if !told(rows, last) || n == 0 && p.crowded(line.String()) {
			note = "" // a head of nothing, or of what stands on lines of its own
		}
		p.tableRow(line.String(), note)
	}
}

func (p page) tableRow(cells, note string) {
	switch {
	case note == "":
		p.line("%s", strings.TrimRight(cells, " "))
	case p.crowded(cells):
		p.line("%s", strings.TrimRight(cells, " "))
		p.wrap("    ", "    ", note)
	default:
		p.wrap(cells, strings.Repeat(" ", utf8.RuneCountInString(cells)), note)
	}
}

// crowded: the cells leave too little of the line for a note.
func (p page) crowded(cells string) bool { return p.width-utf8.RuneCountInString(cells) < leastNote }
