package catalog

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"rekey"
)

// situations are all that a person may have of the things, nothing and not told among them.
func situations(things []Thing) [][]Thing {
	all := [][]Thing{nil}
	for set := range 1 << len(things) {
		have := []Thing{}
		for i, thing := range things {
			if set&(1<<i) != 0 {
				have = append(have, thing)
			}
		}
		all = append(all, have)
	}
	return all
}

// asked are the things that some way of the route asks for, or that a gate speaks of.
func asked(r route) []Thing {
	return slices.DeleteFunc(Things(), func(t Thing) bool {
		return t != HaveApp && !slices.ContainsFunc(r.model.Ways, func(w Way) bool { return slices.Contains(w.Requires, t) })
	})
}

// Every model, with every app of its maker, everything that a person may have,
// every count of tries and every lock gives a plan that can be walked without harm.
// The small catalogue has what the real one has not: models with nothing but the button.
func TestEverySituation(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]*data{"real": load(), "small": smallData(t)} {
		for _, m := range d.models {
			t.Run(name+"/"+m.ID, func(t *testing.T) {
				t.Parallel()
				for _, app := range append(d.appsOf(m.Maker), App{}) {
					r := d.route(m, true, app.ID)
					for _, w := range r.model.Ways {
						if left := w.holds(); len(left) > 0 {
							t.Errorf("app %q: %q is left in %s", app.ID, left, w.ID)
						}
					}
					haves := situations(asked(r))
					if app.ID == "" {
						haves = situations(Things())
					}
					for _, have := range haves {
						everyTry(t, r, Situation{Have: have, App: app.ID})
					}
				}
			})
		}
	}
}

// everyTry walks through all counts of tries, and the states of a recorder.
func everyTry(t *testing.T, r route, s Situation) {
	t.Helper()
	for s.Tried = range r.model.LockPolicy.Value.Tries + 1 {
		for state := range 3 {
			s.Locked, s.Factory = state == 1, state == 2
			if s.Factory && s.Tried > 0 {
				continue // it was asked for no password
			}
			offers := r.offers(s)
			now, steps := r.plan(offers, s)
			if fault := misoffered(r.model, offers, s) + harm(r.model.LockPolicy.Value, offers, now, steps, s); fault != "" {
				t.Fatalf("%+v: %s\n%+v", s, fault, steps)
			}
		}
	}
}

// misoffered says what is wrong with the offers, empty for nothing.
func misoffered(m Model, offers []Offer, s Situation) string {
	if len(offers) != len(m.Ways) {
		return "not every way is offered"
	}
	gentle := false // a way that erases nothing lacks nothing, or only a try
	for _, o := range offers {
		has := s.Have == nil || !slices.ContainsFunc(o.Requires, func(t Thing) bool {
			return !slices.Contains(s.Have, t) && (t != HaveDeviceID || !slices.Contains(s.Have, HaveAtTheBox))
		})
		spare := o.Tries == 0 || s.Locked || s.Tried+o.Tries < m.LockPolicy.Value.Tries
		switch {
		case has != (len(o.Missing) == 0):
			return "what is missing is not what is lacking"
		case (o.Blocked == "") != (has && spare && !s.Factory && (!o.destroys() || !gentle)):
			return "an offer is open without what it needs, or closed with it, or erases while a gentler way is there"
		}
		gentle = gentle || (has && !o.destroys())
	}
	return ""
}

