package recorder

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"
	"unicode"

	"rekey/recovery"
	"rekey/seclog"
)

// Keys of a record's detail.
const (
	detailChange     = "change"      // marks the records of one change of the state
	detailClock      = "boottime_ms" // time since boot
	detailGuardEvent = "event_seq"   // number of an event of the guard
	detailSecond     = "second_factor"
)

// record starts a record of something that this client did.
func (c Client) record(actor, event, object, result string) seclog.Record {
	return seclog.Record{Actor: clip(actor), Event: event, Object: clip(object), Result: result,
		Detail: map[string]string{"address": clip(c.Address), "client": clip(c.Type), "via": string(c.Via)}}
}

// Record writes one event to the security log and returns when it is on stable
// storage. It is for the doors of the box: what the box does it records itself.
func (b *Box) Record(event, actor, object, result string, detail map[string]string) error {
	return b.log(seclog.Record{Event: event, Actor: clip(actor), Object: clip(object), Result: clip(result), Detail: detail})
}

func (b *Box) log(records ...seclog.Record) error {
	stamped := make([]seclog.Record, len(records))
	for i, r := range records {
		stamped[i] = b.stamp(r)
	}
	return b.append(stamped...)
}

// append is not cut short by any caller's context: what happened is recorded.
func (b *Box) append(records ...seclog.Record) error {
	if len(records) == 0 {
		return nil
	}
	if _, err := b.journal.AppendBatch(context.Background(), records); err != nil {
		return storageError("write the security log; restart the recorder once its disk is well", err)
	}
	return nil
}

func (b *Box) stamp(r seclog.Record) seclog.Record {
	detail := map[string]string{detailClock: strconv.FormatInt(b.clock().Milliseconds(), 10)}
	maps.Copy(detail, r.Detail)
	r.Detail = detail
	return r
}

// openLog opens the box's security log. Its lock is what keeps a second
// process off the folder.
func openLog(dir, boot string, now func() time.Time) (*seclog.Log, error) {
	const patience = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	open := func(ctx context.Context) (*seclog.Log, error) {
		return seclog.Open(ctx, filepath.Join(dir, logDir), seclog.Options{Now: now, Boot: boot, ClockTrust: seclog.ClockRTC})
	}
	l, err := open(ctx)
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, seclog.ErrBusy) {
		l, err = open(context.Background()) // nobody holds it: a slow disk, or much to settle
	}
	switch {
	case errors.Is(err, seclog.ErrBusy):
		return nil, conflict("the recorder in " + dir + " is running already")
	case err != nil:
		return nil, storageError("open the security log", err)
	}
	return l, nil
}

// missing gives those records of the last change that did not reach the log
// before the power went.
func missing(dir string, pending []seclog.Record) ([]seclog.Record, error) {
	if len(pending) == 0 {
		return nil, nil
	}
	seen := map[string]bool{}
	if err := eachRecord(dir, func(r seclog.Record) { seen[r.Detail[detailChange]] = true }); err != nil {
		return nil, err
	}
	var lost []seclog.Record
	for _, r := range pending {
		if !seen[r.Detail[detailChange]] {
			r.Detail["recovered"] = "true"
			lost = append(lost, r)
		}
	}
	return lost, nil
}

func eachRecord(dir string, see func(seclog.Record)) error {
	for r, err := range seclog.Records(os.DirFS(filepath.Join(dir, logDir))) {
		if err != nil {
			return storageError("read the security log", err)
		}
		see(r)
	}
	return nil
}

// missingGuardEvents compares the guard's record with the log. The guard counts
// its events in a file of its own, so a log that knows fewer was cut, or the
// power went between the two. That is recorded once, with both numbers, and
// refuses nothing: the owner must still get in.
func (b *Box) missingGuardEvents(store recovery.Store) error {
	saved, err := store.Load()
	if err != nil {
		return storageError("read the guard's record", err)
	}
	var known uint64
	err = eachRecord(b.dir, func(r seclog.Record) {
		if n, err := strconv.ParseUint(r.Detail[detailGuardEvent], 10, 64); err == nil {
			known = max(known, n)
		}
	})
	if err != nil || known >= saved.LastEventSeq {
		return err
	}
	return b.Record("guard.events_missing", "recorder", b.id.Info.DeviceID, "the log knows fewer events than the guard", map[string]string{
		detailGuardEvent: strconv.FormatUint(saved.LastEventSeq, 10), // so that the next boot does not tell it again
		"log_event_seq":  strconv.FormatUint(known, 10),
	})
}

// clip keeps what strangers send from filling the log or an error.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
