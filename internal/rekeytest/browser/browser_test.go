package browser

import (
	"bytes"
	"fmt"
	"image/png"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// recorded takes the failures of a tab instead of the test.
type recorded struct {
	testing.TB
	failures []string
}

func (r *recorded) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// TestTab: a tab clicks, types, reads, and tells a poor page from a good one.
func TestTab(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/dim" {
			_, _ = fmt.Fprint(w, `<!DOCTYPE html><html lang="en"><title>Dim</title><style>@media (prefers-color-scheme: dark) { body { background: #111; color: #333 } }</style><main><h1>Dim</h1></main></html>`)
			return
		}
		if r.URL.Path == "/poor" {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
			_, _ = fmt.Fprint(w, `<!DOCTYPE html><html><title>Poor</title><style>p{width:2000px}</style><h1>Poor</h1><input id=n><div style="width:2000px">x</div></html>`)
			return
		}
		_, _ = fmt.Fprintf(w, `<!DOCTYPE html><html lang="en"><title>Good</title><main><h1>Good</h1><p>Hello %s</p>
<form action="/"><label for="n">Name</label> <input id="n" name="n"> <button>Say it</button></form></main></html>`, r.FormValue("n"))
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	base := "http://" + l.Addr().String()

	b := Start(t)
	tab := b.Tab(t)
	tab.Open(base + "/")
	tab.Type("#n", "Ann")
	tab.Press("Say it")
	tab.Wants("Hello Ann")
	tab.Axe(Desktop, DesktopDark, Phone, PhoneDark)
	if pic, err := png.Decode(bytes.NewReader(tab.Picture())); err != nil || pic.Bounds().Dx() != 390 {
		t.Errorf("picture: %v", err)
	}

	grey := &recorded{TB: t}
	dim := b.Tab(t)
	dim.t = grey
	dim.Open(base + "/dim")
	dim.Axe(Phone, PhoneDark)
	if got := strings.Join(grey.failures, "\n"); !strings.Contains(got, "390 wide, dark true: color-contrast") || strings.Contains(got, "dark false") {
		t.Errorf("axe finds in a page that is dim in the dark alone:\n%s", got)
	}

	rec := &recorded{TB: t}
	poor := b.Tab(t)
	poor.t = rec
	poor.Open(base + "/poor")
	poor.Axe(Phone)
	got := strings.Join(rec.failures, "\n")
	for _, want := range []string{"html-has-lang", "label: ", "landmark-one-main"} {
		if !strings.Contains(got, want) {
			t.Errorf("axe does not find %s in:\n%s", want, got)
		}
	}
	poor.mu.Lock()
	defer poor.mu.Unlock()
	if len(poor.breaches) == 0 {
		t.Error("inline styles did not breach the Content-Security-Policy")
	}
	poor.breaches = nil
}
