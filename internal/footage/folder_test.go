package footage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
)

func TestHostileListing(t *testing.T) {
	t.Parallel()
	good := rekey.Recording{Channel: 1, Start: day, End: day.Add(time.Second), Kind: "mp4", Path: "/x", Size: 1}
	for name, change := range map[string]func(r *rekey.Recording){
		"channel 0":      func(r *rekey.Recording) { r.Channel = 0 },
		"channel -1":     func(r *rekey.Recording) { r.Channel = -1 },
		"huge channel":   func(r *rekey.Recording) { r.Channel = 1 << 40 },
		"ends first":     func(r *rekey.Recording) { r.End = day.Add(-time.Second) },
		"negative size":  func(r *rekey.Recording) { r.Size = -1 },
		"without a path": func(r *rekey.Recording) { r.Path = "" },
	} {
		b := newBox(t, 1, 0, 0)
		r := good
		change(&r)
		b.add(r, []byte("x"))
		if _, err := Export(t.Context(), b, t.TempDir(), options); !errors.Is(err, rekey.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// whatever a recorder names its files, ours are ours
	b := newBox(t, 1, 0, 0)
	for i, r := range []rekey.Recording{{Path: "../../../etc/passwd", Kind: "../x"}, {Path: `..\..\boot.ini`, Kind: "exe:"}, {Path: "/a/b\x00c", Kind: "part"}, {Path: "CON", Kind: "MP4"}} {
		r.Channel, r.Start, r.End, r.Size = 1, day, day.Add(5*time.Second), int64(i+1) // all of the same time
		b.add(r, make([]byte, i+1))
	}
	b.settings = []rekey.Setting{{Name: "../../evil"}, {Name: "CON"}, {Name: ""}, {Name: "upnp"}, {Name: "UPnP"}, {Name: strings.Repeat("x", 500)}, {Name: "a\x00b/c"}, {Name: "com1.x"}}
	dir := filepath.Join(t.TempDir(), "in", "here")
	m := mustExport(t, b, dir, options)
	var paths []string
	for path := range m.paths() {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	want := []string{
		"CH01/2026-11-22/08-00-00_08-00-05.bin", "CH01/2026-11-22/08-00-00_08-00-05.mp4",
		"CH01/2026-11-22/08-00-00_08-00-05_2.bin", "CH01/2026-11-22/08-00-00_08-00-05_3.bin",
		"settings/UPnP.txt", "settings/_.._evil.txt", "settings/_.txt", "settings/_CON.txt", "settings/_com1.x.txt",
		"settings/a_b_c.txt", "settings/upnp_2.txt", "settings/" + strings.Repeat("x", 80) + ".txt",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("paths %q", paths)
	}
	if out, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(out) != 1 {
		t.Errorf("something lies outside: %v %v", out, err)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 1, 100)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"a file": file, "below a file": filepath.Join(file, "x"), "no folder at all": "/proc/nowhere"} {
		if _, err := Export(t.Context(), b, dir, options); !errors.Is(err, rekey.ErrStorage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := b.openedSince(false); len(got) != 0 {
		t.Errorf("the recorder was opened: %v", got)
	}

	dir := t.TempDir()
	mustExport(t, b, dir, options)
	other := options
	other.Recorder.DeviceID = "0000-0000-0000"
	if _, err := Export(t.Context(), b, dir, other); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("another recorder's folder: %v", err)
	}
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), b, dir, options); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("two exports at once: %v", err)
	}
	f.close()
	empty := options
	empty.From, empty.To = day, day
	if _, err := Export(t.Context(), b, t.TempDir(), empty); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("an empty span: %v", err)
	}
}

// A link in the folder leads nowhere: nothing is written outside.
func TestLinks(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 1, 100)
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "CH01")); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), b, dir, options); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("got %v", err)
	}
	if out, err := os.ReadDir(outside); err != nil || len(out) != 0 {
		t.Errorf("outside: %v %v", out, err)
	}
}

func TestSpace(t *testing.T) {
	t.Parallel()
	if err := enough("d", 100, reserve+100); err != nil {
		t.Error(err)
	}
	if err := enough("d", 101, reserve+100); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("got %v", err)
	}
	// a recorder with more footage than any disk: nothing of it is opened
	b := newBox(t, 1, 2, 10)
	b.recordings[0].Size = 1 << 60
	if _, err := Export(t.Context(), b, t.TempDir(), options); !errors.Is(err, rekey.ErrStorage) || len(b.openedSince(false)) != 0 {
		t.Errorf("opened %v, error %v", b.openedSince(false), err)
	}
}

func TestSettingsUnsupported(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 1, 10)
	b.settings = nil
	if m := mustExport(t, b, t.TempDir(), options); m.SettingsNote == "" {
		t.Error("the manifest does not say that there are no settings")
	}
}
