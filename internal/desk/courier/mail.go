package courier

import (
	"context"
	"fmt"
	"strings"

	"rekey"
	"rekey/internal/mail"
)

// Mail carries to mailto: addresses by one mail server.
type Mail struct{ mail.SMTP }

// Carry hands the message to the mail server.
func (c Mail) Carry(ctx context.Context, m Message) error {
	to, ok := strings.CutPrefix(m.To, "mailto:")
	if !ok {
		return fmt.Errorf("%w: that is no e-mail address; expected mailto:NAME@HOST", rekey.ErrInput)
	}
	return c.Send(ctx, to, mail.Message{Subject: m.Subject, Text: m.Text})
}
