package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"rekey"
	saved "rekey/internal/footage"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
)

// TestPowerCut cuts the power before every single step that changes the drive.
// What is there is whole or says that it is not, and the same backup again ends
// well.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	o := everything()
	o.Channels = []int{1} // 3 recordings
	steps := 0
	for cut := 1; ; cut++ {
		if err := os.RemoveAll(g.drive); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(g.drive, 0o700); err != nil {
			t.Fatal(err)
		}
		s, over := g.cutAt(t, o, cut)
		if over {
			break
		}
		steps = cut
		before := g.whole(t, s.Folder)
		g.again(t)
		if s = g.make(t, o); s.Phase != Done || s.Kept != len(before) {
			t.Fatalf("after a cut at step %d with %d right: %+v", cut, len(before), s)
		}
		if _, err := saved.Verify(t.Context(), filepath.Join(g.drive, filepath.FromSlash(s.Folder))); err != nil {
			t.Errorf("after a cut at step %d: %v", cut, err)
		}
		g.checkProof(t, s)
	}
	if steps < 3*5+2*4 {
		t.Errorf("only %d steps were seen", steps)
	}
}

// cutAt begins a backup and cuts the power before a step; over: it had fewer.
func (g *rig) cutAt(t *testing.T, o Order, cut int) (s State, over bool) {
	t.Helper()
	c := New(g.box, g.footage, Drive(g.drive))
	n := 0
	c.step = func(string) {
		if n++; n == cut {
			runtime.Goexit()
		}
	}
	if err := c.Start(o); err != nil {
		t.Fatal(err)
	}
	dead := make(chan struct{})
	go func() {
		defer close(dead)
		c.make(t.Context(), <-c.orders)
	}()
	<-dead
	s, _ = c.State()
	return s, s.Phase != Copying
}

// TestStepsInOrder: nothing gets its name before it is on stable storage.
func TestStepsInOrder(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	var steps []string
	c := New(g.box, g.footage, Drive(g.drive))
	c.step = func(name string) { steps = append(steps, name) }
	if err := c.Start(everything()); err != nil {
		t.Fatal(err)
	}
	c.make(t.Context(), <-c.orders)
	text := strings.Join(steps, ", ") + ", "
	file := `create, (write, )+sync, rename, sync folder, `
	if !regexp.MustCompile(`^((make folder, )*` + file + `)+attest, (` + file + `){2}$`).MatchString(text) {
		t.Errorf("the steps were %s", text)
	}
}

// at runs act before the n-th step of that name.
func (g *rig) at(name string, n int32, act func()) {
	var seen atomic.Int32
	g.copier.step = func(step string) {
		if step == name && seen.Add(1) == n {
			act()
		}
	}
}

func TestPulledOut(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(t *testing.T, drive string){
		"gone": func(*testing.T, string) {},
		"another in its place": func(t *testing.T, drive string) {
			if err := os.Mkdir(drive, 0o700); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			g.at("rename", 3, func() {
				if err := os.Rename(g.drive, g.drive+".away"); err != nil {
					t.Error(err)
				}
				after(t, g.drive)
			})
			s := g.make(t, everything())
			if s.Phase != Failed || !errors.Is(s.Err, ErrPulled) {
				t.Fatalf("%+v", s)
			}
			if got := g.events(t); got[len(got)-1] != "backup.failed" {
				t.Errorf("recorded: %v", got)
			}
			if err := errors.Join(os.RemoveAll(g.drive), os.Rename(g.drive+".away", g.drive)); err != nil {
				t.Fatal(err)
			}
			g.again(t)
			if s := g.make(t, everything()); s.Phase != Done || s.Kept != 3 || s.FilesDone != 6 {
				t.Errorf("plugged in again: %+v", s)
			}
		})
	}
}

