package courier_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk/courier"
	"rekey/internal/rekeytest/mailbox"
)

// TestQueuedMessagesArrive, by mail and as a text message, and nothing of them
// lies in the files, before or after.
func TestQueuedMessagesArrive(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.queue(toPetra("notice.open", "http://desk/o/tokentoken"), textTo("notice.open", "short"))
	p.wantTold("notice.open", "0/2/0")
	p.wantNowhere(petra, number, "tokentoken")
	p.flush()
	p.wantTold("notice.open", "2/0/0")
	if l := p.mail.Until("tokentoken"); l.Header.Get("Subject") != "Your recorder" {
		t.Errorf("another message arrived: %q", l.Header)
	}
	if texts := p.sms.To(number); len(texts) != 1 || texts[0].Text != "short" {
		t.Errorf("texts: %v", texts)
	}
	p.wantNowhere(petra, number, "tokentoken")
	if got := p.noted("desk notify.over"); len(got) != 2 || strings.Contains(got[0]+got[1], "petra") {
		t.Errorf("records: %v", got)
	}
	p.flush()
	if len(p.mail.All()) != 1 {
		t.Error("it arrived twice")
	}
}

// TestMailDown: the message waits through a restart, the pauses grow, and after
// a day it is given up, which is recorded.
func TestMailDown(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.mail.Have(mailbox.Down)
	p.queue(toPetra("notice.open", "one"))
	tries := func() int { return len(p.noted("")) }
	p.flush()
	p.later(9 * time.Second)
	p.flush() // too early
	p.Courier, p.db = p.process()
	p.later(time.Second)
	p.flush()
	p.wantTold("notice.open", "0/1/0")
	p.mail.Have(mailbox.None)
	p.later(19 * time.Second)
	p.flush()
	if len(p.mail.All()) != 0 {
		t.Fatal("the second pause is no longer than the first")
	}
	p.later(time.Second)
	p.flush()
	p.wantTold("notice.open", "1/0/0")
	if got := p.noted("desk notify.over"); len(got) != 1 || !strings.Contains(got[0], "tries=3") {
		t.Errorf("records: %v", got)
	}

	p.mail.Have(mailbox.Down)
	before := tries()
	p.queue(toPetra("notice.use", "two"))
	for range 30 {
		p.flush()
		p.later(time.Hour)
	}
	p.wantTold("notice.use", "0/0/1")
	if got := p.noted("desk notify.given up mail failed case=7 kind=notice.use"); len(got) != 1 || tries() != before+1 {
		t.Errorf("records: %v", p.noted(""))
	}
	p.wantNowhere(petra)
	if last := p.settled[len(p.settled)-1]; last != (courier.Settled{Case: 7, Kind: "notice.use"}) {
		t.Errorf("settled: %+v", last)
	}
}

// TestOrderOfACase: a later message to an address never overtakes an earlier
// one, and does not wait for those to other addresses.
func TestOrderOfACase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.mail.Have(mailbox.Down)
	p.queue(toPetra("notice.open", "first"))
	p.flush()
	p.mail.Have(mailbox.None)
	p.queue(toPetra("notice.approve", "second"), textTo("notice.approve", "beside"))
	p.flush()
	if len(p.mail.All()) != 0 || len(p.sms.To(number)) != 1 {
		t.Fatalf("%d letters, %d texts", len(p.mail.All()), len(p.sms.To(number)))
	}
	p.later(10 * time.Second)
	p.flush()
	all := p.mail.To(petra)
	if len(all) != 2 || strings.TrimSpace(all[0].Body) != "first" || strings.TrimSpace(all[1].Body) != "second" {
		t.Errorf("%d letters arrived, or in another order", len(all))
	}
}

// TestTwoProcesses that look at the outbox at the same time send each message once.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	other, _ := p.process()
	const n = 12
	for i := range n {
		m := toPetra("notice.open", fmt.Sprintf("message %d", i))
		m.Case = int64(i + 1)
		p.queue(m)
	}
	var both sync.WaitGroup
	for _, c := range []*courier.Courier{p.Courier, other} {
		both.Go(func() {
			if err := c.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	seen := map[string]int{}
	for _, l := range p.mail.All() {
		seen[strings.TrimSpace(l.Body)]++
	}
	for text, times := range seen {
		if times != 1 {
			t.Errorf("%s arrived %d times", text, times)
		}
	}
	if len(seen) != n {
		t.Errorf("%d messages arrived", len(seen))
	}
}

// TestKilledWhileItSends: what a process that died had claimed is sent by
// another one, after a while.
func TestKilledWhileItSends(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.queue(toPetra("notice.open", "one"))
	if ok, err := p.ClaimOne(t.Context()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	p.later(59 * time.Second)
	p.flush()
	if len(p.mail.All()) != 0 {
		t.Fatal("two processes sent at once")
	}
	p.later(2 * time.Second)
	p.flush()
	p.wantTold("notice.open", "1/0/0")
}

// TestClockSetBack: what waits for a time that is far ahead is tried all the same.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.queue(toPetra("notice.open", "one"))
	p.later(-30 * 24 * time.Hour)
	p.flush()
	p.wantTold("notice.open", "1/0/0")
}

// TestRunCarries what is queued without being asked, and ends with its context.
func TestRunCarries(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	p.queue(toPetra("notice.open", "one for you"))
	p.mail.Until("one for you")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestHangingProviderHoldsUpNobody: mail leaves while the SMS provider hangs.
func TestHangingProviderHoldsUpNobody(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.sms.Answer(hang)
	p.queue(textTo("notice.open", "short"), toPetra("notice.open", "one for you"))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	p.untilSettled()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	p.wantTold("notice.open", "1/1/0")
	if len(p.mail.To(petra)) != 1 {
		t.Error("what was settled is not the mail")
	}
}

// TestNotReached: what no carrier reaches is never queued.
func TestNotReached(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, to := range []string{"", "petra@example.org", "mailto:", "mailto:a@b\r\nBcc: c@d", "tel:030123", "tel:+49 30", "https://example.org", "mailto:+49301234567"} {
		if p.Reaches(to) {
			t.Errorf("%q is reached", to)
		}
		if err := p.Send(t.Context(), courier.Message{To: to}); !errors.Is(err, rekey.ErrUnreachable) {
			t.Errorf("%q: %v", to, err)
		}
	}
	if !p.Reaches("mailto:"+petra) || !p.Reaches("tel:"+number) {
		t.Error("an address is not reached")
	}
	none := courier.New(p.db, courier.Options{Key: make([]byte, 32)})
	if none.Reaches("mailto:"+petra) || none.Reaches("tel:"+number) {
		t.Error("an address is reached without a carrier")
	}
}

// TestForget deletes what was settled, and nothing that waits.
func TestForget(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.queue(toPetra("notice.open", "one"))
	p.flush()
	p.mail.Have(mailbox.Down)
	p.queue(toPetra("notice.approve", "two"))
	p.later(time.Hour)
	if err := p.Forget(t.Context(), p.time()); err != nil {
		t.Fatal(err)
	}
	p.wantTold("notice.open", "0/0/0")
	p.wantTold("notice.approve", "0/1/0")
}
