package office

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"rekey/internal/desk"
	"rekey/recovery"
)

// Recorder is a recorder as a desk knows it.
type Recorder struct {
	ID   recovery.DeviceID
	KDev []byte
	Keys *recovery.Keys
}

// NewRecorder makes one.
func NewRecorder(tb testing.TB) Recorder {
	tb.Helper()
	r := Recorder{KDev: make([]byte, recovery.KeySize)}
	_, _ = rand.Read(r.KDev)
	var err error
	if r.ID, err = recovery.NewDeviceID(nil); err != nil {
		tb.Fatal(err)
	}
	if r.Keys, err = recovery.NewKeys(r.KDev); err != nil {
		tb.Fatal(err)
	}
	return r
}

// Enrolment is the file that enrols it at the desk in dir.
func (r Recorder) Enrolment(tb testing.TB, dir string, epoch uint8) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(dir, desk.PublicKeyFile))
	if err != nil {
		tb.Fatal(err)
	}
	key, err := recovery.ParseDeskKey(text)
	if err != nil {
		tb.Fatal(err)
	}
	enc, sealed, err := recovery.SealEnrolment(key, r.ID, epoch, r.KDev)
	if err != nil {
		tb.Fatal(err)
	}
	file, err := json.Marshal(recovery.Enrolment{Format: recovery.EnrolmentFormat, DeviceID: r.ID, Model: "N841",
		Serial: "ND000000000001", Firmware: "V4.30.005", Epoch: epoch, Enc: enc, Sealed: sealed})
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// QR is the text of the QR code that it shows for a challenge, with the desk's host.
func (r Recorder) QR(tb testing.TB, host string, c recovery.Challenge) string {
	tb.Helper()
	q, err := r.Keys.SignQR(recovery.QR{Desk: host, DeviceID: r.ID, Challenge: c})
	if err != nil {
		tb.Fatal(err)
	}
	text, err := q.Text()
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
