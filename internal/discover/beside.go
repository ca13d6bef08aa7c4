package discover

import (
	"fmt"
	"slices"
	"strings"

	"rekey"
)

// beside is what one of also tells at one web port.
type beside struct {
	at rekey.Target
	id rekey.Identity
}

// atOneDoor merges the family's word with what also tell at the same port, or,
// where no family knows the host, at the first port where any does. Behind one
// address may be several boxes, a port each (NAT): of what is told at other ports
// only that of the same box counts, and the ports of others are returned. The
// identity is nil where nothing is told.
func (q *inquiry) atOneDoor() (id *rekey.Identity, others []int) {
	door := q.at
	if q.id != nil {
		id = q.id
	} else if len(q.beside) > 0 {
		door = q.beside[0].at
	}
	for _, b := range q.beside {
		if b.at == door {
			id = mergeInto(id, &b.id)
		}
	}
	for _, b := range q.beside {
		switch {
		case b.at == door:
		case sameBox(*id, b.id):
			id = mergeInto(id, &b.id)
		case slices.ContainsFunc(namesOf(&b.id), func(name string) bool { return name != "" }):
			others = append(others, b.at.HTTPPort())
		}
	}
	return id, slices.Compact(others)
}

// mergeInto is Merge, where there may be nothing yet.
func mergeInto(id, more *rekey.Identity) *rekey.Identity {
	if id == nil {
		return more
	}
	merged := Merge(*id, *more)
	return &merged
}

func namesOf(id *rekey.Identity) []string {
	return []string{id.Serial, id.DeviceID, id.MAC, id.UUID, id.Model, id.Name}
}

// sameBox reports whether two that answer at one address are one: by a name of
// one device alone, or since they say of themselves the same, and nothing else.
func sameBox(a, b rekey.Identity) bool {
	ties := func(id rekey.Identity) map[tie]bool {
		return tiesWith([]*said{{ties: tiesOf(answer{identity: id})}}, oneOfAKind[:])
	}
	if overlap(ties(a), ties(b)) {
		return true
	}
	alike, other := false, false
	theirs := namesOf(&b)
	for n, name := range namesOf(&a) {
		if name != "" && theirs[n] != "" {
			same := strings.EqualFold(name, theirs[n])
			alike, other = alike || same, other || !same
		}
	}
	return alike && !other
}

func anotherDevice(ports []int) rekey.Oddity {
	return rekey.Oddity{ID: "another-device", Words: fmt.Sprintf("Another device answers at port %s of the same address (address translation?); what it tells is left out here.", portWords(ports))}
}
