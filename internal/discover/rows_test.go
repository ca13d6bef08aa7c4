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
		Family: pick("family", "", "dahua", "onvif"), Serial: pick("serial", "", "", "AB1", "AB2", "0000"), DeviceID: pick("device", "", "", "", "ND1", "ND2"),
		MAC: pick("mac", "", "", "00:1f:54:00:00:01", "00-1F-54-00-00-01", "00:1f:54:00:00:02", "00:00:00:00:00:00"), UUID: pick("uuid", "", "", "", "urn:uuid:12-34", "56-78"),
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
		"by serial":                {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB1"}), one("192.0.2.2", rekey.Identity{Serial: "ab1"})}, 1},
		"by address":               {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB1"}), one("192.0.2.1", rekey.Identity{MAC: "00:1f:54:00:00:01"})}, 1},
		"two boxes":                {[]answer{one("192.0.2.1", rekey.Identity{}), one("192.0.2.2", rekey.Identity{})}, 2},
		"NAT, two serials":         {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB1"}), one("192.0.2.1", rekey.Identity{Serial: "AB2"})}, 2},
		"NAT, whose is the third":  {[]answer{one("192.0.2.1", rekey.Identity{Model: "X"}), one("192.0.2.1", rekey.Identity{Serial: "AB1"}), one("192.0.2.1", rekey.Identity{Serial: "AB2"})}, 3},
		"one UUID in two boxes":    {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB1", UUID: "12"}), one("192.0.2.2", rekey.Identity{Serial: "AB2", UUID: "12"})}, 2},
		"a placeholder as serial":  {[]answer{one("192.0.2.1", rekey.Identity{Serial: "0000"}), one("192.0.2.2", rekey.Identity{Serial: "0000"})}, 2},
		"no hardware address":      {[]answer{one("192.0.2.1", rekey.Identity{MAC: "00:00:00:00:00:00"}), one("192.0.2.2", rekey.Identity{MAC: "00:00:00:00:00:00"})}, 2},
		"later tied by device id":  {[]answer{one("192.0.2.1", rekey.Identity{Serial: "AB1"}), one("192.0.2.2", rekey.Identity{DeviceID: "ND1"}), one("192.0.2.3", rekey.Identity{Serial: "AB1", DeviceID: "ND1"})}, 1},
		"two addresses of one MAC": {[]answer{one("192.0.2.1", rekey.Identity{MAC: "001f54000001"}), one("fe80::1%a", rekey.Identity{MAC: "00:1F:54:00:00:01"})}, 1},
		"one address on two wires": {[]answer{one("fe80::1%a", rekey.Identity{}), one("fe80::1%b", rekey.Identity{})}, 2},
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
	first := r.add(answer{identity: rekey.Identity{Family: "dahua", Serial: "AB1", Model: "weak"}, from: netip.MustParseAddr("192.0.2.2"), rank: 2})
	second := r.add(answer{identity: rekey.Identity{Family: "dahua", DeviceID: "ND1"}, from: netip.MustParseAddr("192.0.2.1"), rank: 2})
	both := r.add(answer{identity: rekey.Identity{Family: "dahua", DeviceID: "ND1", Serial: "AB1", Model: "strong"}, from: netip.MustParseAddr("192.0.2.1"), rank: 0})
	if len(first) != 1 || len(second) != 1 || len(both) != 1 || first[0].Row != 1 || second[0].Row != 2 {
		t.Fatal(first, second, both)
	}
	f := both[0]
	if f.Row != 1 || !f.More || !slices.Equal(f.Absorbs, []int{2}) || f.Identity.Model != "strong" || fmt.Sprint(f.Addresses) != "[192.0.2.1 192.0.2.2]" {
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
	for n := range 1000 {
		for _, f := range r.add(answer{identity: rekey.Identity{Serial: fmt.Sprintf("S%d", n)}, from: netip.MustParseAddr("192.0.2.2")}) {
			seen.add(f)
		}
	}
	if len(seen.rows) != mostOfOne {
		t.Errorf("%d rows", len(seen.rows))
	}
}
