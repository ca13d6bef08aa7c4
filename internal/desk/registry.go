package desk

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// Recorder is what the registry knows of one recorder.
type Recorder struct {
	DeviceID   recovery.DeviceID `json:"device_id"`
	Model      string            `json:"model"`
	Serial     string            `json:"serial"`
	Firmware   string            `json:"firmware"` // as its maker enrolled it; empty = not told
	Epoch      uint8             `json:"epoch"`    // of its key
	Owner      string            `json:"owner"`
	OwnedSince time.Time         `json:"owned_since,omitzero"`
	Addresses  []string          `json:"addresses"` // masked
	Stolen     bool              `json:"stolen"`
	EnrolledAt time.Time         `json:"enrolled_at"`
	FrozenAt   time.Time         `json:"frozen_at,omitzero"` // since then there is no answer, in no case
	FrozenBy   string            `json:"frozen_by,omitempty"`
	FrozenWhy  string            `json:"frozen_why,omitempty"`
	Answers    []PastAnswer      `json:"answers,omitempty"` // newest first

	lastCounter      int // -1: none seen
	lastChallenge    string
	addresses        []string
	ownerChanged     time.Time // as the desk saw it, after the enrolment; zero = never
	addressesChanged time.Time
}

// PastAnswer is one answer that was issued for a recorder. The answer itself is
// stored nowhere.
type PastAnswer struct {
	Case     int64     `json:"case"`
	At       time.Time `json:"at"`
	Purpose  string    `json:"purpose"`
	Account  string    `json:"account"`
	Agent    string    `json:"agent"`
	Approver string    `json:"approver,omitempty"`
}

const recorderColumns = `device_id, model, serial, firmware, epoch, owner, owned_since, stolen, enrolled_at, last_counter, last_challenge, owner_changed_at, addresses_changed_at,
	frozen_at, frozen_by, frozen_why`

func scanRecorder(scan store.Scan) (r Recorder, err error) {
	var id string
	var since, enrolled, owner, addresses, frozen int64
	if err := scan(&id, &r.Model, &r.Serial, &r.Firmware, &r.Epoch, &r.Owner, &since, &r.Stolen, &enrolled, &r.lastCounter, &r.lastChallenge, &owner, &addresses, &frozen, &r.FrozenBy, &r.FrozenWhy); err != nil {
		return r, err
	}
	r.ownerChanged, r.addressesChanged, r.FrozenAt = store.Time(owner), store.Time(addresses), store.Time(frozen)
	r.OwnedSince, r.EnrolledAt = store.Time(since), store.Time(enrolled)
	r.DeviceID, err = recovery.ParseDeviceID(id)
	return r, err
}

// readRecorder is one recorder with its addresses. The error wraps rekey.ErrNotFound.
func readRecorder(ctx context.Context, tx *sql.Tx, id recovery.DeviceID) (Recorder, error) {
	r, err := scanRecorder(tx.QueryRowContext(ctx, `SELECT `+recorderColumns+` FROM recorders WHERE device_id = $1`, id.String()).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return r, refuse(rekey.ErrNotFound, "no recorder %s is enrolled at this desk", id)
	}
	if err != nil {
		return r, err
	}
	r.addresses, err = store.All(ctx, tx, func(scan store.Scan) (a string, err error) { return a, scan(&a) },
		`SELECT address FROM addresses WHERE device_id = $1 ORDER BY address`, id.String())
	r.Addresses = []string{}
	for _, a := range r.addresses {
		r.Addresses = append(r.Addresses, mask(a))
	}
	return r, err
}

// Recorder is one recorder with the answers that were issued for it.
func (d *Desk) Recorder(ctx context.Context, who Agent, id recovery.DeviceID) (r Recorder, err error) {
	err = d.perform(ctx, who, ActRecorderRead, target{object: id.String()}, func() error {
		return d.db.Read(ctx, func(tx *sql.Tx) error {
			if r, err = readRecorder(ctx, tx, id); err != nil {
				return err
			}
			r.Answers, err = readAnswers(ctx, tx, id)
			return err
		})
	})
	return r, err
}

func readAnswers(ctx context.Context, tx *sql.Tx, id recovery.DeviceID) ([]PastAnswer, error) {
	return store.All(ctx, tx, func(scan store.Scan) (a PastAnswer, err error) {
		var at int64
		var purpose recovery.Purpose
		err = scan(&a.Case, &at, &purpose, &a.Account, &a.Agent, &a.Approver)
		a.At, a.Purpose = store.Time(at), purpose.String()
		return a, err
	}, `SELECT case_number, at, purpose, account, agent, COALESCE(approver, '') FROM reveals
		WHERE device_id = $1 AND delivered <> 'no' ORDER BY at DESC LIMIT 50`, id.String())
}
