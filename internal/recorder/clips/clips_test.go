package clips

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"rekey"
)

var now = time.Date(2026, 9, 9, 10, 30, 42, 0, time.FixedZone("", -4*3600))

func made(t *testing.T, spec Spec) (string, *Store) {
	t.Helper()
	dir := t.TempDir()
	if err := Make(dir, spec, testKey); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, testKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return dir, s
}

var testKey = Key(bytes.Repeat([]byte{0x5a}, KeySize))

func all(t *testing.T, s *Store) []Clip {
	t.Helper()
	found, err := s.Find(0, time.Time{}, now.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func plain(t *testing.T, s *Store, c Clip) []byte {
	t.Helper()
	f, _, err := s.Open(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

// played is the plain form of a clip as a file, for a player.
func played(t *testing.T, s *Store, c Clip) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(name, plain(t, s, c), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var out, talk bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, talk.String())
	}
	if talk.Len() > 0 {
		t.Fatalf("%s complains: %s", name, talk.String())
	}
	return out.Bytes()
}

// A player other than ours must agree that this is video: all pictures decode.
func TestClipsPlay(t *testing.T) {
	t.Parallel()
	_, s := made(t, Spec{Channels: 2, Days: 1, ClipSeconds: 7, Now: now})
	for _, c := range all(t, s) {
		file := played(t, s, c)
		if c.Size > 300_000 {
			t.Errorf("%s has %d bytes", c.Path, c.Size)
		}
		var probe struct {
			Streams []struct {
				Codec    string `json:"codec_name"`
				Profile  string `json:"profile"`
				Width    int    `json:"width"`
				Height   int    `json:"height"`
				Rate     string `json:"r_frame_rate"`
				Frames   string `json:"nb_read_frames"`
				Duration string `json:"duration"`
			} `json:"streams"`
		}
		out := run(t, "ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", file)
		if err := json.Unmarshal(out, &probe); err != nil || len(probe.Streams) != 1 {
			t.Fatalf("ffprobe: %v: %s", err, out)
		}
		v := probe.Streams[0]
		if v.Codec != "h264" || v.Profile != "Constrained Baseline" || v.Width != 160 || v.Height != 96 ||
			v.Rate != "5/1" || v.Frames != "35" || !strings.HasPrefix(v.Duration, "7.0") {
			t.Errorf("%s: %+v", c.Path, v)
		}
		run(t, "ffmpeg", "-v", "error", "-xerror", "-i", file, "-f", "null", "-")
	}
}

// What ffmpeg decodes must be what was drawn, skipped macroblocks included.
func TestPicturesDecodeExactly(t *testing.T) {
	t.Parallel()
	_, s := made(t, Spec{Channels: 1, Days: 1, ClipSeconds: 6, Now: now})
	c := all(t, s)[0]
	got := run(t, "ffmpeg", "-v", "error", "-i", played(t, s, c), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	const width, height = columns * mbSize, rows * mbSize
	const size = width * height * 3 / 2
	if len(got) != 30*size {
		t.Fatalf("%d bytes of pictures, want %d", len(got), 30*size)
	}
	for frame := range 30 {
		want := planes(draw(1, c.Start, frame))
		if !bytes.Equal(got[frame*size:(frame+1)*size], want) {
			t.Fatalf("picture %d is not the one drawn", frame)
		}
	}
}

// planes puts the tiles of a picture together as planar 4:2:0.
func planes(p picture) []byte {
	const width, height, half = columns * mbSize, rows * mbSize, mbSize / 2
	out := make([]byte, width*height*3/2)
	for i, t := range p.tiles {
		samples := t.appendSamples(nil, p.ink)
		x, y := i%columns, i/columns
		for row := range mbSize {
			copy(out[(y*mbSize+row)*width+x*mbSize:], samples[row*mbSize:][:mbSize])
		}
		for plane := range 2 {
			base := width*height + plane*width*height/4
			from := mbSize*mbSize + plane*half*half
			for row := range half {
				copy(out[base+(y*half+row)*width/2+x*half:], samples[from+row*half:][:half])
			}
		}
	}
	return out
}

func TestParameterSets(t *testing.T) {
	t.Parallel()
	var parsed h264.SPS
	if err := parsed.Unmarshal(SPS()); err != nil {
		t.Fatal(err)
	}
	if parsed.Width() != 160 || parsed.Height() != 96 || parsed.FPS() != 5 || parsed.ProfileIdc != 66 {
		t.Errorf("%d x %d, %v frames a second, profile %d", parsed.Width(), parsed.Height(), parsed.FPS(), parsed.ProfileIdc)
	}
}

func TestMakeIsDeterministic(t *testing.T) {
	t.Parallel()
	spec := Spec{Channels: 2, Days: 1, ClipSeconds: 2, Now: now}
	one, s := made(t, spec)
	spec.Now = time.Date(2026, 9, 9, 10, 30, 59, 0, time.UTC) // another zone, the same minute on the wall
	two, other := made(t, spec)
	for _, c := range all(t, s) {
		if a, b := plain(t, s, c), plain(t, other, c); !bytes.Equal(a, b) || int64(len(a)) != c.Size {
			t.Errorf("%s differs", c.Path)
		}
		a, errA := os.ReadFile(filepath.Join(one, c.Path))
		b, errB := os.ReadFile(filepath.Join(two, c.Path))
		if errA != nil || errB != nil || bytes.Equal(a[saltSize:], b[saltSize:]) {
			t.Errorf("%s is encrypted the same way twice: %v, %v", c.Path, errA, errB)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	_, s := made(t, Spec{Channels: 2, Days: 2, ClipSeconds: 60, Now: now})
	at := func(text string) time.Time {
		when, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		name     string
		channel  int
		from, to string
		want     int
	}{
		{"everything", 0, "2026-09-01 00:00:00", "2026-10-01 00:00:00", 12},
		{"one channel", 2, "2026-09-01 00:00:00", "2026-10-01 00:00:00", 6},
		{"no such channel", 3, "2026-09-01 00:00:00", "2026-10-01 00:00:00", 0},
		{"one clip, touched at its end", 1, "2026-09-09 10:29:59", "2026-09-09 12:00:00", 1},
		{"from is its end", 1, "2026-09-09 10:30:00", "2026-09-09 12:00:00", 0},
		{"to is its start", 1, "2026-09-09 10:00:00", "2026-09-09 10:29:00", 0},
		{"turned round", 1, "2026-10-01 00:00:00", "2026-09-01 00:00:00", 0},
	} {
		if got, err := s.Find(c.channel, at(c.from), at(c.to)); err != nil || len(got) != c.want {
			t.Errorf("%s: %d clips, want %d: %v", c.name, len(got), c.want, err)
		}
	}
	first := all(t, s)[0]
	if first.Path != "/mnt/dvr/2026-09-07/001/dav/18/18.29.00-18.30.00[R][0@0][0].mp4" {
		t.Errorf("first clip is %s", first.Path)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	_, s := made(t, Spec{Channels: 1, Days: 1, ClipSeconds: 1, Now: now})
	c := all(t, s)[0]
	f, same, err := s.Open(c.Path)
	if err != nil || same != c {
		t.Fatal(same, err)
	}
	n, err := io.Copy(io.Discard, f)
	if err := errors.Join(err, f.Close()); err != nil || n != c.Size {
		t.Errorf("read %d of %d bytes: %v", n, c.Size, err)
	}
	for _, path := range []string{"", "/", "/mnt/dvr", "/index.json", "/mnt/dvr/../../index.json", "/etc/passwd",
		"../index.json", c.Path + "/", "/" + c.Path, strings.ToUpper(c.Path), c.Path + "\x00"} {
		if _, _, err := s.Open(path); !errors.Is(err, rekey.ErrNotFound) {
			t.Errorf("opening %q gives %v", path, err)
		}
	}
}

func TestUnitsAreTheCameras(t *testing.T) {
	t.Parallel()
	_, s := made(t, Spec{Channels: 1, Days: 1, ClipSeconds: 6, Now: now})
	c := all(t, s)[0]
	units, err := s.Units(c.Path)
	if err != nil || len(units) != 30 {
		t.Fatal(len(units), err)
	}
	camera := NewCamera(1, c.Start)
	for i, u := range units {
		au, key := camera.Next()
		if len(u.NALUs) != 1 || !bytes.Equal(u.NALUs[0], au[0]) || u.At != time.Duration(i)*FrameDuration || key != (i%framesPerGOP == 0) {
			t.Fatalf("unit %d at %v is another one", i, u.At)
		}
	}
}

func TestBadSpecs(t *testing.T) {
	t.Parallel()
	for _, spec := range []Spec{
		{},
		{Channels: 0, Days: 1, ClipSeconds: 1, Now: now},
		{Channels: 1, Days: MaxDays + 1, ClipSeconds: 1, Now: now},
		{Channels: 1, Days: 1, ClipSeconds: -1, Now: now},
		{Channels: 1, Days: 1, ClipSeconds: 1},
	} {
		dir := t.TempDir()
		if err := Make(dir, spec, testKey); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%+v: %v", spec, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%+v left %d files", spec, len(left))
		}
	}
}

func TestOpenWithoutWholeFootage(t *testing.T) {
	t.Parallel()
	dir, _ := made(t, Spec{Channels: 1, Days: 1, ClipSeconds: 1, Now: now})
	if err := os.Remove(filepath.Join(dir, indexName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, testKey); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("without an index: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, indexName), []byte("{[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, testKey); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("with a torn index: %v", err)
	}
}

// Whatever the payload, taking the prevention bytes out again gives it back, and no start code stands in between.
func FuzzNALUnit(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 0, 3, 0, 0})
	f.Add([]byte("text"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := nalUnit(headerP, payload)
		if !bytes.Equal(h264.EmulationPreventionRemove(got)[1:], payload) {
			t.Fatalf("%x became %x", payload, got)
		}
		for _, code := range []string{"\x00\x00\x00", "\x00\x00\x01", "\x00\x00\x02"} {
			if strings.Contains(string(got[1:]), code) {
				t.Fatalf("%x holds a start code", got)
			}
		}
	})
}
