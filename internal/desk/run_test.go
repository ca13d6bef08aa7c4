package desk_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/internal/desk"
	"rekey/internal/rekeytest/mailbox"
	"rekey/recovery"
)

// listener is a program that is told of the desk's events.
type listener struct {
	mu     sync.Mutex
	secret string
	kinds  []string
	bodies []string
	bad    int
	heard  chan struct{}
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil || !mailbox.Signed(r.Header, l.secret, body) {
		l.bad++
	}
	l.kinds, l.bodies = append(l.kinds, r.Header.Get("Rekey-Event")), append(l.bodies, string(body))
	w.WriteHeader(http.StatusNoContent)
	l.heard <- struct{}{}
}

// until waits for what the desk does in the background.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not happen: %s", what)
		}
	}
}

// TestRunTells owners and programs of a whole case, in its order, and ends with
// its context.
func TestRunTells(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	l := &listener{heard: make(chan struct{}, 100)}
	s := httptest.NewServer(l)
	t.Cleanup(s.Close)
	_, secret, err := p.desk.AddHook(t.Context(), desk.Operator(), s.URL, nil, desk.StepUp{})
	if err != nil {
		t.Fatal(err)
	}
	l.secret = secret.Reveal()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.desk.Run(ctx) }()
	c := p.ready(b, "+49 171 5550123")
	if _, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String()); err != nil {
		t.Fatal(err)
	}
	until(t, "the owner's mail", func() bool { return len(p.mail.Of("notice.open")) > 0 })
	if _, err := p.desk.OwnerNotMe(t.Context(), p.token(p.mail.Of("notice.open")[0])); err != nil {
		t.Fatal(err)
	}
	want := []string{"case.opened", "case.approved", "case.answered", "case.notme"}
	over := time.After(time.Minute)
	for range want {
		select {
		case <-l.heard:
		case <-over:
			t.Fatal("an event did not come in time")
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !slices.Equal(l.kinds, want) || l.bad != 0 {
		t.Errorf("events %v, %d badly signed", l.kinds, l.bad)
	}
	for _, body := range l.bodies {
		if !strings.Contains(body, b.id.String()) || strings.Contains(body, "petra") || strings.Contains(body, "5550123") {
			t.Errorf("body %s", body)
		}
	}
}

// TestMessageThatIsGivenUp raises an alarm.
func TestMessageThatIsGivenUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.mail.SetDown(true)
	c := p.openCase(ann(), p.enrol(ownerOfAll()), "+49 171 5550123")
	for range 30 {
		p.flush()
		p.clock.Add(time.Hour)
	}
	got := p.seen(ann(), c.Number)
	if len(got.Told) != 1 || got.Told[0] != (desk.Telling{Kind: "open", Over: 1, GivenUp: 1}) {
		t.Errorf("told %+v", got.Told)
	}
	alarms, err := p.desk.Alarms(t.Context(), sue(), true)
	if err != nil || !slices.ContainsFunc(alarms, func(a desk.Alarm) bool { return a.Kind == "undelivered" && a.Case == c.Number }) {
		t.Errorf("alarms %+v, %v", alarms, err)
	}
}

// TestToldLate: a case that was opened while no address could be reached waits
// until the owner is told, and goes on then.
func TestToldLate(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.reopen(func(o *desk.Options) { o.Mail, o.SMS = nil, nil })
	c := p.openCase(ann(), p.enrol(ownerOfAll()), "+49 171 5550123")
	if got := p.seen(ann(), c.Number); len(got.Told) != 0 {
		t.Fatalf("told %+v", got.Told)
	}
	p.reopen(func(*desk.Options) {})
	p.mail.SetDown(true)
	p.sms.SetDown(true)
	p.flush()
	p.mail.SetDown(false)
	if _, err := p.desk.SendCode(t.Context(), ann(), c.Number, byMail); err != nil {
		t.Fatal(err)
	}
	if err := p.readOut(c.Number, codeIn(p.mail.Of("code")[0].Text)); err != nil {
		t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceCallback)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	if got := p.seen(ann(), c.Number); got.Stage != desk.StageTelling {
		t.Fatalf("stage %s, told %+v", got.Stage, got.Told)
	}
	p.clock.Add(time.Minute)
	for range 2 {
		if err := p.desk.TellLate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.flush()
	if got := p.seen(ann(), c.Number); got.Stage != desk.StageChallenge || len(p.mail.Of("notice.open")) != 1 {
		t.Errorf("stage %s, %d notices", got.Stage, len(p.mail.Of("notice.open")))
	}
}