// TestPulledOutAtTheEnd: also once all is copied, and the manifest is told.
func TestPulledOutAtTheEnd(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for step, n := range map[string]int32{"sync": 6, "attest": 1, "rename": 8} {
		g.again(t)
		g.at(step, n, func() {
			if err := errors.Join(os.Rename(g.drive, g.drive+".away"), os.Mkdir(g.drive, 0o700)); err != nil {
				t.Error(err)
			}
		})
		if s := g.make(t, everything()); s.Phase != Failed || !errors.Is(s.Err, ErrPulled) || s.Manifest != "" {
			t.Errorf("pulled out at %s %d: %+v", step, n, s)
		}
		if err := errors.Join(os.RemoveAll(g.drive), os.RemoveAll(g.drive+".away"), os.Mkdir(g.drive, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestErasedMeanwhile: what is not on the drive is not told as copied.
func TestErasedMeanwhile(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.at("sync folder", 2, func() {
		if err := g.box.EraseRecordings("admin", recorder.StepUp{Password: rekey.NewSecret(password)}, recorder.AtSeat()); err != nil {
			t.Error(err)
		}
	})
	s := g.make(t, everything())
	right, err := filepath.Glob(filepath.Join(g.drive, filepath.FromSlash(s.Folder), "CH*", "*", "*.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Phase != Done || len(right) != 2 || len(s.LeftOut) != 4 || s.Files != 2 || s.FilesDone != 2 || s.Bytes != s.BytesDone || s.Bytes == 0 {
		t.Errorf("%d on the drive: %+v", len(right), s)
	}
	last := g.records(t)
	if r := last[len(last)-1]; r.Event != "backup.done" || r.Detail["files"] != "2" || r.Detail["left_out"] != "4" {
		t.Errorf("recorded: %v", r)
	}
}

// TestNothingCopied: a backup of nothing is none.
func TestNothingCopied(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.at("make folder", 1, func() {
		if err := g.box.EraseRecordings("admin", recorder.StepUp{Password: rekey.NewSecret(password)}, recorder.AtSeat()); err != nil {
			t.Error(err)
		}
	})
	if s := g.make(t, everything()); s.Phase != Failed || !errors.Is(s.Err, rekey.ErrStorage) || len(s.LeftOut) != 6 || s.Manifest != "" {
		t.Errorf("%+v", s)
	}
}

// TestKeptLasts: a file that is kept was perhaps renamed just when the power went.
func TestKeptLasts(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	o := everything()
	o.Channels = []int{1} // 3 recordings
	if s := g.make(t, o); s.Phase != Done {
		t.Fatalf("%+v", s)
	}
	g.again(t)
	var steps []string
	g.copier.step = func(name string) { steps = append(steps, name) }
	if s := g.make(t, o); s.Kept != 3 {
		t.Fatalf("%+v", s)
	}
	if at := slices.Index(steps, "attest"); at < 0 || !slices.Contains(steps[:at], "sync folder") {
		t.Errorf("nothing sees to it that what is kept lasts: %v", steps)
	}
}

// TestWiped: somebody empties the drive while it is written.
func TestWiped(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.at("rename", 2, func() {
		if err := os.RemoveAll(g.drive); err != nil {
			t.Error(err)
		}
	})
	if s := g.make(t, everything()); s.Phase != Failed || !errors.Is(s.Err, ErrPulled) {
		t.Fatalf("%+v", s)
	}
	if err := g.copier.Start(everything()); !errors.Is(err, ErrNoDrive) {
		t.Errorf("without a drive: %v", err)
	}
}

func TestNoRoom(t *testing.T) {
	t.Parallel()
	drive := Drive(t.TempDir())
	huge := []clips.Clip{{Channel: 1, Size: 1 << 60, Kind: "mp4"}}
	if e, ok := errors.AsType[*NoRoomError](drive.checkRoom("x", huge)); !ok || e.Need < 1<<60 || e.Free <= 0 {
		t.Errorf("an exabyte fits: %v", e)
	}
	if err := drive.checkRoom("x", []clips.Clip{{Channel: 1, Size: 1, Kind: "mp4"}}); err != nil {
		t.Error(err)
	}
	for _, none := range []Drive{"", drive + "/none"} {
		if err := none.checkRoom("x", nil); !errors.Is(err, ErrNoDrive) {
			t.Errorf("%q: %v", none, err)
		}
	}
}

func TestCancelAndBusy(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.at("write", 3, func() {
		if err := g.copier.Start(everything()); !errors.Is(err, ErrBusy) {
			t.Errorf("a second backup beside the first: %v", err)
		}
		g.copier.Cancel()
	})
	s := g.make(t, everything())
	if s.Phase != Cancelled || s.Err != nil {
		t.Fatalf("%+v", s)
	}
	g.whole(t, s.Folder)
	if got := g.events(t); !slices.Equal(got, []string{"backup.start", "backup.cancelled"}) {
		t.Errorf("recorded: %v", got)
	}
	if s := g.make(t, everything()); s.Phase != Done {
		t.Errorf("the same again: %+v", s)
	}
}

// TestSwitchedOff ends a backup with the recorder.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, off := context.WithCancel(t.Context())
	c := New(g.box, g.footage, Drive(g.drive))
	c.step = func(string) { off() }
	if err := c.Start(everything()); err != nil {
		t.Fatal(err)
	}
	if err := c.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if s, _ := c.State(); s.Phase == Done {
		t.Errorf("%+v", s)
	}
}
