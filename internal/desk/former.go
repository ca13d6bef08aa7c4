package desk

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"rekey/internal/desk/courier"
	"rekey/internal/store"
	"rekey/recovery"
)

// formerFor is how long an address that was removed or replaced is told of
// cases: as long as the change counts as a risk. Whoever has the registry
// changed to their own address cannot keep its owner from hearing of it.
const formerFor = 30 * 24 * time.Hour

// keepFormer remembers what is no longer registered. What is registered again
// is not former.
func keepFormer(ctx context.Context, tx *sql.Tx, id recovery.DeviceID, before, next []string, now time.Time) error {
	for _, a := range next {
		if _, err := tx.ExecContext(ctx, `DELETE FROM former_addresses WHERE device_id = $1 AND address = $2`, id.String(), a); err != nil {
			return err
		}
	}
	for _, a := range before {
		if slices.Contains(next, a) {
			continue
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO former_addresses (device_id, address, removed_at) VALUES ($1, $2, $3)`,
			id.String(), a, store.Micros(now)); err != nil {
			return err
		}
	}
	return nil
}

// readFormer are the addresses that were registered less than 30 days ago.
func readFormer(ctx context.Context, tx *sql.Tx, id recovery.DeviceID, now time.Time) ([]string, error) {
	return store.All(ctx, tx, func(scan store.Scan) (a string, err error) { return a, scan(&a) },
		`SELECT address FROM former_addresses WHERE device_id = $1 AND removed_at > $2 ORDER BY address`,
		id.String(), store.Micros(now.Add(-formerFor)))
}

// forgetFormer deletes those that were not registered for longer.
func forgetFormer(ctx context.Context, tx *sql.Tx, now time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM former_addresses WHERE removed_at <= $1`, store.Micros(now.Add(-formerFor)))
	return err
}

// tellFormer queues a notice to those that were registered less than 30 days
// ago. Nothing waits for these messages, so they are of kinds of their own.
func (d *Desk) tellFormer(ctx context.Context, tx *sql.Tx, c *Case, kind string) error {
	former, err := readFormer(ctx, tx, c.DeviceID, d.now())
	if err != nil {
		return err
	}
	return d.tellEach(ctx, tx, c, former, func(l link) courier.Message { return formerNotice(c, l, kind) })
}

// registers tells whether a keyed hash is of an address that is registered now.
// The link to any other follows the case and can stop it; it confirms nothing
// and gets no half.
func (d *Desk) registers(c *Case, addressMAC string) bool {
	return slices.ContainsFunc(c.Targets, func(t Target) bool { return d.addressMAC(t.address) == addressMAC })
}
