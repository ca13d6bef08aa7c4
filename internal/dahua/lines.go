package dahua

import (
	"errors"
	"sort"
	"strconv"
	"strings"
)

// lines is a CGI body: path=value, one a line.
type lines map[string]string

// parseLines splits each line at its first "=". Blanks around the path, and one
// after the "=", are not part of it: some firmware writes " = ".
func parseLines(body []byte) (lines, error) {
	text := strings.Trim(string(body), "\x00\r\n\t ")
	if strings.HasPrefix(text, "<") {
		return nil, errors.New("a web page came in place of values")
	}
	l := lines{}
	for line := range strings.Lines(text) {
		path, value, is := strings.Cut(strings.TrimRight(line, "\r\n\x00"), "=")
		if !is {
			continue
		}
		if strings.HasSuffix(path, " ") {
			value = strings.TrimPrefix(value, " ")
		}
		if path = strings.TrimSpace(path); path != "" {
			l[path] = value
		}
	}
	if len(l) == 0 && text != "" {
		return nil, errors.New("no values in it")
	}
	return l, nil
}

// rows groups "name[3].Key=value" by the index, in the order of the indices,
// which need be neither dense nor sorted in the body.
func (l lines) rows(name string) []map[string]string {
	byIndex := map[int]map[string]string{}
	for path, value := range l {
		rest, is := strings.CutPrefix(path, name+"[")
		if !is {
			continue
		}
		index, key, is := strings.Cut(rest, "].")
		n, err := strconv.Atoi(index)
		if !is || err != nil || n < 0 {
			continue
		}
		if byIndex[n] == nil {
			byIndex[n] = map[string]string{}
		}
		byIndex[n][key] = value
	}
	order := make([]int, 0, len(byIndex))
	for n := range byIndex {
		order = append(order, n)
	}
	sort.Ints(order)
	rows := make([]map[string]string, len(order))
	for i, n := range order {
		rows[i] = byIndex[n]
	}
	return rows
}

// whole reads a number that may be written as a float with six decimals.
func whole(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < -1<<62 || f > 1<<62 || f != f {
		return 0, false
	}
	return int64(f), true
}
