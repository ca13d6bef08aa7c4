package catalog

import (
	"slices"
	"strings"
	"testing"

	"rekey"
)

// everything is all that people read of an advice: notes, steps and ways.
func everything(a Advice) string {
	all := append(slices.Clone(a.Notes), steps(a))
	for _, o := range a.Offers {
		all = append(all, o.Title, o.Blocked, o.Note)
		for _, list := range o.lists() {
			all = append(all, *list...)
		}
	}
	return strings.Join(all, "\n")
}

// Their one admin's password is changed by nobody else.
func TestWhoHasOneAdminIsOfferedNoOther(t *testing.T) {
	t.Parallel()
	for _, m := range Models() {
		if m.Maker != "Hikvision" && m.Maker != "Reolink" {
			continue
		}
		a := Choose(m, true, Situation{Have: []Thing{HaveAnotherAdmin}})
		if _, there := offered(a, rekey.WayAnotherAdmin); there || !strings.Contains(everything(a), "There is one admin") {
			t.Errorf("%s: %s", m.ID, kinds(a))
		}
	}
	for _, model := range []string{"DS-7608NI", "RLN8-410"} {
		if a := advised(t, model, Situation{}); strings.Contains(kinds(a), "another-admin") {
			t.Errorf("%s: %s", model, kinds(a))
		}
	}
}

// What a person may have decides; what is gentle stands before what erases.
func TestNowOfModels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		model string
		have  []Thing
		now   rekey.WayID
		says  string
	}{
		{"RLN8-410", []Thing{HaveAtTheBox}, rekey.WayTemporaryPassword, "hardware version"},
		{"RLN8-410", []Thing{HaveAtTheBox, HaveEmail}, rekey.WayVendorWebsite, "recovery e-mail"},
		{"RLN8-410", []Thing{HaveAtTheBox, HaveApp}, rekey.WayTemporaryPassword, "is still signed in can still play and save"},
		{"UNVR", []Thing{HaveAtTheBox}, rekey.WayTemporaryPassword, "Ask the original owner"},
		{"amcrest", []Thing{HaveAtTheBox}, rekey.WayVendorWebsite, "QR code"},
		{"DS-7608NI", []Thing{HaveDeviceID}, rekey.WayTemporaryPassword, "Open SADP"},
		{"SMARTHUB", []Thing{HavePassword, HaveApp}, rekey.WayKnownPassword, "Device Password"},
		{"N831", []Thing{HavePassword, HaveAtTheBox}, rekey.WayKnownPassword, "Do not go through Forgot Password"},
	} {
		m, known := Lookup(c.model)
		a := Choose(m, known, Situation{Have: c.have})
		if a.Now == nil || a.Now.ID != c.now || !strings.Contains(everything(a), c.says) {
			t.Errorf("%s with %q: %+v", c.model, c.have, a.Now)
		}
	}
	restore := advised(t, "RLN8-410", Situation{})
	if o, _ := offered(restore, rekey.WayHardwareReset); !strings.Contains(o.Hands[0], "still signed in can still play and save") || !strings.HasPrefix(o.Hands[1], "Only when that is safe") {
		t.Errorf("the restore from an app reads %q", o.Hands)
	}
}

// The recovery's path is in the recovery only.
func TestN831ChangesNothingThroughItsRecovery(t *testing.T) {
	t.Parallel()
	a := advised(t, "N831", Situation{})
	if got := strings.Join(a.Model.MenuPath.Value, " > "); strings.Contains(got, "Forgot") || a.Model.MenuPath.Note == "" {
		t.Errorf("its menu path is %q", got)
	}
	for _, o := range a.Offers {
		recovery := o.ID == rekey.WaySecurityQuestions || o.ID == rekey.WayVendorApp
		if got := strings.Contains(strings.Join(o.Hands, "\n"), "press Forgot Password"); got != recovery {
			t.Errorf("%s: %q", o.ID, o.Hands)
		}
	}
	if o := a.Offers[0]; o.ID != rekey.WayKnownPassword || o.Certainty != rekey.Inferred || o.Tries != 1 {
		t.Errorf("%+v", o)
	}
}

// Where there is no recorder on the network, nobody is sent to look at it.
func TestNothingToLookAt(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"SMARTHUB", "QLR0440"} {
		if all := everything(advised(t, model, Situation{})); strings.Contains(all, "rekey look") || strings.Contains(all, "probe the recorder") {
			t.Errorf("%s: %s", model, all)
		}
	}
}

// With the app known, the recorder has that app's screens and no others.
func TestOneMenuPath(t *testing.T) {
	t.Parallel()
	for app, want := range map[string]string{"lorex-pro": "Main Menu > ACCOUNT > User", "lorex-app": "Main Menu > Users > User", "lorex-cloud": "Main Menu > Settings > System > Account > User"} {
		a := advised(t, "N841", Situation{App: app})
		if got := strings.Join(a.Model.MenuPath.Value, " > "); got != want || !strings.Contains(everything(a), want) {
			t.Errorf("%s: %q", app, got)
		}
		if all := everything(a); app == "lorex-pro" && strings.Contains(all, "Settings > System > Account") {
			t.Errorf("%s: two menu paths in %s", app, all)
		}
	}
	if note := advised(t, "N841", Situation{App: "lorex-app"}).Model.MenuPath.Note; !strings.Contains(note, "new local UI") {
		t.Errorf("which screens the path is on: %q", note)
	}
}

