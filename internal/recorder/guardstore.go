package recorder

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"rekey/recovery"
)

// guardStore keeps the guard's record in two copies, written one after the
// other. After a power cut between the two the newer one counts; a copy that
// was damaged is passed over; without a good copy the guard does not start.
type guardStore struct {
	names [2]string
	write writeFile
	saved uint64 // number of the newest record on disk
}

type writeFile func(name string, data []byte, perm fs.FileMode) error

type guardCopy struct {
	Save   uint64          `json:"save"` // rises with each save
	Record json.RawMessage `json:"record"`
	Sum    string          `json:"sum"` // SHA-256 of save and record: damage, not malice
}

func (c guardCopy) sum() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%d\n%s", c.Save, c.Record))
	return hex.EncodeToString(h[:])
}

// Load gives the newest whole record.
func (s *guardStore) Load() (recovery.Record, error) {
	var best guardCopy
	var record recovery.Record
	var failed []error
	for _, name := range s.names {
		c, r, err := readGuardCopy(name)
		if err != nil {
			failed = append(failed, err)
		} else if c.Save >= best.Save {
			best, record = c, r
		}
	}
	if len(failed) == len(s.names) {
		return recovery.Record{}, errors.Join(failed...)
	}
	s.saved = best.Save
	return record, nil
}

func readGuardCopy(name string) (c guardCopy, r recovery.Record, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return c, r, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, r, fmt.Errorf("%s: %w", name, err)
	}
	if c.Sum != c.sum() {
		return c, r, fmt.Errorf("%s is damaged", name)
	}
	return c, r, json.Unmarshal(c.Record, &r)
}

// Save writes both copies. When the first is written and the second is not, the
// record counts as saved after a restart, which errs on the strict side.
func (s *guardStore) Save(r recovery.Record) error {
	record, err := json.Marshal(r)
	if err != nil {
		return err
	}
	c := guardCopy{Save: s.saved + 1, Record: record}
	c.Sum = c.sum()
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	s.saved = c.Save // also after a failure: the next save must win over a half-made one
	for _, name := range s.names {
		if err := s.write(name, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
