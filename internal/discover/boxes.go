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

// telling is a name in one form, or nothing where it is a placeholder, such as 0000.
func telling(name string) string {
	name = strings.ToUpper(strings.TrimSpace(name))
	if name == "" || strings.Trim(name, name[:1]) == "" {
		return ""
	}
	return name
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
	boxes = unite(boxes, bySerial, byDeviceID)
	boxes = unite(boxes, byMAC)
	boxes = unite(boxes, byUUID)
	return unite(boxes, byAddress)
}

// unite joins boxes that have one of these ties, as far as no stronger one
// speaks against it. Where it does between any two of those that would become
// one, nobody can tell whose the rest are, and all stay apart.
func unite(boxes [][]*said, kinds ...tieKind) [][]*said {
	holders := map[tie][]int{}
	for n, box := range boxes {
		for t := range tiesWith(box, kinds) {
			holders[t] = append(holders[t], n)
		}
	}
	j := newJoined(len(boxes))
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
// stronger than this.
func agree(boxes [][]*said, with []int, than tieKind) bool {
	for kind := range than {
		var first map[tie]bool
		for _, n := range with {
			ties := tiesWith(boxes[n], []tieKind{kind})
			if len(ties) == 0 {
				continue
			}
			if first == nil {
				first = ties
			}
			if !overlap(first, ties) {
				return false
			}
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
