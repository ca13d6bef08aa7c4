package recovery

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

// KeySize is the length of K_dev and K_fleet in bytes.
const KeySize = 32

// Keys are the three keys derived from a recorder's K_dev, shared by that
// recorder and the desk. They print as <secret>.
type Keys struct {
	code, qr, nonce [KeySize]byte
}

// NewKeys derives the keys from K_dev, 32 random bytes drawn per recorder and epoch.
func NewKeys(kDev []byte) (*Keys, error) {
	if len(kDev) != KeySize {
		return nil, fmt.Errorf("recorder key of %d bytes, expected %d", len(kDev), KeySize)
	}
	var k Keys
	for name, into := range map[string]*[KeySize]byte{"code": &k.code, "qr": &k.qr, "nonce": &k.nonce} {
		b, err := hkdf.Expand(sha256.New, kDev, "rrc/v1 "+name, KeySize)
		if err != nil {
			return nil, fmt.Errorf("derive the %s key: %w", name, err)
		}
		copy(into[:], b)
	}
	return &k, nil
}

// FleetKey derives K_dev from a fleet's key, for fleets made without a
// registry of keys: nothing to lose, but one key opens all. It is one
// HMAC-SHA-256 that an HSM can do: HMAC(K_fleet, FleetInfo(id, epoch)).
func FleetKey(kFleet []byte, id DeviceID, epoch uint8) ([]byte, error) {
	if len(kFleet) != KeySize {
		return nil, fmt.Errorf("fleet key of %d bytes, expected %d", len(kFleet), KeySize)
	}
	mac := hmac.New(sha256.New, kFleet)
	mac.Write(FleetInfo(id, epoch))
	return mac.Sum(nil), nil
}

// FleetInfo is the message whose HMAC-SHA-256 under K_fleet is the K_dev of
// one recorder and epoch: the only block of HKDF-Expand.
func FleetInfo(id DeviceID, epoch uint8) []byte {
	return append([]byte("rrc/v1 dev\x00"+id.Data()), 0, epoch, 1)
}

// Format keeps keys out of logs and errors, whatever the verb.
func (*Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "<secret>") }

// random52 mixes fresh randomness with the counter under K_nonce, so that a
// generator that repeats itself after boot does not repeat a challenge.
func (k *Keys) random52(counter uint64, fresh *[32]byte) uint64 {
	mac := hmac.New(sha256.New, k.nonce[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, counter))
	mac.Write(fresh[:])
	return binary.BigEndian.Uint64(mac.Sum(nil)) >> (64 - randomBits)
}

// NewChallenge makes a challenge with new randomness from r; nil means
// crypto/rand. A recorder calls [Guard.NewChallenge] instead, which keeps the
// counter; this is for tools and tests.
func (k *Keys) NewChallenge(purpose Purpose, epoch uint8, counter uint64, r io.Reader) (Challenge, error) {
	fresh, err := freshBytes(r)
	if err != nil {
		return Challenge{}, err
	}
	c := k.challenge(SuiteOCRA, purpose, epoch, counter, fresh)
	return c, c.Validate()
}

func (k *Keys) challenge(s Suite, p Purpose, epoch uint8, counter uint64, fresh *[32]byte) Challenge {
	return Challenge{Suite: s, Purpose: p, Epoch: epoch, Counter: uint16(counter & 0xffff), Random: k.random52(counter, fresh)}
}

func freshBytes(r io.Reader) (*[32]byte, error) {
	var fresh [32]byte
	if _, err := io.ReadFull(orRand(r), fresh[:]); err != nil {
		return nil, fmt.Errorf("draw randomness for a challenge: %w", err)
	}
	return &fresh, nil
}
