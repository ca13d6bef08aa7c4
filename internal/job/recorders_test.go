package job

import (
	"testing"

	"rekey"
)

// A recorder tells more names by discovery than by its web page, and discovery
// gets lost. It must stay the same recorder, with one vault, one login budget
// and one run; and another one at its old address must not be taken for it.
func TestRecorderKeepsItsKey(t *testing.T) {
	t.Parallel()
	r := testRunner(t)
	home, moved := rekey.Target{Host: "192.0.2.10"}, rekey.Target{Host: "192.0.2.77"}
	whole := rekey.Identity{Family: "dahua", Model: "N841", DeviceID: "V7KX-4YBM-0P97", Serial: "S1", MAC: "02:00:00:00:00:01", Realm: "Login to 01"}
	steps := []struct {
		what string
		id   rekey.Identity
		at   rekey.Target
		key  string
	}{
		{"the web page alone, at first", rekey.Identity{Realm: "Login to 01"}, home, "Login to 01"},
		{"discovery answers, too", whole, home, "Login to 01"},
		{"the web page alone again", rekey.Identity{Realm: "Login to 01"}, home, "Login to 01"},
		{"discovery alone", rekey.Identity{DeviceID: whole.DeviceID, MAC: whole.MAC}, home, "Login to 01"},
		{"at another address", rekey.Identity{Serial: "S1"}, moved, "Login to 01"},
		{"nothing told, at a known address", rekey.Identity{Family: "dahua"}, moved, "Login to 01"},
		{"another recorder at the old address", rekey.Identity{Realm: "Login to 02"}, home, "Login to 02"},
		{"through its second network port", rekey.Identity{Serial: "S1", MAC: "02:00:00:00:00:99"}, home, "Login to 01"},
		{"another serial", rekey.Identity{Serial: "S2", MAC: "02:00:00:00:00:01"}, home, "S2"},
		{"nothing told, at a new address", rekey.Identity{Family: "dahua"}, rekey.Target{Host: "192.0.2.99"}, "192.0.2.99"},
		{"its name is told later", rekey.Identity{Family: "dahua", Serial: "S9"}, rekey.Target{Host: "192.0.2.99"}, "192.0.2.99"},
		{"and holds at another address", rekey.Identity{Family: "dahua", Serial: "S9"}, home, "192.0.2.99"},
		{"another recorder comes to that address", rekey.Identity{Family: "dahua", Serial: "S10"}, rekey.Target{Host: "192.0.2.99"}, "S10"},
	}
	for _, s := range steps {
		id, key, err := r.Recognise(s.id, s.at)
		if err == nil {
			err = r.remember(s.id, s.at)
		}
		if err != nil || key != s.key {
			t.Errorf("%s: key %q, %v; want %q", s.what, key, err, s.key)
		}
		if key == "Login to 01" && s.what != steps[0].what && (id.DeviceID != whole.DeviceID || id.Model != "N841") {
			t.Errorf("%s: what was told before is forgotten: %+v", s.what, id)
		}
	}
}
