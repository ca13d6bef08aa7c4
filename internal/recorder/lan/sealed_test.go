package lan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
)

// doors are what a client with the right password tries on recordings: the
// status of each, and all that it was told.
func (g *rig) doors(who login, c clips.Clip) (status map[string]int, told string) {
	g.t.Helper()
	status = map[string]int{}
	note := func(door string, a answer) {
		status[door] = a.status
		told += a.body
	}
	o := between(g.cgi(who, g.url(""), "/cgi-bin/mediaFileFind.cgi?action=factory.create").body, "result=", "\r")
	note("find over CGI", g.cgi(who, g.url(""), "/cgi-bin/mediaFileFind.cgi?action=findFile&object="+o+"&condition.Channel=1&"+wholeDay))
	note("next over CGI", g.cgi(who, g.url(""), "/cgi-bin/mediaFileFind.cgi?action=findNextFile&count=9&object="+o))
	note("download over CGI", g.cgi(who, g.url(""), "/cgi-bin/RPC_Loadfile"+escaped(c.Path)))
	s := g.rpcLogin(who)
	note("download with a session", g.fetch(http.MethodGet, g.url("/RPC_Loadfile"+escaped(c.Path)), "", "", "Cookie", "WebClientSessionID="+s))
	note("a part of it", g.fetch(http.MethodGet, g.url("/RPC_Loadfile"+escaped(c.Path)), "", "", "Cookie", "WebClientSessionID="+s, "Range", "bytes=0-99"))
	var object int
	must(g.t, json.Unmarshal(g.rpc(s, "mediaFileFind.factory.create", "null").Result, &object))
	r := g.call("/RPC2", fmt.Sprintf(`{"method":"mediaFileFind.findFile","object":%d,"params":{"condition":{"Channel":0,"StartTime":"2026-09-08 00:00:00","EndTime":"2026-09-10 00:00:00"}},"id":7,"session":%q}`, object, s))
	status["find over RPC2"] = r.Error.Code
	g.rpc(s, "global.logout", "null")
	for _, path := range []string{"/cam/playback?", "/cam/realmonitor?"} {
		at := "rtsp://" + g.l.RTSP.Addr().String() + path + playbackQuery
		v := g.dialRTSP()
		v.greet()
		status["DESCRIBE "+path] = v.send("DESCRIBE", at, v.sign(who, "DESCRIBE", at)).status
		_ = v.conn.Close()
	}
	return status, told
}

// Somebody presses the button, makes a first set-up and asks every door for the
// footage with a password that is right: all are closed and say so as a missing
// right, nothing of the footage is told, a download that was under way ends, and
// live pictures go on. What the owner had before opens it again.
func TestResetThenAttemptAtTheFootage(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	c := g.aClip()
	whole := g.content(c)
	for door, status := range func() map[string]int { s, _ := g.doors(admin(), c); return s }() {
		if status >= 300 {
			t.Errorf("before: %s: %d", door, status)
		}
	}
	under, _, err := g.clips.Open(c.Path)
	must(t, err)
	defer under.Close()
	for _, held := range []time.Duration{12 * time.Second, time.Second} {
		_, err := g.box.Press(held)
		must(t, err)
	}
	if got, err := io.ReadAll(under); len(got) > 0 || !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the download under way: %d bytes, %v", len(got), err)
	}
	thief := login{"admin", "Thief-Passw0rd"}
	must(t, g.box.FirstSetup(thief.account, rekey.NewSecret(thief.password), recorder.AtSeat()))
	status, told := g.doors(thief, c)
	for door, got := range status {
		want := http.StatusForbidden
		switch door {
		case "find over RPC2":
			want = codeAuthority
		case "next over CGI":
			want = http.StatusBadRequest // nothing was begun
		}
		if got != want {
			t.Errorf("%s: %d, want %d", door, got, want)
		}
	}
	if strings.Contains(told, "/mnt/dvr/2026") || strings.Contains(told, "ftyp") {
		t.Error("something of the footage was told")
	}
	g.checkStreams(thief, "/cam/realmonitor?channel=1&subtype=0", true)
	must(t, g.box.UnsealByPassword(thief.account, "admin", rekey.NewSecret(adminPassword), recorder.AtSeat()))
	if g.content(c) != whole {
		t.Error("other footage than before the reset")
	}
	if a := g.cgi(thief, g.url(""), "/cgi-bin/RPC_Loadfile"+escaped(c.Path)); a.status != http.StatusOK || a.body != whole {
		t.Errorf("after it was unsealed: %d, %d bytes", a.status, len(a.body))
	}
}

// Erased footage is not there at any door, and its disk is empty.
func TestErasedFootageIsNotThere(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	c := g.aClip()
	must(t, g.box.EraseRecordings("admin", recorder.StepUp{Password: rekey.NewSecret(adminPassword)}, recorder.AtSeat()))
	status, _ := g.doors(admin(), c)
	if status["download over CGI"] != http.StatusNotFound || status["DESCRIBE /cam/playback?"] != http.StatusNotFound || status["find over CGI"] != http.StatusBadRequest {
		t.Errorf("%v", status)
	}
	if used := g.clips.Used(); used != 0 {
		t.Errorf("%d bytes are used", used)
	}
	if found := g.clipsOf(0); len(found) > 0 {
		t.Error(fmt.Sprint(len(found), " recordings are left"))
	}
}

// Pictures that are under way end when the recordings are erased, and not when
// the file that was read last has been shown.
func TestErasedFootageEndsUnderWay(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	next, err := (&lan{box: g.box, footage: g.clips}).playback(2, "2026_09_09_10_00_00", "2026_09_09_11_00_00")
	must(t, err)
	if _, ok := next(); !ok {
		t.Fatal("no picture")
	}
	must(t, g.box.EraseRecordings("admin", recorder.StepUp{Password: rekey.NewSecret(adminPassword)}, recorder.AtSeat()))
	if _, ok := next(); ok {
		t.Error("a picture of what was erased")
	}
}

// A search that was begun before tells nothing of recordings that were erased since.
func TestErasedFootageIsNotTold(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	object := between(g.cgi(admin(), g.url(""), "/cgi-bin/mediaFileFind.cgi?action=factory.create").body, "result=", "\r")
	page := "/cgi-bin/mediaFileFind.cgi?action=findNextFile&count=1&object=" + object
	if a := g.cgi(admin(), g.url(""), "/cgi-bin/mediaFileFind.cgi?action=findFile&object="+object+"&condition.Channel=1&"+wholeDay); a.status != http.StatusOK {
		t.Fatal(a.status)
	}
	if a := g.cgi(admin(), g.url(""), page); !strings.Contains(a.body, "/mnt/dvr/2026") {
		t.Fatal("nothing was found")
	}
	must(t, g.box.EraseRecordings("admin", recorder.StepUp{Password: rekey.NewSecret(adminPassword)}, recorder.AtSeat()))
	if a := g.cgi(admin(), g.url(""), page); strings.Contains(a.body, "/mnt/dvr/2026") || !strings.HasPrefix(a.body, "found=0") {
		t.Errorf("told: %s", a.body)
	}
}
