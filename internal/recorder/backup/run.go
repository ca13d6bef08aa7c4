package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"rekey"
	"rekey/internal/recorder/clips"
)

// run is one backup.
type run struct {
	order  Order
	list   []clips.Clip
	folder string
	began  time.Time

	mu      sync.Mutex
	stopped bool
	state   State
}

// tell is the state as of now.
func (r *run) tell() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	if spent := time.Since(r.began).Seconds(); s.Phase == Copying && s.BytesDone > 0 && spent > 0 {
		s.Rate = float64(s.BytesDone) / spent
		s.Left = time.Duration(float64(s.Bytes-s.BytesDone) / s.Rate * float64(time.Second))
	}
	return s
}

func (r *run) note(change func(*State)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
}

func (r *run) cancel() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
}

// goesOn tells why the backup must end before it is done; nil = it need not.
func (r *run) goesOn(ctx context.Context) error {
	r.mu.Lock()
	stopped := r.stopped
	r.mu.Unlock()
	if stopped || ctx.Err() != nil {
		return errCancelled
	}
	return nil
}

// make makes one backup. How it ends is on record before it is told.
func (c *Copier) make(ctx context.Context, r *run) {
	sum, err := c.copyAll(ctx, r)
	phase, event, result := Done, "backup.done", "ok"
	switch {
	case errors.Is(err, errCancelled):
		phase, event, result, err = Cancelled, "backup.cancelled", "not complete", nil
	case err != nil:
		phase, event, result = Failed, "backup.failed", why(err)
	}
	s := r.tell()
	detail := detailOf(r.order.Choice, Amount{s.FilesDone, s.BytesDone})
	if len(s.LeftOut) > 0 {
		detail["left_out"] = strconv.Itoa(len(s.LeftOut))
	}
	if sum != "" {
		detail["manifest_sha256"] = sum
	}
	if e := c.box.Record(event, r.order.Account, r.folder, result, detail); e != nil {
		phase, err = Failed, errors.Join(err, e)
	}
	r.note(func(s *State) {
		s.Phase, s.Err, s.Manifest = phase, err, sum
		if spent := time.Since(r.began).Seconds(); spent > 0 {
			s.Rate = float64(s.BytesDone) / spent
		}
	})
}

// why says an error in a word or two, for the security log.
func why(err error) string {
	for _, e := range []struct {
		is   error
		word string
	}{{ErrPulled, "the drive was pulled out"}, {ErrFull, "the drive is full"}, {rekey.ErrDenied, "refused"}} {
		if errors.Is(err, e.is) {
			return e.word
		}
	}
	return "not complete"
}

func detailOf(choice Choice, a Amount) map[string]string {
	const layout = "2006-01-02 15:04:05"
	return map[string]string{
		"channels": channelsText(choice.Channels), "from": choice.From.Format(layout), "to": choice.To.Format(layout),
		"files": strconv.Itoa(a.Files), "bytes": strconv.FormatInt(a.Bytes, 10),
	}
}

// copyAll copies every recording, then writes manifest and proof. It gives the
// manifest's hash.
func (c *Copier) copyAll(ctx context.Context, r *run) (sum string, err error) {
	t, err := c.drive.open(r.folder, c.step)
	if err != nil {
		return "", err
	}
	defer t.close()
	if err := t.sweep(); err != nil {
		return "", c.drive.fault(t, err)
	}
	m := newManifest(c.box, r.order)
	for _, clip := range r.list {
		if err := errors.Join(r.goesOn(ctx), r.order.May()); err != nil {
			return "", err
		}
		if err := c.drive.same(t); err != nil {
			return "", err
		}
		if err := c.copyOne(ctx, r, t, clip, m); err != nil {
			return "", err
		}
	}
	if err := errors.Join(r.order.May(), c.drive.same(t)); err != nil {
		return "", err
	}
	if len(m.Files) == 0 {
		return "", fmt.Errorf("%w: none of %d recordings can be read", rekey.ErrStorage, len(r.list))
	}
	if sum, err = c.conclude(r, t, m); err == nil {
		err = c.drive.same(t)
	}
	if err != nil {
		return "", c.drive.fault(t, err)
	}
	return sum, nil
}

// copyOne brings one recording onto the drive. One that cannot be read is left
// out, and the manifest says so; sealed recordings end the backup.
func (c *Copier) copyOne(ctx context.Context, r *run, t *target, clip clips.Clip, m *manifest) error {
	before := r.tell().BytesDone
	name := nameOf(clip)
	sum, kept, err := t.bring(name, clip, c.footage, func(n int64) error {
		r.note(func(s *State) { s.BytesDone += n })
		return errors.Join(r.goesOn(ctx), r.order.May())
	})
	var unread *unreadError
	switch {
	case errors.As(err, &unread) && !errors.Is(err, rekey.ErrDenied):
		m.leaveOut(clip, unread)
		r.note(func(s *State) {
			s.LeftOut, s.Files, s.Bytes, s.BytesDone = m.LeftOut, s.Files-1, s.Bytes-clip.Size, before
		})
		return nil
	case errors.Is(err, rekey.ErrDenied), errors.Is(err, errCancelled):
		return err
	case err != nil:
		return c.drive.fault(t, fmt.Errorf("%s: %w", name, err))
	}
	m.add(name, clip, sum)
	r.note(func(s *State) {
		s.BytesDone = before + clip.Size
		s.FilesDone++
		if kept {
			s.Kept++
		}
	})
	return nil
}

// conclude puts the manifest's hash into the security log and manifest and proof
// on the drive.
func (c *Copier) conclude(r *run, t *target, m *manifest) (sum string, err error) {
	text, sum, err := m.seal()
	if err != nil {
		return "", err
	}
	c.step("attest")
	detail := detailOf(r.order.Choice, Amount{len(m.Files), m.Bytes})
	maps.Copy(detail, map[string]string{"manifest_sha256": sum, "merkle_root": m.MerkleRoot, "left_out": strconv.Itoa(len(m.LeftOut))})
	proof, err := c.box.Attest("backup.manifest", r.order.Account, r.folder, "ok", detail)
	if err != nil {
		return "", err
	}
	if err := t.write(r.folder+"/"+manifestName, text); err != nil {
		return "", err
	}
	return sum, t.writeJSON(r.folder+proofEnding, proof)
}
