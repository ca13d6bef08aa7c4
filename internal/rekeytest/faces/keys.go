package faces

import (
	"fmt"
	"slices"
	"sync"
)

// Account is somebody who can log in at a box.
type Account struct{ Name, Password, Level string }

// Try is a login that a box was asked for with a password, by a proof of it or in
// the clear. Tries that a lock turned away count among the wrong ones.
type Try struct {
	Door, Account string
	OK            bool
}

// Keys are the accounts of a box, with its lock: each account has a counter of its
// own, which all doors share and a right login sets back.
type Keys struct {
	mu       sync.Mutex
	limit    int
	accounts []Account
	wrong    map[string]int
	tries    []Try
	faults   []string
	trouble  trouble
	idle     bool
	changes  int
}

// NewKeys are the keys of a box that locks an account after so many wrong tries in
// a row, until it is restarted.
func NewKeys(limit int, accounts ...Account) *Keys {
	return &Keys{limit: limit, accounts: accounts, wrong: map[string]int{}}
}

// verdict is what a box makes of a try.
type verdict struct {
	ok, locked bool
	left       int
}

// judge books a try. right tells whether it was made with that password.
func (k *Keys) judge(door, account string, right func(password string) bool) verdict {
	password, known := k.password(account)
	fits := known && right(password) // which may blame, so that nobody may hold the lock
	k.mu.Lock()
	defer k.mu.Unlock()
	v := verdict{ok: fits && k.wrong[account] < k.limit}
	k.tries = append(k.tries, Try{door, account, v.ok})
	if v.ok {
		k.wrong[account] = 0
	} else {
		k.wrong[account]++
	}
	v.left = max(0, k.limit-k.wrong[account])
	v.locked = v.left == 0
	return v
}

func (k *Keys) password(account string) (string, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.find(account)
	if a == nil {
		return "", false
	}
	return a.Password, true
}

// find is nil where there is no such account. The caller holds the lock.
func (k *Keys) find(account string) *Account {
	n := slices.IndexFunc(k.accounts, func(a Account) bool { return a.Name == account })
	if n < 0 {
		return nil
	}
	return &k.accounts[n]
}

// blame records what no client should do. It never holds a password.
func (k *Keys) blame(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults = append(k.faults, fmt.Sprintf(format, args...))
}

// Set sets a password as somebody else would, at the box's own screen.
func (k *Keys) Set(account, password string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.find(account).Password = password
}

// Idle lets the box accept changes of passwords from now on, and do nothing.
func (k *Keys) Idle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = true
}

// change sets a password as a client that is logged in does.
func (k *Keys) change(account, password string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.idle {
		k.find(account).Password = password
	}
}

// attempt counts a change that was asked for, whatever comes of it.
func (k *Keys) attempt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
}

// Attempts are how often a change of a password was asked for.
func (k *Keys) Attempts() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changes
}

// Limit is after how many wrong tries it locks.
func (k *Keys) Limit() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.limit
}

func (k *Keys) setLimit(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.limit = n
}

// Accounts are the accounts as they are now.
func (k *Keys) Accounts() []Account {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.accounts)
}

// Is reports whether that is the account's password now.
func (k *Keys) Is(account, password string) bool {
	return slices.ContainsFunc(k.Accounts(), func(a Account) bool { return a.Name == account && a.Password == password })
}

// Wrong are the tries that were turned away, in order.
func (k *Keys) Wrong() []Try {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.tries), func(t Try) bool { return t.OK })
}

// Faults are what a client did that no client should, such as a password in the
// clear or an account left without one.
func (k *Keys) Faults() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.faults)
}
