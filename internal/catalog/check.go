package catalog

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"rekey"
)

// gentle is the order of the ways, from the gentlest to the last.
var gentle = [...]rekey.WayID{
	rekey.WayKnownPassword, rekey.WayAnotherAdmin, rekey.WaySecurityQuestions, rekey.WayRecoveryFile,
	rekey.WayVendorApp, rekey.WayVendorWebsite, rekey.WayTemporaryPassword, rekey.WayHardwareReset,
}

// order is the way's place among the ways, -1 for none.
func order(id rekey.WayID) int { return slices.Index(gentle[:], id) }

// essential is what nobody can do without on a way of the kind.
var essential = map[rekey.WayID]Thing{
	rekey.WayKnownPassword: HavePassword, rekey.WayAnotherAdmin: HaveAnotherAdmin, rekey.WaySecurityQuestions: HaveSecurityAnswers,
	rekey.WayRecoveryFile: HaveRecoveryFile, rekey.WayVendorApp: HaveApp, rekey.WayHardwareReset: HaveAtTheBox,
}

// saveFootage begins the first hand of every hardware reset.
const saveFootage = "Save the footage"

// checkProcedure is the schema of a way as people walk it.
func (l *loader) checkProcedure(at place, p procedure) {
	l.cite(at, "", p.Certainty, p.Sources)
	if order(p.Kind) < 0 {
		l.fault(at, "kind", "%q is no way", p.Kind)
		return
	}
	if p.Title == "" || p.Cost == "" || p.Time == "" || len(p.Needs) == 0 {
		l.fault(at, "", "title, cost, time and needs are needed")
	}
	l.checkThings(at, p)
	l.checkHands(at, p)
	l.checkRisks(at, p)
	way := join(use{}, p)
	for _, list := range way.lists() {
		if slices.ContainsFunc(*list, blank) {
			l.fault(at, "", "needs, ready, hands, pitfalls or cannot_promise has an empty line")
		}
	}
	for _, hold := range way.holds() {
		if !slices.Contains([]string{holdMenu, holdAccount, holdModel, holdMinutes}, hold) {
			l.fault(at, "", "the placeholder %s is unknown", hold)
		}
	}
}

func (l *loader) checkThings(at place, p procedure) {
	for _, t := range p.Requires {
		if !slices.Contains(Things(), t) {
			l.fault(at, "requires", "%q is none of %q", t, Things())
		}
	}
	if t, ok := essential[p.Kind]; len(p.Requires) == 0 || (ok && !slices.Contains(p.Requires, t)) {
		l.fault(at, "requires", "what the way takes is needed, %q first", t)
	}
	alone := p.Kind == rekey.WayKnownPassword || p.Kind == rekey.WayAnotherAdmin
	if p.Tries < 0 || p.Tries > 1 || (alone && p.Tries != 1) || (p.Kind == rekey.WayHardwareReset && p.Tries != 0) {
		l.fault(at, "tries", "%d; expected 1 where a login is tried and 0 elsewhere", p.Tries)
	}
}

func (l *loader) checkHands(at place, p procedure) {
	alone := p.Kind == rekey.WayKnownPassword || p.Kind == rekey.WayAnotherAdmin
	if len(p.Hands) == 0 && !alone {
		l.fault(at, "hands", "rekey does not go this way alone, so it is to be said what to press")
	}
	if p.Kind == rekey.WayHardwareReset && (len(p.Hands) == 0 || !strings.HasPrefix(p.Hands[0], saveFootage)) {
		l.fault(at, "hands", "a hardware reset begins with saving the footage: %q", saveFootage)
	}
	logins := 0
	for _, h := range p.Hands {
		if logsIn(h) {
			logins++
		}
	}
	if logins > p.Tries {
		l.fault(at, "hands", "%d of them log in, but tries is %d", logins, p.Tries)
	}
}

func (l *loader) checkRisks(at place, p procedure) {
	known := []rekey.Risk{rekey.RiskLoseFootage, rekey.RiskLoseSettings, rekey.RiskSkipFootage, rekey.RiskLockAccount, rekey.RiskLeaveUnknown, rekey.RiskClearPassword}
	for _, r := range p.Risks {
		if !slices.Contains(known, r) {
			l.fault(at, "risks", "%q is none of %q", r, known)
		}
	}
	if p.Keeps == slices.Contains(p.Risks, rekey.RiskLoseFootage) {
		l.fault(at, "risks", "a way keeps the footage or names the risk %s", rekey.RiskLoseFootage)
	}
	if (p.Kind == rekey.WayHardwareReset) != slices.Contains(p.Risks, rekey.RiskLoseSettings) || (p.Keeps == (p.Kind == rekey.WayHardwareReset)) {
		l.fault(at, "risks", "the hardware reset, and nothing else, erases: %s and %s", rekey.RiskLoseSettings, rekey.RiskLoseFootage)
	}
}

