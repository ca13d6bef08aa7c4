package discover

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"

	"rekey"
)

// answer is what one box said of itself, once.
type answer struct {
	identity rekey.Identity
	from     netip.Addr
	rank     int // of whoever read it: the word of the smaller counts more
	asked    int // how often the question was put to this host alone; 0: to a group
}

// said is an answer in the table.
type said struct {
	answer
	ties    []tie
	order   string // of answers of one rank and address
	times   int    // that it came to questions to this host alone
	founded int    // the number of the row that it was the first of; 0: none
}

// rows is the table: all answers, and which of them are one box.
//
// Which answers are one box follows from the set of answers alone and not from
// their order: with every new one, those that hang together with it in any way
// are divided into boxes again.
type rows struct {
	at   map[tie][]*said
	told map[int]Found
	last int
}

func newRows() *rows { return &rows{at: map[tie][]*said{}, told: map[int]Found{}} }

const (
	// mostOfOne is how many different answers to one prober an address may give,
	// and how many answers one name may tie together.
	mostOfOne = 64
	// mostTogether is how many answers are divided into boxes at once, each time
	// that one more hangs together with them.
	mostTogether = 256
)

// add puts an answer in and returns the rows that are not as they were told.
func (r *rows) add(a answer) []Found {
	s := newSaid(a)
	alike := 0
	for _, old := range r.at[addressTie(a.from)] {
		if old.rank != s.rank {
			continue
		}
		if alike++; old.order == s.order {
			return r.again(old, a)
		}
	}
	bounded := r.bound(s)
	switch {
	case s.rank == 0 && !bounded: // identification is once a host, and always told
		s.ties = nil
	case s.rank != 0 && (alike == mostOfOne || !bounded):
		return nil
	}
	for _, t := range s.ties {
		r.at[t] = append(r.at[t], s)
	}
	return r.number(boxesOf(r.reach(s)))
}

// bound lets go of the ties of an answer that would make more hang together than
// // anybody but a liar has, so that the work does not grow with the square of what
// is said. It reports whether that did.
func (r *rows) bound(s *said) bool {
	s.ties = slices.DeleteFunc(s.ties, func(t tie) bool { return t.kind != byAddress && len(r.at[t]) >= mostOfOne })
	if len(r.reach(s)) > mostTogether {
		s.ties = []tie{addressTie(s.from)}
	}
	return len(r.reach(s)) <= mostTogether
}

// again: an answer word for word as before is no news, unless the box answers
// more often than it was asked.
func (r *rows) again(old *said, a answer) []Found {
	if a.asked == 0 {
		return nil
	}
	if old.times++; old.times != a.asked+1 {
		return nil
	}
	old.identity.Oddities = append(slices.Clone(old.identity.Oddities), rekey.Oddity{
		ID: "answered-twice", Words: "It answers one discovery question several times; the answers are taken as one.",
	})
	return r.number(boxesOf(r.reach(old)))
}

func newSaid(a answer) *said {
	words, err := json.Marshal(a.identity)
	if err != nil { // a date that JSON has no form for
		words = []byte(a.identity.Key(rekey.Target{}))
	}
	s := &said{answer: a, order: string(words), ties: tiesOf(a)}
	if a.asked > 0 {
		s.times = 1
	}
	return s
}

// reach is all answers that hang together with one, through whatever others.
func (r *rows) reach(first *said) []*said {
	in := map[*said]bool{first: true}
	walked := map[tie]bool{}
	all := []*said{first}
	for n := 0; n < len(all); n++ {
		for _, t := range all[n].ties {
			if walked[t] {
				continue
			}
			walked[t] = true
			for _, s := range r.at[t] {
				if !in[s] {
					in[s] = true
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// number gives the boxes their rows. A row stays with the answer that founded
// it; of several rows in one box the eldest stays and absorbs the others.
func (r *rows) number(boxes [][]*said) []Found {
	var news []Found
	claimed := doubles(boxes)
	for n, box := range boxes {
		f := foundOf(box)
		if at := claimed[n]; len(at) > 0 {
			f.Identity.Oddities = append(slices.Clone(f.Identity.Oddities), sameElsewhere(at))
		}
		var founders []*said
		for _, s := range box {
			if s.founded != 0 {
				founders = append(founders, s)
			}
		}
		slices.SortFunc(founders, func(a, b *said) int { return cmp.Compare(a.founded, b.founded) })
		if len(founders) == 0 {
			r.last++
			box[0].founded = r.last
			founders = box[:1]
		}
		f.Row = founders[0].founded
		for _, s := range founders[1:] {
			f.Absorbs = append(f.Absorbs, s.founded)
			delete(r.told, s.founded)
			s.founded = 0
		}
		before, more := r.told[f.Row]
		r.told[f.Row] = Found{Row: f.Row, Identity: f.Identity, Addresses: f.Addresses}
		if more && reflect.DeepEqual(before, r.told[f.Row]) && len(f.Absorbs) == 0 {
			continue
		}
		f.More = more
		news = append(news, f)
	}
	slices.SortFunc(news, func(a, b Found) int { return cmp.Compare(a.Row, b.Row) })
	return news
}

// foundOf merges the answers of one box, the word that counts most first.
func foundOf(box []*said) Found {
	slices.SortFunc(box, func(a, b *said) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), handiest(a.from, b.from), cmp.Compare(a.order, b.order))
	})
	f := Found{Identity: box[0].identity}
	for n, s := range box {
		if n > 0 {
			f.Identity = Merge(f.Identity, s.identity)
		}
		f.Addresses = append(f.Addresses, s.from)
	}
	slices.SortFunc(f.Addresses, handiest)
	f.Addresses = slices.Compact(f.Addresses)
	return f
}

// handiest puts IPv4 first and link-local addresses last.
func handiest(a, b netip.Addr) int {
	distant := func(a netip.Addr) int {
		if a.IsLinkLocalUnicast() {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(distant(a), distant(b)), a.Compare(b))
}
