package discover

import (
	"slices"

	"rekey"
)

// text is a field of an identity by the name that rekey.Fact.What gives it.
type text struct {
	what  string
	value *string
}

func texts(id *rekey.Identity) []text {
	return []text{
		{"family", &id.Family},
		{"vendor", &id.Vendor},
		{"model", &id.Model},
		{"class", &id.Class},
		{"name", &id.Name},
		{"serial", &id.Serial},
		{"device id", &id.DeviceID},
		{"mac", &id.MAC},
		{"realm", &id.Realm},
		{"firmware", &id.Firmware},
		{"uuid", &id.UUID},
		{"security generation", &id.Generation},
	}
}

// Names that Merge acts upon.
const (
	anyFamily    = "onvif"
	factoryState = "factory-state"
	resetOff     = "reset-off"
)

// Merge fills what is unknown in a with what b tells. Where both know, a counts.
// Of b's interfaces those are taken over of whose kind a has none. Learnt names
// every source of what stands: b's, too, where it says the same as a.
//
// ONVIF is spoken by boxes of every family, so any other family counts more. What
// says that it resets no password resets none, whatever another answer names.
func Merge(a, b rekey.Identity) rekey.Identity {
	if a.Family == anyFamily && b.Family != "" && b.Family != anyFamily {
		a.Family = ""
		a.Learnt = slices.DeleteFunc(slices.Clone(a.Learnt), func(f rekey.Fact) bool { return f.What == "family" })
	}
	out := a
	stands := map[string]bool{} // by the name of a field: b tells what out has
	fromB := texts(&b)
	for n, field := range texts(&out) {
		take(stands, field.what, field.value, *fromB[n].value)
	}
	take(stands, "channels", &out.Channels, b.Channels)
	take(stands, "built", &out.Built, b.Built)
	out.Init, b.Init = orEmpty(out.Init), orEmpty(b.Init)
	take(stands, "init", &out.Init, b.Init)
	if out.Init == "" {
		out.Init = rekey.InitUnknown
	}
	stands["lock"] = out.Lock == nil && b.Lock != nil
	if out.Lock == nil {
		out.Lock = b.Lock
	}
	stands["resets"] = len(b.Resets) > 0
	out.Resets = union(a.Resets, b.Resets, func(x, y string) bool { return x == y })
	out.Oddities = union(a.Oddities, b.Oddities, func(x, y rekey.Oddity) bool { return x.ID == y.ID })
	out.Oddities = slices.DeleteFunc(out.Oddities, func(o rekey.Oddity) bool {
		return ((o.ID == notARecorder || o.ID == noAnswer) && out.Family != "") || (o.ID == factoryState && out.Init != rekey.InitFactory)
	})
	if slices.ContainsFunc(out.Oddities, func(o rekey.Oddity) bool { return o.ID == resetOff }) {
		out.Resets, stands["resets"] = nil, false
	}
	out.Interfaces = union(a.Interfaces, b.Interfaces, func(x, y rekey.Interface) bool { return x.Kind == y.Kind })
	b.Learnt = slices.DeleteFunc(slices.Clone(b.Learnt), func(f rekey.Fact) bool {
		stand, field := stands[f.What]
		return field && !stand
	})
	out.Learnt = union(a.Learnt, b.Learnt, func(x, y rekey.Fact) bool { return x == y })
	return out
}

func take[T comparable](stands map[string]bool, what string, into *T, from T) {
	var unknown T
	if *into == unknown {
		*into = from
	}
	stands[what] = from != unknown && *into == from
}

func orEmpty(s rekey.InitState) rekey.InitState {
	if s == rekey.InitUnknown {
		return ""
	}
	return s
}

// union is all of a, and of b what a has none like.
func union[T any](a, b []T, like func(x, y T) bool) []T {
	out := slices.Clone(a)
	for _, y := range b {
		if !slices.ContainsFunc(a, func(x T) bool { return like(x, y) }) {
			out = append(out, y)
		}
	}
	return out
}

// credited names the source of every field that has none yet.
func credited(id rekey.Identity, source string) rekey.Identity {
	id.Learnt = slices.Clone(id.Learnt)
	id.Credit(source)
	return id
}
