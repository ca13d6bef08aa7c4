package seat

import (
	"net/http"

	"rekey/internal/recorder/live"
)

// maxViewers is how many may look at the live view at a time: it is one monitor.
const maxViewers = 8

// views are where the screen shows its pictures.
var views = live.Paths{Page: "/", Stream: "/live", Still: "/live.jpg"}

// live is the screen as it moves. It ends with the seat's session, which it does
// not prolong, and with a reset.
func (s *seat) live(w http.ResponseWriter, r *http.Request) {
	s.pictures.Stream(w, r, func() bool { return s.o.Entry.Entered(r) && s.box.Initialised() })
}