// harm says what is wrong with a plan; empty is good.
func harm(lock Lock, offers []Offer, now *Way, steps []Step, s Situation) string {
	at := slices.IndexFunc(offers, func(o Offer) bool { return o.Blocked == "" })
	switch {
	case len(steps) == 0 || steps[0].Destroys:
		return "a plan begins with a step, and not with one that destroys"
	case s.Factory && (now != nil || len(steps) > 2 || !strings.Contains(steps[0].What, "no password yet")):
		return "a recorder that was never set up is set up"
	case !s.Factory && !strings.HasPrefix(steps[0].What, "Leave one session that is still open as it is, and save the recordings from it. Stop every other"):
		return "a plan begins with leaving an open session and stopping the clients"
	case (now == nil) != (at < 0) || (now != nil && now.ID != offers[at].ID):
		return "it does not take the gentlest way that is open"
	}
	gentler := slices.IndexFunc(offers, func(o Offer) bool { return !o.destroys() && len(o.Missing) > 0 })
	left, spent, waited, saved, looked := lock.Tries-1-s.Tried, 0, false, false, false
	for _, step := range steps {
		switch {
		case step.What == "":
			return "a step without words"
		case step.Minutes > 0 && (!step.Gate || !s.Locked):
			return "waiting is no gate, or is for no lock"
		case step.Minutes > 0:
			left, waited = lock.Tries-1, true
		case strings.HasPrefix(step.What, "Before you erase anything, look once more"):
			looked = step.Gate && gentler >= 0 && strings.Contains(step.What, offers[gentler].Title) && strings.Contains(step.What, list(offers[gentler].Missing))
		case strings.HasPrefix(step.What, saveFootage):
			saved = step.Gate
		case step.Destroys && (!saved || now == nil || !now.destroys() || (gentler >= 0 && !looked)):
			return "it destroys before the footage is saved and what is gentler looked for"
		case step.Tries > 0 && s.Locked && !waited:
			return "it logs in although the account is locked"
		}
		spent += step.Tries
		if left -= step.Tries; step.Tries > 0 && left < 0 {
			return "it spends a try that the lock policy cannot afford"
		}
	}
	switch {
	case s.Locked && !s.Factory && !waited && now == nil:
		return "it does not wait although the account is locked"
	case now != nil && (spent != now.Tries || now.destroys() != saved):
		return "the way's tries or its gate are not in the steps"
	case now == nil && spent > 0:
		return "nothing is open, but a try is spent"
	}
	return ""
}

// Choose is what the parts are together, and always the same.
func TestChooseIsDeterministic(t *testing.T) {
	t.Parallel()
	haves := [][]Thing{nil, {}, {HaveApp}, {HaveAtTheBox}, {HavePassword, HaveAtTheBox}, {HaveEmail, HaveApp, HaveAtTheBox}}
	for i, m := range Models() {
		apps := append(Apps(m.Maker), App{}, App{ID: "no-such-app"})
		s := Situation{Have: haves[i%len(haves)], App: apps[i%len(apps)].ID, Tried: i % 4, Locked: i%2 == 1}
		a := Choose(m, true, s)
		if b := Choose(m, true, s); !reflect.DeepEqual(a, b) {
			t.Errorf("%s, %+v: two answers", m.ID, s)
		}
		fault := misoffered(a.Model, a.Offers, s) + harm(m.LockPolicy.Value, a.Offers, a.Now, a.Steps, s)
		if fault != "" || len(a.Sources) == 0 {
			t.Errorf("%s, %+v: %s, %d sources", m.ID, s, fault, len(a.Sources))
		}
	}
}

// A model that did not come out of the catalogue still gets a step.
func TestChooseOfNothing(t *testing.T) {
	t.Parallel()
	a := Choose(Model{}, false, Situation{Locked: true, Tried: -5})
	if len(a.Steps) == 0 || a.Now != nil || !strings.Contains(a.Steps[len(a.Steps)-1].What, "support") {
		t.Errorf("%+v", a.Steps)
	}
}

func chosen(t *testing.T, name string, s Situation) Advice {
	t.Helper()
	d := smallData(t)
	m, known := d.lookup(name)
	return d.choose(m, known, s)
}

func kinds(a Advice) string {
	var all []string
	for _, o := range a.Offers {
		all = append(all, string(o.ID))
	}
	return strings.Join(all, " ")
}

func steps(a Advice) string {
	var all []string
	for _, s := range a.Steps {
		all = append(all, s.What)
	}
	return strings.Join(all, "\n")
}

func TestChoose(t *testing.T) {
	t.Parallel()
	a := chosen(t, "A1", Situation{})
	if a.Now == nil || a.Now.ID != rekey.WayKnownPassword || kinds(a) != "known-password vendor-app vendor-website temporary-password hardware-reset" {
		t.Errorf("nobody said anything: %+v of %s", a.Now, kinds(a))
	}
	if a.Offers[4].Blocked != "it erases, and a gentler way is open: Change it" || len(a.Offers[4].Missing) != 0 {
		t.Errorf("the button is blocked by %q", a.Offers[4].Blocked)
	}
	if len(a.Notes) != 2 || a.Notes[0] != "of its own" || a.Notes[1] != "of the base (inferred)" {
		t.Errorf("notes %q", a.Notes)
	}
	a = chosen(t, "A1", Situation{Have: []Thing{HaveAtTheBox}})
	if a.Now == nil || a.Now.ID != rekey.WayTemporaryPassword { // who is at the box can read its Device ID
		t.Fatalf("at the recorder: %+v", a.Now)
	}
	if got := a.Steps[2]; got.What != "Log in as admin, log in as told." || got.Tries != 1 || got.Way != rekey.WayTemporaryPassword {
		t.Errorf("the step with the login is %+v", got)
	}
	if a.Steps[0].What != a.Now.Hands[0] || a.Steps[1].What != "Call." {
		t.Errorf("the clients are not stopped once: %+v", a.Steps)
	}
	if !strings.Contains(steps(a), "Own > Menu: wait 30 minutes") {
		t.Errorf("the menu path is not the model's own: %s", steps(a))
	}
}

