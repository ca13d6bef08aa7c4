package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/a-h/templ"

	"rekey"
)

// serve runs h on a real loopback listener until the test ends.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: log0()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		<-done
	})
	return "http://" + l.Addr().String()
}

func client(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, c *http.Client, method, url string, body io.Reader, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func failing(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { Fail(w, r, err) })
}

var text = templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "<h1>hello</h1>")
	return err
})

func TestSecureHeaders(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) { Respond(w, r, http.StatusOK, nil, Page("t", text)) })
	mux.Handle("/fail", failing(rekey.ErrInput))
	mux.Handle("/static/", Static())
	base := serve(t, Secure(mux))
	for _, path := range []string{"/page", "/fail", "/nowhere", "/static/rekey.css"} {
		h := ask(t, client(t), "GET", base+path, nil).header
		for name, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s = %q, want %q", path, name, got, want)
			}
		}
		for _, part := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "object-src 'none'"} {
			if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, part) || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: CSP %q lacks %q or allows something unsafe", path, csp, part)
			}
		}
		want := "no-store"
		if strings.HasPrefix(path, "/static/") {
			want = "no-cache"
		}
		if got := h.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control = %q, want %q", path, got, want)
		}
	}
}

func TestCrossOriginIsRefused(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	acted := 0
	base := serve(t, Secure(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		acted++
		w.WriteHeader(http.StatusNoContent)
	})))
	for _, c := range []struct {
		name, method string
		header       []string
		status       int
	}{
		{"own form", "POST", []string{"Sec-Fetch-Site", "same-origin"}, 204},
		{"own form over plain http", "POST", []string{"Origin", base}, 204},
		{"a program", "POST", nil, 204},
		{"link from elsewhere", "GET", []string{"Sec-Fetch-Site", "cross-site"}, 204},
		{"form from elsewhere", "POST", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"form from another port", "POST", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"old browser, other origin", "POST", []string{"Origin", "http://evil.example"}, 403},
		{"sandboxed frame", "POST", []string{"Origin", "null"}, 403},
		{"delete from elsewhere", "DELETE", []string{"Origin", "http://evil.example"}, 403},
	} {
		mu.Lock()
		before := acted
		mu.Unlock()
		got := ask(t, client(t), c.method, base+"/", nil, append(c.header, "Accept", "application/json")...)
		mu.Lock()
		ran := acted != before
		mu.Unlock()
		if got.status != c.status || ran != (c.status == 204) {
			t.Errorf("%s: status %d, handler ran %v; want %d", c.name, got.status, ran, c.status)
		}
		if c.status == 403 && !strings.Contains(got.body, `"cross_origin"`) {
			t.Errorf("%s: body %q", c.name, got.body)
		}
	}
}

func TestSecureLimitsAndPanics(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	mux := http.NewServeMux()
	mux.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			Fail(w, r, err)
		}
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("the cellar key is 4711") })
	base := serve(t, Logged(slog.New(slog.NewTextHandler(&log, nil)), Secure(mux)))
	if got := ask(t, client(t), "POST", base+"/read", strings.NewReader(strings.Repeat("x", maxBody))); got.status != 200 {
		t.Errorf("body of 1 MiB: status %d", got.status)
	}
	if got := ask(t, client(t), "POST", base+"/read", strings.NewReader(strings.Repeat("x", maxBody+1))); got.status != 413 {
		t.Errorf("body over 1 MiB: status %d", got.status)
	}
	got := ask(t, client(t), "GET", base+"/panic", nil)
	if got.status != 500 || strings.Contains(got.body, "4711") || got.header.Get("Content-Security-Policy") == "" {
		t.Errorf("panic: status %d, body %q", got.status, got.body)
	}
	if !strings.Contains(log.String(), "4711") {
		t.Error("the panic is not in the log")
	}
}

// TestEverySentinelHasAStatus reads errors.go, so that a new sentinel cannot be forgotten.
func TestEverySentinelHasAStatus(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if !ok {
				continue
			}
			for i, name := range v.Names {
				declared[sentinelText(t, name.Name, v.Values[i])] = true
			}
		}
	}
	if len(declared) < 15 {
		t.Fatalf("only %d sentinels found in errors.go", len(declared))
	}
	codes := map[string]bool{}
	for _, s := range statuses {
		if !declared[s.kind.Error()] {
			t.Errorf("%v is in the map twice or not a sentinel of the root package", s.kind)
		}
		delete(declared, s.kind.Error())
		if http.StatusText(s.status) == "" || s.status < 400 || codes[s.code] || s.code == "" {
			t.Errorf("%v: status %d, code %q", s.kind, s.status, s.code)
		}
		codes[s.code] = true
	}
	for text := range declared {
		t.Errorf("the sentinel %q has no HTTP status", text)
	}
}

func sentinelText(t *testing.T, name string, value ast.Expr) string {
	t.Helper()
	call, ok := value.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		t.Fatalf("%s is not errors.New(text)", name)
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		t.Fatalf("%s is not errors.New(text)", name)
	}
	return strings.Trim(lit.Value, `"`)
}

