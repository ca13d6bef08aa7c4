package recovery

import "strings"

// Form is one of the three kinds of code that people read out and type. Each
// is written in groups of three data symbols and a check symbol. The check
// depends on the form and on the group's place, so that a group in the wrong
// place, or a challenge typed where an answer belongs, is caught as well.
type Form int

// The forms.
const (
	FormChallenge Form = iota // 5 groups, 15 data symbols
	FormAnswer                // 4 groups, 12 data symbols
	FormDeviceID              // 3 groups, 9 data symbols
)

const (
	groupLen  = 4 // symbols a group, the check included
	groupData = 3 // of them data
	maxTyped  = 256
)

// String names the form as people know it.
func (f Form) String() string {
	return [...]string{"challenge", "answer", "Device ID"}[f]
}

// Groups is the number of groups of the form.
func (f Form) Groups() int { return [...]int{5, 4, 3}[f] }

// base is where the form's check exponents start; no two forms share one.
func (f Form) base() int { return [...]int{4, 16, 24}[f] }

func (f Form) symbols() int     { return f.Groups() * groupLen }
func (f Form) dataSymbols() int { return f.Groups() * groupData }

// encode writes data symbols as dashed groups with their check symbols.
func (f Form) encode(data []byte) string {
	var b strings.Builder
	for g := range f.Groups() {
		if g > 0 {
			b.WriteByte('-')
		}
		d := data[g*groupData : (g+1)*groupData]
		b.WriteString(text(d))
		b.WriteByte(alphabet[f.check(g, d)])
	}
	return b.String()
}

// check is the check symbol of group g (from 0) over GF(2^5).
func (f Form) check(g int, d []byte) byte {
	return gfMul(alpha(1), d[0]) ^ gfMul(alpha(2), d[1]) ^ gfMul(alpha(3), d[2]) ^ alpha(f.base()+g)
}

// decode reads a typed code into its data symbols. The error is always a
// *MistypedError.
func (f Form) decode(typed string) ([]byte, error) {
	got := symbolsTyped(typed)
	if len(got) != f.symbols() {
		return nil, f.wrongLength(got)
	}
	var wrong []int
	data := make([]byte, 0, f.dataSymbols())
	for g := range f.Groups() {
		group := got[g*groupLen : (g+1)*groupLen]
		if !f.fits(g, group) {
			wrong = append(wrong, g+1)
		}
		data = append(data, group[:groupData]...)
	}
	if wrong != nil {
		return nil, &MistypedError{Form: f, Groups: wrong, Symbols: len(got)}
	}
	return data, nil
}

func (f Form) wrongLength(got []byte) error {
	e := &MistypedError{Form: f, Symbols: len(got)}
	for g := range min(f.Groups(), len(got)/groupLen) {
		if !f.fits(g, got[g*groupLen:(g+1)*groupLen]) {
			e.Groups = []int{g + 1} // what follows is shifted: only the first says something
			break
		}
	}
	return e
}

// fits checks one whole group; badSymbol fits nowhere.
func (f Form) fits(g int, group []byte) bool {
	for _, v := range group {
		if v == badSymbol {
			return false
		}
	}
	return f.check(g, group[:groupData]) == group[groupData]
}

// GroupState is what a screen shows beside a group while it is being typed.
type GroupState int

// The states of a group.
const (
	GroupOpen  GroupState = iota // fewer than four symbols so far
	GroupRight                   // whole, and its check fits
	GroupWrong                   // whole and mistyped: mark it red; nothing is spent
)

// GroupStates looks at a code that is still being typed, one state per group
// of the form. It never fails and tells nothing about the right answer.
func (f Form) GroupStates(typed string) []GroupState {
	got := symbolsTyped(typed)
	states := make([]GroupState, f.Groups())
	for g := range min(f.Groups(), len(got)/groupLen) {
		states[g] = GroupWrong
		if f.fits(g, got[g*groupLen:(g+1)*groupLen]) {
			states[g] = GroupRight
		}
	}
	return states
}

const badSymbol = 0xff

// symbolsTyped drops separators and reads the rest; a character outside the
// alphabet becomes badSymbol, one per character and not per byte.
func symbolsTyped(typed string) []byte {
	out := make([]byte, 0, 24)
	for i, c := range typed {
		if i >= maxTyped {
			break
		}
		if c < 0x80 && isSeparator(byte(c)) { //nolint:gosec // below 0x80
			continue
		}
		v, ok := byte(badSymbol), false
		if c < 0x80 {
			v, ok = symbolValue(byte(c)) //nolint:gosec // below 0x80
		}
		if !ok {
			v = badSymbol
		}
		out = append(out, v)
	}
	return out
}

// powers are those of 2 in GF(2^5) with x^5+x^2+1; the 31st is 1 again.
const powers = "\x01\x02\x04\x08\x10\x05\x0a\x14\x0d\x1a\x11\x07\x0e\x1c\x1d\x1f\x1b\x13\x03\x06\x0c\x18\x15\x0f\x1e\x19\x17\x0b\x16\x09\x12"

func alpha(e int) byte { return powers[e%len(powers)] }

func gfMul(a, b byte) byte {
	var p byte
	for ; b != 0; b >>= 1 {
		if b&1 == 1 {
			p ^= a
		}
		a <<= 1
		if a&0x20 != 0 {
			a ^= 0x25
		}
	}
	return p
}
