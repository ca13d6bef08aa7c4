package courier_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/schema"
	"rekey/internal/mail"
	"rekey/internal/rekeytest/mailbox"
	"rekey/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	petra  = "petra@example.org"
	number = "+49301234567"
)

// place is a courier with its mail server, its SMS provider, a clock and a log.
type place struct {
	t    *testing.T
	dir  string
	mail *mailbox.Server
	sms  *mailbox.Provider
	*courier.Courier
	db *store.DB

	mu      sync.Mutex
	now     time.Time
	records []string
	settled []courier.Settled
	heard   chan struct{} // something was settled
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), mail: mailbox.Serve(t), sms: mailbox.ServeSMS(t), heard: make(chan struct{}, 1), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	p.Courier, p.db = p.process()
	return p
}

// process is one more process on the same database.
func (p *place) process() (*courier.Courier, *store.DB) {
	p.t.Helper()
	db, err := store.Open(p.t.Context(), filepath.Join(p.dir, "desk.db"), schema.Migrations())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = db.Close() })
	return courier.New(db, courier.Options{
		Mail: courier.Mail{SMTP: mail.SMTP{Server: p.mail.Addr, From: "desk@example.net"}},
		SMS:  courier.SMS{URL: p.sms.URL, Key: rekey.NewSecret(p.sms.Key), Now: p.time},
		Key:  bytes.Repeat([]byte{7}, 32), Now: p.time, Log: p, Settled: p.hear,
	}), db
}

func (p *place) time() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *place) later(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// Note keeps a record of the security log.
func (p *place) Note(_ context.Context, actor, event, object, result string, detail map[string]string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprint(actor, " ", event, " ", object, " ", result)
	for _, k := range slices.Sorted(maps.Keys(detail)) {
		line += " " + k + "=" + detail[k]
	}
	p.records = append(p.records, line)
	return nil
}

func (p *place) hear(_ context.Context, s courier.Settled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = append(p.settled, s)
	select {
	case p.heard <- struct{}{}:
	default:
	}
}

// untilSettled waits until it is written down what became of a message: a mail
// server has it before.
func (p *place) untilSettled() {
	p.t.Helper()
	select {
	case <-p.heard:
	case <-time.After(time.Minute):
		p.t.Fatal("no message was settled")
	}
}

// noted are the records that begin so.
func (p *place) noted(begin string) (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.records {
		if strings.HasPrefix(r, begin) {
			all = append(all, r)
		}
	}
	return all
}

func (p *place) queue(m ...courier.Message) {
	p.t.Helper()
	err := p.db.Tx(p.t.Context(), func(tx *sql.Tx) error {
		for _, one := range m {
			if err := p.Queue(p.t.Context(), tx, one); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) tell(e courier.Event) {
	p.t.Helper()
	if err := p.db.Tx(p.t.Context(), func(tx *sql.Tx) error { return p.Tell(p.t.Context(), tx, e) }); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) flush() {
	p.t.Helper()
	if err := p.Flush(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// told is the count of case 7's messages of a kind as over/waiting/given up.
func (p *place) told(kind string) (counts string) {
	p.t.Helper()
	err := p.db.Read(p.t.Context(), func(tx *sql.Tx) error {
		over, waiting, givenUp, err := p.Told(p.t.Context(), tx, 7, kind)
		counts = fmt.Sprintf("%d/%d/%d", over, waiting, givenUp)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return counts
}

func (p *place) wantTold(kind, want string) {
	p.t.Helper()
	if got := p.told(kind); got != want {
		p.t.Errorf("told %s, want %s", got, want)
	}
}

// wantNowhere looks for texts in every file of the place.
func (p *place) wantNowhere(secrets ...string) {
	p.t.Helper()
	err := filepath.WalkDir(p.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		for i, s := range secrets {
			if bytes.Contains(bytes.ToLower(data), []byte(strings.ToLower(s))) {
				p.t.Errorf("secret %d is in %s", i, filepath.Base(name))
			}
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func toPetra(kind, text string) courier.Message {
	return courier.Message{Case: 7, Kind: kind, To: "mailto:" + petra, Subject: "Your recorder", Text: text}
}

func textTo(kind, text string) courier.Message {
	return courier.Message{Case: 7, Kind: kind, To: "tel:" + number, Text: text}
}
