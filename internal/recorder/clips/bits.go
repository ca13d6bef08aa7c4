package clips

import "math/bits"

// bitWriter packs H.264 syntax elements, most significant bit first.
type bitWriter struct {
	buf  []byte
	free uint // unused bits in the last byte
}

func (w *bitWriter) bit(b uint32) {
	if w.free == 0 {
		w.buf = append(w.buf, 0)
		w.free = 8
	}
	w.free--
	w.buf[len(w.buf)-1] |= byte(b&1) << w.free
}

// u writes the low n bits of v: u(n) of the standard.
func (w *bitWriter) u(n uint, v uint32) {
	for i := n; i > 0; i-- {
		w.bit(v >> (i - 1))
	}
}

// ue writes an unsigned Exp-Golomb code: ue(v) of the standard.
func (w *bitWriter) ue(v uint32) {
	n := uint(bits.Len32(v + 1))
	w.u(n-1, 0)
	w.u(n, v+1)
}

// align fills the last byte with zero bits, as before I_PCM samples.
func (w *bitWriter) align() { w.free = 0 }

// trailing writes the stop bit that ends every NAL unit.
func (w *bitWriter) trailing() {
	w.bit(1)
	w.align()
}

// nalUnit puts the header byte before the payload and the emulation prevention
// bytes into it (7.4.1 of H.264).
func nalUnit(header byte, payload []byte) []byte {
	out := make([]byte, 0, len(payload)+8)
	out = append(out, header)
	zeros := 0
	for _, b := range payload {
		if zeros == 2 && b <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, b)
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}
