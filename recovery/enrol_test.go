package recovery_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"testing"

	"rekey/recovery"
)

func deskPair(t *testing.T) hpke.PrivateKey {
	t.Helper()
	sk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return sk
}

func newID(t *testing.T) recovery.DeviceID {
	t.Helper()
	id, err := recovery.NewDeviceID(nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestEnrolmentOpensOnlyForItsDeskRecorderAndEpoch(t *testing.T) {
	t.Parallel()
	desk, other := deskPair(t), deskPair(t)
	id, otherID := newID(t), newID(t)
	kDev := bytes.Repeat([]byte{7}, recovery.KeySize)
	enc, sealed, err := recovery.SealEnrolment(desk.PublicKey(), id, 2, kDev)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := recovery.OpenEnrolment(desk, id, 2, enc, sealed); err != nil || !bytes.Equal(got, kDev) {
		t.Fatalf("open: %v", err)
	}
	flipped := bytes.Clone(sealed)
	flipped[0] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another desk":     func() ([]byte, error) { return recovery.OpenEnrolment(other, id, 2, enc, sealed) },
		"another recorder": func() ([]byte, error) { return recovery.OpenEnrolment(desk, otherID, 2, enc, sealed) },
		"another epoch":    func() ([]byte, error) { return recovery.OpenEnrolment(desk, id, 3, enc, sealed) },
		"changed":          func() ([]byte, error) { return recovery.OpenEnrolment(desk, id, 2, enc, flipped) },
		"no enc":           func() ([]byte, error) { return recovery.OpenEnrolment(desk, id, 2, nil, sealed) },
	} {
		if _, err := open(); !errors.Is(err, recovery.ErrEnrolment) {
			t.Errorf("%s: got %v, want ErrEnrolment", name, err)
		}
	}
	if _, _, err := recovery.SealEnrolment(desk.PublicKey(), id, 0, kDev[:31]); err == nil {
		t.Error("a short key was sealed")
	}
}

func TestEnrolmentFile(t *testing.T) {
	t.Parallel()
	desk, id := deskPair(t), newID(t)
	kDev := bytes.Repeat([]byte{9}, recovery.KeySize)
	enc, sealed, err := recovery.SealEnrolment(desk.PublicKey(), id, 0, kDev)
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(recovery.Enrolment{Format: recovery.EnrolmentFormat, DeviceID: id, Model: "N841", Enc: enc, Sealed: sealed})
	if err != nil {
		t.Fatal(err)
	}
	e, err := recovery.ParseEnrolment(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Open(desk); err != nil || !bytes.Equal(got, kDev) {
		t.Fatalf("open: %v", err)
	}
	for _, bad := range []string{"", "{}", `{"format":"rekey enrolment v2"}`, string(file[:len(file)-9]), `[]`} {
		if _, err := recovery.ParseEnrolment([]byte(bad)); !errors.Is(err, recovery.ErrEnrolment) {
			t.Errorf("%q: got %v, want ErrEnrolment", bad, err)
		}
	}
}

func TestDeskKeyText(t *testing.T) {
	t.Parallel()
	desk := deskPair(t)
	for _, text := range [][]byte{recovery.DeskKeyText(desk.PublicKey()), recovery.DeskKeyText(desk.PublicKey())[25:]} {
		pk, err := recovery.ParseDeskKey(text)
		if err != nil || !bytes.Equal(pk.Bytes(), desk.PublicKey().Bytes()) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, bad := range []string{"", "00", "rekey desk public key v1\nzz", string(bytes.Repeat([]byte("0"), 66))} {
		if _, err := recovery.ParseDeskKey([]byte(bad)); err == nil {
			t.Errorf("%q was taken for a desk's key", bad)
		}
	}
}

func FuzzParseEnrolment(f *testing.F) {
	f.Add([]byte(`{"format":"rekey enrolment v1","device_id":"V7KX-4YBM-0P97","epoch":0,"enc":"","sealed":""}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := recovery.ParseEnrolment(data)
		if err == nil && (e.DeviceID.IsZero() || len(e.Enc) != recovery.EncSize) {
			t.Errorf("%q was taken for an enrolment", data)
		}
	})
}
