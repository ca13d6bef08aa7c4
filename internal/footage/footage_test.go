package footage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(fullDiskDir); dir != "" {
		os.Exit(exportToFullDisk(dir))
	}
	goleak.VerifyTestMain(m)
}

var day = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// box is a recorder that serves its recordings over HTTP on loopback.
type box struct {
	server     *httptest.Server
	mu         sync.Mutex
	recordings []rekey.Recording
	content    map[string][]byte
	settings   []rekey.Setting
	opened     []string
	serve      func(w http.ResponseWriter, path string, content []byte) // nil = whole
}

func newBox(t testing.TB, channels, each, size int) *box {
	t.Helper()
	b := &box{content: map[string][]byte{}, settings: []rekey.Setting{{Name: "General", Data: []byte("LockLoginTimes=5\n")}, {Name: "UPnP", Data: []byte("Enable=true\n")}}}
	random := rand.NewChaCha8([32]byte{1})
	for ch := 1; ch <= channels; ch++ {
		for i := range each {
			content := make([]byte, size+i)
			_, _ = random.Read(content)
			start := day.Add(time.Duration(i) * 5 * time.Second)
			b.add(rekey.Recording{Channel: ch, Start: start, End: start.Add(5 * time.Second), Kind: "mp4", Path: fmt.Sprintf("/mnt/dvr/2026-11-22/%03d/%d.mp4", ch, i), Size: int64(len(content))}, content)
		}
	}
	b.server = httptest.NewServer(b)
	t.Cleanup(b.server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return b
}

func (b *box) add(r rekey.Recording, content []byte) {
	b.recordings = append(b.recordings, r)
	b.content[r.Path] = content
}

func (b *box) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Query().Get("path")
	b.mu.Lock()
	serve, content := b.serve, b.content[path]
	b.opened = append(b.opened, path)
	b.mu.Unlock()
	if serve != nil {
		serve(w, path, content)
		return
	}
	_, _ = w.Write(content)
}

func (b *box) Recordings(_ context.Context, from, to time.Time, each func(rekey.Recording) error) error {
	for _, r := range b.recordings {
		if r.Start.Before(to) && r.End.After(from) {
			if err := each(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *box) OpenRecording(ctx context.Context, r rekey.Recording) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL, nil)
	if err != nil {
		return nil, err
	}
	q := req.URL.Query()
	q.Set("path", r.Path)
	req.URL.RawQuery = q.Encode()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rekey.ErrUnreachable, err)
	}
	return resp.Body, nil
}

func (b *box) Settings(context.Context) ([]rekey.Setting, error) {
	if b.settings == nil {
		return nil, rekey.ErrUnsupported
	}
	return b.settings, nil
}

func (b *box) openedSince(reset bool) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.opened
	if reset {
		b.opened = nil
	}
	return out
}

func (b *box) serveAs(serve func(w http.ResponseWriter, path string, content []byte)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serve = serve
}

var options = Options{Recorder: rekey.Identity{Family: "dahua", Model: "N841", DeviceID: "V7KX-4YBM-0P97"}, Now: func() time.Time { return day.Add(24 * time.Hour) }}

