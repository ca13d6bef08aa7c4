package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, fine := range map[string]bool{
		"https://desk.example.com": true, "http://localhost:8080": true, "http://127.0.0.1:1": true, "http://[::1]:1": true,
		"http://desk.example.com": false, "http://localhost.example.com": false, "ftp://localhost": false, "localhost": false,
		"https://user@desk.example.com": false, "": false, "http://192.168.1.2": false,
	} {
		if _, err := client.New(address); (err == nil) != fine || err != nil && !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// seen is one request as it came.
type seen struct{ method, path, key, agent, body string }

// line is a wire that breaks: it takes whole requests, and drops the first of
// them without an answer.
type line struct {
	mu   sync.Mutex
	drop int
	all  []seen
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, seen{r.Method, r.URL.EscapedPath(), r.Header.Get("Idempotency-Key"), r.UserAgent(), string(body)})
	if l.drop--; l.drop >= 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}")
}

func newLine(t *testing.T, drop int) (*line, *client.Client) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{drop: drop}
	server := &http.Server{Handler: l, ReadHeaderTimeout: http.DefaultClient.Timeout}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	c, err := client.New("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.HangUp()
		_ = server.Close()
		served.Wait()
	})
	return l, c
}

// TestLostAnswer: what can be sent again safely is, with the same key; a reveal
// and a log-in are not.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call func(context.Context, *client.Client) error
		sent int
	}{
		"note":     {func(ctx context.Context, c *client.Client) error { _, err := c.AddNote(ctx, 7, "x"); return err }, 2},
		"case":     {func(ctx context.Context, c *client.Client) error { _, err := c.Case(ctx, 7); return err }, 2},
		"reveal":   {func(ctx context.Context, c *client.Client) error { _, err := c.Reveal(ctx, 7, "x"); return err }, 1},
		"end hook": {func(ctx context.Context, c *client.Client) error { return c.RemoveHook(ctx, 7) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wire, desk := newLine(t, 1)
			err := c.call(t.Context(), desk)
			wire.mu.Lock()
			defer wire.mu.Unlock()
			if len(wire.all) != c.sent || (err == nil) != (c.sent == 2) || err != nil && !errors.Is(err, rekey.ErrUnreachable) {
				t.Fatalf("sent %d times, %v", len(wire.all), err)
			}
			if c.sent == 2 && wire.all[0] != wire.all[1] {
				t.Errorf("%+v, then %+v", wire.all[0], wire.all[1])
			}
			if post := wire.all[0].method == http.MethodPost && name != "reveal"; post != (wire.all[0].key != "") {
				t.Errorf("key %q", wire.all[0].key)
			}
		})
	}
}

// TestGivesUp: a wire that stays broken is an error soon, and two requests never
// share a key.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	wire, c := newLine(t, 3)
	if _, err := c.AddNote(t.Context(), 7, "x"); !errors.Is(err, rekey.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if _, err := c.AddNote(t.Context(), 7, "x"); err != nil {
		t.Error(err)
	}
	wire.mu.Lock()
	defer wire.mu.Unlock()
	if n := len(wire.all); n != 4 || wire.all[0].key != wire.all[2].key || wire.all[3].key == wire.all[0].key {
		t.Errorf("%d requests: %+v", n, wire.all)
	}
}

// TestPathsStayPaths: a name that somebody typed cannot lead elsewhere.
func TestPathsStayPaths(t *testing.T) {
	t.Parallel()
	wire, c := newLine(t, 0)
	for _, name := range []string{"../../keys", "a/b", "a?b=c", "a#b", "ä ö", "..."} {
		if _, err := c.DisableAgent(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		sent := wire.all[len(wire.all)-1].path
		middle, ok := strings.CutPrefix(sent, api.Path+"/agents/")
		middle, ok2 := strings.CutSuffix(middle, "/disable")
		if back, err := url.PathUnescape(middle); !ok || !ok2 || err != nil || back != name {
			t.Errorf("%q is sent as %s", name, sent)
		}
	}
	for _, name := range []string{"", ".", ".."} {
		if _, err := c.DisableAgent(t.Context(), name); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestTellsWhoItIs: a session is bound to the user agent, so that is constant.
func TestTellsWhoItIs(t *testing.T) {
	t.Parallel()
	wire, c := newLine(t, 0)
	if _, err := c.Cases(t.Context(), desk.Search{Text: "x"}); err != nil {
		t.Fatal(err)
	}
	if got := wire.all[0].agent; got == "" || strings.Contains(got, "Go-http-client") {
		t.Errorf("user agent %q", got)
	}
}