// Only a lock is waited for, and in front of the login; a try that is not there
// is not spent, whether or not waiting would give it back.
func TestChooseWaitsForALockOnly(t *testing.T) {
	t.Parallel()
	a := chosen(t, "A1", Situation{Have: []Thing{HavePassword}, Locked: true, Tried: 3})
	wait := a.Steps[1]
	if wait.Minutes != 30 || !wait.Gate || !strings.Contains(wait.What, "power switch") || !strings.Contains(wait.What, "unverified") || a.Steps[2].Tries != 1 {
		t.Errorf("locked: %+v", a.Steps)
	}
	a = chosen(t, "A1", Situation{Have: []Thing{HaveAtTheBox}, Locked: true})
	if len(a.Steps) != 6 || a.Steps[1].What != "Call." || a.Steps[2].Minutes != 30 || a.Steps[3].Tries != 1 {
		t.Errorf("the lock is waited for before the call, or not before the login: %+v", a.Steps)
	}
	for tried, opens := range []bool{true, true, false, false} {
		a := chosen(t, "A1", Situation{Have: []Thing{HavePassword}, Tried: tried})
		if (a.Now != nil) != opens {
			t.Errorf("after %d tries: %+v", tried, a.Steps)
		}
		if gate := a.Steps[1]; !opens && (!gate.Gate || gate.Minutes != 0 || gate.Tries != 0 || gate.Way != rekey.WayKnownPassword ||
			!strings.Contains(gate.What, "is not published") || strings.Contains(gate.What, "power switch") || !strings.Contains(a.Offers[0].Blocked, "none to spare")) {
			t.Errorf("after %d tries: %+v, blocked by %q", tried, gate, a.Offers[0].Blocked)
		}
	}
	a = chosen(t, "A1", Situation{Have: []Thing{HavePassword, HaveApp, HaveEmail, HaveAtTheBox}, Tried: 3})
	if a.Now == nil || a.Now.ID != rekey.WayVendorApp {
		t.Errorf("a way without a login needs no tries: %+v", a.Steps)
	}
	a = chosen(t, "A1", Situation{Have: []Thing{HaveAtTheBox}, Tried: 3})
	if o, _ := offered(a, rekey.WayHardwareReset); a.Now != nil || !strings.Contains(o.Blocked, "wants only a login try") || strings.Contains(steps(a), "Press") || !strings.Contains(steps(a), "That opens: Ask the maker's app") {
		t.Errorf("the button for want of a try: %+v, %q", a.Steps, o.Blocked)
	}
	a = chosen(t, "A15", Situation{Have: []Thing{}, App: "acme-one", Tried: 3})
	if strings.Contains(steps(a), "That opens: Call") {
		t.Errorf("a way that wants a try is held out: %s", steps(a))
	}
	a = advised(t, "N841", Situation{Have: []Thing{HavePassword}, Tried: 2}) // where each way wants one
	if a.Now != nil || !strings.Contains(steps(a), "With a login try to spare that opens: Get a temporary password") || strings.Contains(steps(a), "That opens") {
		t.Errorf("N841 after two tries: %s", steps(a))
	}
}

// Who may make the password first has it; there is nothing to reset.
func TestChooseOfAFactoryState(t *testing.T) {
	t.Parallel()
	a := advised(t, "N841", Situation{Factory: true, Have: []Thing{HaveAtTheBox, HaveApp}})
	if a.Now != nil || len(a.Steps) != 2 || a.Ask != nil || !strings.Contains(a.Steps[0].What, "unplug it from the network") || !strings.Contains(a.Steps[1].What, "first set-up") {
		t.Errorf("%+v", a.Steps)
	}
	for _, o := range a.Offers {
		if !strings.Contains(o.Blocked, "no password yet") {
			t.Errorf("%s: %q", o.ID, o.Blocked)
		}
	}
}

