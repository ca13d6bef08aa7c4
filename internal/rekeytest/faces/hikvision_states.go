package faces

import (
	"net/http"
)

// redirecting sends everybody elsewhere, whatever they bring.
func (h *HikvisionBox) redirecting(b *Box) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", h.Redirect(b)+r.URL.RequestURI())
		w.WriteHeader(http.StatusMovedPermanently)
	})
}

// serving is a box that serves nobody: one that was never activated says so to
// all, one at its limit to those who log in, whose password it does not look at.
// The words are those of the maker's list of errors.
func (h *HikvisionBox) serving(g *guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case h.New && r.URL.Path == "/SDK/activateStatus":
			answerXML(w, http.StatusOK, "ActivateStatus", "<Activated>false</Activated>\n")
		case h.New && r.Header.Get("Authorization") != "":
			h.Keys.judge(g.door, "nobody", func(string) bool { return false }) // a password for nothing
			fallthrough
		case h.New:
			responseStatus(w, r, http.StatusForbidden, 4, "Invalid Operation", "notActivated")
		case r.Header.Get("Authorization") == "":
			g.challenge(w, false)
			h.refuse(w, r, nil)
		default:
			responseStatus(w, r, http.StatusServiceUnavailable, 2, "Device Busy", "deviceBusy")
		}
	})
}
