// Package courier carries the desk's messages: to owners by e-mail (SMTP) or by
// text message (a webhook of an SMS provider), and events to programs by signed
// webhooks. What is queued survives a restart and is tried again; what is sent
// now is tried once, and the caller knows how it went.
package courier

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"rekey"
	"rekey/internal/mail"
	"rekey/internal/store"
)

// Message is one message to one address.
type Message struct {
	Case    int64  // that it is about; 0 = none
	Kind    string // notice.open, notice.approve, notice.reveal, notice.use, former.open and so on, code, half; for the record
	To      string // mailto:NAME@HOST or tel:+NUMBER
	Subject string // of our own words alone
	Text    string
}

// Carrier carries messages of one kind of address. An error means that the
// message may not have arrived; it wraps rekey.ErrUnreachable, or
// rekey.ErrInput where it never will.
type Carrier interface {
	Carry(ctx context.Context, m Message) error
}

// Settled tells of a queued message that is no longer tried.
type Settled struct {
	Case int64
	Kind string // of the message, or the event's
	Hook bool   // it was an event for a hook
	Over bool   // it was handed over; else it was given up
}

// Options of a courier. Key must be set.
type Options struct {
	Mail Carrier // for mailto: addresses; nil = none can be reached
	SMS  Carrier // for tel: addresses; nil = none can be reached
	Key  []byte  // 32 bytes: seals addresses and texts while they wait, and the secrets of hooks
	Now  func() time.Time
	Rand io.Reader
	Log  Log

	Settled func(ctx context.Context, s Settled) // nil = nobody asks
	Report  *slog.Logger                         // for the operator; nil = none. It never holds a secret or an address
}

// Log takes a record of the security log.
type Log interface {
	Note(ctx context.Context, actor, event, object, result string, detail map[string]string) error
}

// Courier has an outbox in the desk's database.
type Courier struct {
	db   *store.DB
	o    Options
	wake map[channel]chan struct{} // something was queued
}

// New makes the courier of a desk on its database, whose migrations are applied.
func New(db *store.DB, o Options) *Courier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Report == nil {
		o.Report = slog.New(slog.DiscardHandler)
	}
	if o.Settled == nil {
		o.Settled = func(context.Context, Settled) {}
	}
	wake := map[channel]chan struct{}{}
	for _, via := range []channel{byMail, bySMS, byHook} {
		wake[via] = make(chan struct{}, 1)
	}
	return &Courier{db: db, o: o, wake: wake}
}

// channel is how something leaves the desk.
type channel string

const (
	byMail channel = "mail"
	bySMS  channel = "sms"
	byHook channel = "hook"
)

// carrier is who carries to an address; nil where nobody does.
func (c *Courier) carrier(to string) (Carrier, channel) {
	scheme, rest, _ := strings.Cut(to, ":")
	switch {
	case scheme == "mailto" && isMail(rest):
		return c.o.Mail, byMail
	case scheme == "tel" && isNumber(rest):
		return c.o.SMS, bySMS
	}
	return nil, ""
}

func isMail(s string) bool {
	_, err := mail.ParseAddress(s)
	return err == nil
}

// isNumber tells whether s is a telephone number in its international form (ITU-T E.164).
func isNumber(s string) bool {
	digits, plus := strings.CutPrefix(s, "+")
	return plus && len(digits) >= 4 && len(digits) <= 15 && strings.Trim(digits, "0123456789") == ""
}

// Reaches tells whether there is a carrier for an address.
func (c *Courier) Reaches(to string) bool {
	carrier, _ := c.carrier(to)
	return carrier != nil
}

// sendTime bounds one try.
const sendTime = 15 * time.Second

// Send sends a message now, in one try of at most 15 seconds. The error wraps
// rekey.ErrUnreachable.
func (c *Courier) Send(ctx context.Context, m Message) error {
	carrier, _ := c.carrier(m.To)
	if carrier == nil {
		return fmt.Errorf("%w: this desk has no way to send to that address", rekey.ErrUnreachable)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return carrier.Carry(ctx, m)
}
