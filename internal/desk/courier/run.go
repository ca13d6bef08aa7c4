package courier

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"
)

// pollEvery is how often the outbox is looked at for what another process has
// queued, and for pauses that are over.
const pollEvery = time.Second

// workers is how many messages of one channel leave at a time.
const workers = 2

// Run carries what is in the outbox until ctx ends. A channel that hangs holds
// up itself alone.
func (c *Courier) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for via := range c.wake {
		all.Go(func() { c.runChannel(ctx, via) })
	}
	all.Wait()
	return nil
}

func (c *Courier) runChannel(ctx context.Context, via channel) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := c.flushChannel(ctx, via); err != nil && ctx.Err() == nil {
			c.o.Report.Error("the desk's messages are held up", "channel", string(via), "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wake[via]:
		case <-tick.C:
		}
	}
}

// Flush tries once everything that is due now, and returns when that is done.
func (c *Courier) Flush(ctx context.Context) error {
	return together(len(c.wake), func(i int) error {
		return c.flushChannel(ctx, []channel{byMail, bySMS, byHook}[i])
	})
}

func (c *Courier) flushChannel(ctx context.Context, via channel) error {
	if yes, err := c.isDue(ctx, via); err != nil || !yes {
		return err
	}
	return together(workers, func(int) error { return c.work(ctx, via) })
}

// together does n things at the same time.
func together(n int, do func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c *Courier) work(ctx context.Context, via channel) error {
	for {
		r, ok, err := c.claim(ctx, via)
		if err != nil || !ok {
			return err
		}
		if err := c.carry(ctx, r); err != nil {
			return err
		}
	}
}

// carry tries one row. How it went is written down even when ctx has ended.
func (c *Courier) carry(ctx context.Context, r row) error {
	trying, cancel := context.WithTimeout(ctx, sendTime)
	failed := c.try(trying, r)
	cancel()
	ctx = context.WithoutCancel(ctx)
	s, err := c.settle(ctx, r, failed)
	if err != nil || s == waits {
		return err
	}
	defer c.o.Settled(ctx, Settled{Case: r.number, Kind: r.kind, Hook: r.hook != 0, Over: s == over})
	return c.record(ctx, r, s)
}

func (c *Courier) try(ctx context.Context, r row) error {
	body, err := c.open(r.id, r.sealed)
	if err != nil {
		return err
	}
	if r.hook != 0 {
		return c.deliver(ctx, r, body)
	}
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		return err
	}
	return c.Send(ctx, m)
}

// record keeps in the security log what was handed to the mail server or the
// SMS provider, and what was given up. Events of hooks are recorded when they
// are given up.
func (c *Courier) record(ctx context.Context, r row, s state) error {
	event, result := "notify.over", "ok"
	if s == givenUp {
		event, result = "notify.given up", "failed"
	} else if r.hook != 0 {
		return nil
	}
	detail := map[string]string{"kind": r.kind, "tries": strconv.Itoa(r.tries + 1)}
	if r.number != 0 {
		detail["case"] = strconv.FormatInt(r.number, 10)
	}
	if r.hook != 0 {
		detail["hook"] = strconv.FormatInt(r.hook, 10)
	}
	return c.o.Log.Note(ctx, "desk", event, string(r.via), result, detail)
}
