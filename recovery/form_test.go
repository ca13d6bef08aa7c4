package recovery

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var forms = []Form{FormChallenge, FormAnswer, FormDeviceID}

// randomCodes gives n whole codes of a form as symbol values, checks included.
func randomCodes(f Form, n int) [][]byte {
	r := rand.New(rand.NewPCG(1, uint64(f)))
	codes := make([][]byte, n)
	for i := range codes {
		data := make([]byte, f.dataSymbols())
		for j := range data {
			data[j] = byte(r.IntN(32))
		}
		codes[i] = symbolsTyped(f.encode(data))
	}
	return codes
}

// tally counts errors tried and errors not noticed.
type tally struct{ tried, missed int }

func (c *tally) try(f Form, code []byte) {
	c.tried++
	if _, err := f.decode(text(code)); err == nil {
		c.missed++
	}
}

func (c *tally) report(t *testing.T) {
	t.Helper()
	t.Logf("%d errors tried, %d missed", c.tried, c.missed)
	if c.tried == 0 || c.missed != 0 {
		t.Errorf("%d of %d errors missed", c.missed, c.tried)
	}
}

func TestCheckCatchesSingleSymbols(t *testing.T) {
	t.Parallel()
	var c tally
	for _, f := range forms {
		for _, code := range randomCodes(f, 60) {
			for i := range code {
				for v := range byte(32) {
					if v != code[i] {
						bad := slices.Clone(code)
						bad[i] = v
						c.try(f, bad)
					}
				}
			}
		}
	}
	c.report(t)
}

// Every two positions: inside a group, and across group borders.
func TestCheckCatchesSwaps(t *testing.T) {
	t.Parallel()
	var c tally
	for _, f := range forms {
		for _, code := range randomCodes(f, 200) {
			for i := range code {
				for j := i + 1; j < len(code); j++ {
					if code[i] != code[j] && (i/groupLen == j/groupLen || j == i+1) {
						bad := slices.Clone(code)
						bad[i], bad[j] = bad[j], bad[i]
						c.try(f, bad)
					}
				}
			}
		}
	}
	c.report(t)
}

func TestCheckCatchesSwappedGroups(t *testing.T) {
	t.Parallel()
	var c tally
	for _, f := range forms {
		for _, code := range randomCodes(f, 500) {
			for g := range f.Groups() {
				for h := g + 1; h < f.Groups(); h++ {
					bad := slices.Clone(code)
					copy(bad[g*groupLen:], code[h*groupLen:(h+1)*groupLen])
					copy(bad[h*groupLen:], code[g*groupLen:(g+1)*groupLen])
					c.try(f, bad)
				}
			}
		}
	}
	c.report(t)
}

// Any run of groups of one form typed where another form belongs.
func TestCheckCatchesTheWrongForm(t *testing.T) {
	t.Parallel()
	var c tally
	for _, from := range forms {
		for _, to := range forms {
			if from == to || from.Groups() < to.Groups() {
				continue
			}
			for _, code := range randomCodes(from, 2000) {
				c.try(to, code)
				for g := 0; g+to.Groups() <= from.Groups(); g++ {
					c.try(to, code[g*groupLen:][:to.symbols()])
				}
			}
		}
	}
	c.report(t)
}

func TestExponentsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[byte]bool{alpha(1): true, alpha(2): true, alpha(3): true}
	for _, f := range forms {
		for g := range f.Groups() {
			a := alpha(f.base() + g)
			if seen[a] {
				t.Errorf("group %d of the %s shares its constant", g+1, f)
			}
			seen[a] = true
		}
	}
	power := byte(1)
	for e := range 62 {
		if alpha(e) != power {
			t.Errorf("alpha(%d) = %d, want %d", e, alpha(e), power)
		}
		power = gfMul(power, 2)
	}
}

func TestNormalisation(t *testing.T) {
	t.Parallel()
	want, err := ParseAnswer("05D8-4WAY-9MWG-ZXD1")
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range []string{
		"05d84way9mwgzxd1", "O5D8 4WAY 9MWG ZXDI", "o5d8.4way.9mwg.zxdl", " 0 5 D 8-4WAY--9MWG\t-ZXD1\r\n",
	} {
		got, err := ParseAnswer(typed)
		if err != nil || !got.Equal(want) {
			t.Errorf("ParseAnswer(%q): %v", typed, err)
		}
	}
}

