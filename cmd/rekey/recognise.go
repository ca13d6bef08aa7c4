package main

import (
	"context"
	"time"

	"rekey"
	"rekey/internal/dahua"
	"rekey/internal/discover"
	"rekey/internal/hikvision"
	"rekey/internal/onvif"
)

// families is the visible list of who can tell what a box is. What speaks ONVIF
// may be of any of them.
func (o *operator) families() []discover.Identifier {
	return []discover.Identifier{dahua.New(o.log()), hikvision.New(o.log())}
}

// besides is what boxes of any family may speak besides.
func (o *operator) besides() []discover.Identifier {
	return []discover.Identifier{onvif.New(o.log())}
}

// probers is the visible list of discovery protocols.
func (o *operator) probers() []discover.Prober {
	all := []discover.Prober{dahua.Prober{UDPPort: int(o.discovery)}, hikvision.Prober{}}
	for _, p := range onvif.Probers() {
		all = append(all, p)
	}
	return all
}

// recognise learns what a run needs: which recorder it is, and who drives it.
// ONVIF's driver gets those that no other knows. All discovery protocols are
// asked at once; of a family with a driver of its own its own protocol is waited
// for alone, so that a recorder that answers waits for nobody who is silent. A
// recorder's names come from its family, whoever else could tell some: the login
// budget goes by them.
func (o *operator) recognise(ctx context.Context, t rekey.Target) (rekey.Identity, error) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	answers := o.askBeside(ctx, t)
	id, err := discover.Identify(ctx, t, append(o.families(), o.besides()...), nil, nil)
	if err != nil {
		return o.recogniseByAnswers(ctx, t, answers, err)
	}
	for _, a := range answers {
		if !matters(id.Family, a.by) {
			continue
		}
		if told := <-a.told; told != nil {
			id = discover.Merge(id, *told)
		}
	}
	return id, nil
}

// matters reports whether a family may speak a discovery protocol. Behind what
// only ONVIF's driver knows may be any: its own protocol then tells its family.
func matters(family string, p discover.Prober) bool {
	switch p.(type) {
	case dahua.Prober:
		return family != (*hikvision.Driver)(nil).Family()
	case hikvision.Prober:
		return family != (*dahua.Driver)(nil).Family()
	}
	return family == (*onvif.Driver)(nil).Family()
}

// recogniseByAnswers asks a box again that nobody knew at its usual web ports,
// where a discovery answer may name another one.
func (o *operator) recogniseByAnswers(ctx context.Context, t rekey.Target, answers []answer, unknown error) (rekey.Identity, error) {
	if t.Port != 0 {
		return rekey.Identity{}, unknown
	}
	var answered []discover.Prober
	for _, a := range answers {
		if told := <-a.told; told != nil {
			answered = append(answered, a.by)
		}
	}
	if len(answered) == 0 {
		return rekey.Identity{}, unknown
	}
	return discover.Identify(ctx, t, append(o.families(), o.besides()...), nil, answered)
}

// answer is what one box says by one discovery protocol.
type answer struct {
	by   discover.Prober
	told <-chan *rekey.Identity // once; nil: nothing in time
}

// answerWait is how long one box has for a discovery answer.
const answerWait = 1500 * time.Millisecond

// askBeside asks one box by every discovery protocol at once.
func (o *operator) askBeside(ctx context.Context, t rekey.Target) []answer {
	places, err := discover.Resolve(ctx, []string{rekey.Target{Host: t.Host}.String()})
	if err != nil {
		return nil // that it has no address, who asks at its web port says
	}
	var all []answer
	for _, p := range o.probers() {
		told := make(chan *rekey.Identity, 1)
		all = append(all, answer{p, told})
		go func() { told <- firstAnswer(ctx, places.Hosts, p) }()
	}
	return all
}

func firstAnswer(ctx context.Context, hosts discover.Hosts, p discover.Prober) (first *rekey.Identity) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	_ = discover.Find(ctx, discover.Options{Probers: []discover.Prober{p}, Hosts: hosts, Wait: answerWait}, func(f discover.Found) {
		first = &f.Identity
		enough()
	})
	return first
}
