package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rekey"
)

// Situation is what a person says of a lost password.
type Situation struct {
	Have    []Thing // what the person still has; nil: nobody said
	App     string  // id of the maker's app that the person uses; empty: nobody said
	Tried   int     // wrong passwords already tried since the lock last opened
	Locked  bool    // the recorder says that the account is locked
	Factory bool    // the recorder says that it was never set up: it has no password yet
}

// Advice is the way back in that fits a recorder and a situation, and all else
// that a person should know before starting.
type Advice struct {
	Model   Model      `json:"model"` // with the ways, and where it is surer the menu path, of the app
	Known   bool       `json:"known"`
	Now     *Way       `json:"now"`   // nil: nothing is open yet
	Steps   []Step     `json:"steps"` // what to do now, in order; never empty
	Offers  []Offer    `json:"offers"`
	Ask     []Question `json:"ask,omitempty"`
	Notes   []string   `json:"notes,omitempty"`
	Sources []Source   `json:"sources"`
}

// Offer is a way with what stands against it now.
type Offer struct {
	Way
	Missing []Thing `json:"missing,omitempty"` // what the person lacks for it
	Blocked string  `json:"blocked,omitempty"` // why it is not to be taken now, in words; empty: it is open
}

// Question is something that decides about the way and that nobody has said.
type Question struct {
	What    string   `json:"what"` // "app"
	Words   string   `json:"words"`
	Choices []Choice `json:"choices"`
}

// Choice is an answer to a question, and how to tell that it is the right one.
type Choice struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Tell  string `json:"tell,omitempty"`
}

// Choose finds the way back in: the gentlest that is open with what the person
// has, and what to do in which order so that no login try is spent that the lock
// policy cannot afford and nothing is erased while a gentler way is open. It
// reads nothing but its arguments and the catalogue.
func Choose(m Model, known bool, s Situation) Advice { return load().choose(m, known, s) }

// Ways returns the ways of the recorder that are open with what the person has,
// the gentlest first; nil have means that nobody said, and then all are open.
func Ways(id rekey.Identity, have []Thing) []rekey.Way {
	m, _ := Find(id)
	var out []rekey.Way
	for _, w := range m.Ways {
		if len(lacking(w.Requires, have)) == 0 {
			out = append(out, w.Way)
		}
	}
	return out
}

func (d *data) choose(m Model, known bool, s Situation) Advice {
	r := d.route(m, known, s.App)
	a := Advice{Model: r.model, Known: known, Notes: r.notes, Sources: d.cite(r.sources)}
	a.Offers = r.offers(s)
	a.Now, a.Steps = r.plan(a.Offers, s)
	if !s.Factory && (s.Have == nil || slices.Contains(s.Have, HaveApp)) {
		a.Ask = r.ask
	}
	return a
}

// route is what does not depend on what the person has or has tried: the model
// as it is for people with the app.
type route struct {
	model   Model
	ask     []Question // where the app decides and nobody said which
	notes   []string
	sources []string
}

func (d *data) route(m Model, known bool, app string) route {
	r := route{model: m.clone()}
	r.note(known)
	a, ok := d.app(app)
	switch {
	case m.appless():
		if app != "" {
			r.notes = append(r.notes, fmt.Sprintf("This recorder is older than the maker's apps of today (%s): the app %q is not its own. See that the model is right.", m.Apps.Certainty, app))
		}
	case ok && a.fits(m.Maker):
		r.take(a, false)
	case app != "":
		r.notes = append(r.notes, fmt.Sprintf("The catalogue knows no app %q for this recorder; what follows holds for any.", app))
		r.ask = d.whichApp(m)
	default:
		if a, settled := d.settled(m); settled {
			r.take(a, true)
		} else {
			r.ask = d.whichApp(m)
		}
	}
	r.cite()
	return r
}

// settled is the app that the model's own papers name, where they name one.
func (d *data) settled(m Model) (App, bool) {
	if len(m.Apps.Value) != 1 || m.Apps.Certainty != rekey.Verified {
		return App{}, false
	}
	return d.app(m.Apps.Value[0])
}

// take makes the route that of a person with the app: its screens are those of
// the recorder. Where it is only the model's papers that name the app, a way is no
// surer than the model's own of that kind, and a path that was read of the model stays.
func (r *route) take(a App, supposed bool) {
	m := &r.model
	if len(a.MenuPath.Value) > 0 && (!supposed || m.MenuPath.Certainty != rekey.Verified) {
		m.MenuPath = a.clone().MenuPath
	}
	own := m.Ways
	m.Ways = m.fill(a.over(m.unfilled))
	for i, w := range m.Ways {
		at := slices.IndexFunc(own, func(o Way) bool { return o.ID == w.ID })
		if supposed && at >= 0 {
			m.Ways[i].Certainty = weaker(w.Certainty, own[at].Certainty)
		}
	}
	r.notes = append(r.notes, a.Title+": "+a.Catch.Value)
	r.sources = append(r.sources, a.Catch.Sources...)
}

