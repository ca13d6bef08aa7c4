package job

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"rekey"
	"rekey/internal/footage"
)

const byHandSkip = "not before the change: no login was left; the way itself does not touch recordings"

// decideKeep records, for a way by hand, that nothing can be saved before the
// change. The footage is saved after it, as soon as there is a login.
func (u *run) decideKeep(ctx context.Context) error {
	if u.j.VaultID != "" || u.j.Kept != nil {
		return nil
	}
	why := byHandSkip
	if !u.plan.Way.Keeps {
		why = "not before the change: no login was left; the risk " + string(rekey.RiskLoseFootage) + " was accepted by name"
	}
	return u.record(ctx, "footage.skipped", u.key, "decided", map[string]string{"why": why})
}

// keep saves recordings and settings, and reads them back. It is done when the
// manifest stands; files that a broken export saved whole are not fetched again.
func (u *run) keep(ctx context.Context) error {
	if u.j.Kept != nil {
		return nil
	}
	if u.req.Footage.Dir == "" {
		return u.skip(ctx, "the risk "+string(rekey.RiskSkipFootage)+" was accepted by name")
	}
	if err := u.open(ctx); err != nil {
		return err
	}
	dir := footageDir(u.req.Footage.Dir, u.key)
	u.tell(rekey.StepKeep, rekey.EventStarted, "saving footage and settings to "+dir, nil)
	k, err := Keep(ctx, u.session, dir, u.plan.Recorder, u.req.Footage, u.keepProgress)
	if err != nil && slices.Contains(u.req.Accept, rekey.RiskSkipFootage) {
		return u.skip(ctx, fmt.Sprintf("it failed (%v), and the risk %s was accepted by name", err, rekey.RiskSkipFootage))
	}
	if err != nil {
		return fmt.Errorf("save footage: %w", err)
	}
	u.point("kept")
	if err := u.record(ctx, "footage.saved", dir, "ok", map[string]string{"files": strconv.Itoa(k.Files), "bytes": strconv.FormatInt(k.Bytes, 10), "root": k.Root}); err != nil {
		return err
	}
	u.tell(rekey.StepKeep, rekey.EventDone, fmt.Sprintf("%d recordings and the settings are saved, read back and match the manifest", k.Files), map[string]string{"dir": dir, "root": k.Root})
	return u.j.append(line{Time: u.Now(), Kept: k})
}

// skip records that the footage is not saved, and why.
func (u *run) skip(ctx context.Context, why string) error {
	why = printable(why, longest)
	if err := u.record(ctx, "footage.skipped", u.key, "decided", map[string]string{"why": why}); err != nil {
		return err
	}
	u.tell(rekey.StepKeep, rekey.EventDone, "the footage is not saved: "+why, nil)
	return u.j.append(line{Time: u.Now(), Kept: &Kept{Skipped: why}})
}

// Keep exports footage and settings over an open session into dir, with a
// manifest, and reads everything back.
func Keep(ctx context.Context, s rekey.Session, dir string, id rekey.Identity, span Footage, progress func(footage.Progress)) (*Kept, error) {
	src, err := footage.From(s)
	if err != nil {
		return nil, err
	}
	m, err := footage.Export(ctx, src, dir, footage.Options{Recorder: id, From: span.From, To: span.To, Progress: progress})
	if err != nil {
		return nil, err
	}
	if _, err := footage.Verify(ctx, dir); err != nil {
		return nil, err
	}
	return &Kept{Dir: dir, Files: len(m.Files), Bytes: m.Bytes, Root: m.MerkleRoot}, nil
}
