package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// TestNews: whoever watches hears of a change, and no more when their session
// is over.
func TestNews(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol()
	sue, ann := p.as("sue"), p.as("ann")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	heard, over := make(chan struct{}, 100), make(chan error, 1)
	go func() { over <- sue.Watch(ctx, func() { heard <- struct{}{} }) }()
	number := p.openCase(ann, b, "withheld")
	for range 4 {
		p.hears(heard, func() { p.note(number) })
	}
	if _, err := p.desk.DisableAgent(ctx, desk.Operator(), "sue"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-over:
		wantKind(t, err, rekey.ErrUnreachable)
	case <-time.After(time.Minute):
		t.Error("the stream outlives the session")
	}
}

func (p *place) note(number int64) {
	p.t.Helper()
	if _, err := p.desk.AddNote(p.t.Context(), desk.Agent{Name: "sue", Role: staff.RoleSupervisor}, number, "something new"); err != nil {
		p.t.Fatal(err)
	}
}

// hears makes a change, again until it is heard: the stream may not stand yet.
func (p *place) hears(heard <-chan struct{}, change func()) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		change()
		select {
		case <-heard:
			return
		case <-time.After(2 * time.Second):
		}
	}
	p.t.Fatal("nothing was heard")
}

// TestNewsAreBounded: a browser that opens one stream after the other is
// refused, and let in again when it closes one.
func TestNewsAreBounded(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ann := p.as("ann")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	over := make(chan error, 20)
	for range 20 {
		go func() { over <- ann.Watch(ctx, func() {}) }()
	}
	refused := 0
	for range 14 { // six of twenty stay
		if err := <-over; errors.Is(err, rekey.ErrLocked) {
			refused++
		}
	}
	if refused != 14 {
		t.Errorf("%d of 20 were refused", refused)
	}
	stop()
	for range 6 {
		if err := <-over; err == nil {
			t.Error("a stream ended without a word")
		}
	}
	if status, text := p.browse("otto").send("GET", "/news", ""); status != http.StatusOK {
		t.Errorf("somebody else: %d %s", status, text)
	}
}