func TestMistyped(t *testing.T) {
	t.Parallel()
	tests := []struct {
		typed  string
		groups []int
		says   string
	}{
		{"05D8-4WAY-9MWH-ZXD1", []int{3}, "group 3 of the answer mistyped: nothing was spent"},
		{"05D9-4WAY-9MWH-ZXD1", []int{1, 3}, "groups 1 and 3 of the answer"},
		{"05D9-4WAZ-9MWH-ZXD1", []int{1, 2, 3}, "groups 1, 2 and 3 of the answer"},
		{"4WAY-05D8-9MWG-ZXD1", []int{1, 2}, "groups 1 and 2"},
		{"05D8-4WAY-9MWG-ZXDU", []int{4}, "group 4"},
		{"05D8-4WAY-9MWG-ZXDé", []int{4}, "group 4"},
		{"05D8-4WAY-9MWG-ZXDſ", []int{4}, "group 4"},
		{"05D8-4WY-9MWG-ZXD1", []int{2}, "has 15 symbols, expected 16 (4 groups of 4), group 2 is the first"},
		{"05D8-4WAY-9MWG-ZXD", nil, "has 15 symbols"},
		{"05D8-4WAY-9MWG-ZXD1-1", nil, "has 17 symbols"},
		{"", nil, "has 0 symbols"},
		{strings.Repeat("0", 100000), []int{1}, "expected 16"},
	}
	for _, tt := range tests {
		_, err := ParseAnswer(tt.typed)
		var m *MistypedError
		if !errors.As(err, &m) {
			t.Errorf("ParseAnswer(%.30q) = %v, want a MistypedError", tt.typed, err)
			continue
		}
		if !slices.Equal(m.Groups, tt.groups) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("ParseAnswer(%.30q): groups %v, %q, want %v, %q", tt.typed, m.Groups, err, tt.groups, tt.says)
		}
	}
}

func TestReservedChallenges(t *testing.T) {
	t.Parallel()
	for _, c := range []Challenge{{Suite: 0}, {Suite: 3}, {Suite: 7}, {Suite: 1, Purpose: 3}} {
		if _, err := ParseChallenge(c.String()); !errors.Is(err, ErrReserved) {
			t.Errorf("ParseChallenge(%+v) = %v, want ErrReserved", c, err)
		}
	}
	for _, c := range []Challenge{{Suite: 1, Epoch: 4}, {Suite: 1, Random: 1 << 52}} {
		if c.Validate() == nil {
			t.Errorf("%+v is valid", c)
		}
	}
}

func TestGroupStates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		typed string
		want  []GroupState
	}{
		{"", []GroupState{GroupOpen, GroupOpen, GroupOpen, GroupOpen}},
		{"05D", []GroupState{GroupOpen, GroupOpen, GroupOpen, GroupOpen}},
		{"05D8-4", []GroupState{GroupRight, GroupOpen, GroupOpen, GroupOpen}},
		{"05D8-4WAX-9M", []GroupState{GroupRight, GroupWrong, GroupOpen, GroupOpen}},
		{"05D8-4WAY-9MWG-ZXD1-XXXX", []GroupState{GroupRight, GroupRight, GroupRight, GroupRight}},
	}
	for _, tt := range tests {
		if got := FormAnswer.GroupStates(tt.typed); !slices.Equal(got, tt.want) {
			t.Errorf("GroupStates(%q) = %v, want %v", tt.typed, got, tt.want)
		}
	}
}

// The keys and S of the published vector, which have no exported form.
func TestDerivationVectors(t *testing.T) {
	t.Parallel()
	kDev := make([]byte, KeySize)
	for i := range kDev {
		kDev[i] = byte(i)
	}
	k, err := NewKeys(kDev)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ParseDeviceID("V7KX-4YBM-0P97")
	if err != nil {
		t.Fatal(err)
	}
	c := Challenge{Suite: SuiteOCRA, Counter: 7, Random: 0xA1B2C3D4E5F60}
	s := binding(id, "admin", c)
	suite, err := ParseOCRASuite(ocraName)
	if err != nil {
		t.Fatal(err)
	}
	mac, err := suite.MAC(k.code[:], OCRAInput{Counter: 7, Question: c.Data(), Session: s[:]})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		name string
		got  []byte
		want string
	}{
		{"K_code", k.code[:], "2e136ff4d9789568a3f3a9d899ccaf8e2c94c272e19f5707ef44dd6b923be8bf"},
		{"K_qr", k.qr[:], "343640c40012ddde9ff03f5eb0af44b84ea24f6ffae04c95e27394755ec222db"},
		{"K_nonce", k.nonce[:], "8506ee0d1870d1ad7b016d3fb18dd0b0bc7b9cbfa97261a7fc5d5389a9e30a8c"},
		{"S", s[:], "9f3b220ad18d84582bc713ce249414bc65fceefda08c6301c0ff83a687a621e67e002b9099f3bd35c93a07b38b696601c62e448f73b9733cbf126859a5e99b5e"},
		{"mac", mac, "015a4e2934e7fad6ea9a165d0f5f8bf2cd3cc388d7168c52df2dda4cc0849147"},
	} {
		if hex.EncodeToString(v.got) != v.want {
			t.Errorf("%s = %x, want %s", v.name, v.got, v.want)
		}
	}
	if id.Data() != "V7K4YB0P9" || c.Data() != "4000YGV5GYMWQV0" {
		t.Errorf("data %s and %s", id.Data(), c.Data())
	}
}
