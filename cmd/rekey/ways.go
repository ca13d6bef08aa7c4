package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/catalog/pages"
	"rekey/internal/job"
)

// waysVerb is what 'rekey ways' was told.
type waysVerb struct {
	operator
	have   []string
	app    string
	tried  int
	locked bool
	way    string
	facts  bool
	browse bool
	html   string
}

func newWaysCommand() *cobra.Command {
	var v waysVerb
	cmd := &cobra.Command{
		Use:   "ways [MODEL | HOST]",
		Short: "say which way back in fits a model or a recorder, and what to do now",
		Long: `ways answers on one screen which way back in fits: what to do now, what it
needs, how long it takes, what to have ready before calling, what may be lost,
and what nobody can promise. The gentlest way stands first, the button last.

MODEL is as on the label (N841, LNR400, RLN8-410). HOST is an address or a name
with a dot, or http://NAME; it is then asked what it is, without a login. What
the person still has is told by --have; where the app on the phone decides, by
--app. Nothing is sent anywhere for a MODEL.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.on(cmd)
			switch {
			case v.html != "" && len(args) == 0 && !v.browse:
				return v.publish(cmd.Context())
			case v.browse && len(args) == 0 && v.html == "":
				return v.browseAll()
			case len(args) == 1 && !v.browse && v.html == "":
				return v.one(cmd, args[0])
			}
			return fmt.Errorf("%w: name one model or one host; or --browse, or --html FOLDER, alone", rekey.ErrInput)
		},
	}
	v.flags(cmd.Flags())
	f := cmd.Flags()
	f.StringSliceVar(&v.have, "have", nil, "what you still have, with commas: "+join(catalog.Things(), ", ")+"; or nothing")
	f.StringVar(&v.app, "app", "", "the maker's app on the owner's phone")
	f.IntVar(&v.tried, "tried", 0, "how many wrong passwords were tried already")
	f.BoolVar(&v.locked, "locked", false, "the recorder says that the account is locked")
	f.StringVar(&v.way, "way", "", "show this way in full instead of the one to take now")
	f.BoolVar(&v.facts, "facts", false, "show all that is known of the model, with sources and how sure it is")
	f.BoolVar(&v.browse, "browse", false, "search the catalogue at the terminal; without one, list it")
	f.StringVar(&v.html, "html", "", "write the catalogue as web pages into this folder, to publish or print")
	nameApps(cmd)
	return cmd
}

// nameApps puts the apps into the help when it is asked for: to read the
// catalogue takes longer than all else at the start of the program.
func nameApps(cmd *cobra.Command) {
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(c *cobra.Command, args []string) {
		c.Flags().Lookup("app").Usage += ": " + strings.Join(appIDs(""), ", ")
		help(c, args)
	})
}

func join[T ~string](all []T, between string) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = string(s)
	}
	return strings.Join(words, between)
}

// appIDs are the apps of a maker; of all makers where it is empty.
func appIDs(maker string) []string {
	var ids []string
	for _, a := range catalog.Apps(maker) {
		ids = append(ids, a.ID)
	}
	return ids
}

// situation checks what was told, before anything is asked on the network.
func (v *waysVerb) situation() (s catalog.Situation, err error) {
	if len(v.have) == 1 && strings.EqualFold(v.have[0], "nothing") {
		v.have, s.Have = nil, []catalog.Thing{}
	}
	for _, h := range v.have {
		t := catalog.Thing(strings.ToLower(strings.TrimSpace(h)))
		if !slices.Contains(catalog.Things(), t) {
			return s, fmt.Errorf("%w: --have %q; expected some of %s, or nothing", rekey.ErrInput, h, join(catalog.Things(), ", "))
		}
		s.Have = append(s.Have, t)
	}
	if _, known := catalog.FindApp(v.app); v.app != "" && !known {
		return s, fmt.Errorf("%w: --app %q; expected one of %s", rekey.ErrInput, v.app, strings.Join(appIDs(""), ", "))
	}
	if v.tried < 0 {
		return s, fmt.Errorf("%w: --tried %d; expected 0 or more", rekey.ErrInput, v.tried)
	}
	s.App, s.Tried, s.Locked = v.app, v.tried, v.locked
	return s, nil
}

// one answers for one model or host.
func (v *waysVerb) one(cmd *cobra.Command, name string) error {
	s, err := v.situation()
	if err != nil {
		return err
	}
	if model := strings.TrimRight(name, ".,; "); !isHost(model) {
		m, known := catalog.Lookup(model)
		return v.answer(advised{Asked: name, Told: s.Have != nil, Advice: catalog.Choose(m, known, s)})
	}
	t, err := rekey.ParseTarget(name)
	if err != nil {
		return err
	}
	id, err := v.identify(cmd.Context(), t)
	if err != nil {
		return err
	}
	m, known := catalog.Find(id)
	if s, _, err = v.told(s, id, t, m); err != nil {
		return err
	}
	a := catalog.Choose(m, known, s)
	if len(id.Resets) > 0 {
		a.Notes = append([]string{"The recorder itself announces: " + strings.Join(id.Resets, "; ") + "."}, a.Notes...)
	}
	return v.answer(advised{Asked: t.String(), Recorder: &id, Told: s.Have != nil, Advice: a})
}

// told adds what the recorder says of its lock, and what rekey has booked of
// wrong tries at it: left is how many that leaves, nil where none was booked.
func (o *operator) told(s catalog.Situation, id rekey.Identity, t rekey.Target, m catalog.Model) (_ catalog.Situation, left *int, err error) {
	account := "admin"
	if f, ok := m.Facts["default_account"]; ok && f.Value != "" && !strings.Contains(f.Value, " ") {
		account = f.Value
	}
	booked, err := (&job.Runner{Dir: o.state}).Booked(id, t, account)
	if err != nil {
		return s, nil, err
	}
	tries := m.LockPolicy.Value.Tries
	if booked.Wrong > 0 {
		n := max(cmp.Or(booked.Limit, tries)-booked.Wrong, 0)
		left = &n
		s.Tried = max(s.Tried, tries-n) // as many are left of the catalogue's tries
	}
	s.Factory = id.Init == rekey.InitFactory
	s.Locked = s.Locked || time.Now().Before(booked.Locked) || (id.Lock != nil && id.Lock.Locked)
	if id.Lock != nil && id.Lock.TriesLeft >= 0 {
		s.Tried = max(s.Tried, tries-id.Lock.TriesLeft)
	}
	return s, left, nil
}

// isHost tells an address or host name from a model: a model has no dot, no
// colon and no scheme.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return strings.ContainsAny(s, ".:") || strings.EqualFold(s, "localhost")
}

// advised is the result of ways.
type advised struct {
	Asked    string          `json:"asked"`
	Recorder *rekey.Identity `json:"recorder,omitempty"`
	Told     bool            `json:"told"` // it was said what the person still has
	catalog.Advice
}

func (v *waysVerb) answer(a advised) error {
	if v.way != "" {
		at := slices.IndexFunc(a.Offers, func(o catalog.Offer) bool { return string(o.ID) == v.way })
		if at < 0 {
			var ids []string
			for _, o := range a.Offers {
				ids = append(ids, string(o.ID))
			}
			return fmt.Errorf("%w: --way %q does not fit a %s; those that do: %s", rekey.ErrInput, v.way, a.Model.Title, strings.Join(ids, ", "))
		}
		return v.emit("ways", a, func(w io.Writer) { printOneWay(newPage(w), a.Offers[at]) })
	}
	return v.emit("ways", a, func(w io.Writer) {
		p := newPage(w)
		printAdvice(p, a)
		if v.facts {
			printFacts(p, a.Model)
		}
	})
}

// How many notes of an entry and pitfalls of a way stand on the first screen; the
// rest is in --facts and --way.
const (
	mostNotes    = 3
	mostPitfalls = 3
)

// printAdvice is the one screen.
func printAdvice(p page, a advised) {
	p.line("%s", a.Model.Title)
	for _, n := range a.Notes[:min(mostNotes, len(a.Notes))] {
		p.wrap("  ! ", "    ", n)
	}
	p.line("")
	var way []string // the sources of the way
	switch {
	case a.Recorder != nil && a.Recorder.Init == rekey.InitFactory:
		p.line("NOW: make its first password")
	case a.Now == nil:
		p.line("NOW: no way is open yet with what you have and have tried")
	default:
		p.line("NOW: %s", a.Now.Title+mark(a.Now.Certainty))
		way = a.Now.Sources
	}
	for n, s := range a.Steps {
		p.wrap(fmt.Sprintf("%4d. ", n+1), "      ", s.What)
	}
	if a.Now != nil {
		now := *a.Now
		now.Pitfalls = now.Pitfalls[:min(mostPitfalls, len(now.Pitfalls))]
		printCosts(p, now)
	}
	p.line("\nAll ways, the gentlest first ('--way ID' shows one in full)")
	for _, o := range a.Offers {
		p.wrap(fmt.Sprintf("  %-19s ", o.ID), strings.Repeat(" ", 22), offerWords(o))
	}
	if !a.Told {
		p.block("Tell --have", "what you still have, and the answer is for you: "+join(catalog.Things(), ", "))
	}
	for _, q := range a.Ask {
		printQuestion(p, q)
	}
	p.line("")
	printModel(p, a.Model)
	printSources(p, way, slices.Concat(a.Model.MenuPath.Sources, a.Model.PasswordRule.Sources, a.Model.LockPolicy.Sources)...)
}

// printQuestion asks for what decides, and says how to tell it.
func printQuestion(p page, q catalog.Question) {
	p.block("Tell --"+q.What, q.Words)
	for _, c := range q.Choices {
		text := c.Title
		if c.Tell != "" {
			text += ": " + c.Tell
		}
		p.wrap(fmt.Sprintf("%*s%-14s", labelWidth, "", c.ID), strings.Repeat(" ", labelWidth+14), text)
	}
}

// printCosts is what stands beside the steps of a way.
func printCosts(p page, w catalog.Way) {
	p.block("Note", w.Note)
	p.block("Needs", strings.Join(w.Needs, "; "))
	p.block("Have ready", strings.Join(w.Ready, "; "))
	p.block("Takes", w.Time)
	p.block("May be lost", w.Cost)
	p.list("Mind", w.Pitfalls)
	p.block("No promise", strings.Join(w.Cannot, "; "))
}

// offerWords is a way in one line, with what stands against it.
func offerWords(o catalog.Offer) string {
	words := o.Title + mark(o.Certainty)
	switch {
	case len(o.Missing) > 0:
		words += "; needs " + join(o.Missing, ", ")
	case o.Blocked != "":
		why, _, _ := strings.Cut(o.Blocked, ":")
		words += "; not now: " + why
	}
	return words
}

// printModel is what is good to know of the model whatever the way.
func printModel(p page, m catalog.Model) {
	p.block("On screen", strings.Join(m.MenuPath.Value, " > ")+mark(m.MenuPath.Certainty))
	p.block("New password", catalog.RuleWords(m.Rule())+mark(m.PasswordRule.Certainty))
	p.block("Its lock", m.LockPolicy.Value.Words()+mark(m.LockPolicy.Certainty))
	n := m.Count()
	p.block("Known", fmt.Sprintf("%d facts read in a source, %d inferred, %d unverified ('--facts' lists them)", n[rekey.Verified], n[rekey.Inferred], n[rekey.Unverified]))
}

func mark(c rekey.Certainty) string { return " (" + string(c) + ")" }

func printOneWay(p page, o catalog.Offer) {
	p.line("%s: %s", o.ID, o.Title)
	p.block("How sure", catalog.CertaintyWords(o.Certainty))
	if len(o.Missing) > 0 {
		p.block("Missing", join(o.Missing, ", "))
	}
	p.block("Not now", o.Blocked)
	for n, h := range o.Hands {
		p.wrap(fmt.Sprintf("%4d. ", n+1), "      ", h)
	}
	p.line("")
	printCosts(p, o.Way)
	for _, r := range o.Risks {
		p.block("Risk", string(r)+", to be accepted by this name")
	}
	printSources(p, o.Sources)
}

// printSources names what was shown rests on: of the way by title, of the rest
// by id. Addresses are in --facts.
func printSources(p page, way []string, rest ...string) {
	var words []string
	all := append(slices.Clone(way), rest...)
	for _, s := range catalog.Sources(append(all, "")...) { // without ids it would be all there are
		if slices.Contains(way, s.ID) {
			words = append(words, "["+s.ID+"] "+s.Title)
		} else {
			words = append(words, "["+s.ID+"]")
		}
	}
	p.block("Sources", strings.Join(words, "; "))
}

// printFacts is the whole entry, each fact with its sources.
func printFacts(p page, m catalog.Model) {
	p.line("\nAll that is known")
	fact := func(name, value string, c rekey.Certainty, sources []string, note string) {
		text := fmt.Sprintf("%s (%s: %s)", value, c, strings.Join(sources, ", "))
		if note != "" {
			text += "; " + note
		}
		p.wrap(fmt.Sprintf("  %-20s ", catalog.FactWords(name)), strings.Repeat(" ", 23), text)
	}
	for _, name := range catalog.FactNames() {
		if f, ok := m.Facts[name]; ok {
			fact(name, f.Value, f.Certainty, f.Sources, f.Note)
		}
	}
	fact("menu_path", strings.Join(m.MenuPath.Value, " > "), m.MenuPath.Certainty, m.MenuPath.Sources, m.MenuPath.Note)
	fact("password_rule", catalog.RuleWords(m.Rule()), m.PasswordRule.Certainty, m.PasswordRule.Sources, m.PasswordRule.Note)
	fact("lock", m.LockPolicy.Value.Words(), m.LockPolicy.Certainty, m.LockPolicy.Sources, m.LockPolicy.Note)
	if len(m.Apps.Value) > 0 {
		fact("apps", strings.Join(m.Apps.Value, ", "), m.Apps.Certainty, m.Apps.Sources, m.Apps.Note)
	}
	for _, n := range m.Notes {
		fact("note", n.Value, n.Certainty, n.Sources, n.Note)
	}
	p.line("\nSources")
	for _, s := range catalog.Sources(m.Cited()...) {
		p.wrap("  ["+s.ID+"] ", "      ", s.Title+", "+s.Address)
	}
}

// publish writes the web pages.
func (v *waysVerb) publish(ctx context.Context) error {
	n, err := pages.Write(ctx, v.html)
	if err != nil {
		return err
	}
	result := struct {
		Dir   string `json:"dir"`
		Pages int    `json:"pages"`
	}{v.html, n}
	return v.emit("pages", result, func(w io.Writer) { fmt.Fprintf(w, "%d pages in %s; begin at index.html\n", n, v.html) })
}

// browseAll searches at the terminal; where there is none, it lists.
func (v *waysVerb) browseAll() error {
	s, err := v.situation()
	if err != nil {
		return err
	}
	t, err := openTerminal()
	if v.json || errors.Is(err, errNoTerminal) {
		return v.list(catalog.Models())
	}
	if err != nil {
		return err
	}
	defer t.Close()
	for {
		word, err := t.ask("Model, series or maker (Enter lists all, q ends):")
		if err != nil || word == "q" {
			return err
		}
		found := matching(word)
		if len(found) != 1 {
			if err := v.list(found); err != nil {
				return err
			}
			continue
		}
		if err := v.answer(advised{Asked: word, Told: s.Have != nil, Advice: catalog.Choose(found[0], len(found[0].Match) > 0, s)}); err != nil {
			return err
		}
	}
}

// matching are the models in whose id, title or maker all the words occur; where
// there is none, the one that the words are a name of, as on a label.
func matching(words string) []catalog.Model {
	var found []catalog.Model
	for _, m := range catalog.Models() {
		if strings.EqualFold(m.ID, words) {
			return []catalog.Model{m}
		}
		text := strings.ToLower(m.ID + " " + m.Title + " " + m.Maker + " " + m.FamilyTitle)
		if !slices.ContainsFunc(strings.Fields(strings.ToLower(words)), func(w string) bool { return !strings.Contains(text, w) }) {
			found = append(found, m)
		}
	}
	if m, known := catalog.Lookup(words); known && len(found) == 0 {
		found = append(found, m)
	}
	return found
}

// listed is one line of the catalogue's list.
type listed struct {
	ID        string                  `json:"id"`
	Title     string                  `json:"title"`
	Maker     string                  `json:"maker"`
	Ways      []rekey.WayID           `json:"ways"`
	Certainty map[rekey.Certainty]int `json:"certainty"`
}

func (v *waysVerb) list(models []catalog.Model) error {
	for _, m := range models {
		l := listed{ID: m.ID, Title: m.Title, Maker: m.Maker, Certainty: m.Count()}
		for _, w := range m.Ways {
			l.Ways = append(l.Ways, w.ID)
		}
		if err := v.emit("model", l, func(w io.Writer) { fmt.Fprintf(w, "%-16s %-10s %s\n", l.ID, l.Maker, l.Title) }); err != nil {
			return err
		}
	}
	return nil
}
