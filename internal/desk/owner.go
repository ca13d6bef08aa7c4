package desk

import (
	"context"
	"database/sql"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// Owner is who owns a recorder, and how they are reached. It comes from the
// sale or the registration, never from a caller.
type Owner struct {
	Name      string
	Since     time.Time
	Addresses []string // mailto: and tel:
}

// parseAddress reads mailto:NAME@HOST or tel:+NUMBER.
func parseAddress(s string) (string, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(s), ":")
	switch scheme = strings.ToLower(scheme); {
	case strings.ContainsAny(s, lineEnds):
	case scheme == "mailto":
		if a, err := mail.ParseAddress(rest); err == nil && a.Address == rest {
			return "mailto:" + rest, nil
		}
	case scheme == "tel":
		if number, err := parseCaller(rest); err == nil && number != Withheld {
			return "tel:" + number, nil
		}
	}
	return "", refuse(rekey.ErrInput, "owner's address %q: expected mailto:NAME@HOST, or tel:+NUMBER with the country code", clip(s))
}

// mask leaves of an address what is enough to recognise it.
func mask(address string) string {
	scheme, rest, _ := strings.Cut(address, ":")
	if name, host, ok := strings.Cut(rest, "@"); ok && name != "" {
		return scheme + ":" + name[:1] + "***@" + host
	}
	return scheme + ":***" + rest[max(0, len(rest)-3):]
}

// parsed is the owner with the addresses in the one form in which they are kept.
func (o Owner) parsed() (Owner, error) {
	if strings.ContainsAny(o.Name, lineEnds) {
		return o, refuse(rekey.ErrInput, "the owner's name: expected one line")
	}
	var addresses []string
	for _, s := range o.Addresses {
		a, err := parseAddress(s)
		if err != nil {
			return o, err
		}
		addresses = append(addresses, a)
	}
	o.Addresses = addresses
	return o, nil
}

// setOwner overwrites what owner names and leaves the rest. r is what the
// registry knew before. Where the recorder was enrolled before, what differs is
// a change as of now, whatever date comes with it: this is the one place where
// an owner is written, so nobody can get around the rules for new owners.
func (d *Desk) setOwner(ctx context.Context, tx *sql.Tx, r Recorder, enrolled bool, owner Owner) error {
	next := r
	now, err := d.latest(ctx, tx)
	if err != nil {
		return err
	}
	if owner.Name != "" && owner.Name != r.Owner {
		next.Owner = owner.Name
		if enrolled {
			next.OwnedSince = now
		}
	}
	if !owner.Since.IsZero() {
		next.OwnedSince = owner.Since
	}
	if enrolled && (next.Owner != r.Owner || !next.OwnedSince.Equal(r.OwnedSince)) {
		next.ownerChanged = now
	}
	if len(owner.Addresses) > 0 {
		slices.Sort(owner.Addresses)
		next.addresses = slices.Compact(owner.Addresses)
	}
	changed := !slices.Equal(next.addresses, r.addresses)
	if enrolled && changed {
		next.addressesChanged = now
	}
	_, err = tx.ExecContext(ctx, `UPDATE recorders SET owner = $1, owned_since = $2, owner_changed_at = $3, addresses_changed_at = $4 WHERE device_id = $5`,
		next.Owner, store.Micros(next.OwnedSince), store.Micros(next.ownerChanged), store.Micros(next.addressesChanged), r.DeviceID.String())
	if err != nil || !changed {
		return err
	}
	return errors.Join(keepFormer(ctx, tx, r.DeviceID, r.addresses, next.addresses, now), putAddresses(ctx, tx, r.DeviceID, next.addresses))
}

func putAddresses(ctx context.Context, tx *sql.Tx, id recovery.DeviceID, addresses []string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM addresses WHERE device_id = $1`, id.String()); err != nil {
		return err
	}
	for _, a := range addresses {
		if _, err := tx.ExecContext(ctx, `INSERT INTO addresses (device_id, address) VALUES ($1, $2)`, id.String(), a); err != nil {
			return err
		}
	}
	return nil
}

// SetOwner changes the owner, the date since when they own the recorder, or how
// they are reached. For 30 days after that an answer needs documents and a
// second person. The proof is begun for OwnerProof.
func (d *Desk) SetOwner(ctx context.Context, who Agent, id recovery.DeviceID, owner Owner, proof StepUp) error {
	next, err := owner.parsed()
	if err != nil {
		return d.unusable(ctx, who, ActRecorderUpdate, target{object: id.String()}, err)
	}
	t := target{detail: map[string]string{"what": owner.what()}, bound: OwnerProof(id, owner), proof: proof}
	return d.updateRecorder(ctx, who, ActRecorderUpdate, id, t, func(tx *sql.Tx, r Recorder) error {
		return d.setOwner(ctx, tx, r, true, next)
	})
}

// what says what is set, without the data of a person.
func (o Owner) what() string {
	var all []string
	if o.Name != "" {
		all = append(all, "owner")
	}
	if !o.Since.IsZero() {
		all = append(all, "owned since")
	}
	if len(o.Addresses) > 0 {
		all = append(all, "addresses")
	}
	return strings.Join(all, ", ")
}

// SetStolen marks a recorder as reported stolen, or takes the mark away. While
// it stands there is no answer. To take it away the proof is begun for FoundProof.
func (d *Desk) SetStolen(ctx context.Context, who Agent, id recovery.DeviceID, stolen bool, proof StepUp) error {
	act, n, t := ActRecorderUpdate, 0, target{detail: map[string]string{"what": "not stolen"}, bound: FoundProof(id), proof: proof}
	if stolen {
		act, n, t = ActRecorderStolen, 1, target{detail: map[string]string{"what": "reported stolen"}}
	}
	return d.updateRecorder(ctx, who, act, id, t, func(tx *sql.Tx, _ Recorder) error {
		_, err := tx.ExecContext(ctx, `UPDATE recorders SET stolen = $1 WHERE device_id = $2`, n, id.String())
		return err
	})
}

func (d *Desk) updateRecorder(ctx context.Context, who Agent, act Act, id recovery.DeviceID, t target, change func(*sql.Tx, Recorder) error) error {
	t.object = id.String()
	return d.perform(ctx, who, act, t, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			r, err := readRecorder(ctx, tx, id)
			if err != nil {
				return err
			}
			return change(tx, r)
		})
	})
}
