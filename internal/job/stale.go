package job

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rekey"
)

// StaleClient is a client that came with another password than the new one after
// the change: an app, a video management system, a paired recorder. Times are
// the recorder's wall clock.
type StaleClient struct {
	Account string    `json:"account"`
	Address string    `json:"address"`
	Client  string    `json:"client,omitempty"` // as the recorder names it
	Tries   int       `json:"tries"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Silent  bool      `json:"silent"` // it did not come again for a while
}

// lookout is what the log has shown so far.
type lookout struct {
	since    time.Time
	told     map[string]*heard
	locked   string // who locked the account, in words
	lockTold bool
	more     bool // there were more clients than are named, or more of their tries than are looked at
}

// mostClients is how many clients are named. Somebody who guesses passwords can
// come from any number of addresses.
const mostClients = 100

// heard is one client as it was last seen.
type heard struct {
	StaleClient
	at    time.Time // operator's clock, of the look that found its last try
	named bool
}

// silent: somebody came, and all who did have been silent for a while.
func (l *lookout) silent() bool {
	for _, c := range l.told {
		if !c.Silent {
			return false
		}
	}
	return len(l.told) > 0
}

func (l *lookout) clients() []StaleClient {
	var all []StaleClient
	for _, c := range l.told {
		all = append(all, c.StaleClient)
	}
	slices.SortFunc(all, func(a, b StaleClient) int { return cmp.Or(a.First.Compare(b.First), strings.Compare(a.key(), b.key())) })
	return all
}

func (c StaleClient) key() string {
	return strings.ToLower(c.Account) + "\n" + c.Address + "\n" + c.Client
}

func (c StaleClient) words() string {
	return userWords(rekey.ActiveUser{Account: c.Account, Address: c.Address, Client: c.Client})
}

func (c StaleClient) state() string {
	if c.Silent {
		return "silent"
	}
	return "may come again"
}

// tally adds up the refused logins by who made them.
func tally(records []rekey.LoginRecord) []StaleClient {
	var all []StaleClient
	at := map[string]int{}
	for _, r := range records {
		if r.OK {
			continue
		}
		one := StaleClient{Account: r.Account, Address: r.Address, Client: r.Client, First: r.Time, Last: r.Time}
		i, known := at[one.key()]
		if !known {
			i = len(all)
			at[one.key()] = i
			all = append(all, one)
		}
		c := &all[i]
		c.Tries++
		if r.Time.Before(c.First) {
			c.First = r.Time
		}
		if r.Time.After(c.Last) {
			c.Last = r.Time
		}
	}
	return all
}

// ownTries are the refusals that this process met, by the recorder's clock.
func (u *run) ownTries() []time.Time {
	var all []time.Time
	for _, at := range u.tries.wrong {
		all = append(all, at.Add(u.apart))
	}
	return all
}

// without leaves out of the refused logins those that rekey made itself: each of
// its tries accounts for one record within some seconds of it, as clocks go.
func without(records []rekey.LoginRecord, own []time.Time) []rekey.LoginRecord {
	const slack = 3 * time.Second
	own = slices.Clone(own)
	return slices.DeleteFunc(slices.Clone(records), func(r rekey.LoginRecord) bool {
		i := -1
		if !r.OK {
			i = slices.IndexFunc(own, func(at time.Time) bool { return at.Sub(r.Time).Abs() <= slack })
		}
		if i >= 0 {
			own = slices.Delete(own, i, i+1)
		}
		return i >= 0
	})
}

// lockedBy names who has locked the account: as many refused logins in a row as
// the recorder allows, without a good one between them.
func (u *run) lockedBy(records []rekey.LoginRecord) string {
	if !u.policy.Enabled || u.policy.Tries < 1 {
		return ""
	}
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b rekey.LoginRecord) int { return a.Time.Compare(b.Time) })
	row := []rekey.LoginRecord{}
	for _, r := range records {
		if r.OK {
			row = row[:0]
			continue
		}
		over := u.policy.LockFor > 0 && u.Now().Add(u.apart).Sub(r.Time) > u.policy.LockFor // it has opened again
		if row = append(row, r); len(row) < u.policy.Tries || over {
			continue
		}
		var who []string
		for _, c := range tally(row) {
			who = append(who, fmt.Sprintf("%s, %d times", c.words(), c.Tries))
		}
		return fmt.Sprintf("the account %q is most likely locked now, by wrong passwords from %s: stop that first, then wait %s without any login", u.plan.Account, strings.Join(who, "; "), u.policy.LockFor)
	}
	return ""
}
