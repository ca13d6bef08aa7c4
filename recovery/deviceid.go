package recovery

import (
	"crypto/rand"
	"fmt"
	"io"
)

// DeviceID names one recorder: nine random symbols (45 bits), never
// sequential, printed on the label. It is public and never a proof. The zero
// value is no Device ID. DeviceIDs compare with ==.
type DeviceID struct {
	data string // nine data symbols, or empty
}

// NewDeviceID draws a Device ID from r; nil means crypto/rand. The maker's
// registry must refuse one that is taken already.
func NewDeviceID(r io.Reader) (DeviceID, error) {
	var b [6]byte
	if _, err := io.ReadFull(orRand(r), b[:]); err != nil {
		return DeviceID{}, fmt.Errorf("draw a Device ID: %w", err)
	}
	return DeviceID{text(leftmost(b[:], FormDeviceID.dataSymbols()))}, nil
}

// ParseDeviceID reads a Device ID as people type it. The error is a *MistypedError.
func ParseDeviceID(typed string) (DeviceID, error) {
	data, err := FormDeviceID.decode(typed)
	if err != nil {
		return DeviceID{}, err
	}
	return DeviceID{text(data)}, nil
}

// Data is the nine symbols without checks and dashes, as they enter keys and QR codes.
func (id DeviceID) Data() string { return id.data }

// IsZero tells that no Device ID was set.
func (id DeviceID) IsZero() bool { return id.data == "" }

// String is the form on the label, such as V7KX-4YBM-0P97.
func (id DeviceID) String() string {
	if id.IsZero() {
		return ""
	}
	return FormDeviceID.encode(symbolsTyped(id.data))
}

// MarshalText writes the label form.
func (id DeviceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the label form; empty is the zero value.
func (id *DeviceID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = DeviceID{}
		return nil
	}
	got, err := ParseDeviceID(string(b))
	if err != nil {
		return err
	}
	*id = got
	return nil
}

// orRand lets tests hand in their own randomness.
func orRand(r io.Reader) io.Reader {
	if r == nil {
		return rand.Reader
	}
	return r
}
