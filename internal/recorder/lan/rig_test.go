package lan

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const adminPassword = "First-Passw0rd"

var footageEnds = time.Date(2026, 9, 9, 10, 30, 0, 0, time.UTC)

// rig is a recorder on the loopback and what a test knows of it.
type rig struct {
	t     *testing.T
	box   *recorder.Box
	clips *clips.Store
	l     Listeners
	http  *http.Client
}

// newRig starts a recorder whose account admin has this password; none = factory state.
func newRig(t *testing.T, password string) *rig {
	t.Helper()
	return newRigOf(t, recorder.Config{AdminPassword: rekey.NewSecret(password)})
}

// newRigOf starts a recorder of any face.
func newRigOf(t *testing.T, c recorder.Config) *rig {
	t.Helper()
	dir := t.TempDir()
	cheap := &argon.Cost{Passes: 1, KiB: 64, Threads: 1}
	c.Channels, c.Argon = 2, cheap
	_, err := recorder.Init(dir, c)
	must(t, err)
	box, err := recorder.Open(dir, recorder.Options{Argon: cheap})
	must(t, err)
	key, err := box.FootageKey()
	must(t, err)
	must(t, clips.Make(recorder.FootageDir(dir), clips.Spec{Channels: 2, Days: 1, ClipSeconds: 1, Now: footageEnds}, key))
	store, err := clips.Open(recorder.FootageDir(dir), box)
	must(t, err)
	g := &rig{t: t, box: box, clips: store, http: &http.Client{
		Timeout:   2 * time.Minute,
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}}
	g.l = Listeners{HTTP: listen(t), RTSP: listen(t), Trouble: &Trouble{}}
	if box.Traits().HTTPS {
		g.l.HTTPS = listen(t)
	}
	if box.Traits().SDK {
		g.l.SDK = listen(t)
	}
	g.l.Discovery, err = net.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	listeners := g.l
	go func() { served <- Serve(ctx, box, store, listeners) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		must(t, store.Close())
		must(t, box.Close())
	})
	return g
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (g *rig) url(path string) string  { return "http://" + g.l.HTTP.Addr().String() + path }
func (g *rig) urls(path string) string { return "https://" + g.l.HTTPS.Addr().String() + path }

// answer is what came back over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

// fetch sends one request, with an Authorization header where one is given.
func (g *rig) fetch(method, url, authorization, body string, header ...string) answer {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, url, strings.NewReader(body))
	must(g.t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := g.http.Do(req)
	must(g.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(g.t, err)
	return answer{res.StatusCode, res.Header, string(b)}
}

// login is an account and what is typed for it.
type login struct{ account, password string }

func admin() login { return login{"admin", adminPassword} }

// digester signs requests with one nonce, as a client of RFC 2617 does.
type digester struct {
	login
	realm, nonce string
	nc           int
}

// handshake asks for a challenge.
func (g *rig) handshake(who login, url string) *digester {
	g.t.Helper()
	a := g.fetch(http.MethodGet, url, "", "")
	if a.status != http.StatusUnauthorized {
		g.t.Fatalf("without a login: %d %q", a.status, a.body)
	}
	return &digester{login: who, realm: between(a.header.Get("WWW-Authenticate"), `realm="`, `"`), nonce: between(a.header.Get("WWW-Authenticate"), `nonce="`, `"`)}
}

func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, after)
	return s
}

func (d *digester) sign(method, uri string) string {
	d.nc++
	return d.signAs(method, uri, d.nc)
}

func (d *digester) signAs(method, uri string, count int) string {
	nc := fmt.Sprintf("%08x", count)
	ha1 := md5Hex(d.account + ":" + d.realm + ":" + d.password)
	response := md5Hex(ha1 + ":" + d.nonce + ":" + nc + ":c0ffee:auth:" + md5Hex(method+":"+uri))
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", qop=auth, nc=%s, cnonce="c0ffee", response="%s", opaque=""`,
		d.account, d.realm, d.nonce, uri, nc, response)
}

// cgi asks one CGI question with a login of its own.
func (g *rig) cgi(who login, base, uri string) answer {
	g.t.Helper()
	d := g.handshake(who, base+uri)
	return g.fetch(http.MethodGet, base+uri, d.sign(http.MethodGet, uri), "")
}

func (g *rig) get(uri string) answer {
	g.t.Helper()
	return g.cgi(admin(), g.url(""), "/cgi-bin/"+uri)
}

// logged counts the records of an event in the security log.
func (g *rig) logged(event string) int {
	g.t.Helper()
	l := &lan{box: g.box}
	entries, err := l.logEntries(time.Time{}, time.Now().Add(time.Hour))
	must(g.t, err)
	n := 0
	for _, e := range entries {
		if e.Type == logType(event) {
			n++
		}
	}
	return n
}

// keepsSecrets tells that none of the words is in the box's security log.
func (g *rig) keepsSecrets(words ...string) {
	g.t.Helper()
	names, err := filepath.Glob(filepath.Join(g.box.Dir(), "log", "*"))
	must(g.t, err)
	for _, name := range names {
		b, err := os.ReadFile(name)
		must(g.t, err)
		for i, word := range words {
			if strings.Contains(string(b), word) {
				g.t.Errorf("secret %d is in %s", i, filepath.Base(name))
			}
		}
	}
}

func (g *rig) addUser(name, password string) login {
	g.t.Helper()
	must(g.t, g.box.AddAccount("admin", rekey.Account{Name: name, Group: recorder.GroupUser}, rekey.NewSecret(password), recorder.Client{}))
	return login{name, password}
}
