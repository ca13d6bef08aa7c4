package page

import (
	"net/http"

	"rekey/internal/recorder"
	"rekey/internal/recorder/live"
)

// views are where the page shows its pictures.
var views = live.Paths{Page: "/live", Stream: "/live/stream", Still: "/live/still"}

// LiveView is the live view. The query names what it shows: view (1, 4, 9 or 16
// cameras), camera, still. /live/stream and /live/still give the pictures.
type LiveView struct {
	Page    string `json:"page"` // "live"
	Cameras int    `json:"cameras"`
	First   int    `json:"first"`
	Last    int    `json:"last"`

	split live.Split
}

func (p *page) live(w http.ResponseWriter, r *http.Request, s *session) {
	split := live.SplitOf(r.URL.Query(), p.box.Info().Channels)
	v := LiveView{Page: "live", Cameras: split.Channels, First: split.First, Last: split.Last(), split: split}
	p.respond(w, r, http.StatusOK, v, "Live view", s, liveBody(v))
}

// stream ends with the session, which it does not prolong, with the right, and
// with the phone.
func (p *page) stream(w http.ResponseWriter, r *http.Request, s *session) {
	p.pictures.Stream(w, r, p.watching(r, s, recorder.RightLive))
}

func (p *page) still(w http.ResponseWriter, r *http.Request, _ *session) { p.pictures.Still(w, r) }
