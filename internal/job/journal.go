package job

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rekey"
	"rekey/internal/durable"
	"rekey/internal/harden"
)

// A run's journal is runs/ID/journal.jsonl: one JSON line for each step that
// ended, fsynced before the run goes on. What the run needs after a crash and
// nobody may read, the logins and the old password, lies sealed by the vault in
// runs/ID/sealed.json, and goes when the run is closed. A torn last line is a
// step that did not end.
type journal struct {
	dir    string // runs/ID
	file   *os.File
	unlock func() error
	broken error // of the first append that failed

	ID       string
	Begun    begun
	Kept     *Kept
	VaultID  string // set once the intent is on disk
	Changing bool   // a change was begun; whether it happened the outcome says
	Sent     int    // how often a change was begun
	Refused  refusals
	Outcome  rekey.Outcome
	Own      []OwnAccount
	Proofs   []Proof
	Verified bool
	Clock    time.Time // the recorder's, after the last proof; zero: not told
	Hardened bool
	Findings []harden.Finding
	Watched  *watched
	Closed   bool
	Ended    time.Time
}

// begun is the first line: what was agreed.
type begun struct {
	Key     string        `json:"key"` // of the recorder, see Runner.Recognise
	Target  rekey.Target  `json:"target"`
	Plan    rekey.Plan    `json:"plan"`
	Login   string        `json:"login,omitempty"` // account that opens the recorder; its password is sealed
	Footage Footage       `json:"footage"`
	Accept  []rekey.Risk  `json:"accept,omitempty"`
	Fix     bool          `json:"fix"`
	Watch   time.Duration `json:"watch_ns,omitempty"`
	Started time.Time     `json:"started"`
}

// line is one line of the journal. One of the pointers is set, or Refused and
// Outcome, which are true together or not at all.
type line struct {
	Time     time.Time         `json:"time"`
	Begun    *begun            `json:"begun,omitempty"`
	Kept     *Kept             `json:"kept,omitempty"`
	Moved    *rekey.Target     `json:"moved,omitempty"`  // the recorder has another address now
	Intent   *string           `json:"intent,omitempty"` // id of the proposal in the vault
	Changing *bool             `json:"changing,omitempty"`
	Refused  *refusals         `json:"refused,omitempty"`
	Outcome  *rekey.Outcome    `json:"outcome,omitempty"`
	Own      *OwnAccount       `json:"own,omitempty"` // before it is set, and after
	Proofs   *[]Proof          `json:"proofs,omitempty"`
	Clock    *time.Time        `json:"clock,omitempty"`
	Findings *[]harden.Finding `json:"findings,omitempty"`
	Watched  *watched          `json:"watched,omitempty"`
	Closed   *bool             `json:"closed,omitempty"`
}

// refusals are the passwords that the recorder refused in this run. What was
// refused is not sent again by resume on its own.
type refusals struct {
	New bool `json:"new"`
	Old bool `json:"old"`
}

