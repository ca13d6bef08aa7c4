package desk

import (
	"context"
	"database/sql"
	"errors"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// Enrolled is the desk's half of an enrolment. The recorder's maker works out
// the answer to the test challenge, too, and compares: then both have one key.
type Enrolled struct {
	DeviceID      recovery.DeviceID `json:"device_id"`
	Epoch         uint8             `json:"epoch"`
	TestAccount   string            `json:"test_account"`
	TestChallenge string            `json:"test_challenge"`
	TestAnswer    string            `json:"test_answer"`
}

// testAccount is no account of any recorder, so that a test answer opens none.
const testAccount = "enrolment test"

// maxEnrolled bounds each text of an enrolment file, in bytes.
const maxEnrolled = 120

// checkEnrolment refuses what no page or message could show: the file is what
// its carrier says.
func checkEnrolment(e recovery.Enrolment) error {
	for _, text := range []string{e.Model, e.Serial, e.Firmware} {
		if len(text) > maxEnrolled || !printable(text) {
			return refuse(rekey.ErrInput, "recorder %s: model, serial number and firmware have at most %d printable characters each", e.DeviceID, maxEnrolled)
		}
	}
	return nil
}

// Enrol takes a recorder and its key into the registry. A recorder that is
// there already is only taken with a later key epoch, which replaces the key;
// another owner or other addresses are a change then, as SetOwner's are, and
// refused to people, who would change them without the proof that SetOwner takes.
func (d *Desk) Enrol(ctx context.Context, who Agent, file []byte, owner Owner) (Enrolled, error) {
	e, err := recovery.ParseEnrolment(file)
	if err != nil {
		return Enrolled{}, d.unusable(ctx, who, ActRecorderEnrol, target{object: "enrolment"}, refuse(rekey.ErrInput, "%v", err))
	}
	if err := checkEnrolment(e); err != nil {
		return Enrolled{}, d.unusable(ctx, who, ActRecorderEnrol, target{object: e.DeviceID.String()}, err)
	}
	if owner, err = owner.parsed(); err != nil {
		return Enrolled{}, d.unusable(ctx, who, ActRecorderEnrol, target{object: e.DeviceID.String()}, err)
	}
	var done Enrolled
	err = d.perform(ctx, who, ActRecorderEnrol, target{object: e.DeviceID.String()}, func() error {
		kDev, err := e.Open(d.keys.enrol)
		if err != nil {
			return refuse(rekey.ErrInput, "recorder %s: %v; enrol it again with this desk's %s", e.DeviceID, err, PublicKeyFile)
		}
		if done, err = testAnswer(e, kDev); err != nil {
			return err
		}
		row, err := d.keys.wrap(e.DeviceID, e.Epoch, kDev)
		if err != nil {
			return err
		}
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			old, err := d.putRecorder(ctx, tx, e)
			if err != nil {
				return err
			}
			known := !old.EnrolledAt.IsZero()
			if known && owner.what() != "" && hasPasskey(who) {
				return refuse(rekey.ErrDenied, "recorder %s is enrolled already: change its owner and addresses at its registration, with your passkey, and enrol it without them", e.DeviceID)
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO recorder_keys (device_id, epoch, wrapped, sealed) VALUES ($1, $2, $3, $4)
				ON CONFLICT (device_id) DO UPDATE SET epoch = excluded.epoch, wrapped = excluded.wrapped, sealed = excluded.sealed`,
				e.DeviceID.String(), e.Epoch, row.wrapped, row.sealed)
			if err != nil {
				return err
			}
			return d.setOwner(ctx, tx, old, known, owner)
		})
	})
	return done, err
}

// putRecorder returns what the registry knew before: of a new recorder only its
// Device ID.
func (d *Desk) putRecorder(ctx context.Context, tx *sql.Tx, e recovery.Enrolment) (Recorder, error) {
	old, err := readRecorder(ctx, tx, e.DeviceID)
	switch {
	case errors.Is(err, rekey.ErrNotFound):
		_, err = tx.ExecContext(ctx, `INSERT INTO recorders
			(device_id, model, serial, firmware, epoch, owner, owned_since, stolen, enrolled_at, last_counter, last_challenge)
			VALUES ($1, $2, $3, $4, $5, '', 0, 0, $6, -1, '')`,
			e.DeviceID.String(), e.Model, e.Serial, e.Firmware, e.Epoch, store.Micros(d.now()))
		return Recorder{DeviceID: e.DeviceID}, err
	case err != nil:
		return old, err
	case e.Epoch <= old.Epoch:
		return old, refuse(rekey.ErrConflict, "recorder %s is enrolled already with key epoch %d; a new key needs a later epoch", e.DeviceID, old.Epoch)
	}
	_, err = tx.ExecContext(ctx, `UPDATE recorders SET epoch = $1, firmware = $2, last_counter = -1, last_challenge = '' WHERE device_id = $3`,
		e.Epoch, e.Firmware, e.DeviceID.String())
	return old, err
}

func testAnswer(e recovery.Enrolment, kDev []byte) (Enrolled, error) {
	keys, err := recovery.NewKeys(kDev)
	if err != nil {
		return Enrolled{}, err
	}
	challenge, err := keys.NewChallenge(recovery.PurposePassword, e.Epoch&3, 0, nil)
	if err != nil {
		return Enrolled{}, err
	}
	answer, err := keys.Answer(e.DeviceID, testAccount, challenge)
	if err != nil {
		return Enrolled{}, err
	}
	return Enrolled{e.DeviceID, e.Epoch, testAccount, challenge.String(), answer.Reveal()}, nil
}
