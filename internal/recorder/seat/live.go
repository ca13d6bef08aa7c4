package seat

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"time"

	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
	"rekey/internal/web"
)

// splits are how many cameras the screen can be divided among.
var splits = []int{1, 4, 9, 16}

// split is what the screen shows: size cameras from first on, in a square. The
// address says it by view, camera and still; anything odd there is the usual.
type split struct {
	size, first, channels int
	still                 bool
}

func splitOf(query url.Values, channels int) split {
	p := split{size: whole(channels), first: 1, channels: channels, still: query.Get("still") != ""}
	if n, err := strconv.Atoi(query.Get("view")); err == nil && slices.Contains(splits, n) {
		p.size = n
	}
	if n, err := strconv.Atoi(query.Get("camera")); err == nil && n >= 1 && n <= channels {
		p.first = n - (n-1)%p.size
	}
	return p
}

// whole is the split that shows every camera, or as many as there can be.
func whole(channels int) int {
	for _, n := range splits {
		if n >= channels {
			return n
		}
	}
	return splits[len(splits)-1]
}

func (p split) side() int {
	for n := 1; ; n++ {
		if n*n >= p.size {
			return n
		}
	}
}

func (p split) last() int { return min(p.first+p.size-1, p.channels) }

// query names the split in an address.
func (p split) query() string {
	q := url.Values{"view": {strconv.Itoa(p.size)}, "camera": {strconv.Itoa(p.first)}}
	if p.still {
		q.Set("still", "1")
	}
	return "?" + q.Encode()
}

// of is the split of another size that shows a camera.
func (p split) of(size, camera int) split {
	p.size, p.first = size, camera-(camera-1)%size
	return p
}

// choices are the splits that differ for this recorder.
func (p split) choices() []int {
	return splits[:slices.Index(splits, whole(p.channels))+1]
}

func (p split) toggled() split {
	p.still = !p.still
	return p
}

func (p split) title() string {
	if p.first == p.last() {
		return fmt.Sprintf("Picture of camera %d", p.first)
	}
	return fmt.Sprintf("Pictures of cameras %d to %d", p.first, p.last())
}

// monitor draws the screen of a recorder.
type monitor struct {
	split
	canvas *image.YCbCr
	out    bytes.Buffer
}

func newMonitor(p split) *monitor {
	size := image.Rect(0, 0, p.side()*clips.Width, p.side()*clips.Height)
	return &monitor{split: p, canvas: image.NewYCbCr(size, image.YCbCrSubsampleRatio420)}
}

// frame is the screen at a time of the recorder's clock, as JPEG. It is valid
// until the next one. Cameras that are known and not online are dark.
func (m *monitor) frame(now time.Time, cameras []recorder.CameraState) ([]byte, error) {
	for i := range m.canvas.Cb {
		m.canvas.Cb[i], m.canvas.Cr[i] = 128, 128
	}
	for n := m.first; n <= m.last(); n++ {
		cell := n - m.first
		at := image.Pt(cell%m.side()*clips.Width, cell/m.side()*clips.Height)
		if n <= len(cameras) && !cameras[n-1].Online {
			clips.DrawDark(m.canvas, at, n)
		} else {
			clips.Draw(m.canvas, at, n, now)
		}
	}
	m.out.Reset()
	err := jpeg.Encode(&m.out, m.canvas, &jpeg.Options{Quality: 85})
	return m.out.Bytes(), err
}

// still is one picture of the screen.
func (s *seat) still(w http.ResponseWriter, r *http.Request) {
	m := newMonitor(splitOf(r.URL.Query(), s.box.Info().Channels))
	picture, err := m.frame(s.box.Now(), s.box.Cameras())
	if err != nil {
		web.Fail(w, r, fmt.Errorf("draw the live view: %w", err))
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	_, _ = w.Write(picture) //nolint:gosec // JPEG from our own encoder; of the request only numbers choose what it shows
}

// live is the screen as it moves: one picture after the other in one answer
// (multipart/x-mixed-replace), which every browser shows in an ordinary img. It
// ends with the seat's session, which it does not prolong, with a reset, with the
// client, or with the recorder.
func (s *seat) live(w http.ResponseWriter, r *http.Request) {
	const slowest, look = 10 * time.Second, 25 // frames between two looks at session and cameras
	out := multipart.NewWriter(w)
	w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary="+out.Boundary())
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // of the whole connection; it would end the request
	m := newMonitor(splitOf(r.URL.Query(), s.box.Info().Channels))
	cameras := s.box.Cameras()
	tick := time.NewTicker(clips.FrameDuration)
	defer tick.Stop()
	for n := 1; ; n++ {
		_ = control.SetWriteDeadline(time.Now().Add(slowest))
		if picture, err := m.frame(s.box.Now(), cameras); err != nil || sendPart(out, picture) != nil || control.Flush() != nil {
			return
		}
		if n%look == 0 {
			if !s.entered.Open(r) || !s.box.Initialised() {
				return
			}
			cameras = s.box.Cameras()
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-s.o.Off:
			return
		}
	}
}

func sendPart(out *multipart.Writer, picture []byte) error {
	part, err := out.CreatePart(textproto.MIMEHeader{"Content-Type": {"image/jpeg"}, "Content-Length": {strconv.Itoa(len(picture))}})
	if err == nil {
		_, err = part.Write(picture)
	}
	return err
}