func TestFail(t *testing.T) {
	t.Parallel()
	locked := &rekey.LoginError{Kind: rekey.ErrLocked, Account: "admin", LockedFor: 90500 * time.Millisecond}
	for _, c := range []struct {
		name         string
		err          error
		status       int
		code, detail string
		never        string
	}{
		{"told", fmt.Errorf("%w: the port must be 1 to 65535", rekey.ErrInput), 400, "input", "1 to 65535", ""},
		{"wrapped", fmt.Errorf("open: %w", locked), 429, "locked", "admin", ""},
		{"path of this machine", fmt.Errorf("write /srv/private/x: %w", rekey.ErrStorage), 507, "storage", "storage failed", "/srv/private"},
		{"no session", fmt.Errorf("read cases: %w", ErrNoSession), 401, "no_session", "log in first", "read cases"},
		{"internal", errors.New("sql: table cases has no column n"), 500, "internal", "internal error", "sql"},
	} {
		base := serve(t, failing(c.err))
		got := ask(t, client(t), "GET", base, nil, "Accept", "application/json")
		var p Problem
		if err := json.Unmarshal([]byte(got.body), &p); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got.status != c.status || p.Status != c.status || p.Code != c.code || !strings.Contains(p.Detail, c.detail) || p.Title != http.StatusText(c.status) {
			t.Errorf("%s: %d %+v", c.name, got.status, p)
		}
		if ct := got.header.Get("Content-Type"); ct != "application/problem+json" {
			t.Errorf("%s: Content-Type %q", c.name, ct)
		}
		if challenged := got.header.Get("WWW-Authenticate") != ""; challenged != (c.status == 401) {
			t.Errorf("%s: WWW-Authenticate %q", c.name, got.header.Get("WWW-Authenticate"))
		}
		page := ask(t, client(t), "GET", base, nil)
		if page.status != c.status || !strings.Contains(page.body, "<main") {
			t.Errorf("%s: page %d", c.name, page.status)
		}
		if c.never != "" && strings.Contains(got.body+page.body, c.never) {
			t.Errorf("%s: the answer tells %q", c.name, c.never)
		}
		if c.code == "locked" && got.header.Get("Retry-After") != "91" {
			t.Errorf("Retry-After = %q, want 91", got.header.Get("Retry-After"))
		}
	}
}

func TestRespondChoosesByAccept(t *testing.T) {
	t.Parallel()
	base := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Respond(w, r, http.StatusAccepted, map[string]int{"n": 1}, Page("A & B", text))
	}))
	for accept, json := range map[string]bool{
		"":                                        false,
		"*/*":                                     false,
		"text/html,application/xhtml+xml,*/*":     false,
		"application/json":                        true,
		"application/problem+json":                true,
		"application/json;q=0.5, text/html":       false,
		"text/html;q=0.5, application/json":       true,
		"application/json, text/html":             true,
		"application/json;q=0":                    false,
		"application/json;q=NaN":                  false,
		"application/json;q=x, text/plain":        false,
		strings.Repeat("a/b,", 100) + "text/json": false,
	} {
		got := ask(t, client(t), "GET", base, nil, "Accept", accept)
		isJSON := strings.HasPrefix(got.header.Get("Content-Type"), "application/json")
		if got.status != 202 || isJSON != json || !slices.Contains(got.header.Values("Vary"), "Accept") {
			t.Errorf("Accept %.60q: status %d, %s", accept, got.status, got.header.Get("Content-Type"))
		}
		if !json && !strings.Contains(got.body, "<title>A &amp; B - rekey</title>") {
			t.Errorf("Accept %.60q: page %q", accept, got.body)
		}
	}
}

func TestRespondFaultIsAClean500(t *testing.T) {
	t.Parallel()
	broken := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, "half a secret")
		return errors.New("broken")
	})
	base := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Respond(w, r, http.StatusOK, func() {}, broken)
	}))
	for _, accept := range []string{"text/html", "application/json"} {
		got := ask(t, client(t), "GET", base, nil, "Accept", accept)
		if got.status != 500 || strings.Contains(got.body, "half") || strings.Contains(got.body, "broken") {
			t.Errorf("%s: %d %q", accept, got.status, got.body)
		}
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	base := serve(t, Static())
	got := ask(t, client(t), "GET", base+"/static/pico.min.css", nil)
	if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/css") || !strings.Contains(got.body[:200], "v2.1.1") {
		t.Errorf("pico: %d %s", got.status, got.header.Get("Content-Type"))
	}
	if again := ask(t, client(t), "GET", base+"/static/pico.min.css", nil, "If-None-Match", got.header.Get("ETag")); again.status != 304 {
		t.Errorf("unchanged file: status %d, want 304", again.status)
	}
	for _, path := range []string{"/static/", "/static", "/static/../web.go", "/static/%2e%2e/web.go", "/static/none.css"} {
		if got := ask(t, client(t), "GET", base+path, nil); got.status != 404 {
			t.Errorf("%s: status %d, want 404", path, got.status)
		}
	}
	if got := ask(t, client(t), "POST", base+"/static/rekey.css", nil); got.status != 404 {
		t.Errorf("POST: status %d, want 404", got.status)
	}
}

func TestInputNeverShowsAPassword(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	if err := Input(Field{Label: "L", Name: "n", Type: "password", Value: "hunter2"}).Render(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "hunter2") || !strings.Contains(page.String(), `type="password"`) {
		t.Error(page.String())
	}
}
