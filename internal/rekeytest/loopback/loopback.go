// Package loopback gives tests addresses of their own. At 127.0.0.1 the port that a
// recorder had before it was switched off, or one where nobody is to answer, may be
// given to some other test of this machine at any moment; Linux has the whole of
// 127.0.0.0/8 there.
package loopback

import (
	"math/rand/v2"
	"net/netip"
)

// Own is an address of this machine where nobody listens, drawn by chance.
func Own() netip.Addr {
	part := func() byte { return byte(1 + rand.N(254)) }
	return netip.AddrFrom4([4]byte{127, part(), part(), part()})
}
