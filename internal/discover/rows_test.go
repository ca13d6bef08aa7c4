package discover

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rekey"
)

func drawAnswer(t *rapid.T) answer {
	pick := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(t, what) }
	id := rekey.Identity{
		Family: pick("family", "", "dahua", "onvif"), Serial: pick("serial", "", "", "AB0001", "AB0002", "000000"), DeviceID: pick("device", "", "", "", "ND0001", "ND0002"),
		MAC: pick("mac", "", "", "00:1f:54:00:00:01", "00-1F-54-00-00-01", "00:1f:54:00:00:02", "00:00:00:00:00:00"), UUID: pick("uuid", "", "", "", "urn:uuid:1a2b-3c4d", "5e6f-7a8b"),
		Model: pick("model", "", "N841", "N842"), Init: rekey.InitState(pick("init", "", "unknown", "initialised")),
	}
	if id.Family == "" {
		id = notRecorder(fmt.Errorf("a printer"))
	}
	return answer{
		identity: credited(id, pick("source", "one", "two")), from: netip.MustParseAddr(pick("from", "192.0.2.1", "192.0.2.2", "192.0.2.3", "fe80::1%a")),
		rank: rapid.IntRange(0, 2).Draw(t, "rank"), asked: rapid.IntRange(0, 1).Draw(t, "asked"),
	}
}

// In whatever order answers come, the rows are the same at the end.
func TestRowsDoNotDependOnTheOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		answers := rapid.SliceOfN(rapid.Custom(drawAnswer), 1, 9).Draw(t, "answers")
		again := rapid.Permutation(answers).Draw(t, "in another order")
		if a, b := played(t, answers), played(t, again); a != b {
			t.Fatalf("%s\nin another order\n%s", a, b)
		}
	})
}

