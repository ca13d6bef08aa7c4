package desk

import "context"

// Forget forgets what is over, as Run would.
func (d *Desk) Forget(ctx context.Context) error { return d.forget(ctx) }

// TellLate tells what could not be told before, as Run would.
func (d *Desk) TellLate(ctx context.Context) error { return d.tellLate(ctx) }
