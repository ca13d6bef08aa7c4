package faces

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/icholy/digest"
	"github.com/pion/rtp"

	"rekey/internal/recorder/clips"
)

func recorded(t *testing.T) *clips.Store {
	t.Helper()
	dir := t.TempDir()
	key := clips.Key(make([]byte, clips.KeySize))
	if err := clips.Make(dir, clips.Spec{Channels: 2, Days: 1, ClipSeconds: 2, Now: time.Now().UTC()}, key); err != nil {
		t.Fatal(err)
	}
	s, err := clips.Open(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// inside asks as somebody who logs in by digest.
func inside(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	line := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // #nosec G402 -- a test
	t.Cleanup(line.CloseIdleConnections)
	q, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&digest.Transport{Username: "admin", Password: "Old-Pass1", Transport: line}).RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(all)
}

// What is found, page by page, can be had whole.
func TestHikvisionFootage(t *testing.T) {
	t.Parallel()
	store := recorded(t)
	b := started(t, (&HikvisionBox{Keys: oneKey(), Footage: store}).Face())
	base := "https://" + b.at(b.Ports.HTTPS) + "/ISAPI/ContentMgmt/"
	var uris []string
	for _, begin := range []int{0, 4} {
		_, page := inside(t, http.MethodPost, base+"search", fmt.Sprintf("<CMSearchDescription><searchID>A</searchID><trackList><trackID>101</trackID><trackID>201</trackID></trackList><timeSpanList><timeSpan><startTime>2020-01-01T00:00:00Z</startTime><endTime>2099-01-01T00:00:00Z</endTime></timeSpan></timeSpanList><maxResults>50</maxResults><searchResultPostion>%d</searchResultPostion></CMSearchDescription>", begin))
		if (begin == 0) != strings.Contains(page, ">MORE<") {
			t.Errorf("page at %d: %s", begin, page)
		}
		for _, m := range regexp.MustCompile(`<playbackURI>(.*?)</playbackURI>`).FindAllStringSubmatch(page, -1) {
			uris = append(uris, m[1])
		}
	}
	if len(uris) != 6 {
		t.Fatalf("%d recordings", len(uris))
	}
	status, file := inside(t, http.MethodGet, base+"download", "<downloadRequest><playbackURI>"+uris[5]+"</playbackURI></downloadRequest>")
	if status != http.StatusOK || !strings.Contains(file[:12], "ftyp") {
		t.Errorf("%d, %d bytes", status, len(file))
	}
	if status, _ := inside(t, http.MethodGet, base+"download", "<downloadRequest><playbackURI>rtsp://x/Streaming/tracks/101/?name=1</playbackURI></downloadRequest>"); status != http.StatusNotFound {
		t.Errorf("a recording that is not there: %d", status)
	}
}

// A camera that the box logs in to as its administrator follows his password.
func TestHikvisionCameraGoesDark(t *testing.T) {
	t.Parallel()
	k := oneKey()
	b := started(t, (&HikvisionBox{Keys: k, OwnCamera: true}).Face())
	base := "https://" + b.at(b.Ports.HTTPS) + "/ISAPI/ContentMgmt/InputProxy/channels"
	online := func(want string) {
		t.Helper()
		if _, all := inside(t, http.MethodGet, base+"/3/status", ""); !strings.Contains(all, "<online>"+want+"<") {
			t.Errorf("want online %s: %s", want, all)
		}
	}
	online("true")
	_, as := inside(t, http.MethodGet, base+"/3", "")
	set := strings.Replace(as, "</userName>", "</userName><password>Kept-Pass1</password>", 1)
	if status, _ := inside(t, http.MethodPut, base+"/3", set); status != http.StatusOK {
		t.Errorf("set: %d", status)
	}
	online("false")
	if status, _ := inside(t, http.MethodPut, base+"/3", strings.Replace(set, "Kept-Pass1", "Old-Pass1", 1)); status != http.StatusOK || len(k.Faults()) != 0 {
		t.Errorf("set: %d, %q", status, k.Faults())
	}
	online("true")
	inside(t, http.MethodPut, base+"/3", strings.Replace(set, "Camera 3", "Camera", 1))
	if len(k.Faults()) != 1 {
		t.Errorf("a camera that was renamed: %q", k.Faults())
	}
}

// A replay is played to who logs in and names it, with the time of each picture.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{true, false} {
		k := oneKey()
		o := &ONVIFBox{Keys: k, Login: ByDigest, Footage: recorded(t)}
		b := started(t, o.Face())
		clip := o.clips()[3]
		u, err := base.ParseURL("rtsp://admin:Old-Pass1@" + b.at(b.Ports.RTSP) + "/onvif-media/record/play.amp?onvifreplayid=4&onvifreplayext=1")
		if err != nil {
			t.Fatal(err)
		}
		tcp := gortsplib.ProtocolTCP
		c := &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Protocol: &tcp, OnRequest: func(q *base.Request) {
			if named && q.Method == base.Play {
				q.Header["Require"] = base.HeaderValue{"onvif-replay"}
			}
		}}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		times, done := replayed(t, c, u)
		_, err = c.Play(nil)
		if (err == nil) != named {
			t.Errorf("named %t: %v", named, err)
		}
		if named {
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Fatal("the last picture did not come")
			}
			if first := (*times)[0]; !first.Equal(clip.Start) || len(*times) != 10 {
				t.Errorf("%d pictures from %v; the clip begins at %v", len(*times), first, clip.Start)
			}
		}
		c.Close()
		if len(k.Wrong()) != 0 || (len(k.Faults()) == 0) != named {
			t.Errorf("%v, %q", k.Wrong(), k.Faults())
		}
	}
}

// replayed sets the stream up; the channel is closed behind the last picture.
func replayed(t *testing.T, c *gortsplib.Client, u *base.URL) (*[]time.Time, <-chan struct{}) {
	t.Helper()
	desc, _, err := c.Describe(u)
	if err == nil {
		err = c.SetupAll(desc.BaseURL, desc.Medias)
	}
	if err != nil {
		t.Fatal(err)
	}
	var times []time.Time
	var once sync.Once
	done := make(chan struct{})
	c.OnPacketRTPAny(func(_ *description.Media, _ format.Format, p *rtp.Packet) {
		e := p.GetExtension(0)
		if p.ExtensionProfile != replayProfile || len(e) != 12 {
			t.Errorf("extension %x of %d bytes", p.ExtensionProfile, len(e))
			return
		}
		const since1900 = 2208988800
		at := time.Unix(int64(binary.BigEndian.Uint32(e))-since1900, int64(uint64(binary.BigEndian.Uint32(e[4:]))*uint64(time.Second)>>32)).UTC().Round(time.Millisecond) // #nosec G115 -- of a test
		if len(times) == 0 || !times[len(times)-1].Equal(at) {
			times = append(times, at)
		}
		if e[8]&0x10 != 0 {
			once.Do(func() { close(done) })
		}
	})
	return &times, done
}
