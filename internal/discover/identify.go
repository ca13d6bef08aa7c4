package discover

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"rekey"
)

// identifyWait is how long a single host has for its discovery answer. Others
// on its network would be asked for longer, but here the question goes to one.
const identifyWait = 1500 * time.Millisecond

// Identify asks one host what it is, by the drivers' own means and by a
// discovery question to that host alone, and merges the two. No login is made.
// The first driver that knows the recorder has it; rekey.ErrNotRecorder: none does.
func Identify(ctx context.Context, t rekey.Target, drivers []rekey.Driver, probers []Prober) (rekey.Identity, error) {
	var probed rekey.Identity
	var answered bool
	var wait sync.WaitGroup
	wait.Go(func() { probed, answered = probe(ctx, t, probers) })
	id, err := byDriver(ctx, t, drivers)
	wait.Wait()
	if errors.Is(err, rekey.ErrUnreachable) && answered && t.Port == 0 {
		// The discovery answer names the web port; the usual one was wrong.
		if i, ok := probed.Interface(rekey.InterfaceCGI); ok && i.Port != t.HTTPPort() {
			t.Port = i.Port
			id, err = byDriver(ctx, t, drivers)
		}
	}
	switch {
	case err == nil && answered:
		return Merge(id, probed), nil
	case err == nil:
		return id, nil
	case answered && ctx.Err() == nil:
		return probed, nil
	}
	return rekey.Identity{}, err
}

// byDriver asks the drivers in their order. What is unreachable for one is so for all.
func byDriver(ctx context.Context, t rekey.Target, drivers []rekey.Driver) (rekey.Identity, error) {
	err := fmt.Errorf("%w: %s: no driver knows it", rekey.ErrNotRecorder, t)
	for _, d := range drivers {
		id, failed := d.Identify(ctx, t)
		if failed == nil {
			return id, nil
		}
		err = failed
		if !errors.Is(failed, rekey.ErrNotRecorder) {
			break
		}
	}
	return rekey.Identity{}, err
}

// probe asks one host by all probers and returns at its first answer. What
// others say in its place is not listened to.
func probe(ctx context.Context, t rekey.Target, probers []Prober) (id rekey.Identity, ok bool) {
	hosts, err := resolve(ctx, t.Host)
	if err != nil || len(probers) == 0 {
		return id, false
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	var host netip.Addr
	for h := range hosts {
		host = h.Addr().Unmap()
	}
	_ = Find(ctx, Options{Probers: probers, Hosts: hosts, Wait: identifyWait, only: host}, func(f Found) {
		id, ok = f.Identity, true
		enough()
	})
	return id, ok
}
