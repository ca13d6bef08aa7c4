package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	saved "rekey/internal/footage"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
	"rekey/seclog"
)

var (
	cheap = &argon.Cost{Passes: 1, KiB: 64, Threads: 1}
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

const password = "Lost-And-Gone-77"

// rig is a recorder of two channels with a day of footage, and a drive.
type rig struct {
	box     *recorder.Box
	footage *clips.Store
	dir     string
	drive   string
	copier  *Copier
}

func newRig(t testing.TB) *rig { return newRigOf(t, 1) }

// newRigOf has recordings of so many seconds each.
func newRigOf(t testing.TB, seconds int) *rig {
	t.Helper()
	g := &rig{dir: filepath.Join(t.TempDir(), "box"), drive: t.TempDir()}
	key, err := recorder.NewFootageKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	spec := clips.Spec{Channels: 2, Days: 1, ClipSeconds: seconds, Now: noon}
	if err := clips.Make(recorder.FootageDir(g.dir), spec, key); err != nil {
		t.Fatal(err)
	}
	if _, err := recorder.Init(g.dir, recorder.Config{AdminPassword: rekey.NewSecret(password), Channels: 2, Argon: cheap, FootageKey: key}); err != nil {
		t.Fatal(err)
	}
	if g.box, err = recorder.Open(g.dir, recorder.Options{Argon: cheap}); err != nil {
		t.Fatal(err)
	}
	if g.footage, err = clips.Open(recorder.FootageDir(g.dir), g.box); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(g.footage.Close(), g.box.Close()); err != nil {
			t.Error(err)
		}
	})
	g.again(t)
	return g
}

// again is the copier after the power was on again: it knows nothing.
func (g *rig) again(t testing.TB) {
	t.Helper()
	c := New(g.box, g.footage, Drive(g.drive))
	g.copier = c
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Run(ctx) // it has no error
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

func everything() Order {
	return Order{
		Account: "admin", May: func() error { return nil },
		Choice: Choice{Channels: []int{1, 2}, From: noon.AddDate(0, 0, -2), To: noon.AddDate(0, 0, 1)},
	}
}

// make makes a backup and gives how it ended.
func (g *rig) make(t testing.TB, o Order) State {
	t.Helper()
	if err := g.copier.Start(o); err != nil {
		t.Fatal(err)
	}
	return g.wait(t)
}

func (g *rig) wait(t testing.TB) State {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s, ok := g.copier.State(); ok && s.Phase != Copying {
			return s
		}
	}
	t.Fatal("the backup does not end")
	return State{}
}

// whole fails unless every file below the folder is right or says that it is not
// done; it gives the right ones.
func (g *rig) whole(t testing.TB, folder string) (right []string) {
	t.Helper()
	list, err := g.footage.Find(0, time.Time{}, noon.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]clips.Clip{}
	for _, c := range list {
		want[nameOf(c)] = c
	}
	root := filepath.Join(g.drive, filepath.FromSlash(folder))
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || strings.HasSuffix(name, partEnding) || d.Name() == manifestName) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, name)
		c, known := want[filepath.ToSlash(rel)]
		if !known {
			t.Errorf("%s is on the drive and nobody asked for it", rel)
			return nil
		}
		if !bytes.Equal(fileBytes(t, name), g.plain(t, c)) {
			t.Errorf("%s is not the recording and does not say so", rel)
		}
		right = append(right, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return right
}

