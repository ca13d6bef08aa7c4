package rekeytest

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"rekey"
)

// played is how many recordings the suite plays in a session.
const played = 3

func recordings(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	list := func(from, to time.Time) (all []rekey.Recording) {
		err := can[rekey.RecordingLister](t, s).Recordings(t.Context(), from, to, func(r rekey.Recording) error { all = append(all, r); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := list(b.From, b.To)
	paths, channels := map[string]bool{}, map[int]bool{}
	for _, r := range all {
		paths[r.Path], channels[r.Channel] = true, true
		if r.Channel < 1 || r.Channel > b.Channels || !r.Start.Before(r.End) || r.Start.Before(b.From) || r.End.After(b.To) || r.Kind == "" {
			t.Errorf("%+v", r)
		}
	}
	if len(all) != b.Clips || len(paths) != b.Clips || len(channels) != b.Channels {
		t.Fatalf("%d recordings, %d paths, %d channels; want %d, %d", len(all), len(paths), len(channels), b.Clips, b.Channels)
	}
	if none := list(b.From.AddDate(-1, 0, 0), b.From.AddDate(-1, 0, 1)); len(none) != 0 {
		t.Errorf("%d recordings a year before the first", len(none))
	}
	// Half-open: a range that ends where a recording begins does not hold it.
	first := slices.MinFunc(all, func(a, b rekey.Recording) int { return a.Start.Compare(b.Start) })
	if before := list(first.Start.Add(-time.Hour), first.Start); len(before) != 0 {
		t.Errorf("a range that ends at %v holds %+v", first.Start, before)
	}
	for _, r := range all[:played] {
		if n := size(t, s, r); n == 0 || (r.Size != 0 && n != r.Size) {
			t.Errorf("%s: %d bytes came, %d were told", r.Path, n, r.Size)
		}
	}
	if f, err := can[rekey.RecordingOpener](t, s).OpenRecording(t.Context(), rekey.Recording{Path: "/mnt/none.mp4"}); err == nil {
		t.Error("a recording that is not there was opened")
		_ = f.Close()
	}
}

func size(t *testing.T, s rekey.Session, r rekey.Recording) int64 {
	t.Helper()
	f, err := can[rekey.RecordingOpener](t, s).OpenRecording(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return n
}
