//go:build unix

package backup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

// TestRightTakenAway: the right is asked for before every file, and while one is
// copied.
func TestRightTakenAway(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	var gone atomic.Bool
	o := everything()
	o.May = func() error {
		if gone.Load() {
			return rekey.ErrDenied
		}
		return nil
	}
	g.at("write", 2, func() { gone.Store(true) })
	s := g.make(t, o)
	if s.Phase != Failed || !errors.Is(s.Err, rekey.ErrDenied) {
		t.Fatalf("%+v", s)
	}
	if right := g.whole(t, s.Folder); len(right) > 1 {
		t.Errorf("went on with %v", right)
	}
	if err := g.copier.Start(o); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("without the right: %v", err)
	}
}

// TestSealedIsNeverCopied: neither begun, nor gone on with when the button is
// pressed in the middle.
func TestSealedIsNeverCopied(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.at("sync folder", 2, func() { pressButton(t, g.box) })
	s := g.make(t, everything())
	if s.Phase != Failed || !errors.Is(s.Err, rekey.ErrDenied) || s.FilesDone != 2 {
		t.Fatalf("%+v", s)
	}
	if err := g.copier.Start(everything()); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("sealed recordings are copied: %v", err)
	}
}

func pressButton(t *testing.T, box *recorder.Box) {
	t.Helper()
	for _, held := range []time.Duration{12 * time.Second, time.Second} {
		if _, err := box.Press(held); err != nil {
			t.Error(err)
		}
	}
	if !box.Kept().Sealed {
		t.Error("the reset sealed nothing")
	}
}

// TestLinks: what somebody has put onto the drive leads nowhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	o := everything()
	folder := folderOf(g.box.Info(), o.Choice)
	list, err := g.copier.find(o.Choice)
	if err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(g.drive, filepath.FromSlash(folder), filepath.FromSlash(nameOf(list[0])))
	for name, c := range map[string]struct {
		at   string // where the trap is
		lay  func(at, outside string) error
		fine bool // the backup ends well all the same
	}{
		"folder of the recorder": {filepath.Join(g.drive, filepath.Dir(folder)), func(at, outside string) error { return os.Symlink(filepath.Dir(outside), at) }, false},
		"folder of the backup":   {filepath.Join(g.drive, folder), func(at, outside string) error { return os.Symlink(filepath.Dir(outside), at) }, false},
		"folder of a channel":    {filepath.Join(g.drive, folder, "CH01"), func(at, outside string) error { return os.Symlink(filepath.Dir(outside), at) }, false},
		"a recording":            {first, func(at, outside string) error { return os.Symlink(outside, at) }, true},
		"a recording, relative":  {first, func(at, outside string) error { return os.Symlink("../../../../../../../../.."+outside, at) }, true},
		"half a recording":       {first + partEnding, func(at, outside string) error { return os.Symlink(outside, at) }, true},
		"the manifest":           {filepath.Join(g.drive, folder, manifestName), func(at, outside string) error { return os.Symlink(outside, at) }, true},
		"the proof":              {filepath.Join(g.drive, folder+proofEnding), func(at, outside string) error { return os.Symlink(outside, at) }, true},
		"a pipe":                 {first, func(at, _ string) error { return syscall.Mkfifo(at, 0o600) }, true},
		"a pipe, half":           {first + partEnding, func(at, _ string) error { return syscall.Mkfifo(at, 0o600) }, true},
		"a folder":               {first, func(at, _ string) error { return os.Mkdir(at, 0o700) }, false},
		"a file for a folder":    {filepath.Join(g.drive, folder), func(at, _ string) error { return os.WriteFile(at, nil, 0o600) }, false},
	} {
		outside := filepath.Join(t.TempDir(), "precious")
		if err := errors.Join(os.WriteFile(outside, []byte("precious"), 0o600), os.RemoveAll(g.drive), os.MkdirAll(filepath.Dir(c.at), 0o700), c.lay(c.at, outside)); err != nil {
			t.Fatal(err)
		}
		s := State{Phase: Failed}
		if err := g.copier.Start(o); err == nil {
			s = g.wait(t)
		}
		if (s.Phase == Done) != c.fine {
			t.Errorf("%s: ended as %s: %v", name, s.Phase, s.Err)
		}
		if got := string(fileBytes(t, outside)); got != "precious" {
			t.Errorf("%s: what lies outside is %q", name, got)
		}
		if left, err := os.ReadDir(filepath.Dir(outside)); err != nil || len(left) != 1 {
			t.Errorf("%s: outside are %v: %v", name, left, err)
		}
		if s.Phase == Done {
			g.whole(t, s.Folder)
		}
	}
}

