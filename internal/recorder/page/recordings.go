package page

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
	"rekey/internal/web"
)

// Footage is where the recordings are. Sealed ones are refused with
// rekey.ErrDenied.
type Footage interface {
	Find(channel int, from, to time.Time) ([]clips.Clip, error)
	Open(path string) (io.ReadSeekCloser, clips.Clip, error)
}

const dayLayout = "2006-01-02"

// RecordingsView is the recordings of one camera on one day: the query's camera
// and day (2006-01-02); the newest day where it names none. /recordings/zip with
// camera (0 = all), from and to (2006-01-02T15:04) gives a stretch as ZIP.
type RecordingsView struct {
	Page    string          `json:"page"` // "recordings"
	Sealed  bool            `json:"sealed"`
	Cameras int             `json:"cameras"`
	Camera  int             `json:"camera"`
	Day     string          `json:"day"`
	Days    []string        `json:"days"` // on which the camera has recordings, newest first
	Clips   []RecordingView `json:"clips"`
	Backup  bool            `json:"backup"` // the user may take recordings away
	Error   string          `json:"error,omitempty"`
}

// RecordingView is one recording.
type RecordingView struct {
	clips.Clip
	Play     string `json:"play"`               // path of its page
	Download string `json:"download,omitempty"` // empty = the user may not
	SHA256   string `json:"sha256,omitempty"`   // of the file, on its own page
}

func (p *page) recording(s *session, c clips.Clip) RecordingView {
	name := "?" + url.Values{"name": {c.Path}}.Encode()
	v := RecordingView{Clip: c, Play: "/recordings/play" + name}
	if p.box.May(s.account, recorder.RightBackup) {
		v.Download = "/recordings/download" + name
	}
	return v
}

func (p *page) recordings(w http.ResponseWriter, r *http.Request, s *session) {
	p.respondRecordings(w, r, s, nil)
}

func (p *page) respondRecordings(w http.ResponseWriter, r *http.Request, s *session, err error) {
	text, status, ok := refused(w, r, err, told)
	if !ok {
		return
	}
	v := RecordingsView{Page: "recordings", Cameras: p.box.Info().Channels, Camera: 1, Backup: p.box.May(s.account, recorder.RightBackup), Error: text}
	if n, err := strconv.Atoi(r.URL.Query().Get("camera")); err == nil && n >= 1 && n <= v.Cameras {
		v.Camera = n
	}
	all, err := p.o.Footage.Find(v.Camera, time.Time{}, farAway)
	switch {
	case errors.Is(err, rekey.ErrDenied):
		v.Sealed, status = true, http.StatusForbidden
	case err != nil:
		web.Fail(w, r, err)
		return
	}
	v.choose(all, r.URL.Query().Get("day"))
	for _, c := range all {
		if c.Start.Format(dayLayout) == v.Day {
			v.Clips = append(v.Clips, p.recording(s, c))
		}
	}
	p.respond(w, r, status, v, "Recordings", s, recordingsBody(v))
}

// farAway is after every recording.
var farAway = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// choose lists the days and takes the one that was asked for.
func (v *RecordingsView) choose(all []clips.Clip, day string) {
	v.Days, v.Clips = []string{}, []RecordingView{}
	for _, c := range slices.Backward(all) {
		if d := c.Start.Format(dayLayout); !slices.Contains(v.Days, d) {
			v.Days = append(v.Days, d)
		}
	}
	if _, err := time.Parse(dayLayout, day); err == nil {
		v.Day = day
	} else if len(v.Days) > 0 {
		v.Day = v.Days[0]
	}
}

// PlayView is one recording, to be looked at.
type PlayView struct {
	Page string `json:"page"` // "play"
	RecordingView
	File string `json:"file"` // path of the video
	Back string `json:"-"`
}

// transfer holds a slot for a recording on its way, or says that there is none.
func (p *page) transfer(w http.ResponseWriter, r *http.Request) (free func(), ok bool) {
	select {
	case p.transfers <- struct{}{}:
		return func() { <-p.transfers }, true
	default:
		w.Header().Set("Retry-After", "10")
		web.Fail(w, r, fmt.Errorf("%w: %d recordings are on their way already; wait until one has arrived", rekey.ErrBudget, maxTransfers))
		return nil, false
	}
}

