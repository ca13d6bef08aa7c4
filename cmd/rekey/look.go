package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/catalog"
)

func newLookCommand() *cobra.Command {
	var o operator
	cmd := &cobra.Command{
		Use:   "look HOST",
		Short: "say what a recorder is and which ways back in fit it, without a login",
		Long: `look asks one host what it is: which interfaces it offers and whether each is
encrypted, how old its security is, whether it says that it is locked, what is
published against its firmware, and which ways back in fit. It sends no account
name and no password, and costs no login try.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.on(cmd).look(cmd, args[0])
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

// looked is the result of look.
type looked struct {
	Address    string                     `json:"address"`
	Recorder   rekey.Identity             `json:"recorder"`
	Model      string                     `json:"model"` // the catalogue's entry
	Known      bool                       `json:"known"` // false: a generic entry
	MenuPath   []string                   `json:"menu_path"`
	Lock       catalog.Fact[catalog.Lock] `json:"lock_policy"`
	TriesLeft  *int                       `json:"tries_left,omitempty"` // by rekey's own book
	Advisories []catalog.Notice           `json:"advisories"`
	Ways       []rekey.Way                `json:"ways"`
	Notes      []string                   `json:"notes,omitempty"`
}

func (o *operator) look(cmd *cobra.Command, host string) error {
	t, err := rekey.ParseTarget(host)
	if err != nil {
		return err
	}
	id, err := o.identify(cmd.Context(), t)
	if err != nil {
		return err
	}
	m, known := catalog.Find(id)
	situation, left, err := o.told(catalog.Situation{}, id, t, m)
	if err != nil {
		return err
	}
	advice := catalog.Choose(m, known, situation)
	v := looked{
		Address: t.String(), Recorder: id, Model: m.ID, Known: known, MenuPath: m.MenuPath.Value, Lock: m.LockPolicy, TriesLeft: left,
		Advisories: catalog.Advisories(id), Notes: advice.Notes,
	}
	for _, offer := range advice.Offers {
		v.Ways = append(v.Ways, offer.Way.Way)
	}
	return o.emit("look", v, func(w io.Writer) { printLooked(newPage(w), v) })
}

func printLooked(p page, v looked) {
	printIdentity(p, v)
	for _, i := range v.Recorder.Interfaces {
		p.block("Interface", doorWords(i))
	}
	for _, f := range besides(v.Recorder) {
		p.block("Also", f.What+" ("+f.From+")")
	}
	for _, odd := range v.Recorder.Oddities {
		p.block("Mind", odd.Words)
	}
	for _, n := range v.Notes[:min(mostNotes, len(v.Notes))] {
		p.block("Mind", n)
	}
	printLock(p, v)
	p.line("\nPublished against its firmware")
	for _, n := range v.Advisories {
		p.wrap("  - ", "    ", noticeWords(n))
	}
	if len(v.Advisories) == 0 {
		p.line("  nothing that the catalogue knows of")
	}
	p.line("\nWays back in, the gentlest first ('rekey ways %s' says what to do now)", v.Address)
	for _, w := range v.Ways {
		p.wrap(fmt.Sprintf("  %-19s ", w.ID), strings.Repeat(" ", 22), w.Title+mark(w.Certainty))
	}
}

func printIdentity(p page, v looked) {
	id := v.Recorder
	row := func(label, value string, facts ...string) {
		if value != "" {
			p.block(label, value+learntFrom(id, facts...))
		}
	}
	row("Address", v.Address)
	row("Maker", id.Vendor, "vendor")
	row("Model", strings.TrimSpace(id.Model+" "+id.Class), "model", "class")
	row("Name", id.Name, "name")
	row("Firmware", firmwareWords(id), "firmware", "built")
	row("Device ID", id.DeviceID, "device id")
	row("Serial", id.Serial, "serial")
	row("MAC", id.MAC, "mac")
	row("Speaks", id.Family, "family")
	row("State", string(id.Init), "init")
	row("Security", id.Generation, "security generation")
	row("Resets by", strings.Join(id.Resets, "; "), "resets")
	entry := v.Model + ", an entry of its own"
	if !v.Known {
		entry = v.Model + ": this model is not in the catalogue, so what is said below is true of its kind only"
	}
	row("Catalogue", entry)
}

func firmwareWords(id rekey.Identity) string {
	if id.Built.IsZero() {
		return id.Firmware
	}
	return strings.TrimSpace(id.Firmware + ", built " + id.Built.Format(time.DateOnly))
}

// learntFrom says which answers told a thing, each once.
func learntFrom(id rekey.Identity, facts ...string) string {
	var from []string
	for _, what := range facts {
		for _, l := range id.Learnt {
			if l.What == what && !slices.Contains(from, l.From) {
				from = append(from, l.From)
			}
		}
	}
	if len(from) == 0 {
		return ""
	}
	return " (" + strings.Join(from, "; ") + ")"
}

// besides are the facts that belong to no row of their own, such as the
// recorder's clock, which temporary passwords go by.
func besides(id rekey.Identity) []rekey.Fact {
	rows := []string{"family", "vendor", "model", "class", "name", "serial", "device id", "mac", "realm", "firmware", "built", "channels", "uuid", "init", "resets", "lock", "security generation"}
	return slices.DeleteFunc(slices.Clone(id.Learnt), func(f rekey.Fact) bool { return slices.Contains(rows, f.What) })
}

func doorWords(i rekey.Interface) string {
	if i.Kind == rekey.InterfaceSDK {
		return fmt.Sprintf("%s at %s, the maker's own protocol", i.Kind, i.Address())
	}
	if !i.TLS {
		return fmt.Sprintf("%s at %s, not encrypted", i.Kind, i.Address())
	}
	return fmt.Sprintf("%s at %s, encrypted, certificate %s", i.Kind, i.Address(), i.CertSHA256)
}

func printLock(p page, v looked) {
	p.block("Its lock", v.Lock.Value.Words()+mark(v.Lock.Certainty))
	if l := v.Recorder.Lock; l != nil {
		p.block("Lock now", lockStateWords(*l))
	}
	if v.TriesLeft != nil {
		p.block("Tries left", fmt.Sprintf("%d, by rekey's own book; one of them stays yours", *v.TriesLeft))
	}
}

func lockStateWords(l rekey.LockState) string {
	words := "not locked"
	if l.Locked {
		words = "locked"
	}
	if l.For > 0 {
		words += " for " + l.For.Round(time.Second).String()
	}
	if l.TriesLeft >= 0 {
		words += fmt.Sprintf(", %d tries left", l.TriesLeft)
	}
	return words + " (" + l.From + ")"
}

func noticeWords(n catalog.Notice) string {
	words := strings.Join(n.CVE, ", ") + ": " + n.Title + ". " + n.Means + " " + n.Do
	if n.Verdict == catalog.CannotTell {
		return "perhaps: " + words + " Whether it is mended cannot be told: " + n.Why + "."
	}
	return words
}