func mustExport(t testing.TB, b *box, dir string, o Options) Manifest {
	t.Helper()
	m, err := Export(t.Context(), b, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	mustVerify(t, b, dir, m)
	return m
}

// mustVerify holds the folder against the recorder and against the manifest.
func mustVerify(t testing.TB, b *box, dir string, m Manifest) {
	t.Helper()
	if _, err := Verify(t.Context(), dir); err != nil {
		t.Error(err)
	}
	for _, f := range m.Files {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil {
			t.Error(err)
		}
		if want, ok := b.content[f.Source]; ok && !bytes.Equal(content, want) {
			t.Errorf("%s is not what the recorder holds", f.Path)
		}
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2, 3, 3<<20)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	o := options
	var last Progress
	o.Progress = func(p Progress) {
		if p.Bytes < last.Bytes || p.Files < last.Files {
			t.Errorf("progress goes back from %+v to %+v", last, p)
		}
		last = p
	}
	m := mustExport(t, b, dir, o)
	if len(m.Files) != 6 || m.Files[0].Path != "CH01/2026-11-22/08-00-00_08-00-05.mp4" || m.Files[0].Channel != 1 {
		t.Errorf("files %+v", m.Files)
	}
	if last.Files != 6 || last.AllFiles != 6 || last.Bytes != m.Bytes || last.AllBytes != m.Bytes {
		t.Errorf("last progress %+v", last)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "settings", "UPnP.txt")); err != nil || string(text) != "Enable=true\n" {
		t.Errorf("settings %q, %v", text, err)
	}
	read, err := ReadManifest(dir)
	if err != nil || read.MerkleRoot != m.MerkleRoot || !read.Files[0].Start.Equal(day) || read.Recorder.Model != "N841" {
		t.Errorf("manifest read back: %+v, %v", read, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*"+partEnding)); err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, journalName)); err == nil {
		t.Error("the journal is still there")
	}
}

func TestExportAgainFetchesOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 3, 1000)
	dir := t.TempDir()
	first := mustExport(t, b, dir, options)
	b.openedSince(true)

	gone := b.recordings[0] // overwritten on the recorder, still in the folder
	b.recordings = b.recordings[1:]
	b.add(rekey.Recording{Channel: 1, Start: day.Add(time.Hour), End: day.Add(2 * time.Hour), Kind: "dav", Path: "/new", Size: 3}, []byte("new"))
	b.settings[0].Data = []byte("LockLoginTimes=30\n")
	second := mustExport(t, b, dir, options)
	if got := b.openedSince(true); !slices.Equal(got, []string{"/new"}) {
		t.Errorf("opened %v", got)
	}
	if len(second.Files) != 4 || !slices.ContainsFunc(second.Files, func(f File) bool { return f.Source == gone.Path }) {
		t.Errorf("the file that only the folder has is not in the manifest: %+v", second.Files)
	}
	if first.MerkleRoot == second.MerkleRoot {
		t.Error("the root did not change")
	}
	if len(second.Settings) != 2 || len(second.EarlierSettings) != 1 || second.EarlierSettings[0].Path != "settings/General.txt" {
		t.Errorf("settings %+v, earlier %+v", second.Settings, second.EarlierSettings)
	}

	third := mustExport(t, b, dir, options)
	if got := b.openedSince(true); len(got) != 0 || third.MerkleRoot != second.MerkleRoot {
		t.Errorf("nothing is new, opened %v", got)
	}

	// what is damaged is fetched again where the recorder still has it
	damage(t, dir, second.Files[1].Path)
	mustExport(t, b, dir, options)
	if got := b.openedSince(true); !slices.Equal(got, []string{second.Files[1].Source}) {
		t.Errorf("opened %v", got)
	}
	// and named where it has not
	damage(t, dir, first.Files[0].Path)
	if _, err := Export(t.Context(), b, dir, options); !errors.Is(err, rekey.ErrVerify) || !strings.Contains(err.Error(), first.Files[0].Path) {
		t.Errorf("a file that is lost: %v", err)
	}
}

