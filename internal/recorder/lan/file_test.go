package lan

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder/clips"
)

const wholeDay = "condition.StartTime=2026-09-08%2000%3A00%3A00&condition.EndTime=2026-09-10%200:0:0"

// content is what a clip's file holds.
func (g *rig) content(c clips.Clip) string {
	g.t.Helper()
	f, _, err := g.clips.Open(c.Path)
	must(g.t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	must(g.t, err)
	return string(b)
}

func (g *rig) clipsOf(channel int) []clips.Clip {
	found, err := g.clips.Find(channel, time.Time{}, footageEnds)
	must(g.t, err)
	return found
}

func (g *rig) aClip() clips.Clip { return g.clipsOf(1)[0] }

func escaped(path string) string {
	return strings.NewReplacer("%2F", "/").Replace(url.PathEscape(path))
}

func TestFindOverCGI(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	o := between(g.get("mediaFileFind.cgi?action=factory.create").body, "result=", "\r")
	if _, err := strconv.Atoi(o); err != nil {
		t.Fatalf("object %q", o)
	}
	find := "mediaFileFind.cgi?action=findFile&object=" + o + "&condition.Channel="
	if a := g.get("mediaFileFind.cgi?action=findNextFile&count=10&object=" + o); a.status != 400 {
		t.Errorf("next before find: %d %q", a.status, a.body)
	}
	for _, c := range []struct {
		params string
		status int
	}{
		{"0&" + wholeDay, 400}, // channels count from 1
		{"3&" + wholeDay, 400},
		{"1&condition.StartTime=yesterday&condition.EndTime=today", 400},
		{"1&condition.StartTime=1999-01-01%2000:00:00&condition.EndTime=1999-01-02%2000:00:00", 400},
		{"1&" + wholeDay + "&condition.Types%5B0%5D=jpg", 400},
		{"1&" + wholeDay + "&condition.Flags%5B0%5D=Event", 400},
		{"1&" + wholeDay + "&condition.Events%5B0%5D=VideoMotion", 400},
		{"1&" + wholeDay + "&condition.VideoStream=Extra1", 400},
		{"2&" + wholeDay + "&condition.Types%5B0%5D=dav&condition.Flags%5B0%5D=Timing&condition.VideoStream=Main", 200},
	} {
		if a := g.get(find + c.params); a.status != c.status || (c.status == 400 && a.body != "Error\r\nBad Request!\r\n") {
			t.Errorf("%s: %d %q", c.params, a.status, a.body)
		}
	}
	next := "mediaFileFind.cgi?action=findNextFile&object=" + o + "&count="
	for _, bad := range []string{"0", "101", "x"} {
		if a := g.get(next + bad); a.status != 400 {
			t.Errorf("count %s: %d", bad, a.status)
		}
	}
	var paths []string
	for _, want := range []string{"found=2\r\n", "found=1\r\n", "found=0\r\n"} {
		a := g.get(next + "2")
		if !strings.HasPrefix(a.body, want) || (want != "found=0\r\n" && !strings.Contains(a.body, "items[0].Channel=1\r\n")) {
			t.Errorf("page: %q, want %q", a.body, want)
		}
		for _, line := range strings.Split(a.body, "\r\n") {
			if _, path, ok := strings.Cut(line, ".FilePath="); ok {
				paths = append(paths, path)
			}
		}
	}
	for i, c := range g.clipsOf(2) {
		if i >= len(paths) || paths[i] != c.Path {
			t.Errorf("found %v", paths)
		}
	}
	for _, action := range []string{"close", "destroy"} {
		if a := g.get("mediaFileFind.cgi?action=" + action + "&object=" + o); a.body != "OK\r\n" {
			t.Errorf("%s: %q", action, a.body)
		}
	}
	if a := g.get("mediaFileFind.cgi?action=destroy&object=" + o); a.status != 400 {
		t.Errorf("destroyed twice: %d", a.status)
	}
}

func TestFindersAreFew(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	s := g.rpcLogin(admin())
	for i := range maxFinders {
		if r := g.rpc(s, "mediaFileFind.factory.create", "null"); r.Error.Code != 0 {
			t.Fatalf("object %d: %+v", i, r)
		}
	}
	if r := g.rpc(s, "mediaFileFind.factory.create", "null"); r.Error.Code != 268632075 {
		t.Errorf("one too many: %+v", r)
	}
	if a := g.get("mediaFileFind.cgi?action=factory.create"); a.status != 503 {
		t.Errorf("one too many: %d %q", a.status, a.body)
	}
	g.rpc(s, "global.logout", "null")
	if a := g.get("mediaFileFind.cgi?action=factory.create"); a.status != 200 {
		t.Errorf("after the logout: %d %q", a.status, a.body)
	}
}

func TestFindOverRPC(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	s, other := g.rpcLogin(admin()), g.rpcLogin(admin())
	o := string(g.rpc(s, "mediaFileFind.factory.create", "null").Result)
	call := func(session, method, params string) rpcAnswer {
		return g.call("/RPC2", fmt.Sprintf(`{"method":"mediaFileFind.%s","params":%s,"id":3,"session":%q,"object":%s}`, method, params, session, o))
	}
	const day = `"StartTime":"2026-09-08 00:00:00","EndTime":"2026-09-10 00:00:00"`
	for params, code := range map[string]int{
		`{"condition":{"Channel":-1,` + day + `}}`:                                    268894211,
		`{"condition":{` + day + `}}`:                                                 268894211,
		`{"condition":{"Channel":0,"StartTime":"x","EndTime":"2026-09-10 00:00:00"}}`: 268894211,
		`null`: 268894211,
	} {
		if r := call(s, "findFile", params); r.Error.Code != code {
			t.Errorf("%s: %+v", params, r)
		}
	}
	if r := call(s, "findFile", `{"condition":{"Channel":7,`+day+`}}`); string(r.Result) != "false" || r.Error.Code != 0 {
		t.Errorf("nothing to find: %+v", r)
	}
	if r := call(other, "findFile", `{"condition":{"Channel":0,`+day+`}}`); r.Error.Code != 268894209 {
		t.Errorf("another session's object: %+v", r)
	}
	if r := call(s, "findFile", `{"condition":{"Channel":0,`+day+`,"Types":["*"]}}`); string(r.Result) != "true" {
		t.Errorf("findFile: %+v", r)
	}
	if r := call(s, "getCount", "null"); string(r.Params["count"]) != "3" {
		t.Errorf("getCount: %+v", r)
	}
	first := g.aClip()
	r := call(s, "findNextFile", `{"count":100}`)
	if string(r.Params["found"]) != "3" || !strings.Contains(string(r.Params["infos"]), fmt.Sprintf(`"FilePath":%q,"Length":%d`, first.Path, first.Size)) {
		t.Errorf("findNextFile: %s", r.Params["infos"])
	}
	if r := call(s, "findNextFile", `{"count":100}`); string(r.Params["found"]) != "0" {
		t.Errorf("the end: %+v", r)
	}
	for _, method := range []string{"close", "destroy"} {
		if r := call(s, method, "null"); string(r.Result) != "true" {
			t.Errorf("%s: %+v", method, r)
		}
	}
	if r := call(s, "getCount", "null"); r.Error.Code != 268894209 {
		t.Errorf("after destroy: %+v", r)
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	clip := g.aClip()
	want := g.content(clip)
	for _, prefix := range []string{"/cgi-bin/RPC_Loadfile", "/cgi-bin/RPC_Loadfile/"} {
		for _, base := range []string{g.url(""), g.urls("")} {
			a := g.cgi(admin(), base, prefix+escaped(clip.Path))
			if a.status != 200 || a.body != want || a.header.Get("Content-Length") != strconv.Itoa(len(want)) {
				t.Errorf("%s: %d, %d bytes, length %s", prefix, a.status, len(a.body), a.header.Get("Content-Length"))
			}
		}
	}
	uri := "/cgi-bin/RPC_Loadfile" + escaped(clip.Path)
	d := g.handshake(admin(), g.url(uri))
	a := g.fetch("GET", g.url(uri), d.sign("GET", uri), "", "Range", "bytes=100-199")
	if a.status != http.StatusPartialContent || a.body != want[100:200] {
		t.Errorf("a range: %d, %d bytes", a.status, len(a.body))
	}
	for _, path := range []string{"/mnt/dvr/nothing.mp4", "/mnt/dvr/../../index.json", "/..%2f..%2findex.json", "/index.json", "/", "/mnt/dvr/%00"} {
		if a := g.get("RPC_Loadfile" + path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestDownloadWithSession(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	clip := g.aClip()
	url := g.url("/RPC_Loadfile" + escaped(clip.Path))
	if a := g.fetch("GET", url, "", ""); a.status != 401 || a.body != "Invalid Authority!\r\n" {
		t.Errorf("without a session: %d %q", a.status, a.body)
	}
	if a := g.fetch("GET", url, "", "", "Cookie", "WebClientSessionID="+strings.Repeat("0", 32)); a.status != 401 {
		t.Errorf("with a session made up: %d", a.status)
	}
	s := g.rpcLogin(admin())
	for _, name := range []string{"WebClientSessionID", "DWebClientSessionID", "DhWebClientSessionID"} {
		if a := g.fetch("GET", url, "", "", "Cookie", name+"="+s); a.status != 200 || a.body != g.content(clip) {
			t.Errorf("with %s: %d, %d bytes", name, a.status, len(a.body))
		}
	}
	g.rpc(s, "global.logout", "null")
	if a := g.fetch("GET", url, "", "", "Cookie", "WebClientSessionID="+s); a.status != 401 {
		t.Errorf("after the logout: %d", a.status)
	}
}
