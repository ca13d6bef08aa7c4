package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
)

// watched is what was seen after the change.
type watched struct {
	Stale    []StaleClient   `json:"stale,omitempty"`
	Channels []ChannelChange `json:"channels,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
}

// watch names who still comes with the old password, and the cameras that went
// dark. What cannot be read does not keep the run from its end.
func (u *run) watch(ctx context.Context) error {
	if u.j.Watched != nil {
		return nil
	}
	var w watched
	u.tell(rekey.StepWatch, rekey.EventStarted, "looking for clients with the old password and for cameras that went dark", nil)
	err := u.open(ctx)
	if err != nil {
		w.Notes = append(w.Notes, fmt.Sprintf("neither the recorder's log nor its cameras could be looked at after the change: %v", err))
	} else {
		if err := u.staleClients(ctx, &w); err != nil {
			return err
		}
		if err := u.cameras(ctx, &w); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for n := range w.Notes {
		w.Notes[n] = printable(w.Notes[n], longest)
	}
	if err := u.j.append(line{Time: u.Now(), Watched: &w}); err != nil {
		return err
	}
	for _, n := range w.Notes {
		u.tell(rekey.StepWatch, rekey.EventProgress, n, nil)
	}
	u.tell(rekey.StepWatch, rekey.EventDone, w.words(), nil)
	u.point("watched")
	return nil
}

func (w watched) words() string {
	loud, dark := 0, 0
	for _, c := range w.Stale {
		if !c.Silent {
			loud++
		}
	}
	for _, c := range w.Channels {
		if !c.After {
			dark++
		}
	}
	return fmt.Sprintf("%d clients came with the old password, %d of them may come again; %d cameras went dark", len(w.Stale), loud, dark)
}

// clock is the recorder's wall clock; zero when it does not tell it.
func (u *run) clock(ctx context.Context) time.Time {
	reader, ok := u.session.(rekey.ClockReader)
	if !ok {
		return time.Time{}
	}
	at, err := reader.Clock(ctx)
	if err != nil || !writable(at) {
		return time.Time{}
	}
	u.apart = at.Sub(u.Now())
	return at
}

// noteClock writes down from when on a refused login is somebody else's: from
// the last proof on, or from before the first one where the account was locked
// in between, to find out who did it.
func (u *run) noteClock(ctx context.Context, before time.Time) error {
	at := before
	if !slices.ContainsFunc(u.j.Proofs, func(p Proof) bool { return p.Locked }) {
		at = u.clock(ctx)
	}
	if at.IsZero() {
		return nil
	}
	return u.j.append(line{Time: u.Now(), Clock: &at})
}

// staleClients looks through the recorder's log for refused logins of the
// account since the last proof, and keeps looking as long as was asked for or
// until all who came have been silent for half that time. Each is told once, and
// once when it falls silent.
func (u *run) staleClients(ctx context.Context, w *watched) error {
	if u.req.Watch < 0 {
		return nil
	}
	log, ok := u.session.(rekey.LoginLogReader)
	now := u.clock(ctx)
	since := u.j.Clock
	if since.IsZero() {
		since = now
	}
	if !ok || since.IsZero() {
		w.Notes = append(w.Notes, noLog)
		return nil
	}
	l := lookout{since: since, told: map[string]*heard{}}
	for start := time.Now(); ; {
		if err := u.readLog(ctx, log, &l); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			w.Notes = append(w.Notes, logNote(err))
			break
		}
		u.tellStale(&l)
		if time.Since(start) >= u.req.Watch || l.silent() {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(max(u.req.Watch/6, 200*time.Millisecond), 5*time.Second)):
		}
	}
	if l.more {
		w.Notes = append(w.Notes, fmt.Sprintf("more than %d clients came with wrong passwords, or more than %d times: somebody may be guessing; take the recorder off the internet", mostClients, mostRecords))
	}
	if l.locked != "" {
		u.locked = true
		w.Notes = append(w.Notes, l.locked)
	}
	w.Stale = l.clients()
	for _, c := range w.Stale {
		if err := u.record(ctx, "client.stale", c.Account+" at "+c.Address, c.state(), map[string]string{"client": clip(c.Client), "tries": strconv.Itoa(c.Tries)}); err != nil {
			return err
		}
	}
	return nil
}

const noLog = "the recorder tells nothing of its log, so clients with the old password cannot be named: think of apps, video management, home automation and paired recorders yourself"

func logNote(err error) string {
	if errors.Is(err, rekey.ErrUnsupported) || (errors.Is(err, rekey.ErrDenied) && !isRefusal(err)) {
		return noLog
	}
	return fmt.Sprintf("the recorder's log could not be watched to the end: %v", err)
}

// Bounds of one look at the log.
const (
	mostRecords = 10000 // who comes more often is known by then
	oneLook     = time.Minute
)

// readLog takes one look.
func (u *run) readLog(ctx context.Context, log rekey.LoginLogReader, l *lookout) error {
	records, err := u.records(ctx, log, l.since)
	if err != nil {
		return err
	}
	l.more = l.more || len(records) == mostRecords
	records = without(records, u.ownTries())
	for _, c := range tally(records) {
		known := l.told[c.key()]
		if known == nil && len(l.told) == mostClients {
			l.more = true
			continue
		}
		if known == nil {
			known = &heard{}
			l.told[c.key()] = known
		}
		if c.Tries > known.Tries || c.Last.After(known.Last) {
			known.StaleClient, known.at = c, time.Now()
		}
	}
	if l.locked == "" {
		l.locked = u.lockedBy(records)
	}
	return nil
}

// records are the logins and refused tries of the account after since, as many
// as are looked at.
func (u *run) records(ctx context.Context, log rekey.LoginLogReader, since time.Time) (all []rekey.LoginRecord, err error) {
	ctx, cancel := context.WithTimeout(ctx, oneLook)
	defer cancel()
	since = since.Truncate(time.Second)
	err = log.Logins(ctx, since, func(r rekey.LoginRecord) error {
		if len(all) == mostRecords {
			return errEnough
		}
		if strings.EqualFold(r.Account, u.plan.Account) && r.Time.After(since) && writable(r.Time) {
			r.Account, r.Address, r.Client = clip(r.Account), clip(r.Address), clip(r.Client)
			all = append(all, r)
		}
		return nil
	})
	if len(all) == mostRecords {
		err = nil
	}
	return all, err
}

// errEnough ends a look; nobody sees it.
var errEnough = errors.New("enough records")

// writable tells whether the journal can hold a time that a recorder told.
func writable(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

// tellStale tells who is new, and who has been silent for half of the time.
func (u *run) tellStale(l *lookout) {
	for _, c := range l.told {
		fields := map[string]string{"account": c.Account, "address": c.Address, "client": c.Client, "tries": strconv.Itoa(c.Tries)}
		if !c.named {
			c.named = true
			u.tell(rekey.StepWatch, rekey.EventProgress, "still comes with the old password: "+c.words()+"; give it the new one or stop it", fields)
		}
		quiet := u.req.Watch > 0 && !l.more && time.Since(c.at) >= u.req.Watch/2
		if quiet && !c.Silent {
			u.tell(rekey.StepWatch, rekey.EventProgress, "has fallen silent: "+c.words(), fields)
		}
		c.Silent = quiet
	}
	if l.locked != "" && !l.lockTold {
		l.lockTold = true
		u.tell(rekey.StepWatch, rekey.EventFailed, l.locked, nil)
	}
}
