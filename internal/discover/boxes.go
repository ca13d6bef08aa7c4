package discover

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
)

// tieKind is a name that answers of one box have in common.
type tieKind int

// The kinds of ties, the strongest first.
const (
	bySerial tieKind = iota
	byDeviceID
	byMAC
	byUUID
	byAddress
)

// tie is one such name.
type tie struct {
	kind  tieKind
	value string
}

func addressTie(a netip.Addr) tie { return tie{byAddress, a.String()} }

func tiesOf(a answer) []tie {
	ties := []tie{addressTie(a.from)}
	for kind, value := range map[tieKind]string{
		bySerial:   telling(a.identity.Serial),
		byDeviceID: telling(a.identity.DeviceID),
		byMAC:      hardware(a.identity.MAC),
		byUUID:     telling(strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(a.identity.UUID), "urn:"), "uuid:"), "-", "")),
	} {
		if value != "" {
			ties = append(ties, tie{kind, value})
		}
	}
	return ties
}

// shortestName is how long a name must be to belong to one device alone.
const shortestName = 6

// telling is a name in one form, or nothing where it is a placeholder that boxes
// leave the factory with, such as 000000, 123456789 or unknown.
func telling(name string) string {
	name = strings.ToUpper(strings.TrimSpace(name))
	if len(name) < shortestName || strings.Trim(name, name[:1]) == "" || counting(name) {
		return ""
	}
	switch name {
	case "UNKNOWN", "DEFAULT": // N/A, NONE and NULL are too short
		return ""
	}
	return name
}

// counting: 0123456, or 1234567890123.
func counting(name string) bool {
	for n := range len(name) - 1 {
		if d := name[n]; d < '0' || d > '9' || name[n+1] != '0'+(d-'0'+1)%10 {
			return false
		}
	}
	return true
}

// hardware is a MAC in one form, or nothing where it is not the address of one device.
func hardware(mac string) string {
	raw, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "", ".", "").Replace(strings.TrimSpace(mac)))
	if err != nil || len(raw) != 6 || raw[0]&1 != 0 || slices.Max(raw) == 0 {
		return ""
	}
	return hex.EncodeToString(raw)
}

// boxesOf divides answers into boxes. A stronger tie is never overruled by a
// weaker one: boxes whose serials differ stay two, whatever address they share.
func boxesOf(all []*said) [][]*said {
	var boxes [][]*said
	for _, s := range all {
		boxes = append(boxes, []*said{s})
	}
	for _, kinds := range [][]tieKind{{bySerial, byDeviceID}, {byMAC}} {
		boxes = unite(boxes, atOneAddress, kinds...) // what one address says is of one box, in whatever words
		boxes = unite(boxes, wherever, kinds...)
	}
	boxes = unite(boxes, wherever, byUUID)
	return unite(boxes, wherever, byAddress)
}

// Where a tie holds.
const (
	wherever     = false
	atOneAddress = true
)

// unite joins boxes that have one of these ties, as far as no stronger one
// speaks against it. Where it does between any two of those that would become
// one, nobody can tell whose the rest are, and all stay apart.
func unite(boxes [][]*said, near bool, kinds ...tieKind) [][]*said {
	j := newJoined(len(boxes))
	holders := holdersOf(boxes, near, kinds)
	for _, with := range holders {
		if agree(boxes, with, kinds[0]) {
			for _, n := range with[1:] {
				j.join(with[0], n)
			}
		}
	}
	var out [][]*said
	for _, with := range j.groups() {
		if !agree(boxes, with, kinds[0]) {
			for _, n := range with {
				out = append(out, boxes[n])
			}
			continue
		}
		var box []*said
		for _, n := range with {
			box = append(box, boxes[n]...)
		}
		out = append(out, box)
	}
	return out
}

// held is a tie, and the address where it counts apart from others.
type held struct {
	tie tie
	at  netip.Addr
}

// holdersOf are the boxes, by number, that have each tie.
func holdersOf(boxes [][]*said, near bool, kinds []tieKind) map[held][]int {
	holders := map[held][]int{}
	for n, box := range boxes {
		for _, s := range box {
			for _, t := range s.ties {
				h := held{tie: t}
				if near {
					h.at = s.from
				}
				if with := holders[h]; slices.Contains(kinds, t.kind) && (len(with) == 0 || with[len(with)-1] != n) {
					holders[h] = append(with, n)
				}
			}
		}
	}
	return holders
}

func tiesWith(box []*said, kinds []tieKind) map[tie]bool {
	ties := map[tie]bool{}
	for _, s := range box {
		for _, t := range s.ties {
			if slices.Contains(kinds, t.kind) {
				ties[t] = true
			}
		}
	}
	return ties
}

// agree reports whether no two of the boxes have different names of one kind
// stronger than this, and none may be in another's place. Any two are compared:
// of three, one may share a name with each of the others that differ.
func agree(boxes [][]*said, with []int, than tieKind) bool {
	return sameNames(boxes, with, than) && !replaced(boxes, with)
}

func sameNames(boxes [][]*said, with []int, than tieKind) bool {
	for kind := range than {
		var before []map[tie]bool
		for _, n := range with {
			ties := tiesWith(boxes[n], []tieKind{kind})
			if len(ties) == 0 {
				continue
			}
			for _, other := range before {
				if !overlap(other, ties) {
					return false
				}
			}
			before = append(before, ties)
		}
	}
	return true
}

func overlap(a, b map[tie]bool) bool {
	for t := range a {
		if b[t] {
			return true
		}
	}
	return false
}

// joined is a union-find over numbers.
type joined []int

func newJoined(n int) joined {
	j := make(joined, n)
	for i := range j {
		j[i] = i
	}
	return j
}

func (j joined) root(n int) int {
	for j[n] != n {
		j[n] = j[j[n]]
		n = j[n]
	}
	return n
}

func (j joined) join(a, b int) { j[j.root(a)] = j.root(b) }

// groups are the numbers that were joined, each in ascending order.
func (j joined) groups() [][]int {
	at := map[int]int{}
	var out [][]int
	for n := range j {
		root := j.root(n)
		g, have := at[root]
		if !have {
			g = len(out)
			at[root] = g
			out = append(out, nil)
		}
		out[g] = append(out[g], n)
	}
	return out
}
