package live

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
	"rekey/internal/web"
)

// monitor draws the screen of a recorder.
type monitor struct {
	Split
	canvas *image.YCbCr
	out    bytes.Buffer
}

func newMonitor(p Split) *monitor {
	size := image.Rect(0, 0, p.Side()*clips.Width, p.Side()*clips.Height)
	return &monitor{Split: p, canvas: image.NewYCbCr(size, image.YCbCrSubsampleRatio420)}
}

// frame is the screen at a time of the recorder's clock, as JPEG. It is valid
// until the next one. Cameras that are known and not online are dark.
func (m *monitor) frame(now time.Time, cameras []recorder.CameraState) ([]byte, error) {
	for i := range m.canvas.Cb {
		m.canvas.Cb[i], m.canvas.Cr[i] = 128, 128
	}
	for n := m.First; n <= m.Last(); n++ {
		cell := n - m.First
		at := image.Pt(cell%m.Side()*clips.Width, cell/m.Side()*clips.Height)
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

// Pictures are the live pictures of one box behind one door. Each stream holds a
// connection and draws five pictures a second, so there are only so many.
type Pictures struct {
	box   *recorder.Box
	off   <-chan struct{}
	slots chan struct{}
}

// New offers the pictures of box to at most so many viewers at a time. off is
// closed when the recorder is switched off; nil = never.
func New(box *recorder.Box, most int, off <-chan struct{}) *Pictures {
	return &Pictures{box: box, off: off, slots: make(chan struct{}, most)}
}

// Still is one picture of what the request's query names.
func (v *Pictures) Still(w http.ResponseWriter, r *http.Request) {
	m := newMonitor(SplitOf(r.URL.Query(), v.box.Info().Channels))
	picture, err := m.frame(v.box.Now(), v.box.Cameras())
	if err != nil {
		web.Fail(w, r, fmt.Errorf("draw the live view: %w", err))
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	_, _ = w.Write(picture) //nolint:gosec // JPEG from our own encoder; of the request only numbers choose what it shows
}

// How a stream goes on.
const (
	slowest = 10 * time.Second // for one picture
	look    = 25               // pictures between two looks at the viewer's rights and the cameras
)

// Stream is the screen as it moves: one picture after the other in one answer
// (multipart/x-mixed-replace), which every browser shows in an ordinary img. It
// ends with the client, with the recorder, or when may says no, which is asked
// every few seconds. With too many viewers it is rekey.ErrBudget.
func (v *Pictures) Stream(w http.ResponseWriter, r *http.Request, may func() bool) {
	out := multipart.NewWriter(w)
	w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary="+out.Boundary())
	if r.Method == http.MethodHead {
		return
	}
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	default:
		w.Header().Set("Retry-After", "10")
		web.Fail(w, r, fmt.Errorf("%w: %d screens show moving pictures already; close one of them, or look at pictures that stand still", rekey.ErrBudget, cap(v.slots)))
		return
	}
	v.send(w, r, out, may)
}

func (v *Pictures) send(w http.ResponseWriter, r *http.Request, out *multipart.Writer, may func() bool) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // of the whole connection; it would end the request
	m := newMonitor(SplitOf(r.URL.Query(), v.box.Info().Channels))
	cameras := v.box.Cameras()
	for n := 1; ; n++ {
		_ = control.SetWriteDeadline(time.Now().Add(slowest))
		if picture, err := m.frame(v.box.Now(), cameras); err != nil || sendPart(out, picture) != nil || control.Flush() != nil {
			return
		}
		if n%look == 0 {
			if !may() {
				return
			}
			cameras = v.box.Cameras()
		}
		select {
		case <-time.After(untilNext(v.box.Now())):
		case <-r.Context().Done():
			return
		case <-v.off:
			return
		}
	}
}

// untilNext is how long to wait for the next picture: until the middle of the
// camera's next frame. Whoever comes a little early or late in one does not take
// the same picture twice, as by a ticker of its own.
func untilNext(now time.Time) time.Duration {
	return now.Truncate(clips.FrameDuration).Add(clips.FrameDuration * 3 / 2).Sub(now)
}

func sendPart(out *multipart.Writer, picture []byte) error {
	part, err := out.CreatePart(textproto.MIMEHeader{"Content-Type": {"image/jpeg"}, "Content-Length": {strconv.Itoa(len(picture))}})
	if err == nil {
		_, err = part.Write(picture)
	}
	return err
}
