package staff_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/schema"
	"rekey/internal/desk/staff"
	"rekey/internal/store"
	"rekey/internal/web"
)

// home is where the tests' own calls come from.
var home = netip.MustParseAddr("192.0.2.1") //nolint:gochecknoglobals // an address is not changed

// clock is a wall clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// record is one record of the security log as the staff writes it.
type record struct {
	actor, event, object, result string
	detail                       map[string]string
}

// records keep what is noted; a real desk's is in the tests of package desk.
type records struct {
	mu   sync.Mutex
	all  []record
	down bool
}

var errLogDown = fmt.Errorf("%w: the log is down", rekey.ErrStorage)

func (l *records) Note(_ context.Context, actor, event, object, result string, detail map[string]string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return errLogDown
	}
	l.all = append(l.all, record{actor, event, object, result, detail})
	return nil
}

func (l *records) setDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

func (l *records) count(want string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, r := range l.all {
		if strings.HasPrefix(strings.Join([]string{r.actor, r.event, r.object, r.result, r.detail["reason"]}, " "), want) {
			n++
		}
	}
	return n
}

// migrated is an empty database of a desk, which is made once: the migrations
// take longer than most tests.
var migrated = sync.OnceValues(func() ([]byte, error) { //nolint:gochecknoglobals // it is only read
	dir, err := os.MkdirTemp("", "staff")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "desk.db")
	db, err := store.Open(context.Background(), path, schema.Migrations())
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // our own
})

// place is one desk's staff on a real database and a real socket.
type place struct {
	t      testing.TB
	db     *store.DB
	clock  *clock
	log    *records
	staff  *staff.Staff
	origin string // http://localhost:PORT
	o      staff.Options
	server *httptest.Server
}

func newPlace(t testing.TB, change ...func(*staff.Options)) *place {
	t.Helper()
	p := &place{t: t, clock: newClock(), log: &records{}}
	empty, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "desk.db")
	if err := os.WriteFile(path, empty, 0o600); err != nil {
		t.Fatal(err)
	}
	if p.db, err = store.Open(t.Context(), path, schema.Migrations()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.db.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.origin = fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	p.o = staff.Options{URL: p.origin, Key: []byte("0123456789abcdef0123456789abcdef"), Now: p.clock.Now, Log: p.log}
	for _, f := range change {
		f(&p.o)
	}
	p.staff = p.another()
	p.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: p.front(), ReadHeaderTimeout: time.Minute}}
	p.server.Start()
	t.Cleanup(p.server.Close)
	return p
}