// TestForged: a file of the right name and size with other content is not kept.
func TestForged(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	s := g.make(t, everything())
	list, err := g.copier.find(everything().Choice)
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(g.drive, filepath.FromSlash(s.Folder), filepath.FromSlash(nameOf(list[3])))
	if err := os.WriteFile(forged, make([]byte, list[3].Size), 0o600); err != nil {
		t.Fatal(err)
	}
	if s = g.make(t, everything()); s.Phase != Done || s.Kept != 5 || s.BytesDone != s.Bytes {
		t.Errorf("%+v", s)
	}
	if right := g.whole(t, s.Folder); len(right) != 6 {
		t.Errorf("right are %v", right)
	}
}

// TestUnreadable: one bad spot on the recorder's disk costs one recording.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	list, err := g.copier.find(everything().Choice)
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, filepath.Join(recorder.FootageDir(g.dir), filepath.FromSlash(list[1].Path)))
	s := g.make(t, everything())
	if s.Phase != Done || len(s.LeftOut) != 1 || s.LeftOut[0].Source != list[1].Path {
		t.Fatalf("%+v", s)
	}
	if _, err := os.Stat(filepath.Join(g.drive, s.Folder, nameOf(list[1]))); err == nil {
		t.Error("a recording that cannot be read is on the drive")
	}
	records := g.records(t)
	if last := records[len(records)-1]; last.Event != "backup.done" || last.Detail["left_out"] != "1" {
		t.Errorf("recorded: %+v", last)
	}
}

func spoil(t *testing.T, name string) {
	t.Helper()
	b := fileBytes(t, name)
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := Drive(dir)
	outside := filepath.Join(t.TempDir(), "desk.pub")
	err := errors.Join(
		os.WriteFile(outside, []byte("outside"), 0o600),
		os.WriteFile(filepath.Join(dir, "desk.pub"), []byte("inside"), 0o600),
		os.WriteFile(filepath.Join(dir, "big.pub"), make([]byte, 100), 0o600),
		os.Symlink(outside, filepath.Join(dir, "link.pub")),
		syscall.Mkfifo(filepath.Join(dir, "pipe.pub"), 0o600),
		os.Mkdir(filepath.Join(dir, "folder.pub"), 0o700),
	)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := d.Names(".pub"); err != nil || !slices.Equal(names, []string{"big.pub", "desk.pub"}) {
		t.Errorf("%v: %v", names, err)
	}
	if b, err := d.ReadFile("desk.pub", 50); err != nil || string(b) != "inside" {
		t.Errorf("%q: %v", b, err)
	}
	for name, want := range map[string]error{"big.pub": rekey.ErrInput, "link.pub": rekey.ErrInput, "pipe.pub": rekey.ErrInput, "folder.pub": rekey.ErrInput, "none.pub": rekey.ErrNotFound, "../desk.pub": rekey.ErrStorage} {
		if b, err := d.ReadFile(name, 50); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if err := d.WriteFile("../escaped", []byte("x")); err == nil {
		t.Error("a file is written outside")
	}
	if err := d.WriteFile("e.json", []byte("x")); err != nil {
		t.Error(err)
	}
	if err := d.Probe(); err != nil {
		t.Error(err)
	}
	if names, err := d.Names(""); err != nil || !slices.Equal(names, []string{"big.pub", "desk.pub", "e.json"}) {
		t.Errorf("left are %v: %v", names, err)
	}
}
