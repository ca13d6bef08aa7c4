package lan

import (
	"net/http"

	"rekey"
	"rekey/internal/recorder"
)

// front is the web page. What asks it for a challenge gets the answer of every
// address that is not there, and is on record.
func (l *lan) front(w http.ResponseWriter, r *http.Request) {
	if wantsChallenge(r.URL.Path) {
		l.refuseChallenge(r.Context(), r.URL.Path, client(r, recorder.Client{Via: rekey.InterfaceWeb, Type: "Web"}))
	}
	l.page.ServeHTTP(w, r)
}