// sealed are the secrets of an open run, each sealed by the vault.
type sealed struct {
	Login string `json:"login,omitempty"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

const (
	journalName = "journal.jsonl"
	sealedName  = "sealed.json"
)

// newRunID is the start time and four random bytes, so that runs sort by age.
func newRunID(now time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return now.UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// createJournal makes the folder with the sealed secrets, then the journal with
// its first line. Until that line is on disk there is no run.
func createJournal(runs, id string, s sealed, b begun) (*journal, error) {
	dir := filepath.Join(runs, id)
	if err := durable.MkdirAll(runs); err != nil {
		return nil, storageError(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil { // one that is there holds another run's secrets
		return nil, storageError(err)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(dir, sealedName), raw, 0o600); err != nil {
		return nil, storageError(err)
	}
	j := &journal{dir: dir, ID: id}
	if err := j.open(os.O_CREATE | os.O_EXCL); err != nil {
		return nil, err
	}
	if err := j.append(line{Time: b.Started, Begun: &b}); err != nil {
		return nil, errors.Join(err, j.close())
	}
	for _, d := range []string{dir, runs} {
		if err := durable.SyncDir(d); err != nil {
			return nil, errors.Join(storageError(err), j.close())
		}
	}
	return j, nil
}

// CheckName refuses what cannot be the name of a run, with rekey.ErrInput.
func CheckName(id string) error {
	if id == "." || id == ".." || filepath.Base(id) != id { // Base of "" is "."
		return fmt.Errorf("%w: run %q is not the name of a run", rekey.ErrInput, id)
	}
	return nil
}

// openJournal reads a run's journal and holds it for this process alone.
func openJournal(runs, id string) (*journal, error) {
	if err := CheckName(id); err != nil {
		return nil, err
	}
	j := &journal{dir: filepath.Join(runs, id), ID: id}
	if err := j.open(0); err != nil {
		return nil, err
	}
	got, err := readJournal(runs, id)
	if err != nil {
		return nil, errors.Join(err, j.close())
	}
	got.file, got.unlock = j.file, j.unlock
	return got, nil
}

func (j *journal) open(flags int) error {
	unlock, err := durable.TryLock(filepath.Join(j.dir, "lock"))
	switch {
	case errors.Is(err, durable.ErrHeld):
		return fmt.Errorf("%w: run %s is being worked on by another rekey", rekey.ErrConflict, j.ID)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: run %s; 'rekey resume' without a name goes on with all open ones", rekey.ErrNotFound, j.ID)
	case err != nil:
		return storageError(err)
	}
	j.unlock = unlock
	f, err := os.OpenFile(filepath.Join(j.dir, journalName), os.O_RDWR|os.O_APPEND|flags, 0o600)
	if err != nil {
		return errors.Join(storageError(err), unlock())
	}
	j.file = f
	return cutTornLine(f)
}

// cutTornLine removes what a crash left of a last line, so that the next line
// starts on its own.
func cutTornLine(f *os.File) error {
	raw, err := os.ReadFile(f.Name())
	if err != nil {
		return storageError(err)
	}
	whole := bytes.LastIndexByte(raw, '\n') + 1
	if whole == len(raw) {
		return nil
	}
	if err := f.Truncate(int64(whole)); err != nil {
		return storageError(err)
	}
	return storageError(f.Sync())
}

func readJournal(runs, id string) (*journal, error) {
	j := &journal{dir: filepath.Join(runs, id), ID: id}
	raw, err := os.ReadFile(filepath.Join(j.dir, journalName))
	if err != nil {
		return nil, storageError(err)
	}
	if err := j.replay(raw); err != nil {
		return nil, err
	}
	return j, nil
}

// replay folds the lines into the state. Only the last line may be torn.
func (j *journal) replay(raw []byte) error {
	raw = raw[:bytes.LastIndexByte(raw, '\n')+1]
	in := bufio.NewScanner(bytes.NewReader(raw))
	in.Buffer(nil, 16<<20)
	for n := 1; in.Scan(); n++ {
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return fmt.Errorf("%w: journal of run %s, line %d: %w", rekey.ErrStorage, j.ID, n, err)
		}
		j.apply(l)
	}
	return storageError(in.Err())
}

func (j *journal) apply(l line) {
	switch {
	case l.Begun != nil:
		j.Begun = *l.Begun
	case l.Kept != nil:
		j.Kept = l.Kept
	case l.Moved != nil:
		j.Begun.Target = *l.Moved
	case l.Intent != nil:
		j.VaultID = *l.Intent
	case l.Changing != nil:
		if j.Changing = *l.Changing; j.Changing { // what was proved and mended was of another password
			j.Verified, j.Proofs, j.Clock, j.Hardened, j.Findings, j.Watched = false, nil, time.Time{}, false, nil, nil
			j.Refused = refusals{} // by another state of the recorder
			j.Sent++
		}
	case l.Refused != nil || l.Outcome != nil:
		if l.Refused != nil {
			j.Refused = *l.Refused
		}
		if l.Outcome != nil {
			j.Outcome = *l.Outcome
		}
	case l.Own != nil:
		j.Own = append(slices.DeleteFunc(j.Own, func(o OwnAccount) bool { return o.Interface == l.Own.Interface }), *l.Own)
	case l.Clock != nil:
		j.Clock = *l.Clock
	case l.Watched != nil:
		j.Watched = l.Watched
	case l.Proofs != nil:
		j.Proofs, j.Verified = *l.Proofs, true
	case l.Findings != nil:
		j.Findings, j.Hardened = *l.Findings, true
	case l.Closed != nil:
		j.Closed, j.Ended = *l.Closed, l.Time
	}
}

// append writes one line; when it returns nil the line is on stable storage.
// After a failure, which may have left half a line, nothing more is written:
// the next process cuts it.
func (j *journal) append(l line) error {
	if j.broken != nil {
		return j.broken
	}
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(raw, '\n'))
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = fmt.Errorf("%w: journal of run %s: %w", rekey.ErrStorage, j.ID, err)
		return j.broken
	}
	j.apply(l)
	return nil
}

// sealed reads the run's sealed secrets.
func (j *journal) sealed() (sealed, error) {
	var s sealed
	raw, err := os.ReadFile(filepath.Join(j.dir, sealedName))
	if err != nil {
		return s, storageError(err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("%w: sealed secrets of run %s: %w", rekey.ErrStorage, j.ID, err)
	}
	return s, nil
}

// closeRun writes the last line, then forgets the sealed secrets.
func (j *journal) closeRun(now time.Time) error {
	yes := true
	if err := j.append(line{Time: now, Closed: &yes}); err != nil {
		return err
	}
	return storageError(durable.Remove(filepath.Join(j.dir, sealedName)))
}

func (j *journal) close() error {
	if j == nil || j.file == nil {
		return nil
	}
	return errors.Join(j.file.Close(), j.unlock())
}

// openRuns are the runs whose journal has a first line and no last one, and
// those whose journal cannot be read. Of closed runs it removes what a crash
// left of the sealed secrets.
func openRuns(runs string) ([]string, error) {
	names, err := os.ReadDir(runs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storageError(err)
	}
	var open []string
	for _, n := range names {
		if !n.IsDir() || strings.HasPrefix(n.Name(), ".") {
			continue
		}
		j, err := readJournal(runs, n.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist): // the crash came before the first line: nothing was begun
		case err != nil:
			open = append(open, n.Name())
		case j.Closed:
			if err := durable.Remove(filepath.Join(j.dir, sealedName)); err != nil {
				return nil, storageError(err)
			}
		case !j.Begun.Started.IsZero():
			open = append(open, n.Name())
		}
	}
	slices.Sort(open)
	return open, nil
}

func storageError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
}
