package desk

import "context"

// Flush carries what waits in the outbox, as Run would.
func (d *Desk) Flush(ctx context.Context) error { return d.courier.Flush(ctx) }
