package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rekey"
	"rekey/internal/discover"
)

// findVerb is what 'rekey find' was told.
type findVerb struct {
	operator
	wait  time.Duration
	rate  int
	ports []int
}

func newFindCommand() *cobra.Command {
	var v findVerb
	cmd := &cobra.Command{
		Use:   "find [HOST | CIDR | INTERFACE …]",
		Short: "find recorders on the network, without a login",
		Long: `find asks the given hosts and ranges one by one, and everybody on the given
network interfaces, what they are: by the discovery protocols of Dahua (DHIP),
Hikvision (SADP) and ONVIF, and where a host or range was named also at its web
and stream ports. It needs no login and costs no login try. It sends nothing to
anybody else, and no faster than --rate.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			v.on(cmd)
			if len(args) == 0 {
				return nowhere()
			}
			return v.find(cmd.Context(), args)
		},
	}
	v.flags(cmd.Flags())
	f := cmd.Flags()
	f.DurationVar(&v.wait, "wait", 1500*time.Millisecond, "how long to wait for answers after the last question")
	f.IntVar(&v.rate, "rate", 2000, "questions a second, of all kinds together")
	f.IntSliceVar(&v.ports, "ports", discover.UsualPorts(), "TCP ports to knock at on named hosts and ranges; 0 = none")
	return cmd
}

// nowhere says what could be named.
func nowhere() error {
	all, err := discover.Usable()
	if err != nil {
		return err
	}
	names := make([]string, len(all))
	for i, l := range all {
		names[i] = l.String()
	}
	return fmt.Errorf("%w: name hosts, ranges such as 192.168.1.0/24, or a network interface; this machine has %s", rekey.ErrInput, strings.Join(names, ", "))
}

func (v *findVerb) options(ctx context.Context, names []string) (discover.Options, error) {
	switch {
	case v.wait <= 0:
		return discover.Options{}, fmt.Errorf("%w: --wait %s; expected more than nothing", rekey.ErrInput, v.wait)
	case v.rate < 1 || v.rate > 10000:
		return discover.Options{}, fmt.Errorf("%w: --rate %d; expected 1 to 10000", rekey.ErrInput, v.rate)
	case slices.ContainsFunc(v.ports, func(p int) bool { return p < 0 || p > 65535 }):
		return discover.Options{}, fmt.Errorf("%w: --ports %v; expected ports from 1 to 65535, or 0 for none", rekey.ErrInput, v.ports)
	}
	places, err := discover.Resolve(ctx, names)
	if err != nil {
		return discover.Options{}, err
	}
	return discover.Options{
		Probers: v.probers(), Hosts: places.Hosts, Interfaces: places.Interfaces, Wait: v.wait, Rate: v.rate,
		Ports:    slices.DeleteFunc(slices.Clone(v.ports), func(p int) bool { return p == 0 }),
		Identify: v.identifyOpen,
	}, nil
}

// found is one line of find's result. A box that several answers describe comes
// again under its row, with more known of it.
type found struct {
	Row       int            `json:"row"`
	Addresses []netip.Addr   `json:"addresses"`
	Recorder  rekey.Identity `json:"recorder"`
	More      bool           `json:"more,omitempty"`
	Absorbs   []int          `json:"absorbs,omitempty"`
}

// findEnd is the last line of find's result.
type findEnd struct {
	Recorders int  `json:"recorders"`
	Others    int  `json:"others"`            // answered, and are no recorders
	Asked     int  `json:"asked"`             // questions to single hosts
	Of        int  `json:"of"`                // that there were to ask
	Stopped   bool `json:"stopped,omitempty"` // before all were asked and answered
}

// find streams JSON lines; a person gets the table at the end, each box once.
func (v *findVerb) find(ctx context.Context, names []string) error {
	o, err := v.options(ctx, names)
	if err != nil {
		return err
	}
	p := v.progress(o.Questions())
	o.Progress = p.asked
	o.Trouble = func(err error) {
		p.end()
		fmt.Fprintln(v.talk, oneLine(err))
	}
	rows := map[int]discover.Found{}
	err = discover.Find(ctx, o, func(f discover.Found) {
		for _, gone := range f.Absorbs {
			delete(rows, gone)
		}
		rows[f.Row] = f
		p.found(rows)
		if v.json {
			_ = writeJSON(v.out, "found", found{f.Row, f.Addresses, f.Identity, f.More, f.Absorbs}) // a reader that went away does not stop the rest
		}
	})
	p.end()
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	end := findEnd{Asked: p.at, Of: o.Questions(), Stopped: err != nil}
	return errors.Join(err, v.findResult(rows, end))
}

// findResult is the table, and who else answered.
func (v *findVerb) findResult(rows map[int]discover.Found, end findEnd) error {
	var recorders, others []discover.Found
	for _, f := range rows {
		if f.Recorder() {
			recorders = append(recorders, f)
		} else {
			others = append(others, f)
		}
	}
	byAddress := func(a, b discover.Found) int { return a.Addresses[0].Compare(b.Addresses[0]) }
	slices.SortFunc(recorders, byAddress)
	slices.SortFunc(others, byAddress)
	end.Recorders, end.Others = len(recorders), len(others)
	err := v.emit("find", end, func(w io.Writer) {
		if len(recorders) > 0 {
			printFound(newPage(w), recorders)
		}
	})
	if err != nil {
		return err
	}
	if len(others) > 0 {
		fmt.Fprintf(v.talk, "%s\n", othersWords(others))
	}
	if end.Stopped {
		fmt.Fprintf(v.talk, "stopped after %d of %d questions; what is listed answered until then\n", end.Asked, end.Of)
		return err
	}
	if len(recorders) == 0 {
		return fmt.Errorf("%w: no recorder answered; name its address, and see that it is switched on and in the same network", rekey.ErrUnreachable)
	}
	return nil
}

// othersWords names the first few that are no recorders.
func othersWords(others []discover.Found) string {
	const most = 5
	var words []string
	for _, f := range others[:min(most, len(others))] {
		words = append(words, f.Addresses[0].String())
	}
	more := ""
	if len(others) > most {
		more = ", …"
	}
	return fmt.Sprintf("no recorders, or too slow to tell, but something answered: %d (%s%s); 'rekey look HOST' says what one is", len(others), strings.Join(words, ", "), more)
}

// printFound is one line a box, and below it what else it told and what is odd.
func printFound(p page, rows []discover.Found) {
	table := [][]string{{"ADDRESS", "MAKER", "MODEL", "CLASS", "DEVICE ID / SERIAL", "STATE"}}
	for _, f := range rows {
		id := f.Identity
		table = append(table, []string{f.Addresses[0].String(), id.Vendor, id.Model, id.Class, cmp.Or(id.DeviceID, id.Serial), string(id.Init)})
	}
	widths := columns(table)
	for n, row := range table {
		var line strings.Builder
		for i, cell := range row {
			if widths[i] > 0 {
				fmt.Fprintf(&line, "%-*s  ", widths[i], cut(cell))
			}
		}
		p.line("%s", strings.TrimRight(line.String(), " "))
		if n > 0 {
			printBelow(p, rows[n-1])
		}
	}
}

func printBelow(p page, f discover.Found) {
	id := f.Identity
	below := func(label, text string) {
		if text != "" {
			p.wrap(fmt.Sprintf("    %-10s ", label), strings.Repeat(" ", 15), text)
		}
	}
	below("firmware", firmwareWords(id))
	below("resets by", short(id.Resets))
	below("learnt by", learntBy(id))
	for _, also := range f.Addresses[1:] {
		below("also at", also.String())
	}
	for _, odd := range id.Oddities {
		below("mind", odd.Words)
	}
}

const widestCell = 24 // of the table; 'rekey look' and --json have it whole

func cut(cell string) string {
	if r := []rune(cell); len(r) > widestCell {
		return string(r[:widestCell-1]) + "…"
	}
	return cell
}

func columns(table [][]string) []int {
	widths := make([]int, len(table[0]))
	for n, row := range table {
		for i, cell := range row {
			if n == 0 && !told(table, i) {
				continue // nobody told it
			}
			widths[i] = max(widths[i], len([]rune(cut(cell))))
		}
	}
	return widths
}

// told reports whether any row has the column.
func told(table [][]string, column int) bool {
	return slices.ContainsFunc(table[1:], func(row []string) bool { return row[column] != "" })
}

// learntBy names the answers that told of the box, each once.
func learntBy(id rekey.Identity) string {
	var from []string
	for _, l := range id.Learnt {
		from = append(from, l.From)
	}
	return short(from)
}

// short leaves out what stands in brackets or behind a comma: how sure it is,
// which part told it. 'rekey look' has it.
func short(words []string) string {
	var out []string
	for _, w := range words {
		w, _, _ = strings.Cut(w, " (")
		if w, _, _ = strings.Cut(w, ","); !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return strings.Join(out, ", ")
}

// findProgress is one line at the terminal that is written over; it is silent
// where stderr is none.
type findProgress struct {
	w        io.Writer
	all      int
	told, at int
}

func (v *findVerb) progress(all int) *findProgress {
	if v.json || all == 0 || !term.IsTerminal(int(os.Stderr.Fd())) {
		return &findProgress{}
	}
	return &findProgress{w: os.Stderr, all: all}
}

func (p *findProgress) asked(n int) {
	p.at = n
	p.show()
}

func (p *findProgress) found(rows map[int]discover.Found) {
	p.told = len(rows)
	p.show()
}

func (p *findProgress) show() {
	if p.w != nil {
		fmt.Fprintf(p.w, "\r%d of %d questions asked, %d answered ", p.at, p.all, p.told)
	}
}

func (p *findProgress) end() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