// whichApp asks for the app where the answer changes the ways.
func (d *data) whichApp(m Model) []Question {
	q := Question{What: "app", Words: "Which app is the recorder in? The way back in depends on it more than on the model."}
	differ := map[string]bool{}
	for _, a := range d.appsOf(m.Maker) {
		if m.Maker == "" || (len(m.Apps.Value) > 0 && m.Apps.Certainty != rekey.Unverified && !slices.Contains(m.Apps.Value, a.ID)) {
			continue
		}
		q.Choices = append(q.Choices, Choice{ID: a.ID, Title: a.Title, Tell: a.LooksLike.Value})
		differ[a.differs()] = true
	}
	if len(differ) < 2 {
		return nil
	}
	return []Question{q}
}

// appless reports whether it is known that the model belongs to no app.
func (m Model) appless() bool { return m.Apps.Certainty != "" && len(m.Apps.Value) == 0 }

// differs is the same for apps whose owners go the same ways.
func (a App) differs() string {
	parts := slices.Clone(a.MenuPath.Value)
	for _, w := range a.Ways {
		parts = append(parts, string(w.ID), w.Title)
	}
	return strings.Join(parts, "\x00")
}

// note says what people trip over with this model.
func (r *route) note(known bool) {
	m := r.model
	if !known {
		r.notes = append(r.notes, fmt.Sprintf("The catalogue does not know this model. What follows is generic, for: %s. Compare it with what you see.", m.Title))
	}
	if f, ok := m.Facts["device_id_means"]; ok {
		r.notes = append(r.notes, "Device ID: "+f.Value+".")
		r.sources = append(r.sources, f.Sources...)
	}
	if strings.EqualFold(m.Maker, "Lorex") {
		r.noteLorex(known)
	}
	for _, n := range m.Notes {
		r.notes = append(r.notes, marked(n))
		r.sources = append(r.sources, n.Sources...)
	}
}

// noteLorex says what the brand hides: not every Lorex has a Dahua inside.
func (r *route) noteLorex(known bool) {
	m := r.model
	oem, named := m.Facts["oem"]
	switch {
	case strings.HasPrefix(m.Facts["protocol"].Value, "none"): // there is nothing to ask
	case !known:
		r.notes = append(r.notes, "Not every Lorex is a Dahua inside: let 'rekey look HOST' ask the recorder what it speaks.")
	case m.Family != "dahua" && named:
		r.notes = append(r.notes, fmt.Sprintf("This Lorex is no Dahua inside, but %s (%s): what is said of other Lorex recorders may not fit. Let 'rekey look HOST' ask it what it speaks.", oem.Value, oem.Certainty))
		r.sources = append(r.sources, oem.Sources...)
	case m.Family != "dahua":
		r.notes = append(r.notes, "It is not known who made this Lorex inside: do not take it for a Dahua before 'rekey look HOST' has asked it what it speaks.")
	}
}

// marked is the fact in words, with its certainty where it was not read of this very model.
func marked(f Fact[string]) string {
	if f.Certainty == rekey.Verified {
		return f.Value
	}
	return fmt.Sprintf("%s (%s)", f.Value, f.Certainty)
}

// cite collects the sources of all that the advice tells.
func (r *route) cite() {
	m := r.model
	for _, w := range m.Ways {
		r.sources = append(r.sources, w.Sources...)
	}
	r.sources = union(r.sources, m.MenuPath.Sources, m.LockPolicy.Sources, m.PasswordRule.Sources)
}

// offers tells of every way what the person lacks, and why it is not to be taken now.
func (r *route) offers(s Situation) []Offer {
	out := make([]Offer, len(r.model.Ways))
	gentler := "" // why nothing is to be erased yet
	for i, w := range r.model.Ways {
		o := Offer{Way: w, Missing: lacking(w.Requires, s.Have)}
		switch {
		case s.Factory:
			o.Blocked = "the recorder has no password yet, so there is none to bring back"
		case len(o.Missing) > 0:
			o.Blocked = "it needs " + list(o.Missing)
		case w.destroys() && gentler != "":
			o.Blocked = gentler
		case !r.affords(w, s):
			o.Blocked = "it may cost a login try, and the tries already made leave none to spare"
			gentler = cmp.Or(gentler, "it erases, and a gentler way wants only a login try: "+w.Title)
		default:
			gentler = cmp.Or(gentler, "it erases, and a gentler way is open: "+w.Title)
		}
		out[i] = o
	}
	return out
}

// affords reports whether the tries that a way may cost are there, with one kept
// back. Nothing published says that waiting gives tries back below the lock; a
// lock that has run out does.
func (r *route) affords(w Way, s Situation) bool {
	return w.Tries == 0 || s.Locked || w.Tries <= r.model.LockPolicy.Value.Tries-1-max(0, s.Tried)
}

// list is the things in words.
func list(things []Thing) string {
	words := make([]string, len(things))
	for i, t := range things {
		words[i] = t.Words()
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], "; ") + "; and " + words[len(words)-1]
}