func (p *page) play(w http.ResponseWriter, r *http.Request, s *session) {
	free, ok := p.transfer(w, r)
	if !ok {
		return
	}
	defer free()
	f, c, ok := p.open(w, r)
	if !ok {
		return
	}
	defer f.Close() //nolint:errcheck // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		web.Fail(w, r, fmt.Errorf("%w: read a recording: %w", rekey.ErrStorage, err))
		return
	}
	v := PlayView{Page: "play", RecordingView: p.recording(s, c), File: "/recordings/file?" + url.Values{"name": {c.Path}}.Encode()}
	v.Back = "/recordings?" + url.Values{"camera": {strconv.Itoa(c.Channel)}, "day": {c.Start.Format(dayLayout)}}.Encode()
	v.SHA256 = hex.EncodeToString(sum.Sum(nil))
	p.respond(w, r, http.StatusOK, v, "Recording", s, playBody(v))
}

// open opens the recording that the query names, or has answered.
func (p *page) open(w http.ResponseWriter, r *http.Request) (io.ReadSeekCloser, clips.Clip, bool) {
	f, c, err := p.o.Footage.Open(r.URL.Query().Get("name"))
	if errors.Is(err, rekey.ErrDenied) {
		err = errSealed
	}
	if err != nil {
		web.Fail(w, r, err)
		return nil, c, false
	}
	return f, c, true
}

var errSealed = fmt.Errorf("%w: the recordings are sealed since the recorder was reset by its button; they are opened at the recorder itself, Main Menu > Recordings", rekey.ErrDenied)

func (p *page) file(w http.ResponseWriter, r *http.Request, s *session) {
	p.send(w, r, "inline", p.watching(r, s, recorder.RightPlayback), func(clips.Clip) bool { return true })
}

// download is a recording to be kept, which goes on record. One that goes on,
// part by part, is one.
func (p *page) download(w http.ResponseWriter, r *http.Request, s *session) {
	p.send(w, r, "attachment", p.watching(r, s, recorder.RightBackup), func(c clips.Clip) bool {
		if r.Method == http.MethodHead {
			return true
		}
		was := s.taken.Swap(&c.Path)
		return was != nil && *was == c.Path || p.taken(w, r, s, c.Path, nil)
	})
}

// taken records that somebody takes recordings away, before it is done.
func (p *page) taken(w http.ResponseWriter, r *http.Request, s *session, what string, more map[string]string) bool {
	from := client(r)
	detail := map[string]string{"address": from.Address, "client": from.Type, "via": string(from.Via)}
	for k, v := range more {
		detail[k] = v
	}
	if err := p.box.Record("recordings.taken", s.account, what, "ok", detail); err != nil {
		web.Fail(w, r, err)
		return false
	}
	return true
}

// watched is a recording on its way. It ends once nobody may have it any more.
type watched struct {
	io.ReadSeeker
	may func() bool
}

var errOver = fmt.Errorf("%w: the session or the right of who takes the recording is over", rekey.ErrDenied)

func (f watched) Read(b []byte) (int, error) {
	if !f.may() {
		return 0, errOver
	}
	return f.ReadSeeker.Read(b)
}

// send sends the recording that the query names, once agreed has not answered instead.
func (p *page) send(w http.ResponseWriter, r *http.Request, disposition string, may func() bool, agreed func(clips.Clip) bool) {
	free, ok := p.transfer(w, r)
	if !ok {
		return
	}
	defer free()
	f, c, ok := p.open(w, r)
	if !ok {
		return
	}
	defer f.Close() //nolint:errcheck // only read
	if !agreed(c) {
		return
	}
	hold(w, c.Size)
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Content-Disposition", disposition+`; filename="`+fileName(c)+`"`)
	http.ServeContent(w, r, "", time.Time{}, watched{f, may})
}

// fileName is made of numbers only.
func fileName(c clips.Clip) string {
	return fmt.Sprintf("camera%02d-%s.mp4", c.Channel, c.Start.Format("2006-01-02-150405"))
}

// hold gives the connection the time that so many bytes take at the slowest rate
// that is borne with: who reads nothing does not hold it for ever.
func hold(w http.ResponseWriter, size int64) {
	const least, rate = time.Minute, 64 << 10 // bytes a second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(least + time.Duration(size/rate)*time.Second))
}
