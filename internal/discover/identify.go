package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"rekey"
)

const (
	// probeWait is how long a single host has for its discovery answer, or longer
	// where its web page takes longer. Others on its network would be asked for
	// longer, but here the question goes to one.
	probeWait = 1500 * time.Millisecond
	// wholeLimit is how long all of it may take.
	wholeLimit = 30 * time.Second
	// doorWait is how long it has to accept a connection.
	doorWait = 3 * time.Second
	// streamPort is where recorders serve streams (RTSP).
	streamPort = 554
)

// Identify asks one host what it is, without a login: the families in their
// order until one knows it, beside them each of also, and a discovery question
// by each prober to that host alone. What they tell is merged, the family's word
// first, then that of also, then the probers'.
//
// Where the person named no port and the usual web port is closed or no
// recorder's, the usual one of TLS is tried, and the one that a discovery answer
// names. A host name is looked up once, and all questions go to that address.
// It takes 30 s at most. rekey.ErrNotRecorder: something answers that nobody
// knows, and the words say what. rekey.ErrUnreachable: nothing does, or the name
// has no address. rekey.ErrInput: it is no address of a host.
func Identify(ctx context.Context, t rekey.Target, families, also []Identifier, probers []Prober) (rekey.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, wholeLimit)
	defer cancel()
	here, err := resolve(ctx, rekey.Target{Host: t.Host}.String())
	if err != nil {
		return rekey.Identity{}, err
	}
	at := rekey.Target{Host: here.First.String(), Port: t.Port, TLS: t.TLS}
	q := inquiry{families: families, also: also}
	var wait sync.WaitGroup
	busy := make(chan struct{})
	wait.Go(func() { q.probed = probe(ctx, here, probers, busy) })
	web, streams := doors(ctx, at)
	err = q.first(ctx, web)
	close(busy)
	wait.Wait()
	if q.id == nil && t.Port == 0 {
		more := answering(ctx, named(at, q.probed))
		err = cmp.Or(q.first(ctx, more), err)
		if q.streams = streams && len(web)+len(more) == 0; q.streams {
			err = q.first(ctx, []rekey.Target{at})
		}
	}
	return q.result(ctx, t, err)
}

// IdentifyOpen asks a host, of which it is known which ports are open, as
// Identify does, but without a discovery question of its own. It is what
// Options.Identify of a sweep wants.
func IdentifyOpen(ctx context.Context, host netip.Addr, open []int, families, also []Identifier) (rekey.Identity, error) {
	q := inquiry{families: families, also: also}
	var at []rekey.Target
	for _, port := range open {
		if t, ok := webPort(host, port); ok {
			at = append(at, t)
		}
	}
	t := rekey.Target{Host: host.String()}
	if len(at) == 0 && slices.Contains(open, streamPort) {
		at, q.streams = []rekey.Target{t}, true
	}
	if len(at) == 0 {
		return rekey.Identity{}, fmt.Errorf("%w: %s has no web page, something answers at TCP %s", rekey.ErrNotRecorder, host, portWords(open))
	}
	err := q.first(ctx, at)
	return q.result(ctx, t, err)
}

// inquiry is what is being learnt of one host.
type inquiry struct {
	families, also []Identifier
	id             *rekey.Identity // what a family knows
	at             rekey.Target    // where it does
	beside         []beside
	probed         []rekey.Identity // what discovery answers tell
	asked          []rekey.Target   // who answers there is of no family
	streams        bool             // only streams answer there
}

// result merges, or says why there is nothing.
func (q *inquiry) result(ctx context.Context, t rekey.Target, err error) (rekey.Identity, error) {
	id, others := q.atOneDoor()
	for n := range q.probed {
		id = mergeInto(id, &q.probed[n])
	}
	switch ended := ctx.Err(); {
	case ended != nil && (id == nil || errors.Is(ended, context.Canceled)):
		return rekey.Identity{}, fmt.Errorf("%w: %s: %w", rekey.ErrUnreachable, t, ended)
	case id == nil:
		return rekey.Identity{}, q.nobody(ctx, t, err)
	case len(others) > 0:
		id.Oddities = append(slices.Clone(id.Oddities), anotherDevice(others))
	}
	return *id, nil
}

