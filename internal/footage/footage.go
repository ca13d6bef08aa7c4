// Package footage gets recordings and settings out of a recorder and into a
// folder, with a manifest that proves afterwards that every file is whole.
//
// An export is streamed and hashed in one pass, goes on where it was broken
// off, and is never silently short: a file that is not what the recorder said
// it would be is an error that names it. The manifest is written last, so a
// folder with a manifest is a complete export.
package footage

import (
	"context"
	"fmt"
	"io"
	"time"

	"rekey"
)

// Source is what an export asks of a recorder. A session of a driver is one.
type Source interface {
	// Recordings is as in rekey.RecordingLister.
	Recordings(ctx context.Context, from, to time.Time, each func(rekey.Recording) error) error
	// OpenRecording is as in rekey.RecordingOpener. It is called by several goroutines at once.
	OpenRecording(ctx context.Context, r rekey.Recording) (io.ReadCloser, error)
	// Settings is as in rekey.SettingsReader. ErrUnsupported leaves the settings out.
	Settings(ctx context.Context) ([]rekey.Setting, error)
}

// From returns the session as a Source, or rekey.ErrUnsupported.
func From(s rekey.Session) (Source, error) {
	src, ok := s.(Source)
	if !ok {
		return nil, fmt.Errorf("save footage: %w: this driver cannot list and read recordings and settings", rekey.ErrUnsupported)
	}
	return src, nil
}

// Options of an export. All but Recorder may be left zero.
type Options struct {
	Recorder rekey.Identity
	// From and To bound the recordings, in the recorder's wall clock with
	// Location UTC. A zero From is the year 2000, a zero To the year 2100.
	From, To time.Time
	Parallel int              // downloads at a time; 0 = 2
	Progress func(Progress)   // called often, never twice at once
	Now      func() time.Time // nil = time.Now
}

// Progress tells how far an export is. Bytes count what was kept, too.
type Progress struct {
	Files, AllFiles int
	Bytes, AllBytes int64  // AllBytes is short where the recorder tells no sizes
	Kept            int    // files that were whole already and are not fetched again
	File            string // the file that was finished last
}

const usualParallel = 2 // recorders answer "resource is limited" to many more

func (o Options) withDefaults() Options {
	if o.From.IsZero() {
		o.From = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.To.IsZero() {
		o.To = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Parallel <= 0 {
		o.Parallel = usualParallel
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Export saves the settings and all recordings between o.From and o.To into
// dir, which is made where it is missing, and returns the manifest that it
// wrote last. Run again after a failure it keeps every file that is whole.
//
// That the folder can be written is tried before the recorder is asked for
// anything, and that all fits before a recording is opened: rekey.ErrStorage.
// A recording that is empty or not of the size that the recorder told is
// rekey.ErrVerify naming it, after the others were saved. Of one that the
// recorder is still writing, by its own clock, what it told is saved, or where
// that does not come, the manifest says that it was left out.
func Export(ctx context.Context, src Source, dir string, o Options) (_ Manifest, err error) {
	o = o.withDefaults()
	if !o.From.Before(o.To) {
		return Manifest{}, fmt.Errorf("save footage: %w: the span from %s to %s is empty", rekey.ErrInput, Wall{o.From}, Wall{o.To})
	}
	f, err := openFolder(dir)
	if err != nil {
		return Manifest{}, err
	}
	defer f.close()
	known, err := f.known(o.Recorder)
	if err != nil {
		return Manifest{}, err
	}
	e := &export{src: src, folder: f, opt: o}
	e.now.began = clock(ctx, src)
	recordings, err := list(ctx, src, o)
	if err != nil {
		return Manifest{}, err
	}
	e.now.ended = clock(ctx, src)
	if err := e.plan(ctx, recordings, known); err != nil {
		return Manifest{}, err
	}
	if err := f.checkSpace(e.missing()); err != nil {
		return Manifest{}, err
	}
	if err := e.begin(known); err != nil {
		return Manifest{}, err
	}
	settings, err := e.saveSettings(ctx)
	if err != nil {
		return Manifest{}, err
	}
	if err := e.fetchAll(ctx); err != nil {
		return Manifest{}, err
	}
	return e.finish(known, settings)
}

// mostRecordings bounds what a recorder can make rekey remember: 64 channels
// in files of an hour for two years are 1.1 million.
const mostRecordings = 2_000_000

// longestPath bounds what a recorder may call one recording.
const longestPath = 1 << 10

// list reads the whole list first: sizes are checked against the free space
// before anything is opened.
func list(ctx context.Context, src Source, o Options) ([]rekey.Recording, error) {
	var all []rekey.Recording
	seen := map[string]bool{}
	err := src.Recordings(ctx, o.From, o.To, func(r rekey.Recording) error {
		switch {
		case seen[r.Path]:
			return nil // overlapping pages of a listing
		case len(all) == mostRecordings:
			return fmt.Errorf("%w: the recorder lists more than %d recordings; ask for a shorter span", rekey.ErrUnreachable, mostRecordings)
		case r.Channel < 1 || r.Channel > 9999 || r.Start.IsZero() || r.End.Before(r.Start) || r.Size < 0 || r.Path == "" || len(r.Path) > longestPath:
			return fmt.Errorf("%w: the recorder lists a recording that makes no sense: channel %d, %s to %s, %d bytes, %.80q", rekey.ErrUnreachable, r.Channel, Wall{r.Start}, Wall{r.End}, r.Size, r.Path)
		}
		seen[r.Path] = true
		all = append(all, r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	return all, nil
}
