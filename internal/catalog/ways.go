package catalog

import (
	"slices"

	"rekey"
)

// Thing is something that a person may still have.
type Thing string

// The things that decide which ways are open.
const (
	HavePassword        Thing = "password"
	HaveAnotherAdmin    Thing = "another-admin"
	HaveApp             Thing = "app"
	HaveEmail           Thing = "e-mail"
	HaveDeviceID        Thing = "device-id"
	HaveSecurityAnswers Thing = "security-answers"
	HaveAtTheBox        Thing = "at-the-box"
)

// Things returns all things, in the order in which to ask for them.
func Things() []Thing {
	return []Thing{HavePassword, HaveAnotherAdmin, HaveApp, HaveEmail, HaveDeviceID, HaveSecurityAnswers, HaveAtTheBox}
}

// Have is what a person still has. Empty means that nobody said.
type Have []Thing

// Offer is a way with what the person lacks for it.
type Offer struct {
	rekey.Way
	Missing []Thing `json:"missing,omitempty"`
}

// Offers returns all ways of the recorder, the least destructive first and the
// button last, each with what is missing for it. Nothing is missing where
// nobody said what the person has.
func Offers(id rekey.Identity, have Have) []Offer {
	m, _ := Find(id)
	out := make([]Offer, 0, len(m.Ways))
	for _, w := range m.Ways {
		o := Offer{Way: clone(w.Way)}
		for _, t := range w.Requires {
			if len(have) > 0 && !slices.Contains(have, t) {
				o.Missing = append(o.Missing, t)
			}
		}
		out = append(out, o)
	}
	return out
}

// Ways returns the ways that are open with what the person has, the least
// destructive first. It is empty where none is; Offers then tells what to look for.
func Ways(id rekey.Identity, have Have) []rekey.Way {
	var out []rekey.Way
	for _, o := range Offers(id, have) {
		if len(o.Missing) == 0 {
			out = append(out, o.Way)
		}
	}
	return out
}

// clone keeps callers from writing into the catalogue.
func clone(w rekey.Way) rekey.Way {
	w.Needs, w.Hands = slices.Clone(w.Needs), slices.Clone(w.Hands)
	w.Risks, w.Sources = slices.Clone(w.Risks), slices.Clone(w.Sources)
	return w
}