// nobody says what answers that nobody knows; where nothing does, that it does not.
func (q *inquiry) nobody(ctx context.Context, t rekey.Target, err error) error {
	if q.streams {
		return fmt.Errorf("%w: %s: only streams answer (RTSP, port %d); no recorder that rekey knows", rekey.ErrNotRecorder, t, streamPort)
	}
	for _, at := range q.asked {
		words, spoke := describe(ctx, at)
		if spoke || err == nil {
			return fmt.Errorf("%w: %s: %s", rekey.ErrNotRecorder, t, words)
		}
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s: nothing answers, neither at its web ports nor to discovery; check the address, the cable and the power of the recorder", rekey.ErrUnreachable, t)
}

// first asks at one target after the other until a family knows the host. The
// error is that of the last family that got no answer.
func (q *inquiry) first(ctx context.Context, at []rekey.Target) (err error) {
	for _, t := range at {
		var wait sync.WaitGroup
		told := make([]*rekey.Identity, len(q.also))
		for n, i := range q.also {
			wait.Go(func() {
				if id, err := i.Identify(ctx, t); err == nil {
					told[n] = &id
				}
			})
		}
		failed := q.family(ctx, t)
		wait.Wait()
		for n, id := range told {
			if id != nil {
				q.beside = append(q.beside, beside{t, credited(*id, q.also[n].Family())})
			}
		}
		if q.id != nil {
			q.at = t
			return nil
		}
		err = failed
	}
	return err
}

// family asks the families in their order. One that gets no answer does not
// speak for the others: to questions that it does not know a box may say nothing.
// The error is that of one that got none in time, or none that it could read.
func (q *inquiry) family(ctx context.Context, t rekey.Target) (err error) {
	for _, f := range q.families {
		id, failed := f.Identify(ctx, t)
		if failed == nil {
			id = credited(id, f.Family())
			q.id = &id
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(failed, rekey.ErrNotRecorder) {
			err = failed
		}
	}
	var late net.Error
	if !errors.As(err, &late) || !late.Timeout() {
		q.asked = append(q.asked, t)
	}
	return err
}

// doors are the usual web ports at which somebody answers, and whether streams
// are served: where they are all there is, the families are asked for what they
// make of them.
func doors(ctx context.Context, t rekey.Target) (web []rekey.Target, streams bool) {
	if t.Port != 0 {
		return answering(ctx, usual(t)), false
	}
	rtsp := rekey.Target{Host: t.Host, Port: streamPort}
	open := answering(ctx, append(usual(t), rtsp))
	web = slices.DeleteFunc(slices.Clone(open), func(at rekey.Target) bool { return at == rtsp })
	return web, len(web) < len(open)
}

// usual are the usual web ports of a target.
func usual(t rekey.Target) []rekey.Target {
	if t.Port != 0 || t.TLS {
		return []rekey.Target{t}
	}
	return []rekey.Target{t, {Host: t.Host, TLS: true}}
}

// named are the web ports that discovery answers name, which were not asked yet.
// Only the port is believed, where it may be one: the host stays the one that was
// named.
func named(t rekey.Target, probed []rekey.Identity) []rekey.Target {
	var at []rekey.Target
	for _, id := range probed {
		for _, i := range id.Interfaces {
			web := i.Kind != rekey.InterfaceRTSP && i.Kind != rekey.InterfaceSDK && i.Kind != rekey.InterfaceSeat
			there := rekey.Target{Host: t.Host, Port: i.Port, TLS: i.TLS}
			asked := slices.ContainsFunc(usual(t), func(u rekey.Target) bool { return u.HTTPPort() == i.Port })
			if web && mayBeWeb(i.Port) && !asked && !slices.Contains(at, there) {
				at = append(at, there)
			}
		}
	}
	return at
}

// mayBeWeb keeps a discovery answer from sending us to a port of another service:
// below 1024 those have theirs, above it people put web pages where they like.
func mayBeWeb(port int) bool {
	return port >= 80 && port < 90 || port == 443 || port >= 1024 && port <= 65535
}

// answering keeps the targets at which somebody accepts a connection.
func answering(ctx context.Context, at []rekey.Target) []rekey.Target {
	open := make([]bool, len(at))
	var wait sync.WaitGroup
	for n, t := range at {
		wait.Go(func() {
			d := net.Dialer{Timeout: doorWait}
			conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(t.Host, strconv.Itoa(t.HTTPPort())))
			if err == nil {
				_ = conn.Close()
				open[n] = true
			}
		})
	}
	wait.Wait()
	var out []rekey.Target
	for n, t := range at {
		if open[n] {
			out = append(out, t)
		}
	}
	return out
}

// probe asks one host by all probers at once and takes the first answer to each.
// What others say in its place is not listened to. It has probeWait for that, and
// as long as busy is not closed.
func probe(ctx context.Context, r Range, probers []Prober, busy <-chan struct{}) []rekey.Identity {
	told := make([]*rekey.Identity, len(probers))
	var wait sync.WaitGroup
	for n, p := range probers {
		wait.Go(func() {
			ctx, enough := context.WithCancel(ctx)
			defer enough()
			_ = Find(ctx, Options{Probers: []Prober{p}, Hosts: Hosts{r}, Wait: probeWait, busy: busy}, func(f Found) {
				told[n] = &f.Identity
				enough()
			})
		})
	}
	wait.Wait()
	var all []rekey.Identity
	for _, id := range told {
		if id != nil {
			all = append(all, *id)
		}
	}
	return all
}
