package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"rekey"
)

// recordMagic is the first line of a record file; the rest is sealed.
const recordMagic = "rekey vault record 1\n"

// recordLimit bounds what is read of a record file.
const recordLimit = 64 << 10

// record is what a record file holds, sealed. Which entry is the current one
// is not stored but follows: it is the one confirmed last. So a confirmation
// is a single write, and no crash can leave two current passwords, or none.
type record struct {
	Recorder  string    `json:"recorder"`
	Address   string    `json:"address,omitempty"`
	Model     string    `json:"model,omitempty"`
	Account   string    `json:"account"`
	Run       string    `json:"run,omitempty"`
	Password  string    `json:"password"`
	Changed   time.Time `json:"changed"`
	Confirmed int64     `json:"confirmed,omitempty"` // rises with each confirmation; 0 = never
	Withdrawn bool      `json:"withdrawn,omitempty"`
}

// entry tells the record's state given the last confirmation of its account.
func (r record) entry(id string, last int64) Entry {
	e := Entry{ID: id, Recorder: r.Recorder, Address: r.Address, Model: r.Model, Account: r.Account, Changed: r.Changed, Run: r.Run, State: Proposed}
	switch {
	case r.Confirmed > 0 && r.Confirmed == last:
		e.State = Current
	case r.Confirmed > 0, r.Withdrawn:
		e.State = Former
	}
	return e
}

// encode returns the record's file, sealed to its id.
func (r record) encode(s sealer, id string) ([]byte, error) {
	plain, err := json.Marshal(r) //nolint:gosec // it is sealed in the next line
	if err != nil {
		return nil, fmt.Errorf("encode vault record: %w", err)
	}
	file := append([]byte(recordMagic), s.seal(plain, "record", id)...)
	if len(file) > recordLimit {
		return nil, fmt.Errorf("%w: vault record of %d bytes; at most %d are allowed", rekey.ErrInput, len(file), recordLimit)
	}
	return file, nil
}

// decode opens a record file.
func decode(s sealer, id string, file []byte) (record, error) {
	sealed, ok := bytes.CutPrefix(file, []byte(recordMagic))
	if !ok {
		return record{}, errors.New("not a record of this version")
	}
	plain, err := s.open(sealed, "record", id)
	if err != nil {
		return record{}, fmt.Errorf("torn, edited or not of this vault: %w", err)
	}
	return parseRecord(plain)
}

// parseRecord takes exactly what encode writes.
func parseRecord(plain []byte) (record, error) {
	var r record
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		// the decoder's own words may quote what it read
		return record{}, errors.New("record content is malformed")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return record{}, errors.New("record content has a tail")
	}
	switch {
	case r.Recorder == "" || r.Account == "" || r.Password == "":
		return record{}, errors.New("record content lacks recorder, account or password")
	case r.Confirmed < 0 || (r.Confirmed > 0 && r.Withdrawn):
		return record{}, errors.New("record content contradicts itself")
	}
	return r, nil
}
