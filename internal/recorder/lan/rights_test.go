package lan

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/recorder"
)

const (
	viewerPassword = "View-0nly-Pass"
	playbackQuery  = "channel=2&starttime=2026_09_09_10_00_00&endtime=2026_09_09_11_00_00"
)

// viewerWith adds a user and gives it these rights and no others.
func (g *rig) viewerWith(name string, rights ...recorder.Right) login {
	g.t.Helper()
	who := g.addUser(name, viewerPassword)
	must(g.t, g.box.ModifyAccount("admin", name, recorder.GroupUser, "", rights, recorder.Client{}))
	return who
}

// An account of the group user gets at each door what its rights allow, and the
// family's error of permission for the rest: whatever the request would find.
func TestRightsAtEveryDoor(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	sets := [][]recorder.Right{
		nil, {recorder.RightLive}, {recorder.RightPlayback}, {recorder.RightBackup},
		{recorder.RightLive, recorder.RightPlayback}, {recorder.RightLive, recorder.RightBackup}, {recorder.RightPlayback, recorder.RightBackup}, recorder.Rights(),
	}
	for i, rights := range sets {
		who := g.viewerWith(fmt.Sprintf("viewer%d", i), rights...)
		live, playback := slices.Contains(rights, recorder.RightLive), slices.Contains(rights, recorder.RightPlayback)
		g.checkFinders(who, playback)
		g.checkDownloads(who, playback && slices.Contains(rights, recorder.RightBackup))
		g.checkStreams(who, "/cam/realmonitor?channel=1&subtype=0", live)
		g.checkStreams(who, "/cam/realmonitor?"+playbackQuery, playback)
		g.checkStreams(who, "/cam/playback?"+playbackQuery, playback)
	}
}

func (g *rig) checkFinders(who login, allowed bool) {
	g.t.Helper()
	for action := range cgiModules["mediaFileFind.cgi"] {
		a := g.cgi(who, g.url(""), "/cgi-bin/mediaFileFind.cgi?object=1&action="+action)
		if refused := a.status == http.StatusForbidden && a.body == errAuthority.body; refused == allowed {
			g.t.Errorf("%s over CGI as %s: %d %q", action, who.account, a.status, a.body)
		}
	}
	s := g.rpcLogin(who)
	for name := range sessionMethods {
		if strings.HasPrefix(name, "mediaFileFind.") {
			if r := g.rpc(s, name, "null"); (r.Error.Code == codeAuthority) == allowed {
				g.t.Errorf("%s as %s: %+v", name, who.account, r.Error)
			}
		}
	}
	g.rpc(s, "global.logout", "null")
}

func (g *rig) checkDownloads(who login, allowed bool) {
	g.t.Helper()
	want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[allowed]
	s := g.rpcLogin(who)
	for _, path := range []string{escaped(g.aClip().Path), "/mnt/dvr/nothing.mp4"} {
		if allowed && path == "/mnt/dvr/nothing.mp4" {
			continue
		}
		if a := g.cgi(who, g.url(""), "/cgi-bin/RPC_Loadfile"+path); a.status != want {
			g.t.Errorf("%s as %s: %d, want %d", path, who.account, a.status, want)
		}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if a := g.fetch(method, g.url("/RPC_Loadfile"+path), "", "", "Cookie", "WebClientSessionID="+s, "Range", "bytes=0-9"); (a.status == http.StatusForbidden) == allowed {
				g.t.Errorf("%s %s with a session as %s: %d", method, path, who.account, a.status)
			}
		}
	}
	g.rpc(s, "global.logout", "null")
}

func (g *rig) checkStreams(who login, path string, allowed bool) {
	g.t.Helper()
	want := map[bool]int{true: 200, false: 403}[allowed]
	at := "rtsp://" + g.l.RTSP.Addr().String() + path
	c := g.dialRTSP()
	c.greet()
	if a := c.send("DESCRIBE", at, c.sign(who, "DESCRIBE", at)); a.status != want {
		g.t.Errorf("DESCRIBE %s as %s: %d, want %d", path, who.account, a.status, want)
	}
	c = g.dialRTSP()
	c.greet()
	track := at + "/trackID=0"
	if a := c.send("SETUP", track, c.sign(who, "SETUP", track), "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"); a.status != want {
		g.t.Errorf("SETUP %s as %s: %d, want %d", path, who.account, a.status, want)
	}
	_ = c.conn.Close()
}

