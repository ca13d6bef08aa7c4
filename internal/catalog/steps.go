package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rekey"
)

// Step is one thing to do now.
type Step struct {
	What     string      `json:"what"`
	Way      rekey.WayID `json:"way,omitempty"`     // the way that the step is part of, or would open
	Tries    int         `json:"tries,omitempty"`   // login tries that it may cost
	Minutes  int         `json:"minutes,omitempty"` // of waiting, after which the tries are given back
	Destroys bool        `json:"destroys,omitempty"`
	Gate     bool        `json:"gate,omitempty"` // nothing that follows before it is done: a wait, a look, footage to be saved
}

// stopClients is the first of all steps: a client that goes on sending the old
// password locks the account again, even after a right reset. But a session that
// is open may be the last one for a while.
func stopClients(requires []Thing) string {
	but := ""
	if slices.Contains(requires, HaveApp) {
		but = ", but for the app that this way goes through"
	}
	return "Leave one session that is still open as it is, and save the recordings from it. Stop every other app, browser, video program and home automation that logs in by itself with the old password" +
		but + ": their tries lock the account."
}

// plan makes the steps of the first way that is open, or says what would open one.
func (r *route) plan(offers []Offer, s Situation) (*Way, []Step) {
	if s.Factory {
		return nil, []Step{
			{What: "The recorder has no password yet, and whoever reaches it first can make one: unplug it from the network now.", Gate: true},
			{What: "Make the password in its first set-up, at its own monitor, or where it has none in the maker's app with nothing else in that network. Let it format no disk that may hold recordings. Plug the network in again afterwards."},
		}
	}
	at := slices.IndexFunc(offers, func(o Offer) bool { return o.Blocked == "" })
	if at < 0 {
		return nil, r.openers(offers, s)
	}
	now := offers[at].Way
	return &now, r.steps(now, offers, s)
}

func (r *route) steps(w Way, offers []Offer, s Situation) []Step {
	out := append(make([]Step, 0, len(w.Hands)+5), Step{What: stopClients(w.Requires)})
	if w.destroys() {
		if gentler := grouped(offers); len(gentler) > 0 {
			out = append(out, lookOnce(gentler))
		}
		out = append(out, saveFirst(w, s.Have))
	}
	for _, step := range r.walk(w) {
		if step.Tries > 0 && s.Locked {
			out = append(out, wait(r.model.LockPolicy))
		}
		out = append(out, step)
	}
	return append(out, Step{What: "Give the new password to every client that you stopped, then start them again one by one.", Way: w.ID})
}

// walk is the way itself. The step with the login carries the tries that the way may cost.
func (r *route) walk(w Way) []Step {
	if len(w.Hands) == 0 {
		how := "Let rekey do it: 'rekey reset HOST' asks for the password once, saves the footage, sets a new one and proves it on every interface."
		if w.ID == rekey.WayAnotherAdmin {
			how = "Let rekey do it: 'rekey reset HOST --login NAME', with the other administrator's name, asks for that password once, saves the footage, sets the new one and proves it on every interface."
		}
		if menu := r.model.MenuPath.Value; len(menu) > 0 {
			how += " Where rekey does not speak the recorder's protocol, change it by hand: " + strings.Join(menu, " > ") + "."
		}
		return []Step{{What: how, Way: w.ID, Tries: w.Tries}}
	}
	hands := w.Hands[1:] // the first, of stopping clients or saving footage, is a step already
	out := make([]Step, len(hands))
	for i, h := range hands {
		out[i] = Step{What: h, Way: w.ID, Destroys: w.destroys()}
	}
	if len(out) > 0 {
		out[loginAt(hands)].Tries = w.Tries
	}
	return out
}

// loginAt is the hand that may cost the way's tries: the first that logs in, else
// the first that types the old password, else the last.
func loginAt(hands []string) int {
	for _, says := range []func(string) bool{logsIn, typesOld} {
		if at := slices.IndexFunc(hands, says); at >= 0 {
			return at
		}
	}
	return len(hands) - 1
}

// logsIn reports whether the hand is a login.
func logsIn(hand string) bool { return containsAny(hand, "log in", "Log in", "logs in to") }