func (l *loader) checkFamily(f familyFile) {
	at := place{file: f.at.file}
	if f.Family == "" || f.Title == "" || (f.Maker == "" && (f.GenericFor == nil || *f.GenericFor != "")) {
		l.fault(at, "", "family, title and maker are needed")
	}
	if f.Base.ID != "" || f.Base.Title != "" || len(f.Base.Match) > 0 {
		l.fault(f.at, "", "a base has no id, title or match")
	}
	if f.GenericFor == nil && len(f.Models) == 0 {
		l.fault(at, "models", "there are none, and the base is for no unknown recorder")
	}
	l.checkEntry(f.at, f.Maker, f.Base)
	for _, e := range f.Models {
		if e.ID == "" || e.Title == "" || len(e.Match) == 0 {
			l.fault(e.at, "", "id, title and match are needed")
		}
		for _, p := range e.Match {
			if key(p) == "" || p != strings.ToUpper(p) {
				l.fault(e.at, "match", "%q: a prefix in upper case is needed", p)
			}
		}
		l.checkEntry(e.at, f.Maker, e)
	}
}

// fewestTries and mostTries bound what is believed of a lock.
const fewestTries, mostTries = 2, 20

// costsTry is what the note on a default password says of trying it.
const costsTry = "costs a login try"

// namesOne reports whether the fact tells a password, or that there was one, and
// not only that there is none.
func namesOne(password string) bool {
	none := strings.HasPrefix(password, "none") || strings.HasPrefix(password, "not ")
	return !none || strings.ContainsAny(password, "0123456789;")
}

// checkEntry is the schema of what is written of a model or base.
func (l *loader) checkEntry(at place, maker string, e entry) {
	for name, f := range e.Facts {
		if !slices.Contains(FactNames(), name) {
			l.fault(at, "facts."+name, "the name is none of %q", FactNames())
		}
		checkText(l, at, "facts."+name, f)
	}
	if f, ok := e.Facts["default_password"]; ok && namesOne(f.Value) && !strings.Contains(f.Note, costsTry) {
		l.fault(at, "facts.default_password", "it names one: the note must warn that trying it %q", costsTry)
	}
	for _, f := range e.Notes {
		checkText(l, at, "notes", f)
	}
	if f := e.MenuPath; f != nil {
		l.checkMenu(at, *f)
	}
	if f := e.PasswordRule; f != nil {
		checkFact(l, at, "password_rule", *f)
		if err := checkRule(f.Value); err != nil {
			l.fault(at, "password_rule", "%v", err)
		}
	}
	if f := e.LockPolicy; f != nil {
		checkFact(l, at, "lock_policy", *f)
		if f.Value.Tries < fewestTries || f.Value.Tries > mostTries || f.Value.Minutes < 1 {
			l.fault(at, "lock_policy", "tries must be %d to %d and minutes positive", fewestTries, mostTries)
		}
	}
	if f := e.Apps; f != nil {
		checkFact(l, at, "apps", *f)
		for _, id := range f.Value {
			if a, ok := l.app(id); !ok || !a.fits(maker) {
				l.fault(at, "apps", "%q is no app of this maker", id)
			}
		}
	}
	l.checkUses(at, e.Ways)
}

// checkUses wants procedures that exist, one of a kind, the gentlest first.
func (l *loader) checkUses(at place, uses []use) {
	last := -1
	for _, u := range uses {
		field := "ways." + u.Use
		l.count(u.Certainty)
		l.cite(at, field, u.Certainty, u.Sources)
		p, ok := l.procedures[u.Use]
		if !ok {
			l.fault(at, field, "there is no such procedure")
			continue
		}
		l.used[u.Use] = true
		if order(p.Kind) <= last {
			l.fault(at, field, "out of order: one way of a kind, the gentlest first")
		}
		last = order(p.Kind)
		if slices.ContainsFunc(u.Ready, blank) || slices.ContainsFunc(u.Pitfalls, blank) {
			l.fault(at, field, "an empty line")
		}
	}
}

func (l *loader) checkMenu(at place, f Fact[[]string]) {
	checkFact(l, at, "menu_path", f)
	if len(f.Value) == 0 || slices.ContainsFunc(f.Value, blank) {
		l.fault(at, "menu_path", "a path without empty parts is needed")
	}
}

func (l *loader) checkApp(at place, id, title string, makers []string, ways []use) {
	if id == "" || title == "" || len(makers) == 0 || slices.ContainsFunc(makers, blank) {
		l.fault(at, "", "id, title and makers are needed")
	}
	if _, twice := l.app(id); twice {
		l.fault(at, "id", "the app is there twice")
	}
	l.checkUses(at, ways)
}

var cve = regexp.MustCompile(`^CVE-\d{4}-\d{4,}$`)