// An app that the catalogue only supposes is asked for, and not taken.
func TestAnAppIsSettledByTheModelsPapersOnly(t *testing.T) {
	t.Parallel()
	a := advised(t, "LHA2104", Situation{})
	if len(a.Ask) != 1 || strings.Contains(strings.Join(a.Notes, "\n"), "Lorex Cloud:") {
		t.Errorf("asked %+v, notes %q", a.Ask, a.Notes)
	}
}

// A temporary password that was refused once is wrong or late; typed again it locks.
func TestTemporaryPasswordIsTypedOnce(t *testing.T) {
	t.Parallel()
	for _, m := range Models() {
		for _, app := range append(Apps(m.Maker), App{}) {
			for _, o := range Choose(m, true, Situation{App: app.ID}).Offers {
				a := route{model: m}
				at := slices.IndexFunc(a.walk(o.Way), func(s Step) bool { return s.Tries > 0 })
				issued := o.ID == rekey.WayVendorApp || o.ID == rekey.WayVendorWebsite || o.ID == rekey.WayTemporaryPassword
				if issued && at >= 0 && !strings.Contains(a.walk(o.Way)[at].What, "Refused once: do not type it again. Ask support, and mind the lock") {
					t.Errorf("%s, app %q, %s: %q", m.ID, app.ID, o.ID, a.walk(o.Way)[at].What)
				}
			}
		}
	}
}

// The clients are stopped once, and not the app that the way goes through.
func TestClientsAreStoppedOnce(t *testing.T) {
	t.Parallel()
	for _, m := range Models() {
		for _, w := range m.Ways {
			if n := strings.Count(strings.Join(w.Hands, "\n"), "Stop every"); n > 1 || (n == 0) != (len(w.Hands) == 0 || w.ID == rekey.WayHardwareReset) {
				t.Errorf("%s, %s: %q", m.ID, w.ID, w.Hands)
			}
			if but := strings.Contains(strings.Join(w.Hands, "\n"), "but for the app"); len(w.Hands) > 0 && but != slices.Contains(w.Requires, HaveApp) {
				t.Errorf("%s, %s: %q", m.ID, w.ID, w.Hands[0])
			}
		}
	}
}

// A lock is waited for in front of the login, so that the call is not put off.
func TestTheCallDoesNotWaitForALock(t *testing.T) {
	t.Parallel()
	a := advised(t, "N841", Situation{Have: []Thing{HaveAtTheBox}, Locked: true})
	call := slices.IndexFunc(a.Steps, func(s Step) bool { return strings.HasPrefix(s.What, "Call support") })
	wait := slices.IndexFunc(a.Steps, func(s Step) bool { return s.Minutes > 0 })
	if call < 0 || wait < call || a.Steps[wait+1].Tries != 1 {
		t.Errorf("%s", steps(a))
	}
	a = advised(t, "LH300", Situation{Have: []Thing{HavePassword, HaveAtTheBox}}) // no hand logs in by that name
	if at := slices.IndexFunc(a.Steps, func(s Step) bool { return s.Tries > 0 }); at < 0 || !strings.Contains(a.Steps[at].What, "old four digits") {
		t.Errorf("%s", steps(a))
	}
}

// What was read of a series is not verified of a model that is only named like it.
func TestOfTheSeriesByNameOnly(t *testing.T) {
	t.Parallel()
	m, known := Lookup("LNR6108X")
	if !known || m.PasswordRule.Certainty != rekey.Inferred || m.MenuPath.Certainty != rekey.Inferred {
		t.Errorf("%s: rule %s, menu %s", m.ID, m.PasswordRule.Certainty, m.MenuPath.Certainty)
	}
	for _, w := range m.Ways {
		if w.Certainty == rekey.Verified {
			t.Errorf("%s is verified", w.ID)
		}
	}
}

func TestFactsOfModels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ model, fact, says string }{
		{"LH100", "device_id_at", "not on the label"},
		{"hikvision DS-9008", "default_password", "12345"},
		{"SRD-440", "default_password", "4321"},
		{"SRN-1000", "default_password", "4321"},
	} {
		m, _ := Lookup(c.model)
		if f := m.Facts[c.fact]; !strings.Contains(f.Value, c.says) || (c.fact == "default_password" && !strings.Contains(f.Note, costsTry)) {
			t.Errorf("%s: %+v", c.model, f)
		}
	}
	m, _ := Lookup("DS-7608NI")
	if all := everything(Choose(m, true, Situation{})); !strings.Contains(m.LockPolicy.Note, "over the network") || !strings.Contains(m.LockPolicy.Note, "not the 3") || !strings.Contains(all, "lock count over the network") {
		t.Errorf("which of two locks counts where: %q", m.LockPolicy.Note)
	}
}