// typesOld reports whether the old password is typed, which a recorder may count as a login.
func typesOld(hand string) bool {
	return containsAny(hand, "old password", "Old password", "old four digits", "old six digits")
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// wait is the step that lets a lock run out. After it all tries of the policy are there again.
func wait(lock Fact[Lock]) Step {
	l := lock.Value
	what := "The account is locked, and refuses even the right password. Wait " + strconv.Itoa(l.Minutes) + " minutes, with no login from anywhere"
	if l.PowerCycle {
		what += ", or switch the recorder off and on at its power switch, which lifts the lock"
	}
	if lock.Certainty != rekey.Verified {
		what += " (the time is " + string(lock.Certainty) + " for this model)"
	}
	return Step{What: what + ".", Minutes: l.Minutes, Gate: true}
}

// spendNone is the gate for somebody whose ways may cost a try that is not there.
func (r *route) spendNone(offers []Offer, s Situation) (Step, bool) {
	at := slices.IndexFunc(offers, func(o Offer) bool { return !r.affords(o.Way, s) })
	if at < 0 {
		return Step{}, false
	}
	lock := r.model.LockPolicy
	what := fmt.Sprintf("Spend no login try now: %d wrong so far, and %s (%s). Whether waiting gives the tries back is not published: go on only if you are certain of this password; a wrong one may lock the account for %d minutes. A lock that has run out gives the tries back: where it is locked, say --locked.",
		s.Tried, lock.Value.Words(), lock.Certainty, lock.Value.Minutes)
	return Step{What: what, Way: offers[at].ID, Gate: true}, true
}

// lookOnce is the gate for what would spare the erasing.
func lookOnce(gentler []opener) Step {
	words := make([]string, len(gentler))
	for i, g := range gentler {
		words[i] = list(g.missing) + " (" + strings.Join(g.titles, "; ") + ")"
	}
	return Step{What: "Before you erase anything, look once more for what opens a gentler way: " + strings.Join(words, "; ") + ".", Way: gentler[0].gentlest, Gate: true}
}

// saveFirst is the gate before anything is erased.
func saveFirst(w Way, have []Thing) Step {
	what := saveFootage + " and the settings first."
	if len(w.Hands) > 0 && strings.HasPrefix(w.Hands[0], saveFootage) {
		what = w.Hands[0]
	}
	switch {
	case slices.Contains(have, HavePassword) || slices.Contains(have, HaveAnotherAdmin):
		what += " You have a login: 'rekey backup HOST' saves both."
	case slices.Contains(have, HaveApp):
		what += " The app, where it is still signed in, plays and saves: go on only when what you need is saved from it and safe."
	default:
		what += " Without a login, go on only when the disk is out and safe, or when whoever owns the footage has said that it may go."
	}
	return Step{What: what, Way: w.ID, Gate: true}
}

// mostOpeners is how many things to look for a person is told at once.
const mostOpeners = 4

// openers says what would open the ways, for somebody to whom none is open: what
// needs least first, and of that the gentlest way.
func (r *route) openers(offers []Offer, s Situation) []Step {
	out := []Step{{What: stopClients(nil)}}
	if s.Locked {
		out = append(out, wait(r.model.LockPolicy))
	}
	opens := "That opens: "
	if none, dear := r.spendNone(offers, s); dear {
		out = append(out, none)
		if kept := r.affordable(offers, s); len(kept) > 0 {
			offers = kept
		} else {
			opens = "With a login try to spare that opens: "
		}
	}
	groups := grouped(offers)
	for _, g := range groups {
		out = append(out, Step{What: "Get " + list(g.missing) + ". " + opens + strings.Join(g.titles, "; ") + ".", Way: g.gentlest})
	}
	if len(groups) == 0 {
		out = append(out, Step{What: "Ask the maker's or the seller's support, with model, serial number and Device ID as on the label, and proof that the recorder is yours."})
	}
	return out
}

// affordable leaves the ways out that cost a try that is not there; it is empty
// where nothing gentle remains to look for.
func (r *route) affordable(offers []Offer, s Situation) []Offer {
	kept := slices.DeleteFunc(slices.Clone(offers), func(o Offer) bool { return !r.affords(o.Way, s) })
	if slices.ContainsFunc(kept, func(o Offer) bool { return len(o.Missing) > 0 && !o.destroys() }) {
		return kept
	}
	return nil
}

// opener is a set of things that opens ways.
type opener struct {
	missing  []Thing
	titles   []string
	gentlest rekey.WayID
}

// grouped puts the ways together that lack the same. Ways that erase are left
// out where there is another of whatever sort: they are nothing to go and look for.
func grouped(offers []Offer) []opener {
	gentle := slices.ContainsFunc(offers, func(o Offer) bool { return !o.destroys() })
	var out []opener
	for _, o := range offers {
		if len(o.Missing) == 0 || (o.destroys() && gentle) {
			continue
		}
		at := slices.IndexFunc(out, func(g opener) bool { return slices.Equal(g.missing, o.Missing) })
		if at < 0 {
			at = len(out)
			out = append(out, opener{missing: o.Missing, gentlest: o.ID})
		}
		out[at].titles = append(out[at].titles, o.Title)
	}
	slices.SortStableFunc(out, func(a, b opener) int { return cmp.Compare(len(a.missing), len(b.missing)) })
	return out[:min(len(out), mostOpeners)]
}
