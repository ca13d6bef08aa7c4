package desk

import (
	"context"
	"database/sql"
	"net/mail"
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

// parseAddress reads mailto:NAME@HOST or tel:NUMBER.
func parseAddress(s string) (string, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(s), ":")
	switch strings.ToLower(scheme) {
	case "mailto":
		if a, err := mail.ParseAddress(rest); err == nil && a.Address == rest {
			return "mailto:" + rest, nil
		}
	case "tel":
		if number, err := parseCaller(rest); err == nil && number != Withheld {
			return "tel:" + number, nil
		}
	}
	return "", refuse(rekey.ErrInput, "owner's address %q: expected mailto:NAME@HOST or tel:NUMBER", clip(s))
}

// mask leaves of an address what is enough to recognise it.
func mask(address string) string {
	scheme, rest, _ := strings.Cut(address, ":")
	if name, host, ok := strings.Cut(rest, "@"); ok && name != "" {
		return scheme + ":" + name[:1] + "***@" + host
	}
	return scheme + ":***" + rest[max(0, len(rest)-3):]
}

func parseAddresses(typed []string) (addresses []string, err error) {
	for _, s := range typed {
		a, err := parseAddress(s)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}

// setOwner overwrites what owner names and leaves the rest.
func setOwner(ctx context.Context, tx *sql.Tx, id recovery.DeviceID, owner Owner) error {
	if owner.Name != "" {
		if _, err := tx.ExecContext(ctx, `UPDATE recorders SET owner = $1 WHERE device_id = $2`, owner.Name, id.String()); err != nil {
			return err
		}
	}
	if !owner.Since.IsZero() {
		if _, err := tx.ExecContext(ctx, `UPDATE recorders SET owned_since = $1 WHERE device_id = $2`, store.Micros(owner.Since), id.String()); err != nil {
			return err
		}
	}
	if len(owner.Addresses) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM addresses WHERE device_id = $1`, id.String()); err != nil {
		return err
	}
	for _, a := range owner.Addresses {
		if _, err := tx.ExecContext(ctx, `INSERT INTO addresses (device_id, address) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id.String(), a); err != nil {
			return err
		}
	}
	return nil
}

// SetOwner changes the owner. A name without a date counts as a change today.
func (d *Desk) SetOwner(ctx context.Context, who Agent, id recovery.DeviceID, owner Owner) error {
	addresses, err := parseAddresses(owner.Addresses)
	if err != nil {
		return err
	}
	if owner.Addresses = addresses; owner.Name != "" && owner.Since.IsZero() {
		owner.Since = d.now()
	}
	return d.updateRecorder(ctx, who, id, map[string]string{"what": "owner"}, func(tx *sql.Tx) error {
		return setOwner(ctx, tx, id, owner)
	})
}

// SetStolen marks a recorder as reported stolen, or takes the mark away. While
// it stands there is no answer.
func (d *Desk) SetStolen(ctx context.Context, who Agent, id recovery.DeviceID, stolen bool) error {
	mark := map[bool]string{true: "reported stolen", false: "not stolen"}[stolen]
	return d.updateRecorder(ctx, who, id, map[string]string{"what": mark}, func(tx *sql.Tx) error {
		n := 0
		if stolen {
			n = 1
		}
		_, err := tx.ExecContext(ctx, `UPDATE recorders SET stolen = $1 WHERE device_id = $2`, n, id.String())
		return err
	})
}

func (d *Desk) updateRecorder(ctx context.Context, who Agent, id recovery.DeviceID, detail map[string]string, change func(*sql.Tx) error) error {
	return d.perform(ctx, who, ActRecorderUpdate, target{object: id.String(), detail: detail}, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := readRecorder(ctx, tx, id); err != nil {
				return err
			}
			return change(tx)
		})
	})
}
