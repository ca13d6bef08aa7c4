package office

import (
	"context"
	"fmt"
	"sync"

	"rekey"
	"rekey/internal/desk/courier"
)

// Bag is a mail server or an SMS provider that keeps what it carried, and can be
// down. The zero value is empty and up.
type Bag struct {
	mu      sync.Mutex
	down    bool
	refused string // a kind
	all     []courier.Message
}

// Carry keeps the message.
func (b *Bag) Carry(_ context.Context, m courier.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down || m.Kind == b.refused {
		return fmt.Errorf("%w: the mail is down", rekey.ErrUnreachable)
	}
	b.all = append(b.all, m)
	return nil
}

// SetDown makes it refuse what comes, or take it again.
func (b *Bag) SetDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

// Refuse makes it refuse messages of one kind; "" = none.
func (b *Bag) Refuse(kind string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = kind
}

// Of are the messages of a kind, oldest first; an empty kind is all.
func (b *Bag) Of(kind string) (all []courier.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.all {
		if kind == "" || m.Kind == kind {
			all = append(all, m)
		}
	}
	return all
}