func (l *loader) checkAdvisory(at place, a Advisory) {
	l.count(a.Certainty)
	l.cite(at, "", a.Certainty, a.Sources)
	if a.ID == "" || a.Title == "" || a.Means == "" || a.Do == "" || len(a.Makers) == 0 {
		l.fault(at, "", "id, title, makers, means and do are needed")
	}
	if slices.ContainsFunc(l.advisories, func(b Advisory) bool { return a.ID == b.ID }) {
		l.fault(at, "id", "the advisory is there twice")
	}
	for _, id := range a.CVE {
		if !cve.MatchString(id) {
			l.fault(at, "cve", "%q does not look like CVE-2021-33044", id)
		}
	}
	for _, p := range slices.Concat(a.Match, a.Classes) {
		if blank(p) || p != strings.ToUpper(p) {
			l.fault(at, "match, classes", "%q: upper case is needed", p)
		}
	}
	if _, err := time.Parse(time.DateOnly, a.FixedBuilt); a.FixedBuilt != "" && err != nil {
		l.fault(at, "fixed_built", "%q is no date like 2021-08-30", a.FixedBuilt)
	}
}

// checkTogether wants ids, prefixes and generic models each but once.
func (l *loader) checkTogether(families []familyFile) {
	seen := map[string]place{}
	once := func(at place, field, what string) {
		if first, twice := seen[field+what]; twice {
			l.fault(at, field, "%q is claimed by %s in %s too", what, first.entry, first.file)
			return
		}
		seen[field+what] = at
	}
	ofAny := false
	for _, f := range families {
		once(f.at, "id", f.Family)
		if f.GenericFor != nil {
			once(f.at, "generic_for", *f.GenericFor+" of "+strings.ToLower(f.Maker))
			ofAny = ofAny || (*f.GenericFor == "" && f.Maker == "")
		}
		for _, e := range f.Models {
			once(e.at, "id", e.ID)
			var own []string // an entry may spell one prefix in two ways
			for _, p := range e.Match {
				own = append(own, key(p))
			}
			for _, k := range union(own) {
				once(e.at, "match", k)
			}
		}
	}
	if !ofAny {
		l.fault(place{file: "data/families/*.json"}, "generic_for", "no base is for any recorder: it has \"\" here and no maker")
	}
}

// checkModel is the schema of what a model is told of after inheritance.
func (l *loader) checkModel(at place, m Model) {
	if m.PasswordRule.Certainty == "" || m.LockPolicy.Certainty == "" || len(m.Ways) == 0 {
		l.fault(at, "", "password_rule, lock_policy and ways are needed, here or in the base")
	}
	for _, w := range m.Ways {
		if w.Tries > m.LockPolicy.Value.Tries-1 {
			l.fault(at, "ways."+string(w.ID), "it costs %d tries, more than the lock policy can afford", w.Tries)
		}
		l.checkFilled(at, w)
	}
	for _, a := range l.appsOf(m.Maker) {
		for _, w := range m.fill(a.Ways) {
			l.checkFilled(place{at.file, at.entry + " with app " + a.ID}, w)
		}
	}
}

func (l *loader) checkFilled(at place, w Way) {
	for _, hold := range union(w.holds()) {
		l.fault(at, "ways."+string(w.ID), "%s stands for nothing: the model has no such fact", hold)
	}
}

// unused wants every source cited and every procedure used.
func (l *loader) unused() {
	for id := range l.sources {
		if !l.cited[id] {
			l.fault(l.listed["source "+id], "", "the source is cited by nothing")
		}
	}
	for id := range l.procedures {
		if !l.used[id] {
			l.fault(l.listed["procedure "+id], "", "the procedure is used by nothing")
		}
	}
}

// checkText is checkFact for words: something must be said, without placeholders.
func checkText(l *loader, at place, field string, f Fact[string]) {
	checkFact(l, at, field, f)
	if blank(f.Value) {
		l.fault(at, field, "no value")
	}
	if placeholder.MatchString(f.Value) {
		l.fault(at, field, "a fact holds no placeholder")
	}
}

func checkFact[T any](l *loader, at place, field string, f Fact[T]) {
	l.count(f.Certainty)
	l.cite(at, field, f.Certainty, f.Sources)
}

// cite demands a mark of certainty and sources that exist. What is verified was
// read by somebody who knows: rekey's own choice and a third party do not do alone.
func (l *loader) cite(at place, field string, c rekey.Certainty, sources []string) {
	if c != rekey.Verified && c != rekey.Inferred && c != rekey.Unverified {
		l.fault(at, field, "certainty %q; expected verified, inferred or unverified", c)
	}
	if len(sources) == 0 {
		l.fault(at, field, "no source")
	}
	weak := len(sources) > 0
	for i, id := range sources {
		s, ok := l.sources[id]
		if !ok {
			l.fault(at, field, "the source %q is not listed", id)
		}
		if slices.Contains(sources[:i], id) {
			l.fault(at, field, "the source %q is cited twice", id)
		}
		l.cited[id] = true
		weak = weak && (s.Kind == kindOwn || s.Kind == kindThirdParty)
	}
	if weak && c == rekey.Verified {
		l.fault(at, field, "not verified by %q alone: nobody who makes, sells or has tried it says so", sources)
	}
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
