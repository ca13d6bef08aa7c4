package recovery

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Suite says how an answer is made. It is bound into the answer: there is no
// negotiation, so there is nothing to downgrade.
type Suite uint8

// The suites.
const (
	SuiteOCRA Suite = 1 // a key that recorder and desk share
	SuiteHPKE Suite = 2 // the recorder holds only the desk's public key
)

// Purpose is what a right answer allows, and the only thing it allows.
type Purpose uint8

// The purposes.
const (
	PurposePassword Purpose = 0 // set a new admin password
	PurposeRelease  Purpose = 1 // release the activation lock after a button reset
	PurposeUnseal   Purpose = 2 // open the recordings kept through a button reset
)

// String says the purpose in words for a screen or a log.
func (p Purpose) String() string {
	switch p {
	case PurposePassword:
		return "set a new password"
	case PurposeRelease:
		return "release the activation lock"
	case PurposeUnseal:
		return "unseal recordings"
	}
	return fmt.Sprintf("purpose %d", uint8(p))
}

const randomBits = 52

// Challenge is what a locked recorder shows: 75 bits in 15 data symbols. It is
// no secret.
type Challenge struct {
	Suite   Suite
	Purpose Purpose
	Epoch   uint8  // key epoch mod 4
	Counter uint16 // the recorder's counter mod 65 536
	Random  uint64 // 52 bits
}

// Validate refuses values that a challenge cannot carry.
func (c Challenge) Validate() error {
	switch {
	case c.Suite != SuiteOCRA && c.Suite != SuiteHPKE:
		return fmt.Errorf("suite %d of the challenge is %w", c.Suite, ErrReserved)
	case c.Purpose > PurposeUnseal:
		return fmt.Errorf("purpose %d of the challenge is %w", c.Purpose, ErrReserved)
	case c.Epoch > 3:
		return fmt.Errorf("epoch %d of the challenge does not fit in 2 bits", c.Epoch)
	case c.Random>>randomBits != 0:
		return fmt.Errorf("the random part of the challenge does not fit in %d bits", randomBits)
	}
	return nil
}

// ParseChallenge reads a challenge as people type it. The error is a
// *MistypedError, or an ErrReserved for a challenge of a later version.
func ParseChallenge(typed string) (Challenge, error) {
	data, err := FormChallenge.decode(typed)
	if err != nil {
		return Challenge{}, err
	}
	return challengeOf(data)
}

func challengeOf(data []byte) (Challenge, error) {
	b, err := unpack(data, 10)
	if err != nil {
		return Challenge{}, err // 75 bits always fit into 80
	}
	hi := binary.BigEndian.Uint16(b)
	lo := binary.BigEndian.Uint64(b[2:]) >> 5
	c := Challenge{
		Suite:   Suite(hi >> 13),
		Purpose: Purpose(hi >> 11 & 3),
		Epoch:   uint8(hi >> 9 & 3),
		Counter: hi<<7 | uint16(lo>>randomBits),
		Random:  lo & (1<<randomBits - 1),
	}
	return c, c.Validate()
}

// symbols are the 15 data symbols as values.
func (c Challenge) symbols() []byte {
	var b [10]byte
	hi := uint16(c.Suite)<<13 | uint16(c.Purpose&3)<<11 | uint16(c.Epoch&3)<<9 | c.Counter>>7
	lo := uint64(c.Counter&0x7f)<<randomBits | c.Random&(1<<randomBits-1)
	binary.BigEndian.PutUint16(b[:], hi)
	binary.BigEndian.PutUint64(b[2:], lo<<5)
	return leftmost(b[:], FormChallenge.dataSymbols())
}

// Data is the 15 data symbols without checks and dashes.
func (c Challenge) Data() string { return text(c.symbols()) }

// String is the form on the screen: five groups of four.
func (c Challenge) String() string { return FormChallenge.encode(c.symbols()) }

// Hash is SHA-256 of Data, as records keep it.
func (c Challenge) Hash() [sha256.Size]byte { return sha256.Sum256([]byte(c.Data())) }
