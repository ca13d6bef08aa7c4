// Package discover turns addresses into identified recorders, without a login.
// It sends only to the hosts and on the network interfaces that it was given,
// and takes no answer that comes from elsewhere.
package discover

import (
	"context"
	"net"
	"net/netip"
	"time"

	"rekey"
)

// Identifier asks one host what it is, without a login. Drivers are identifiers.
type Identifier interface {
	// Family is the protocol family, as in rekey.Identity.Family.
	Family() string
	// Identify asks at the target's web port. rekey.ErrNotRecorder: what answers
	// there is not of this family.
	Identify(ctx context.Context, t rekey.Target) (rekey.Identity, error)
}

// Prober knows one discovery protocol over UDP. One whose answers go to the
// group has the method AnswersToGroup() bool too: Find joins the groups at Port.
type Prober interface {
	// Name is the protocol's, as it stands in rekey.Fact.From.
	Name() string
	// Port is where recorders listen.
	Port() int
	// Multicast are the groups, of IPv4 and IPv6, that recorders join;
	// 255.255.255.255 stands for the broadcast address of the network interface.
	Multicast() []netip.Addr
	// Frame is the question. Every question is a frame of its own.
	Frame() []byte
	// Parse reads an answer. An error means that it is not one of this
	// protocol; a question, such as our own, is not.
	Parse(reply []byte, from netip.AddrPort) (rekey.Identity, error)
}

// Options says where to look.
type Options struct {
	// Probers, the one first whose word counts most.
	Probers []Prober
	// Hosts are asked one by one.
	Hosts Hosts
	// Interfaces are asked by multicast and broadcast, one hop far. None means none.
	Interfaces []net.Interface
	// Ports are knocked at on every one of Hosts, by TCP. None means no sweep.
	Ports []int
	// Identify is asked about every host that has a port open, 16 at a time. Its
	// word counts more than a prober's. It must end with its context.
	Identify func(ctx context.Context, host netip.Addr, open []int) (rekey.Identity, error)
	Wait     time.Duration // for answers, after the last question by UDP; 1.5 s when 0
	Rate     int           // questions a second, of UDP, TCP and Identify together; 2000 when 0
	// Progress is told, a few times a second and at the end, also where the
	// context ends, how many of Options.Questions were asked. Like each of Find it
	// is called by Find's own goroutine.
	Progress func(asked int)
	// Trouble is told what could not be asked, and who answered that was not
	// asked; Find goes on without.
	Trouble func(error)

	dial dialer
	// busy, where it is not nil, keeps Find listening until it is closed: as long
	// as something else is asked of the hosts.
	busy <-chan struct{}
}

// Questions is how many questions to single hosts Find will ask.
func (o Options) Questions() int { return o.Hosts.Len() * (len(o.Probers) + len(o.Ports)) }

// Found is what is known of one box: a row of the table that grows as answers
// come in.
type Found struct {
	// Row is the box's number in this search, from 1.
	Row      int
	Identity rekey.Identity
	// Addresses are all that it answered from, the handiest first: IPv4, then
	// IPv6, then link-local ones.
	Addresses []netip.Addr
	// More: the row was told before; this takes its place.
	More bool
	// Absorbs are rows told before that turned out to be this box.
	Absorbs []int
}

// Recorder reports whether it is a recorder as far as is known. Something else
// that answered has the oddity not-a-recorder, with what it is in words; what
// accepted connections and told nothing, and may be one, has no-answer.
func (f Found) Recorder() bool { return f.Identity.Family != "" }

// Find asks and calls each for every box as its answers come in: once, and
// again when an answer adds something or shows that two rows are one box.
// It ends when all hosts are swept and identified, Options.Wait after the last
// question by UDP at the soonest; or with the context's error.
func Find(ctx context.Context, o Options, each func(Found)) error {
	ctx, cancel := context.WithCancel(ctx)
	s := newSearch(o)
	defer s.all.Wait()
	defer cancel()
	if err := s.open(ctx); err != nil {
		return err
	}
	defer s.close()
	s.listen(ctx)
	asked := make(chan error, 1)
	s.all.Go(func() { asked <- s.ask(ctx) })
	return s.collect(ctx, asked, each)
}