// played is the table at the end, without the rows' numbers.
func played(t *rapid.T, answers []answer) string {
	r, seen := newRows(), newTable(t)
	for _, a := range answers {
		for _, f := range r.add(a) {
			seen.add(f)
		}
	}
	var lines []string
	for _, f := range seen.rows {
		lines = append(lines, fmt.Sprintf("%v %+v", f.Addresses, f.Identity))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestWhatIsOneBox(t *testing.T) {
	t.Parallel()
	one := func(from string, id rekey.Identity) answer {
		return answer{identity: id, from: netip.MustParseAddr(from), rank: 1}
	}
	for name, tc := range map[string]struct {
		answers []answer
		rows    int
	}{
		"by serial":                {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB0001"}), one("192.0.2.2", rekey.Identity{Serial: "ab0001"})}, 1},
		"by address":               {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB0001"}), one("192.0.2.1", rekey.Identity{MAC: "00:1f:54:00:00:01"})}, 1},
		"two boxes":                {[]answer{one("192.0.2.1", rekey.Identity{}), one("192.0.2.2", rekey.Identity{})}, 2},
		"NAT, two serials":         {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB0001"}), one("192.0.2.1", rekey.Identity{Serial: "AB0002"})}, 2},
		"NAT, whose is the third":  {[]answer{one("192.0.2.1", rekey.Identity{Model: "X"}), one("192.0.2.1", rekey.Identity{Serial: "AB0001"}), one("192.0.2.1", rekey.Identity{Serial: "AB0002"})}, 3},
		"one UUID in two boxes":    {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB0001", UUID: "1a2b-3c4d"}), one("192.0.2.2", rekey.Identity{Serial: "AB0002", UUID: "1a2b-3c4d"})}, 2},
		"a placeholder as serial":  {[]answer{one("192.0.2.1", rekey.Identity{Serial: "000000"}), one("192.0.2.2", rekey.Identity{Serial: "000000"})}, 2},
		"no hardware address":      {[]answer{one("192.0.2.1", rekey.Identity{MAC: "00:00:00:00:00:00"}), one("192.0.2.2", rekey.Identity{MAC: "00:00:00:00:00:00"})}, 2},
		"later tied by device id":  {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB0001"}), one("192.0.2.2", rekey.Identity{DeviceID: "ND0001"}), one("192.0.2.3", rekey.Identity{Serial: "AB0001", DeviceID: "ND0001"})}, 1},
		"two addresses of one MAC": {[]answer{one("192.0.2.1", rekey.Identity{MAC: "001f54000001"}), one("fe80::1%a", rekey.Identity{MAC: "00:1F:54:00:00:01"})}, 1},
		"placeholders": {[]answer{
			one("192.0.2.1", rekey.Identity{Serial: "123456789", DeviceID: "Unknown", UUID: "default"}), one("192.0.2.2", rekey.Identity{Serial: "123456789", DeviceID: "unknown", UUID: "default"}),
			one("192.0.2.3", rekey.Identity{Serial: "12345", DeviceID: "n/a", UUID: "null"}), one("192.0.2.4", rekey.Identity{Serial: "12345", DeviceID: "N/A", UUID: "null"}),
			one("192.0.2.5", rekey.Identity{Serial: "01234567890", DeviceID: "none"}), one("192.0.2.6", rekey.Identity{Serial: "01234567890", DeviceID: "none"}),
		}, 6},
		"one serial, two models":          {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB0001", Model: "N841"}), one("192.0.2.2", rekey.Identity{Serial: "AB0001", Model: "D441"})}, 2},
		"one serial, a model and a half":  {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB0001", Model: "N841"}), one("192.0.2.2", rekey.Identity{Serial: "AB0001", Model: "n841a82"})}, 1},
		"two protocols, two model names":  {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB0001", Model: "N841"}), one("192.0.2.1", rekey.Identity{Serial: "AB0001", Model: "NVR"}), one("192.0.2.2", rekey.Identity{Serial: "AB0001", Model: "NVR"})}, 1},
		"two models, one UUID and serial": {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB0001", Model: "N841", UUID: "1a2b-3c4d"}), one("192.0.2.2", rekey.Identity{Serial: "AB0001", Model: "D441", UUID: "1a2b-3c4d"})}, 2},
		"one address on two wires":        {[]answer{one("fe80::1%a", rekey.Identity{}), one("fe80::1%b", rekey.Identity{})}, 2},
	} {
		r, seen := newRows(), newTable(t)
		for _, a := range tc.answers {
			for _, f := range r.add(a) {
				seen.add(f)
			}
		}
		if len(seen.rows) != tc.rows {
			t.Errorf("%s: %d rows: %+v", name, len(seen.rows), seen.rows)
		}
	}
}

// A later answer ties two rows together: the elder absorbs the younger.
func TestRowsAreAbsorbed(t *testing.T) {
	t.Parallel()
	r := newRows()
	first := r.add(answer{identity: rekey.Identity{Family: "dahua", Serial: "AB0001", Model: "N841"}, from: netip.MustParseAddr("192.0.2.2"), rank: 2})
	second := r.add(answer{identity: rekey.Identity{Family: "dahua", DeviceID: "ND0001"}, from: netip.MustParseAddr("192.0.2.1"), rank: 2})
	both := r.add(answer{identity: rekey.Identity{Family: "dahua", DeviceID: "ND0001", Serial: "AB0001", Model: "N841A82"}, from: netip.MustParseAddr("192.0.2.1"), rank: 0})
	if len(first) != 1 || len(second) != 1 || len(both) != 1 || first[0].Row != 1 || second[0].Row != 2 {
		t.Fatal(first, second, both)
	}
	f := both[0]
	if f.Row != 1 || !f.More || !slices.Equal(f.Absorbs, []int{2}) || f.Identity.Model != "N841A82" || fmt.Sprint(f.Addresses) != "[192.0.2.1 192.0.2.2]" {
		t.Errorf("%+v", f)
	}
}

// What was no recorder to one protocol and is one to another is one.
func TestARecorderAfterAll(t *testing.T) {
	t.Parallel()
	r := newRows()
	from := netip.MustParseAddr("192.0.2.2")
	told := r.add(answer{identity: notRecorder(fmt.Errorf("%w: a web page", rekey.ErrNotRecorder)), from: from})
	if len(told) != 1 || told[0].Recorder() || told[0].Identity.Oddities[0] != (rekey.Oddity{ID: "not-a-recorder", Words: "a web page"}) {
		t.Fatalf("%+v", told)
	}
	told = r.add(answer{identity: rekey.Identity{Family: "dahua"}, from: from, rank: 1})
	if len(told) != 1 || !told[0].Recorder() || !told[0].More || len(told[0].Identity.Oddities) != 0 {
		t.Errorf("%+v", told)
	}
}

// However much one address says, only so much of it is kept.
func TestOneAddressCannotFillTheTable(t *testing.T) {
	t.Parallel()
	r, seen := newRows(), newTable(t)
	from := netip.MustParseAddr("192.0.2.2")
	for n := range 1000 {
		for _, f := range r.add(answer{identity: rekey.Identity{Serial: fmt.Sprintf("SERIAL%d", n)}, from: from, rank: 1}) {
			seen.add(f)
		}
	}
	if len(seen.rows) != 64 {
		t.Errorf("%d rows", len(seen.rows))
	}
	for _, later := range []answer{{identity: rekey.Identity{Serial: "OTHER1"}, from: from, rank: 2}, {identity: rekey.Identity{Serial: "OTHER0"}, from: from, rank: 0}} {
		if told := r.add(later); len(told) != 1 || told[0].Identity.Serial != later.identity.Serial {
			t.Errorf("the word of rank %d is lost: %+v", later.rank, told)
		}
	}
}

// Of three boxes, one may share a name with each of two that have none in common.
func TestWhoSharesANameWithTwo(t *testing.T) {
	t.Parallel()
	at := func(from, mac, uuid string) answer {
		return answer{identity: rekey.Identity{MAC: mac, UUID: uuid}, from: netip.MustParseAddr(from), rank: 1}
	}
	const one, two, p, q = "02:00:00:00:00:01", "02:00:00:00:00:02", "1234abcd", "5678abcd"
	a1, a2, y, z := at("192.0.2.1", two, p), at("192.0.2.1", two, q), at("192.0.2.1", "", p), at("192.0.2.1", "", q)
	b1, b2 := at("192.0.2.2", one, p), at("192.0.2.2", one, q)
	rows := map[int]bool{}
	for _, answers := range [][]answer{{a1, a2, y, z, b1, b2}, {z, y, a1, a2, b1, b2}, {b2, z, a2, y, b1, a1}} {
		for range 20 { // maps have no order
			r, seen := newRows(), newTable(t)
			for _, a := range answers {
				for _, f := range r.add(a) {
					seen.add(f)
				}
			}
			rows[len(seen.rows)] = true
		}
	}
	if len(rows) != 1 {
		t.Errorf("numbers of rows: %v", rows)
	}
}

// Several addresses that claim to be one recorder are told, in one row or in two.
func TestSameSerialElsewhere(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, second rekey.Identity
		at            string
		rows          int
		odd           bool
	}{
		"serial":          {rekey.Identity{Serial: "AB0001"}, rekey.Identity{Serial: "AB0001"}, "192.0.2.2", 1, true},
		"Device ID":       {rekey.Identity{DeviceID: "ND0001"}, rekey.Identity{DeviceID: "ND0001"}, "192.0.2.2", 1, true},
		"MAC":             {rekey.Identity{MAC: "001f54000001"}, rekey.Identity{MAC: "001f54000001"}, "192.0.2.2", 1, true},
		"another model":   {rekey.Identity{Serial: "AB0001", Model: "N841"}, rekey.Identity{Serial: "AB0001", Model: "D441"}, "192.0.2.2", 2, true},
		"IPv6, too":       {rekey.Identity{Serial: "AB0001"}, rekey.Identity{Serial: "AB0001"}, "2001:db8::2", 1, false},
		"one address":     {rekey.Identity{Serial: "AB0001", Name: "a"}, rekey.Identity{Serial: "AB0001", Name: "b"}, "192.0.2.1", 1, false},
		"UUID alone":      {rekey.Identity{UUID: "1a2b-3c4d"}, rekey.Identity{UUID: "1a2b-3c4d"}, "192.0.2.2", 1, false},
		"MAC, of two":     {rekey.Identity{MAC: "001f54000001", Serial: "AB0001"}, rekey.Identity{MAC: "001f54000001", Serial: "AB0002"}, "192.0.2.2", 2, false},
		"nothing at all ": {rekey.Identity{}, rekey.Identity{}, "192.0.2.2", 2, false},
	} {
		r, seen := newRows(), newTable(t)
		for _, a := range []answer{{identity: tc.first, from: netip.MustParseAddr("192.0.2.1"), rank: 1}, {identity: tc.second, from: netip.MustParseAddr(tc.at), rank: 1}} {
			for _, f := range r.add(a) {
				seen.add(f)
			}
		}
		if len(seen.rows) != tc.rows {
			t.Errorf("%s: %d rows", name, len(seen.rows))
		}
		for _, f := range seen.rows {
			odd := len(f.Identity.Oddities) == 1 && f.Identity.Oddities[0].ID == "same-serial-elsewhere" && strings.Contains(f.Identity.Oddities[0].Words, "192.0.2.1, 192.0.2.2 claim to be the same recorder")
			if odd != tc.odd || !tc.odd && len(f.Identity.Oddities) != 0 {
				t.Errorf("%s: %+v", name, f.Identity.Oddities)
			}
		}
	}
}

// However many say that they are one box, or hang together in a chain, no answer
// is compared with more than a few others, and the host that was identified stands.
func TestALiarCannotTieAllTogether(t *testing.T) {
	t.Parallel()
	for name, identity := range map[string]func(n int) rekey.Identity{
		"one serial": func(int) rekey.Identity { return rekey.Identity{Serial: "AB0001"} },
		"a chain": func(n int) rekey.Identity {
			return rekey.Identity{DeviceID: fmt.Sprintf("ND%06d", n/2), UUID: fmt.Sprintf("1a2b-%06d", (n+1)/2)}
		},
	} {
		r, seen := newRows(), newTable(t)
		most := 0
		for n := range 1000 {
			a := answer{identity: identity(n), from: netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)}), rank: 1}
			for _, f := range r.add(a) {
				seen.add(f)
				most = max(most, len(f.Addresses))
			}
		}
		if most < 2 || most > 256 || len(seen.rows) < 3 {
			t.Errorf("%s: %d addresses in one row, %d rows", name, most, len(seen.rows))
		}
		known := netip.MustParseAddr("192.0.2.9")
		if told := r.add(answer{identity: identity(0), from: known}); len(told) == 0 || !slices.ContainsFunc(told, func(f Found) bool { return slices.Contains(f.Addresses, known) }) {
			t.Errorf("%s: who was identified is not told: %+v", name, told)
		}
	}
}
