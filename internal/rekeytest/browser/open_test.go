package browser

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestOpenWhileThePageMovesOn is the story of a test of the desk that failed once
// in many runs: it had sent a form with Tick and went to another page while the
// answer to the form was still coming.
func TestOpenWhileThePageMovesOn(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch r.URL.Path {
		case "/send":
			time.Sleep(20 * time.Millisecond)
			http.Redirect(w, r, "/sent", http.StatusSeeOther)
		case "/other":
			time.Sleep(30 * time.Millisecond)
			_, _ = fmt.Fprint(w, `<!DOCTYPE html><html lang="en"><title>Other</title><main>Other</main></html>`)
		default:
			_, _ = fmt.Fprint(w, `<!DOCTYPE html><html lang="en"><title>Form</title><main><form method="post" action="/send"><button>Send</button></form></main></html>`)
		}
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	base := "http://" + l.Addr().String()

	tab := Start(t).Tab(t)
	for i := range 20 {
		tab.Open(base + "/")
		tab.Tick("button")
		time.Sleep(time.Duration(i*2) * time.Millisecond)
		tab.Open(base + "/other")
		tab.Wants("Other")
	}
}