func TestChooseByApp(t *testing.T) {
	t.Parallel()
	have := []Thing{HaveApp, HaveEmail, HaveWebsiteAccount, HaveAtTheBox}
	a := chosen(t, "A1", Situation{Have: have})
	if len(a.Ask) != 1 || len(a.Ask[0].Choices) != 2 || a.Ask[0].Choices[1] != (Choice{"acme-two", "Acme Two", "it is blue"}) {
		t.Errorf("the app decides, but the question is %+v", a.Ask)
	}
	if a := chosen(t, "A1", Situation{Have: []Thing{HaveAtTheBox}}); a.Ask != nil {
		t.Errorf("no app is there, but it is asked for: %+v", a.Ask)
	}
	a = chosen(t, "A1", Situation{Have: have, App: "acme-two"})
	if kinds(a) != "known-password vendor-website temporary-password hardware-reset" || a.Ask != nil {
		t.Errorf("with the app: %s, asked %+v", kinds(a), a.Ask)
	}
	if a.Now.ID != rekey.WayVendorWebsite || !slices.Contains(a.Notes, "Acme Two: slow") {
		t.Errorf("with the app: %+v, notes %q", a.Now, a.Notes)
	}
	if got := a.Model.MenuPath.Value[0]; got != "Blue" { // the person knows the screens
		t.Errorf("of the app that was named the path is %q", got)
	}
	a = chosen(t, "acme X9", Situation{Have: []Thing{HaveAtTheBox}, App: "acme-two"})
	if got := a.Model.MenuPath.Value[0]; got != "Blue" || !strings.Contains(steps(a), "Blue > Menu") {
		t.Errorf("the app's menu path is surer, but %q is shown: %s", got, steps(a))
	}
	a = chosen(t, "A15", Situation{Have: []Thing{HaveApp, HaveWebsiteAccount}}) // its manual names the app
	if kinds(a) != "vendor-website temporary-password hardware-reset" || a.Ask != nil || a.Now.ID != rekey.WayVendorWebsite {
		t.Errorf("with the app of its manual: %s, %+v", kinds(a), a.Ask)
	}
	a = chosen(t, "A1", Situation{App: "no-such"})
	if len(a.Ask) != 1 || !strings.Contains(strings.Join(a.Notes, " "), `no app "no-such"`) {
		t.Errorf("an unknown app: asked %+v, notes %q", a.Ask, a.Notes)
	}
}

func TestChooseTheButtonLast(t *testing.T) {
	t.Parallel()
	// The unknown recorder of the small catalogue has but one other way, by the app.
	a := chosen(t, "", Situation{Have: []Thing{HaveAtTheBox}})
	if a.Now == nil || a.Now.ID != rekey.WayHardwareReset || len(a.Steps) != 6 {
		t.Fatalf("%+v", a.Steps)
	}
	look, gate := a.Steps[1], a.Steps[2]
	if !look.Gate || !strings.HasPrefix(look.What, "Before you erase anything, look once more for what opens a gentler way: the maker's app") || !strings.Contains(look.What, "(Ask the maker's app)") {
		t.Errorf("the look for a gentler way is %+v", look)
	}
	if !gate.Gate || gate.Destroys || !strings.Contains(gate.What, "the disk is out and safe") || a.Steps[0].Destroys {
		t.Errorf("the gate is %+v", gate)
	}
	if !a.Steps[3].Destroys || a.Steps[3].What != "Press." || a.Steps[5].Destroys {
		t.Errorf("the way is %+v", a.Steps[3:])
	}
	if !strings.Contains(a.Notes[0], "does not know this model") {
		t.Errorf("notes %q", a.Notes)
	}
	a = chosen(t, "", Situation{Have: []Thing{HaveAtTheBox, HavePassword}})
	if !strings.Contains(a.Steps[2].What, "'rekey backup HOST'") {
		t.Errorf("a login is there, but the gate says %q", a.Steps[2].What)
	}
	a = chosen(t, "", Situation{Have: []Thing{HaveAtTheBox, HaveApp}})
	if !strings.Contains(a.Steps[2].What, "go on only when what you need is saved from it") {
		t.Errorf("an app is there, but the gate says %q", a.Steps[2].What)
	}
}

