package cloud

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/mail"
)

// noMail is a mail server that is out of reach.
type noMail struct{}

func (noMail) Send(context.Context, string, mail.Message) error {
	return errors.New("dial tcp 10.1.2.3:25: no route")
}

// TestAskingCostsNoHash: who has asked for too many accounts does not get to
// the hash, where people who log in would have to wait; and nobody is told
// what the mail server said.
func TestAskingCostsNoHash(t *testing.T) {
	t.Parallel()
	c, err := Open(t.Context(), t.TempDir(), Options{Mail: noMail{}, Argon: argon.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	from, password := netip.MustParseAddr("192.0.2.7"), rekey.NewSecret("four words that she likes")
	for range limits().mailFrom.most {
		if _, err := c.AskForAccount(t.Context(), "petra@example.org", password, from); err != nil && strings.Contains(err.Error(), "10.1.2.3") {
			t.Errorf("the refusal tells where the mail server is: %v", err)
		}
	}
	for range cap(c.hashing) {
		c.hashing <- struct{}{} // as if the machine were busy
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.AskForAccount(ctx, "petra@example.org", password, from); !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("one more: %v, want %v", err, rekey.ErrLocked)
	}
}
