package recorder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"rekey"
	"rekey/seclog"
)

const stateFormat = 1

// state is all that must change together. It is written whole and, once it is
// the box's state, never modified again.
type state struct {
	Format   int                          `json:"format"`
	Change   uint64                       `json:"change"` // number of this version
	Epoch    uint64                       `json:"epoch"`  // newest epoch of any account, deleted ones included
	Accounts map[string]account           `json:"accounts"`
	Tables   map[string]map[string]string `json:"settings"`
	// ONVIF is the list of accounts that ONVIF has for itself; empty where it logs
	// in those above. Wrong tries on either list are counted above.
	ONVIF   map[string]account `json:"onvif_accounts,omitempty"`
	Cameras []camera           `json:"cameras,omitempty"`
	// Review is what an admin has to look at; see mistrust.
	Review checklist `json:"review,omitempty"`
	// RemoteFor is the account whose next login gives remote access back; "" = it
	// is as the settings say.
	RemoteFor string `json:"remote_for,omitempty"`
	// Cloud is the link to a cloud service; nil = none.
	Cloud *cloudLink `json:"cloud,omitempty"`
	// OwnDesk: only the owner's own desk answers; nil = the maker's does.
	OwnDesk *ownDesk `json:"own_desk,omitempty"`
	// DeskEpoch is the newest key epoch of any own desk, earlier ones included.
	DeskEpoch  uint8       `json:"desk_epoch,omitempty"`
	Footage    footage     `json:"footage"`
	Activation *activation `json:"activation,omitempty"`
	// Pending are the records that tell of this change. They are in the security
	// log right after the file is written; Open appends those that a power cut
	// kept out.
	Pending []seclog.Record `json:"pending,omitempty"`
}

// account is one user. Locked is no field: it follows from Fails and the lock
// policy, so that the two can never disagree.
type account struct {
	Hash     string    `json:"hash"`             // argon2id in PHC form
	HA1      []byte    `json:"ha1"`              // lower-hex MD5(account:realm:password), sealed
	Sealed   []byte    `json:"sealed,omitempty"` // the password, sealed; see withPassword
	Group    string    `json:"group"`
	Memo     string    `json:"memo,omitempty"`
	Reserved bool      `json:"reserved,omitempty"`
	Epoch    uint64    `json:"epoch"`
	Fails    int       `json:"fails,omitempty"` // charged tries since the last good one
	Changed  time.Time `json:"password_changed"`
	Second   *second   `json:"second_factor,omitempty"`
	Denied   []Right   `json:"denied,omitempty"` // rights that an account of the group user has not
	Unset    bool      `json:"unset,omitempty"`  // nobody knows the password: it was never set

	Code    *activationCode `json:"activation_code,omitempty"`
	Phones  []phone         `json:"phones,omitempty"`
	Notices []Notice        `json:"notices,omitempty"`
}

func (s *state) clone() *state {
	next := *s
	next.Accounts = maps.Clone(s.Accounts)
	next.ONVIF = maps.Clone(s.ONVIF)
	next.Tables = maps.Clone(s.Tables) // tables themselves are replaced, never modified
	next.Cameras = slices.Clone(s.Cameras)
	next.Pending = slices.Clone(s.Pending)
	return &next
}

// state gives the present version. It must not be modified.
func (b *Box) state() *state { return b.current.Load() }

// commit makes one change: change works on a copy and says which records tell
// of it; copy and records are written as one file; only then do they become the
// box's state, and then the records go into the security log. When it returns
// nil, both are on stable storage. An error from change alters nothing.
func (b *Box) commit(change func(next *state) ([]seclog.Record, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.settle(); err != nil {
		return err
	}
	next := b.state().clone()
	records, err := change(next)
	if err != nil {
		return err
	}
	records = append(records, next.endWhatIsOver(b.Now())...)
	next.Change++
	next.Pending = b.numbered(records, next.Change)
	if err := b.saveState(next); err != nil {
		return b.doubt(err)
	}
	b.current.Store(next)
	return b.settle()
}

// numbered gives each record the mark by which Open knows it again.
func (b *Box) numbered(records []seclog.Record, change uint64) []seclog.Record {
	out := make([]seclog.Record, len(records))
	for i, r := range records {
		detail := map[string]string{detailChange: strconv.FormatUint(change, 10) + "." + strconv.Itoa(i)}
		maps.Copy(detail, r.Detail)
		r.Detail = detail
		out[i] = b.stamp(r)
	}
	return out
}

// settle brings the records of the last change into the security log.
func (b *Box) settle() error {
	s := b.state()
	if len(s.Pending) == 0 {
		return nil
	}
	if err := b.append(s.Pending...); err != nil {
		return err
	}
	done := s.clone()
	done.Pending = nil
	b.current.Store(done)
	return nil
}

// doubt takes over what the disk holds after a write that failed, where that is
// the new version: the rename may have happened although the folder could not be
// synced. The version before stays as it is in memory, since the disk's copy
// still names records as pending that the log has already.
func (b *Box) doubt(cause error) error {
	if s, err := loadState(b.dir); err == nil && s.Change != b.state().Change {
		b.current.Store(s)
	}
	return storageError("write the accounts and settings", cause)
}

func (b *Box) saveState(s *state) error {
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return b.write(filepath.Join(b.dir, stateFile), data, 0o600)
}

func loadState(dir string) (*state, error) {
	name := filepath.Join(dir, stateFile)
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, storageError("read the accounts and settings", err)
	}
	var s state
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, storageError("read "+name, err)
	}
	if s.Format != stateFormat {
		return nil, fmt.Errorf("%w: %s has format %d, this rekey knows %d", rekey.ErrStorage, name, s.Format, stateFormat)
	}
	if s.Accounts == nil {
		s.Accounts = map[string]account{}
	}
	return &s, nil
}

func storageError(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", rekey.ErrStorage, what, err)
}