func (g *rig) plain(t testing.TB, c clips.Clip) []byte {
	t.Helper()
	f, _, err := g.footage.Open(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func fileBytes(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// records are those of the security log about backups.
func (g *rig) records(t testing.TB) (all []seclog.Record) {
	t.Helper()
	for r, err := range seclog.Records(os.DirFS(recorder.LogDir(g.dir))) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(r.Event, "backup.") {
			all = append(all, r)
		}
	}
	return all
}

func (g *rig) events(t testing.TB) (all []string) {
	t.Helper()
	for _, r := range g.records(t) {
		all = append(all, r.Event)
	}
	return all
}

func TestBackup(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	amount, err := g.copier.Measure(everything().Choice)
	if err != nil || amount.Files != 6 || amount.Bytes == 0 {
		t.Fatalf("6 recordings come to %+v: %v", amount, err)
	}
	s := g.make(t, everything())
	if s.Phase != Done || s.Err != nil || s.FilesDone != 6 || s.Kept != 0 || s.BytesDone != amount.Bytes || s.Rate == 0 {
		t.Fatalf("%+v", s)
	}
	if right := g.whole(t, s.Folder); len(right) != 6 {
		t.Errorf("on the drive are %v", right)
	}
	dir := filepath.Join(g.drive, filepath.FromSlash(s.Folder))
	r, err := saved.Verify(t.Context(), dir) // rekey's own other half reads it
	if err != nil || r.Files != 6 || r.Bytes != amount.Bytes {
		t.Errorf("verify: %+v, %v", r, err)
	}
	g.checkProof(t, s)
	if got := g.events(t); !slices.Equal(got, []string{"backup.start", "backup.manifest", "backup.done"}) {
		t.Errorf("recorded: %v", got)
	}
	portable := regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[a-z0-9]+)?$`)
	err = filepath.WalkDir(g.drive, func(name string, d fs.DirEntry, err error) error {
		if err == nil && name != g.drive && !portable.MatchString(d.Name()) {
			t.Errorf("%s is no name for every computer", d.Name())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}

	if s := g.make(t, everything()); s.Phase != Done || s.Kept != 6 {
		t.Errorf("the same again: %+v", s)
	}
}

// checkProof: the recorder's log, by its key alone, speaks for the manifest.
func (g *rig) checkProof(t testing.TB, s State) {
	t.Helper()
	text := fileBytes(t, filepath.Join(g.drive, filepath.FromSlash(s.Folder)+proofEnding))
	p, err := seclog.ParseProof(text)
	if err != nil {
		t.Fatal(err)
	}
	key, err := seclog.ReadKey(os.DirFS(recorder.LogDir(g.dir)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := seclog.CheckProof(p, key)
	if err != nil || r.Event != "backup.manifest" || r.Actor != "admin" || r.Detail["manifest_sha256"] != s.Manifest {
		t.Errorf("the proof proves %+v: %v", r, err)
	}
	var m manifestRead
	if err := json.Unmarshal(fileBytes(t, filepath.Join(g.drive, filepath.FromSlash(s.Folder), manifestName)), &m); err != nil {
		t.Fatal(err)
	}
	if m.MerkleRoot != r.Detail["merkle_root"] || m.Account != "admin" || m.Recorder.DeviceID != g.box.Info().DeviceID {
		t.Errorf("the manifest says %+v", m)
	}
}

type manifestRead struct {
	Account    string
	MerkleRoot string `json:"merkle_root"`
	Recorder   rekey.Identity
	LeftOut    []struct{ Source, Why string } `json:"left_out"`
}

func TestChoice(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	o := everything()
	o.Channels, o.From, o.To = []int{2}, noon.Add(-9*time.Hour), noon.Add(-time.Hour)
	s := g.make(t, o)
	right := g.whole(t, s.Folder)
	if s.Phase != Done || len(right) != 1 || right[0] != filepath.Join("CH02", "2026-11-22", "03-59-59_04-00-00.mp4") {
		t.Errorf("%+v: %v", s, right)
	}
	for name, bad := range map[string]struct {
		choice Choice
		want   error
	}{
		"no channel":     {Choice{From: o.From, To: o.To}, rekey.ErrInput},
		"no such":        {Choice{Channels: []int{3}, From: o.From, To: o.To}, rekey.ErrInput},
		"channel 0":      {Choice{Channels: []int{0}, From: o.From, To: o.To}, rekey.ErrInput},
		"one twice":      {Choice{Channels: []int{1, 1}, From: o.From, To: o.To}, rekey.ErrInput},
		"backwards":      {Choice{Channels: []int{1}, From: o.To, To: o.From}, rekey.ErrInput},
		"nothing in it":  {Choice{Channels: []int{1}, From: noon, To: noon.Add(time.Hour)}, rekey.ErrNotFound},
		"nothing before": {Choice{Channels: []int{1}, From: time.Time{}, To: noon.AddDate(-1, 0, 0)}, rekey.ErrNotFound},
	} {
		if err := g.copier.Start(Order{Account: "admin", May: o.May, Choice: bad.choice}); !errors.Is(err, bad.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := len(g.records(t)); got != 3 {
		t.Errorf("%d records; what cannot begin is not begun", got)
	}
}

func TestChannelsText(t *testing.T) {
	t.Parallel()
	for want, channels := range map[string][]int{"01": {1}, "01-02": {1, 2}, "01-04_07": {1, 2, 3, 4, 7}, "02_04_06": {2, 4, 6}, "63-64": {63, 64}} {
		if got := channelsText(channels); got != want {
			t.Errorf("%v is %s, not %s", channels, got, want)
		}
	}
}
