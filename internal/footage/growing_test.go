package footage

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
)

// ticking is a box that tells its clock.
type ticking struct {
	*box
	now time.Time
}

func (c ticking) Clock(context.Context) (time.Time, error) { return c.now, nil }

// TestRecordingThatGoesOn: a live recorder writes its newest recording while it
// is saved. That keeps no one from a complete export: what was listed is saved,
// the rest the next time.
func TestRecordingThatGoesOn(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 3, 1000)
	last := &b.recordings[2]
	last.Start, last.End = last.Start.Add(time.Hour), last.End.Add(time.Hour)
	whole := slices.Clone(b.content[last.Path])
	b.content[last.Path] = append(slices.Clone(whole), "written since"...)
	at := ticking{b, last.End.Add(20 * time.Second)}
	dir := t.TempDir()
	m, err := Export(t.Context(), at, dir, options)
	if err != nil {
		t.Fatal(err)
	}
	b.content[last.Path] = whole // as it was listed
	mustVerify(t, b, dir, m)
	if got := growing(m); !slices.Equal(got, []string{last.Path}) || len(m.Files) != 3 || len(m.LeftOut) != 0 {
		t.Errorf("growing %v, left out %v", got, m.LeftOut)
	}

	// An hour later it is done, and longer than it was.
	b.openedSince(true)
	done := append(slices.Clone(whole), "written since"...)
	b.content[last.Path] = done
	last.End, last.Size = last.End.Add(time.Minute), int64(len(done))
	at.now = at.now.Add(time.Hour)
	if m, err = Export(t.Context(), at, dir, options); err != nil {
		t.Fatal(err)
	}
	if got := b.openedSince(true); !slices.Equal(got, []string{last.Path}) || len(m.Files) != 4 {
		t.Errorf("opened %v, %d files", got, len(m.Files))
	}
	if _, err := Verify(t.Context(), dir); err != nil {
		t.Error(err)
	}
	if !slices.ContainsFunc(m.Files, func(f File) bool { return f.Source == last.Path && f.Size == last.Size && !f.Growing }) {
		t.Errorf("%+v", m.Files)
	}
}

func growing(m Manifest) (sources []string) {
	for _, f := range m.Files {
		if f.Growing {
			sources = append(sources, f.Source)
		}
	}
	return sources
}

// TestRecordingThatGoesOnIsLeftOut: where it does not come as it was listed, the
// manifest says so, and everything else is there.
func TestRecordingThatGoesOnIsLeftOut(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 3, 1000)
	last := b.recordings[2]
	b.serveAs(func(w http.ResponseWriter, path string, content []byte) {
		if path == last.Path {
			content = content[:10]
		}
		_, _ = w.Write(content)
	})
	dir := t.TempDir()
	var told Progress
	o := options
	o.Progress = func(p Progress) { told = p }
	m, err := Export(t.Context(), ticking{b, last.End}, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	mustVerify(t, b, dir, m)
	if len(m.Files) != 2 || told.Files != 2 || told.AllFiles != 2 {
		t.Errorf("%d files, progress %+v", len(m.Files), told)
	}
	read, err := ReadManifest(dir)
	if err != nil || len(read.LeftOut) != 1 {
		t.Fatalf("%+v: %v", read.LeftOut, err)
	}
	if l := read.LeftOut[0]; l.Source != last.Path || l.Channel != 1 || !l.End.Equal(last.End) || !strings.Contains(l.Why, "still writing it") {
		t.Errorf("%+v", l)
	}
}

// TestOnlyWhatIsBeingWrittenMayGrow: a recording that was finished, or that is
// from before the clock was set back, has to be what the recorder said it is.
func TestOnlyWhatIsBeingWrittenMayGrow(t *testing.T) {
	t.Parallel()
	for name, now := range map[string]time.Time{"long finished": day.Add(time.Hour), "the clock is back in 2000": time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		b := newBox(t, 1, 1, 1000)
		b.serveAs(func(w http.ResponseWriter, _ string, c []byte) { _, _ = w.Write(append(slices.Clone(c), 0)) })
		if _, err := Export(t.Context(), ticking{b, now}, t.TempDir(), options); !errors.Is(err, rekey.ErrVerify) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEndlessPathIsRefused(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 1, 10)
	b.recordings[0].Path = "/" + strings.Repeat("x", longestPath)
	if _, err := Export(t.Context(), b, t.TempDir(), options); !errors.Is(err, rekey.ErrUnreachable) || len(err.Error()) > 400 {
		t.Error(err)
	}
}
