package discover

import (
	"slices"

	"rekey"
)

// boxes are the recorders seen so far.
type boxes struct{ found []*Found }

// add puts an answer to the recorder it belongs to. It reports whether it tells
// anything new.
func (b *boxes) add(a answer) (Found, bool) {
	for _, f := range b.found {
		if !same(f, a) {
			continue
		}
		merged := Merge(f.Identity, a.identity)
		news := len(merged.Learnt) > len(f.Identity.Learnt)
		f.Identity, f.More = merged, true
		return *f, news
	}
	f := &Found{Identity: a.identity, Address: a.from}
	b.found = append(b.found, f)
	return *f, true
}

// same: one of the names that never change agrees, or, where an answer has
// none, the address.
func same(f *Found, a answer) bool {
	x, y := f.Identity, a.identity
	switch {
	case x.DeviceID != "" && y.DeviceID != "":
		return x.DeviceID == y.DeviceID
	case x.Serial != "" && y.Serial != "":
		return x.Serial == y.Serial
	case x.MAC != "" && y.MAC != "":
		return x.MAC == y.MAC
	}
	return f.Address == a.from
}

// Merge fills what is unknown in a with what b tells. Facts and interfaces of b
// are taken over only where a has none of the kind.
func Merge(a, b rekey.Identity) rekey.Identity {
	learnt := slices.Clone(a.Learnt)
	take := func(into *string, from string, what string) {
		if *into != "" || from == "" {
			return
		}
		*into = from
		for _, l := range b.Learnt {
			if l.What == what {
				learnt = append(learnt, l)
			}
		}
	}
	take(&a.Family, b.Family, "family")
	take(&a.Vendor, b.Vendor, "vendor")
	take(&a.Model, b.Model, "model")
	take(&a.Class, b.Class, "class")
	take(&a.Name, b.Name, "name")
	take(&a.Serial, b.Serial, "serial")
	take(&a.Realm, b.Realm, "realm")
	take(&a.DeviceID, b.DeviceID, "device id")
	take(&a.MAC, b.MAC, "mac")
	take(&a.Firmware, b.Firmware, "firmware")
	a.Learnt = learnt
	if a.Channels == 0 && b.Channels != 0 {
		a.Channels = b.Channels
		a.Learnt = append(a.Learnt, factsOf(b, "channels")...)
	}
	if (a.Init == "" || a.Init == rekey.InitUnknown) && b.Init != "" && b.Init != rekey.InitUnknown {
		a.Init = b.Init
		a.Learnt = append(a.Learnt, factsOf(b, "init")...)
	}
	a.Interfaces = slices.Clone(a.Interfaces)
	for _, i := range b.Interfaces {
		if _, have := a.Interface(i.Kind); !have {
			a.Interfaces = append(a.Interfaces, i)
		}
	}
	return a
}

func factsOf(id rekey.Identity, what string) []rekey.Fact {
	var facts []rekey.Fact
	for _, l := range id.Learnt {
		if l.What == what {
			facts = append(facts, l)
		}
	}
	return facts
}
