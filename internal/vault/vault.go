// Package vault keeps the passwords at rest. A password is proposed here, on
// stable storage, before it is set on a recorder; when it is known to be in
// force it becomes the current one, and the one before it is kept as a former
// one. Nothing is ever deleted, so that at every instant, a crash included, a
// password that opens the recorder can be read here.
//
// A vault is a folder: the data key, wrapped by age to the operator's key, and
// one sealed file a record. Several processes may use it at once.
package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"rekey"
	"rekey/internal/durable"
)

// State tells where a password stands.
type State string

// The states of a password. Every change of state is one durable write.
const (
	Proposed State = "proposed" // may or may not be in force
	Current  State = "current"  // the last that was confirmed for this account
	Former   State = "former"   // was current, or was withdrawn
)

// Entry is one password of one account on one recorder, without the password:
// Reveal reads that.
type Entry struct {
	ID       string    `json:"id"`       // given by Propose; names the file, says nothing
	Recorder string    `json:"recorder"` // rekey.Identity.Key
	Address  string    `json:"address,omitempty"`
	Model    string    `json:"model,omitempty"`
	Account  string    `json:"account"`
	State    State     `json:"state"`
	Changed  time.Time `json:"changed"` // of the last change of state, UTC
	Run      string    `json:"run,omitempty"`
}

// Vault is an open vault. Its methods may be called from many goroutines.
type Vault struct {
	dir  string
	seal sealer
	// write is durable.WriteFile; the tests cut the power here.
	write func(name string, data []byte, perm fs.FileMode) error
	// work is the scrypt work factor of exports (log2); 0 is age's own.
	work int
}

// Propose stores a password that is about to be set. When it returns, entry and
// password are on stable storage. ID, State and Changed of e are given by the
// vault. Several proposals for one account may stand.
func (v *Vault) Propose(ctx context.Context, e Entry, password rekey.Secret) (Entry, error) {
	if e.Recorder == "" || e.Account == "" || password.IsZero() {
		return Entry{}, fmt.Errorf("propose password: %w: recorder, account and password are needed", rekey.ErrInput)
	}
	if err := ctx.Err(); err != nil {
		return Entry{}, fmt.Errorf("propose password: %w", err)
	}
	r := record{Recorder: e.Recorder, Address: e.Address, Model: e.Model, Account: e.Account, Run: e.Run, Password: password.Reveal(), Changed: now()}
	slot := v.seal.slot(r.Recorder, r.Account)
	if err := durable.MkdirAll(filepath.Join(v.dir, recordsDir, slot)); err != nil {
		return Entry{}, fmt.Errorf("propose password: %w: %w", rekey.ErrStorage, err)
	}
	id := slot + "-" + randomHex(8)
	if err := v.save(id, r); err != nil {
		return Entry{}, err
	}
	return r.entry(id, 0), nil
}

// Confirm makes the entry the current one of its account, whatever was
// thought of it before: call it when the recorder has accepted the password.
// The current one before it becomes a former one. Confirming the current entry
// changes nothing.
func (v *Vault) Confirm(ctx context.Context, id string) error {
	return v.change(ctx, id, func(r *record, last int64) error {
		if r.Confirmed > 0 && r.Confirmed == last {
			return errUnchanged
		}
		// the clock only helps where a newer record of the account is damaged
		r.Confirmed = max(last+1, now().UnixMicro())
		r.Withdrawn = false
		return nil
	})
}

// Withdraw makes a proposal that never came into force a former entry.
// Withdrawing a former entry changes nothing; the current one is rekey.ErrConflict.
func (v *Vault) Withdraw(ctx context.Context, id string) error {
	return v.change(ctx, id, func(r *record, last int64) error {
		switch r.entry(id, last).State {
		case Current:
			return fmt.Errorf("%w: it is the current password", rekey.ErrConflict)
		case Former:
			return errUnchanged
		}
		r.Withdrawn = true
		return nil
	})
}

// errUnchanged ends a change that is not needed.
var errUnchanged = errors.New("unchanged")

// change reads the record, lets edit change it, and writes it, all under the
// vault's lock. last is the last confirmation of the record's account.
func (v *Vault) change(ctx context.Context, id string, edit func(r *record, last int64) error) error {
	unlock, err := lock(ctx, v.dir)
	if err != nil {
		return err
	}
	defer unlock()
	r, err := v.load(id)
	if err != nil {
		return err
	}
	slot, _, err := splitID(id)
	if err != nil {
		return err
	}
	all, _ := v.loadSlot(slot) // a damaged neighbour must not stop a confirmation
	err = edit(&r, lastConfirmed(all))
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("vault entry %s: %w", id, err)
	}
	r.Changed = now()
	return v.save(id, r)
}

// List returns all entries by recorder, account and age. Record files that
// cannot be read are named in the error, which comes with the entries of all others.
func (v *Vault) List(ctx context.Context) ([]Entry, error) {
	var out []Entry
	err := v.each(ctx, func(e Entry, _ record) { out = append(out, e) })
	sortEntries(out)
	return out, err
}

// Reveal returns the password of an entry.
func (v *Vault) Reveal(ctx context.Context, id string) (rekey.Secret, error) {
	if err := ctx.Err(); err != nil {
		return rekey.Secret{}, fmt.Errorf("reveal password: %w", err)
	}
	r, err := v.load(id)
	if err != nil {
		return rekey.Secret{}, err
	}
	return rekey.NewSecret(r.Password), nil
}

// Current returns the entry in force for an account, and false where there is
// none. A damaged record of this account is an error: it might be the one.
func (v *Vault) Current(ctx context.Context, recorder, account string) (Entry, bool, error) {
	if err := ctx.Err(); err != nil {
		return Entry{}, false, fmt.Errorf("current password: %w", err)
	}
	all, err := v.loadSlot(v.seal.slot(recorder, account))
	if err != nil {
		return Entry{}, false, err
	}
	last := lastConfirmed(all)
	for id, r := range all {
		if e := r.entry(id, last); e.State == Current {
			return e, true, nil
		}
	}
	return Entry{}, false, nil
}

// OfAccount returns the entries of one account, the oldest first. Damage
// elsewhere in the vault does not matter to it.
func (v *Vault) OfAccount(ctx context.Context, recorder, account string) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list account: %w", err)
	}
	all, err := v.loadSlot(v.seal.slot(recorder, account))
	if err != nil {
		return nil, err
	}
	last := lastConfirmed(all)
	var entries []Entry
	for id, r := range all {
		entries = append(entries, r.entry(id, last))
	}
	sortEntries(entries)
	return entries, nil
}

// Seal makes s storable elsewhere, as in a run's journal: only this vault
// opens it again, and only with the same purpose.
func (v *Vault) Seal(ctx context.Context, purpose string, s rekey.Secret) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(v.seal.seal([]byte(s.Reveal()), "text", purpose)), nil
}

// Unseal opens what Seal made.
func (v *Vault) Unseal(ctx context.Context, purpose, sealed string) (rekey.Secret, error) {
	if err := ctx.Err(); err != nil {
		return rekey.Secret{}, fmt.Errorf("unseal: %w", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil {
		raw, err = v.seal.open(raw, "text", purpose)
	}
	if err != nil {
		return rekey.Secret{}, fmt.Errorf("unseal %s: %w: it was edited, or sealed by another vault or for another purpose", purpose, rekey.ErrStorage)
	}
	return rekey.NewSecret(string(raw)), nil
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
