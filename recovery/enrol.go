package recovery

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// EnrolmentFormat names the form of an Enrolment.
const EnrolmentFormat = "rekey enrolment v1"

// enrolInfo keeps enrolment apart from every other use of the desk's key.
const enrolInfo = "rekey enrolment v1"

// ErrEnrolment: an enrolment cannot be read, or its key does not open: it was
// sealed for another desk, another recorder or another epoch, or was changed.
var ErrEnrolment = errors.New("enrolment does not open with this desk's key")

// SealEnrolment seals K_dev of one recorder and epoch to the desk's public key:
// HPKE base mode (RFC 9180) with DHKEM(X25519), HKDF-SHA256 and AES-256-GCM,
// info "rekey enrolment v1", AAD = Device ID without dashes, 0x00, epoch. enc
// has EncSize bytes. Whoever carries the two learns nothing.
func SealEnrolment(desk hpke.PublicKey, id DeviceID, epoch uint8, kDev []byte) (enc, sealed []byte, err error) {
	if len(kDev) != KeySize {
		return nil, nil, fmt.Errorf("recorder key of %d bytes, expected %d", len(kDev), KeySize)
	}
	if err := checkKEM(desk.KEM()); err != nil {
		return nil, nil, err
	}
	enc, sender, err := hpke.NewSender(desk, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(enrolInfo))
	if err != nil {
		return nil, nil, fmt.Errorf("seal to the desk's key: %w", err)
	}
	sealed, err = sender.Seal(enrolContext(id, epoch), kDev)
	return enc, sealed, err
}

// OpenEnrolment gives K_dev back at the desk. The error wraps ErrEnrolment.
func OpenEnrolment(desk hpke.PrivateKey, id DeviceID, epoch uint8, enc, sealed []byte) (kDev []byte, err error) {
	if err := checkKEM(desk.KEM()); err != nil {
		return nil, err
	}
	r, err := hpke.NewRecipient(enc, desk, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(enrolInfo))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnrolment, err)
	}
	kDev, err = r.Open(enrolContext(id, epoch), sealed)
	if err != nil || len(kDev) != KeySize {
		return nil, ErrEnrolment
	}
	return kDev, nil
}

func enrolContext(id DeviceID, epoch uint8) []byte { return append([]byte(id.Data()), 0, epoch) }

// Enrolment is the file by which a recorder becomes known to a desk. Only the
// key is sealed, and only Device ID and epoch are bound to it: the other fields
// are what the carrier says.
type Enrolment struct {
	Format   string   `json:"format"`
	DeviceID DeviceID `json:"device_id"`
	Model    string   `json:"model"`
	Serial   string   `json:"serial"`
	Firmware string   `json:"firmware"`
	Epoch    uint8    `json:"epoch"`
	Enc      []byte   `json:"enc"`    // base64 in JSON
	Sealed   []byte   `json:"sealed"` // base64 in JSON
}

// ParseEnrolment reads the JSON of an Enrolment. The error wraps ErrEnrolment.
func ParseEnrolment(data []byte) (Enrolment, error) {
	bad := func(why any) (Enrolment, error) {
		return Enrolment{}, fmt.Errorf("%w: not an enrolment file: %v", ErrEnrolment, why)
	}
	const most = 64 << 10
	if len(data) > most {
		return bad("it is too large")
	}
	var e Enrolment
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	switch err := d.Decode(&e); {
	case err != nil:
		return bad(err)
	case e.Format != EnrolmentFormat:
		return bad(fmt.Sprintf("its format is not %q", EnrolmentFormat))
	case e.DeviceID.IsZero():
		return bad("it names no Device ID")
	case len(e.Enc) != EncSize || len(e.Sealed) == 0:
		return bad("its sealed key is missing or cut short")
	}
	return e, nil
}

// Open gives K_dev at the desk. The error wraps ErrEnrolment.
func (e Enrolment) Open(desk hpke.PrivateKey) ([]byte, error) {
	return OpenEnrolment(desk, e.DeviceID, e.Epoch, e.Enc, e.Sealed)
}

const deskKeyFormat = "rekey desk public key v1"

// DeskKeyText is the desk's public key as the file that recorders are given:
// one line with the format, one with 64 hex digits.
func DeskKeyText(desk hpke.PublicKey) []byte {
	return fmt.Appendf(nil, "%s\n%s\n", deskKeyFormat, hex.EncodeToString(desk.Bytes()))
}

// ParseDeskKey reads what DeskKeyText wrote, or the 64 hex digits alone.
func ParseDeskKey(text []byte) (hpke.PublicKey, error) {
	digits := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(text)), deskKeyFormat))
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != EncSize {
		return nil, fmt.Errorf("not the public key of a desk: expected the line %q and 64 hex digits", deskKeyFormat)
	}
	return hpke.DHKEM(ecdh.X25519()).NewPublicKey(raw)
}
