package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// page writes text for a person: headings, labelled blocks and lists, broken
// between words at the width of the terminal.
type page struct {
	w     io.Writer
	width int
}

// newPage is as wide as the terminal, within what reads well; where there is
// none, as wide as a printed page.
func newPage(w io.Writer) page {
	const least, most, printed = 60, 110, 96
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		width = printed
	}
	return page{w: w, width: min(max(width, least), most)}
}

func (p page) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// labelWidth is the column of what stands behind a label.
const labelWidth = 14

// block writes a label and its text; nothing where there is no text.
func (p page) block(label, text string) {
	if text != "" {
		p.wrap(fmt.Sprintf("%-*s", labelWidth, label), strings.Repeat(" ", labelWidth), text)
	}
}

// list writes a label and its points, each on a line of its own.
func (p page) list(label string, points []string) {
	first := fmt.Sprintf("%-*s", labelWidth, label)
	for _, point := range points {
		p.wrap(first+"- ", strings.Repeat(" ", labelWidth+2), point)
		first = strings.Repeat(" ", labelWidth)
	}
}

// wrap writes text behind first, and its further lines behind rest.
func (p page) wrap(first, rest, text string) {
	lead, line := first, ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(lead+line+" "+word) > p.width {
			fmt.Fprintln(p.w, lead+line)
			lead, line = rest, ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(p.w, lead+line)
}
