package recovery

import (
	"errors"
	"strings"
)

// alphabet is Crockford's base 32: no I, L, O or U, so that a code survives
// being read out, written down and typed on a remote control.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var errSymbol = errors.New("a character that codes never use")

// symbolValue reads one typed character: any case, O as 0, I and L as 1.
func symbolValue(c byte) (byte, bool) {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	switch c {
	case 'O':
		c = '0'
	case 'I', 'L':
		c = '1'
	}
	v := strings.IndexByte(alphabet, c)
	return byte(v & 0x1f), v >= 0
}

// isSeparator tells the characters people put between groups.
func isSeparator(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', '.', '-':
		return true
	}
	return false
}

// text writes symbol values as characters.
func text(values []byte) string {
	out := make([]byte, len(values))
	for i, v := range values {
		out[i] = alphabet[v]
	}
	return string(out)
}

// values reads text written by a machine: exact characters, exact length.
func values(s string, n int) ([]byte, error) {
	if len(s) != n {
		return nil, errors.New("the wrong number of symbols")
	}
	out := make([]byte, n)
	for i := range n {
		v, ok := symbolValue(s[i])
		if !ok || alphabet[v] != s[i] {
			return nil, errSymbol
		}
		out[i] = v
	}
	return out, nil
}

// leftmost takes the first 5*n bits of b as n symbols, most significant first.
// Bits past the end of b are zero.
func leftmost(b []byte, n int) []byte {
	out := make([]byte, n)
	for i := range n * 5 {
		if i/8 < len(b) && b[i/8]>>(7-i%8)&1 == 1 {
			out[i/5] |= 1 << (4 - i%5)
		}
	}
	return out
}

// unpack is the inverse of leftmost for n bytes. Spare bits must be zero, so
// that every byte string has exactly one text.
func unpack(symbols []byte, n int) ([]byte, error) {
	out := make([]byte, n)
	for i := range len(symbols) * 5 {
		if symbols[i/5]>>(4-i%5)&1 == 0 {
			continue
		}
		if i/8 >= n {
			return nil, errors.New("spare bits that are not zero")
		}
		out[i/8] |= 1 << (7 - i%8)
	}
	return out, nil
}