// another is the staff once more, as a second process has it.
func (p *place) another() *staff.Staff {
	p.t.Helper()
	s, err := staff.New(p.db, p.o)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// front is the least of a front that a session needs. The header From moves a
// request to another network.
func (p *place) front() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		var in staff.StepUp
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			web.Fail(w, r, err)
			return
		}
		who, err := p.staff.FinishLogIn(w, r, in.ID, in.Assertion)
		answer(w, r, who, err)
	})
	mux.HandleFunc("GET /who", func(w http.ResponseWriter, r *http.Request) {
		who, err := p.staff.Who(r)
		answer(w, r, who, err)
	})
	mux.HandleFunc("GET /still", func(w http.ResponseWriter, r *http.Request) {
		who, err := p.staff.Still(r)
		answer(w, r, who, err)
	})
	mux.HandleFunc("GET /sessions", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(p.staff.Sessions("", r))
	})
	mux.HandleFunc("POST /logout", p.staff.LogOut)
	mux.HandleFunc("GET /sso", func(w http.ResponseWriter, r *http.Request) {
		to, err := p.staff.BeginSSO(w, r)
		if err != nil {
			web.Fail(w, r, err)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
	mux.HandleFunc("GET /sso/back", func(w http.ResponseWriter, r *http.Request) {
		who, err := p.staff.FinishSSO(w, r)
		answer(w, r, who, err)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := r.Header.Get("From"); from != "" {
			r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 1).String()
		}
		mux.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, r *http.Request, who staff.Agent, err error) {
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	_, _ = fmt.Fprintf(w, "%s %s %d", who.Name, who.Role, len(who.Browser))
}

// browse is one browser: its cookies, its User-Agent and where it stands.
type browse struct {
	p     *place
	c     *http.Client
	agent string
	from  string
}

func (p *place) browse() *browse {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	transport := &http.Transport{}
	p.t.Cleanup(transport.CloseIdleConnections)
	return &browse{p: p, c: &http.Client{Jar: jar, Transport: transport}, agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/148.0", from: home.String()}
}

func (b *browse) send(method, path string, body string) (int, string) {
	b.p.t.Helper()
	to := path
	if !strings.HasPrefix(path, "https://") {
		to = b.p.origin + path
	}
	r, err := http.NewRequestWithContext(b.p.t.Context(), method, to, strings.NewReader(body))
	if err != nil {
		b.p.t.Fatal(err)
	}
	r.Header.Set("User-Agent", b.agent)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("From", b.from)
	resp, err := b.c.Do(r)
	if err != nil {
		b.p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		b.p.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (b *browse) who() string {
	status, text := b.send("GET", "/who", "")
	if status != http.StatusOK {
		return fmt.Sprint(status)
	}
	name, _, _ := strings.Cut(text, " ")
	return name
}

// authenticator answers ceremonies: a passkey, or what somebody else has.
type authenticator interface {
	Get(origin string, options json.RawMessage) (json.RawMessage, error)
}

// logIn logs in with a passkey and returns the status.
func (b *browse) logIn(k authenticator) int {
	b.p.t.Helper()
	status, _ := b.finish(b.begin(k))
	return status
}

func (b *browse) begin(k authenticator) staff.StepUp {
	b.p.t.Helper()
	c, err := b.p.staff.BeginLogIn(b.p.t.Context(), home)
	if err != nil {
		b.p.t.Fatal(err)
	}
	assertion, err := k.Get(b.p.origin, c.Options)
	if err != nil {
		b.p.t.Fatal(err)
	}
	return staff.StepUp{ID: c.ID, Assertion: assertion}
}

func (b *browse) finish(proof staff.StepUp) (int, string) {
	b.p.t.Helper()
	body, err := json.Marshal(proof)
	if err != nil {
		b.p.t.Fatal(err)
	}
	return b.send("POST", "/login", string(body))
}

// add makes an agent.
func (p *place) add(name string, role staff.Role) {
	p.t.Helper()
	if err := p.staff.Add(p.t.Context(), name, role); err != nil {
		p.t.Fatal(err)
	}
}

// invite draws a link and returns its token.
func (p *place) invite(name string, fresh bool) rekey.Secret {
	p.t.Helper()
	link, until, err := p.staff.Invite(p.t.Context(), name, fresh)
	if err != nil {
		p.t.Fatal(err)
	}
	base, token, ok := strings.Cut(link.Reveal(), "#")
	if !ok || base != p.origin+"/join" || len(token) != 22 || !until.Equal(p.clock.Now().Add(24*time.Hour)) {
		p.t.Fatalf("link to %s with a token of %d letters until %v", base, len(token), until)
	}
	return rekey.NewSecret(token)
}

// join registers a passkey by a link.
func (p *place) join(token rekey.Secret) (*passkey.Key, error) {
	p.t.Helper()
	c, _, err := p.staff.BeginPasskey(p.t.Context(), token, home)
	if err != nil {
		return nil, err
	}
	k, credential, err := passkey.Create(p.origin, c.Options, rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = p.staff.FinishPasskey(p.t.Context(), token, home, c.ID, credential, "test")
	return k, err
}

// agent is a new agent with a passkey.
func (p *place) agent(name string, role staff.Role) *passkey.Key {
	p.t.Helper()
	p.add(name, role)
	k, err := p.join(p.invite(name, false))
	if err != nil {
		p.t.Fatal(err)
	}
	return k
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
	}
}

func (p *place) wantRecord(want string) {
	p.t.Helper()
	if p.log.count(want) == 0 {
		p.t.Errorf("no record %q among %v", want, slices.Collect(func(yield func(record) bool) {
			for _, r := range p.log.all {
				if !yield(r) {
					return
				}
			}
		}))
	}
}

// TestComeIn: an agent is added, comes by the link, logs in with the passkey
// and proves presence with it.
func TestComeIn(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	k := p.agent("ann", staff.RoleAgent)
	p.wantRecord("ann passkey.add ann allowed")
	b := p.browse()
	if got := b.who(); got != "401" {
		t.Errorf("before: %s", got)
	}
	status, body := b.finish(b.begin(k))
	if status != http.StatusOK || body != "ann agent 64" {
		t.Fatalf("%d %s", status, body)
	}
	p.wantRecord("ann agent.login ann ok")
	if got := b.who(); got != "ann" {
		t.Errorf("after: %s", got)
	}
	ann := staff.Agent{Name: "ann", Role: staff.RoleAgent, Browser: "b"}
	c, err := p.staff.BeginStepUp(t.Context(), ann, "reveal case 7")
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := k.Get(p.origin, c.Options)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.staff.FinishStepUp(t.Context(), ann, "reveal case 7", staff.StepUp{ID: c.ID, Assertion: assertion}); err != nil {
		t.Error(err)
	}
	b.send("POST", "/logout", "")
	if got := b.who(); got != "401" {
		t.Errorf("after the end: %s", got)
	}
}
