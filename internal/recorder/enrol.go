package recorder

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

	"rekey"
	"rekey/internal/durable"
	"rekey/recovery"
	"rekey/seclog"
)

// EnrolmentFile is where Init puts the enrolment of the box in dir.
func EnrolmentFile(dir string) string { return filepath.Join(dir, enrolmentFile) }

// Enrol seals the recorder's key to a desk, after that is on record: it is what
// a maker does at the back of the box. While only the owner's own desk may answer
// it is rekey.ErrConflict. The maker's key would answer nothing, and the key in
// use is not the maker's to give: an admin does that, by UseOwnDesk. So it is while
// a reset by the button has closed something: a desk that comes later must not
// open it.
func (b *Box) Enrol(desk hpke.PublicKey) (recovery.Enrolment, error) {
	s := b.state()
	for what := range closings {
		if s.closed(what) != nil {
			return recovery.Enrolment{}, conflict("closed by a reset with the button: " + what.String() + "; a desk is enrolled once that is opened, at the recorder's own screen")
		}
	}
	if s.OwnDesk != nil {
		return recovery.Enrolment{}, conflict("its owner has chosen a desk of their own; an admin enrols it, at the recorder's own screen: Main Menu > Security")
	}
	kdev, err := b.deviceKey()
	if err != nil {
		return recovery.Enrolment{}, err
	}
	if err := b.log(enrolRecord("local seat", b.id, desk)); err != nil {
		return recovery.Enrolment{}, err
	}
	return enrolment(b.id, kdev, desk)
}

func enrolRecord(actor string, i identity, desk hpke.PublicKey) seclog.Record {
	sum := sha256.Sum256(desk.Bytes())
	return seclog.Record{Actor: actor, Event: "provision", Object: i.Info.DeviceID, Result: "ok", Detail: map[string]string{"desk_key_sha256": hex.EncodeToString(sum[:])}}
}

func enrolment(i identity, kdev []byte, desk hpke.PublicKey) (recovery.Enrolment, error) {
	enc, sealed, err := recovery.SealEnrolment(desk, i.DeviceID, i.KeyEpoch, kdev)
	if err != nil {
		return recovery.Enrolment{}, fmt.Errorf("%w: %w", rekey.ErrInput, err)
	}
	return recovery.Enrolment{
		Format: recovery.EnrolmentFormat, DeviceID: i.DeviceID, Model: i.Model, Serial: i.Serial,
		Firmware: i.Firmware, Epoch: i.KeyEpoch, Enc: enc, Sealed: sealed,
	}, nil
}

// WriteEnrolment writes the file that is carried to the desk. It holds no secret in the clear.
func WriteEnrolment(name string, e recovery.Enrolment) error {
	data, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(name, append(data, '\n'), 0o644); err != nil {
		return storageError("write the enrolment", err)
	}
	return nil
}
