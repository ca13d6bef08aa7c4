package discover

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rekey"
)

// oneOfAKind are the ties that no two devices have in common. Who has another's
// may be the same device at a second address, or one that wants to be taken for it.
var oneOfAKind = [...]tieKind{bySerial, byDeviceID, byMAC}

// replaced reports whether two of the boxes have the name of one device, but are
// at different IPv4 addresses and of different models: one is in the other's place.
func replaced(boxes [][]*said, with []int) bool {
	for n, a := range with {
		for _, b := range with[:n] {
			x, y := boxes[a], boxes[b]
			if otherModel(x, y) && elsewhere(x, y) && overlap(tiesWith(x, oneOfAKind[:]), tiesWith(y, oneOfAKind[:])) {
				return true
			}
		}
	}
	return false
}

// elsewhere reports whether both have IPv4 addresses, and none in common.
func elsewhere(x, y []*said) bool {
	a, b := fours(x), fours(y)
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(at netip.Addr) bool { return slices.Contains(b, at) })
}

// fours are the IPv4 addresses that a box answered from, in order.
func fours(box []*said) []netip.Addr {
	var all []netip.Addr
	for _, s := range box {
		if s.from.Is4() {
			all = append(all, s.from)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// otherModel reports whether both tell a model and none that the other tells,
// too. N841 and N841A82 are one: protocols differ in how much of it they tell.
func otherModel(x, y []*said) bool {
	told := false
	for _, a := range x {
		for _, b := range y {
			m, n := strings.ToUpper(a.identity.Model), strings.ToUpper(b.identity.Model)
			if m == "" || n == "" {
				continue
			}
			if strings.HasPrefix(m, n) || strings.HasPrefix(n, m) {
				return false
			}
			told = true
		}
	}
	return told
}

// doubles are, for each box by number, the IPv4 addresses that claim to be the
// same one, where there are several.
func doubles(boxes [][]*said) map[int][]netip.Addr {
	out := map[int][]netip.Addr{}
	for h, with := range holdersOf(boxes, wherever, oneOfAKind[:]) {
		than := bySerial
		if h.tie.kind == byMAC {
			than = byMAC
		}
		var claim []*said
		for _, n := range with {
			for _, s := range boxes[n] {
				if slices.Contains(s.ties, h.tie) {
					claim = append(claim, s)
				}
			}
		}
		at := fours(claim)
		if len(at) < 2 || !sameNames(boxes, with, than) {
			continue
		}
		for _, n := range with {
			out[n] = append(out[n], at...)
		}
	}
	for n, at := range out {
		slices.SortFunc(at, netip.Addr.Compare)
		out[n] = slices.Compact(at)
	}
	return out
}

// sameElsewhere is the oddity of a box whose name comes from several addresses.
func sameElsewhere(at []netip.Addr) rekey.Oddity {
	const most = 4
	var words []string
	for _, a := range at[:min(most, len(at))] {
		words = append(words, a.String())
	}
	list := strings.Join(words, ", ")
	if len(at) > most {
		list += fmt.Sprintf(" and %d more", len(at)-most)
	}
	return rekey.Oddity{ID: "same-serial-elsewhere", Words: "The addresses " + list + " claim to be the same recorder, by serial, Device ID or MAC. " +
		"It may have two network interfaces, or one may be in its place: compare the label before a password is typed at either."}
}
