// Package catalog knows recorder models: the ways back in and what each costs,
// the path on the screen, what a model accepts as a password, and how soon it
// locks. It is data, one file a family under data, each fact with its sources
// and how sure it is; this code only looks it up.
package catalog

import (
	"strings"
	"time"

	"rekey"
)

// Model is what the catalogue holds of a model or series. A recorder that is
// not in it gets the model of its protocol family or, last, one that is true of any.
type Model struct {
	ID    string   `json:"id"`
	Title string   `json:"title"`
	Match []string `json:"match,omitempty"` // prefixes of model names; none = found by family only
	// Facts are what is only told to people, by name: class, oem, protocol,
	// default_account, default_password, first_boot, device_id_at, apps, ports,
	// footage_after_reset.
	Facts        map[string]Fact[string]  `json:"facts"`
	MenuPath     Fact[[]string]           `json:"menu_path"`
	PasswordRule Fact[rekey.PasswordRule] `json:"password_rule"`
	LockPolicy   Fact[Lock]               `json:"lock_policy"`
	Ways         []Way                    `json:"ways"`
}

// Fact is a value with where it is from and how sure it is.
type Fact[T any] struct {
	Value     T               `json:"value"`
	Certainty rekey.Certainty `json:"certainty"`
	Sources   []string        `json:"sources"`
	Note      string          `json:"note,omitempty"`
}

// Lock is after how many wrong tries a model locks, and for how many minutes.
type Lock struct {
	Tries   int `json:"tries"`
	Minutes int `json:"minutes"`
}

// Way is a way of the catalogue: what people read, and what it takes.
type Way struct {
	rekey.Way
	Requires []Thing `json:"requires"` // all of these
}

// source is where facts were read.
type source struct {
	Kind    string `json:"kind"`
	Title   string `json:"title"`
	Address string `json:"address"`
}

// Find returns what is known of the recorder, and false where that is only
// what is known of its protocol family, or of any recorder.
func Find(id rekey.Identity) (Model, bool) {
	all := load()
	if m, ok := all.model(id.Model); ok {
		return m, true
	}
	if m, ok := all.generic[id.Family]; ok {
		return m, false
	}
	return all.generic[""], false
}

// FindModel is Find for a model name alone. A model that is not in the
// catalogue is looked up as one of the Dahua family, whose password rule and
// lock are the usual ones.
func FindModel(model string) Model {
	m, _ := Find(rekey.Identity{Family: "dahua", Model: model})
	return m
}

// Rule is what the model accepts as a password.
func Rule(model string) rekey.PasswordRule { return FindModel(model).PasswordRule.Value }

// MenuPath is where a password is changed on the model's screen, from the
// right-click menu on.
func MenuPath(model string) []string { return FindModel(model).MenuPath.Value }

// LockPolicy is after how many wrong tries the model locks, as far as is known:
// the strictest seen where the model's own is not. What the recorder says of
// itself counts more.
func LockPolicy(model string) rekey.LockPolicy {
	l := FindModel(model).LockPolicy.Value
	return rekey.LockPolicy{Enabled: true, Tries: l.Tries, LockFor: time.Duration(l.Minutes) * time.Minute}
}

// model finds the longest prefix that fits, so that an entry for N841A8 would
// count more than one for N841.
func (d *data) model(name string) (Model, bool) {
	name = strings.ToUpper(strings.TrimSpace(name))
	var best Model
	long := 0
	for _, m := range d.models {
		for _, prefix := range m.Match {
			if len(prefix) > long && strings.HasPrefix(name, prefix) {
				best, long = m, len(prefix)
			}
		}
	}
	return best, long > 0
}