// A download that has begun ends with the right to it, and with the password.
func TestDownloadEndsWithTheRight(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	for name, end := range map[string]func(string) error{
		"right": func(who string) error {
			return g.box.ModifyAccount("admin", who, recorder.GroupUser, "", []recorder.Right{recorder.RightPlayback}, recorder.Client{})
		},
		"password": func(who string) error {
			return g.box.ResetPassword("admin", who, rekey.NewSecret("Next-Passw0rd"), recorder.Client{})
		},
	} {
		l := &lan{box: g.box, footage: g.clips, log: slog.New(slog.DiscardHandler), downloads: make(chan struct{}, 1)}
		who := g.viewerWith("viewer-"+name, recorder.Rights()...)
		w := &interrupter{header: http.Header{}, after: func() { must(t, end(who.account)) }}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		must(t, err)
		l.serveFile(w, r, who.account, g.aClip().Path)
		if whole := len(g.content(g.aClip())); w.got == 0 || w.got >= whole {
			t.Errorf("%s: %d of %d bytes were sent", name, w.got, whole)
		}
	}
}

// interrupter takes an answer, and does something at its first part.
type interrupter struct {
	header http.Header
	got    int
	after  func()
}

func (w *interrupter) Header() http.Header { return w.header }
func (w *interrupter) WriteHeader(int)     {}
func (w *interrupter) Write(p []byte) (int, error) {
	if w.got == 0 {
		w.after()
	}
	w.got += len(p)
	return len(p), nil
}

// The list of accounts tells what each may do.
func TestListTellsTheRights(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	g.viewerWith("none")
	g.viewerWith("some", recorder.RightLive, recorder.RightBackup)
	var users []struct {
		Name          string
		AuthorityList []string
	}
	must(t, json.Unmarshal(g.rpc(g.rpcLogin(admin()), "userManager.getUserInfoAll", "null").Params["users"], &users))
	for _, u := range users {
		want := map[string]string{"some": "Monitor_01 AuthBackup", "admin": strings.Join(groups()[0].AuthorityList, " "), "none": ""}[u.Name]
		if got := strings.Join(u.AuthorityList, " "); got != want {
			t.Errorf("%s: %q, want %q", u.Name, got, want)
		}
	}
}

// A right that is taken away ends what is open by it: a finder, a session, a
// stream that is set up or plays.
func TestRightTakenAway(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	who := g.viewerWith("viewer", recorder.Rights()...)
	object := between(g.cgi(who, g.url(""), "/cgi-bin/mediaFileFind.cgi?action=factory.create").body, "result=", "\r")
	if a := g.cgi(who, g.url(""), "/cgi-bin/mediaFileFind.cgi?action=findFile&object="+object+"&condition.Channel=1&"+wholeDay); a.body != "OK\r\n" {
		t.Fatalf("find: %q", a.body)
	}
	s := g.rpcLogin(who)
	plays := g.dialRTSP()
	plays.greet()
	plays.setupAndPlay(who, plays.live())
	if _, err := plays.packet(); err != nil {
		t.Fatal(err)
	}
	waits := g.dialRTSP()
	waits.greet()
	track := waits.live() + "/trackID=0"
	if a := waits.send("SETUP", track, waits.sign(who, "SETUP", track), "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"); a.status != 200 {
		t.Fatalf("SETUP: %d", a.status)
	}
	must(t, g.box.ModifyAccount("admin", who.account, recorder.GroupUser, "", nil, recorder.Client{}))
	if a := g.cgi(who, g.url(""), "/cgi-bin/mediaFileFind.cgi?action=findNextFile&count=10&object="+object); a.status != http.StatusForbidden {
		t.Errorf("the finder goes on: %d %q", a.status, a.body)
	}
	if r := g.rpc(s, "global.keepAlive", "null"); r.Error.Code != codeNoSession {
		t.Errorf("the session goes on: %+v", r)
	}
	if a := waits.send("PLAY", waits.live()+"/", waits.sign(who, "PLAY", waits.live()+"/")); a.status != 403 {
		t.Errorf("PLAY of what was set up before: %d", a.status)
	}
	for {
		if _, err := plays.packet(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the stream goes on")
			}
			break
		}
	}
	must(t, g.box.ModifyAccount("admin", who.account, recorder.GroupUser, "", recorder.Rights(), recorder.Client{}))
	if a := g.cgi(who, g.url(""), "/cgi-bin/mediaFileFind.cgi?action=findNextFile&count=10&object="+object); a.status != http.StatusBadRequest {
		t.Errorf("the finder of before lives again: %d %q", a.status, a.body)
	}
	must(t, g.box.ModifyAccount("admin", who.account, recorder.GroupUser, "", nil, recorder.Client{}))
	if a := g.cgi(who, g.url(""), "/cgi-bin/magicBox.cgi?action=getVendor"); a.status != 200 {
		t.Errorf("who has no right may log in no more: %d", a.status)
	}
}