func TestChooseSaysWhatWouldOpenAWay(t *testing.T) {
	t.Parallel()
	a := chosen(t, "A1", Situation{Have: []Thing{}, Locked: true})
	if a.Now != nil || len(a.Steps) != 6 || a.Steps[1].Minutes != 30 {
		t.Fatalf("%+v", a.Steps)
	}
	for i, want := range []string{"the password that still works", "an account on the maker's website", "the maker's app", "at the recorder"} {
		if got := a.Steps[i+2]; !strings.HasPrefix(got.What, "Get ") || !strings.Contains(got.What, want) || got.Way == "" {
			t.Errorf("step %d: %+v, want one with %q", i+2, got, want)
		}
	}
	if strings.Contains(steps(a), "Press") {
		t.Errorf("the button is held out although gentler ways could be opened: %s", steps(a))
	}
	for _, o := range a.Offers {
		if len(o.Missing) == 0 || !strings.HasPrefix(o.Blocked, "it needs ") {
			t.Errorf("%s is blocked by %q", o.ID, o.Blocked)
		}
	}
}

// The two traps of the brand: a Device ID that is none, and what is inside.
func TestLorexTraps(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"Lorex LH100": "not the Device ID of the cloud", "LNK7108A": "no Dahua inside, but Raysharp", "LHA2104": "no Dahua inside", "lhb": "no Dahua inside",
		"eco d3000": "no Dahua inside", "Lorex Z9999": "Not every Lorex is a Dahua", "N831": "not known who made this Lorex inside",
	} {
		m, known := Lookup(typed)
		if notes := strings.Join(Choose(m, known, Situation{}).Notes, "\n"); !strings.Contains(notes, want) {
			t.Errorf("%s does not say %q but %q", typed, want, notes)
		}
	}
	m, known := Lookup("N841")
	if notes := strings.Join(Choose(m, known, Situation{}).Notes, "\n"); strings.Contains(notes, "no Dahua inside") {
		t.Errorf("N841: %q", notes)
	}
}

// advised chooses for a real model.
func advised(t *testing.T, model string, s Situation) Advice {
	t.Helper()
	m, known := Lookup(model)
	if !known {
		t.Fatalf("%s is not in the catalogue", model)
	}
	return Choose(m, known, s)
}

func offered(a Advice, kind rekey.WayID) (Offer, bool) {
	at := slices.IndexFunc(a.Offers, func(o Offer) bool { return o.ID == kind })
	if at < 0 {
		return Offer{}, false
	}
	return a.Offers[at], true
}

// Recorders that are older than the apps were asked which app they are in, and
// an answer took the note on the LH100's Device ID away with its phone way.
func TestNoAppIsAskedForWhereThereIsNone(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"LH330", "LH100"} {
		if a := advised(t, model, Situation{}); a.Ask != nil {
			t.Errorf("%s: %+v", model, a.Ask)
		}
		a := advised(t, model, Situation{App: "lorex-home", Have: []Thing{HaveAtTheBox}})
		if _, there := offered(a, rekey.WayVendorApp); there || !strings.Contains(strings.Join(a.Notes, " "), `app "lorex-home" is not its own`) {
			t.Errorf("%s: offered %s, notes %q", model, kinds(a), a.Notes)
		}
	}
}

// A way through an app that only the catalogue supposes is no surer than what the
// catalogue says of the model; and the website does not go away with the app.
func TestAnAppThatIsSupposedMakesNothingSurer(t *testing.T) {
	t.Parallel()
	if o, _ := offered(advised(t, "SMARTHUB", Situation{}), rekey.WayVendorApp); o.Certainty != rekey.Unverified {
		t.Errorf("the hub's way is %s", o.Certainty)
	}
	a := advised(t, "N842", Situation{})
	if _, there := offered(a, rekey.WayVendorWebsite); !there {
		t.Errorf("N842 is offered %s", kinds(a))
	}
}

// A type number is no model: what is published of the maker's recorders stands.
func TestATypeNumberHidesNoAdvisory(t *testing.T) {
	t.Parallel()
	named := Advisories(rekey.Identity{Family: "dahua", Vendor: "Dahua", Class: "NVR"})
	numbered := Advisories(rekey.Identity{Family: "dahua", Vendor: "Dahua", Class: "NVR", Model: "31"})
	if len(named) == 0 || len(named) != len(numbered) {
		t.Errorf("%d advisories without a model, %d with a type number", len(named), len(numbered))
	}
}