func damage(t *testing.T, dir, path string) {
	t.Helper()
	name := filepath.Join(dir, filepath.FromSlash(path))
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[0] ^= 1
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Nothing that a recorder sends makes an export silently short.
func TestFaultyRecorder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve func(w http.ResponseWriter, path string, content []byte)
		kind  error
		rest  int // recordings that are saved all the same
	}{
		"empty":  {func(http.ResponseWriter, string, []byte) {}, rekey.ErrVerify, 3},
		"short":  {func(w http.ResponseWriter, _ string, c []byte) { _, _ = w.Write(c[:len(c)-1]) }, rekey.ErrVerify, 3},
		"longer": {func(w http.ResponseWriter, _ string, c []byte) { _, _ = w.Write(append(c, 0)) }, rekey.ErrVerify, 3},
		"endless": {func(w http.ResponseWriter, _ string, c []byte) {
			for {
				if _, err := w.Write(c); err != nil {
					return
				}
			}
		}, rekey.ErrVerify, 3},
		"cut": {func(w http.ResponseWriter, _ string, c []byte) {
			w.Header().Set("Content-Length", fmt.Sprint(len(c)))
			_, _ = w.Write(c[:len(c)/2])
		}, rekey.ErrUnreachable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 2, 2, 2<<20)
			bad := b.recordings[1].Path
			b.serveAs(func(w http.ResponseWriter, path string, content []byte) {
				if path == bad {
					c.serve(w, path, slices.Clone(content))
					return
				}
				_, _ = w.Write(content)
			})
			dir := t.TempDir()
			_, err := Export(t.Context(), b, dir, options)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), "CH01/2026-11-22/08-00-05_08-00-10.mp4") {
				t.Errorf("got %v", err)
			}
			if _, err := ReadManifest(dir); !errors.Is(err, rekey.ErrNotFound) {
				t.Errorf("a broken export has a manifest: %v", err)
			}
			b.openedSince(true)
			b.serveAs(nil)
			if m := mustExport(t, b, dir, options); len(m.Files) != 4 {
				t.Errorf("%d files", len(m.Files))
			}
			if got := b.openedSince(true); c.rest > 0 && !slices.Equal(got, []string{bad}) {
				t.Errorf("resume opened %v", got)
			}
		})
	}
}

func TestSizeNotTold(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 2, 100)
	for i := range b.recordings {
		b.recordings[i].Size = 0
	}
	dir := t.TempDir()
	mustExport(t, b, dir, options)
	b.openedSince(true)
	mustExport(t, b, dir, options)
	if got := b.openedSince(true); len(got) != 0 {
		t.Errorf("opened again: %v", got)
	}
}

// A recorder that hangs in the middle ends with the context, and leaves no goroutine.
func TestCancel(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, 3, 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	b.serveAs(func(w http.ResponseWriter, _ string, c []byte) {
		_, _ = w.Write(c[:len(c)/2])
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-t.Context().Done()
	})
	dir := t.TempDir()
	done := make(chan error)
	go func() { _, err := Export(ctx, b, dir, options); done <- err }()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.server.CloseClientConnections()
}

// A kill at any time: the folder is copied at every report of progress, half
// written files and all, with the journal cut anywhere, and each copy is
// taken to its end.
func TestKilledAtAnyTime(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2, 2, 2<<20)
	dir := t.TempDir()
	var copies []string
	o := options
	o.Progress = func(Progress) {
		to := filepath.Join(t.TempDir(), "copy")
		err := os.CopyFS(to, os.DirFS(dir))
		for errors.Is(err, fs.ErrNotExist) { // another download was renamed meanwhile
			to = filepath.Join(t.TempDir(), "copy")
			err = os.CopyFS(to, os.DirFS(dir))
		}
		if err != nil {
			t.Error(err)
		}
		copies = append(copies, to)
	}
	want := mustExport(t, b, dir, o)
	if len(copies) < 8 {
		t.Fatalf("only %d copies", len(copies))
	}
	for i, c := range copies {
		if i%2 == 1 {
			journal := filepath.Join(c, journalName)
			info, err := os.Stat(journal)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(journal, info.Size()*int64(i)/int64(len(copies))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := ReadManifest(c); !errors.Is(err, rekey.ErrNotFound) {
			t.Errorf("copy %d: an unfinished export has a manifest: %v", i, err)
		}
		if m := mustExport(t, b, c, options); m.MerkleRoot != want.MerkleRoot {
			t.Errorf("copy %d ends otherwise", i)
		}
	}
}