// Rights that were taken away come back with the group admin, and go again.
func TestRightsOfAdmins(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	who := g.viewerWith("viewer")
	must(t, g.box.ModifyAccount("admin", who.account, recorder.GroupAdmin, "", nil, recorder.Client{}))
	g.checkFinders(who, true)
	g.checkDownloads(who, true)
	must(t, g.box.ModifyAccount("admin", who.account, recorder.GroupUser, "", nil, recorder.Client{}))
	g.checkFinders(who, false)
	g.checkDownloads(who, false)
}

// What a stream takes does not depend on how its URL is spelt.
func TestRightOfStream(t *testing.T) {
	t.Parallel()
	for u, want := range map[string]recorder.Right{
		"/cam/realmonitor?channel=1&subtype=0":                           recorder.RightLive,
		"/cam/realmonitor?channel=1&starttime=2026_09_09_10_00_00":       recorder.RightPlayback,
		"/cam/realmonitor?channel=1&%73tarttime=2026_09_09_10_00_00":     recorder.RightPlayback,
		"/cam/playback?channel=1&starttime=2026_09_09_10_00_00":          recorder.RightPlayback,
		"/cam/playback?channel=1":                                        recorder.RightPlayback,
		"/cam/realmonitor?channel=1&starttime=":                          recorder.RightLive,
		"/cam/realmonitor?starttime=2026_09_09_10_00_00&channel=1&x=%26": recorder.RightPlayback,
	} {
		parsed, err := url.Parse(u)
		must(t, err)
		if got := rightOfStream(parsed.Path, parsed.RawQuery); got != want {
			t.Errorf("%s takes %q, want %q", u, got, want)
		}
	}
}

// An invited account has a password that nobody knows: no door lets it in.
func TestInvitedAccountAtEveryDoor(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	code, err := g.box.Invite("admin", rekey.Account{Name: "guest", Group: recorder.GroupAdmin}, nil, recorder.StepUp{Password: rekey.NewSecret(adminPassword)}, recorder.AtSeat())
	must(t, err)
	for i, pw := range []string{"", code.Reveal()} {
		who := login{"guest", pw}
		if a := g.cgi(who, g.url(""), "/cgi-bin/magicBox.cgi?action=getVendor"); a.status == 200 {
			t.Errorf("try %d: CGI lets in", i)
		}
		if r := g.secondStep(g.firstStep("guest"), who); string(r.Result) == "true" {
			t.Errorf("try %d: RPC2 lets in", i)
		}
		if a := g.dialRTSP().describe(who); a.status == 200 {
			t.Errorf("try %d: RTSP lets in", i)
		}
	}
	g.keepsSecrets(code.Reveal(), strings.ReplaceAll(code.Reveal(), "-", ""))
}
