package lan

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"rekey"
	"rekey/internal/recorder"
)

// rtspClient speaks RTSP by hand.
type rtspClient struct {
	g            *rig
	conn         net.Conn
	r            *bufio.Reader
	cseq         int
	realm, nonce string
	session      string
}

type rtspAnswer struct {
	status int
	header textproto.MIMEHeader
	body   string
}

func (g *rig) dialRTSP() *rtspClient {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.l.RTSP.Addr().String())
	must(g.t, err)
	g.t.Cleanup(func() { _ = conn.Close() })
	must(g.t, conn.SetDeadline(time.Now().Add(2*time.Minute)))
	return &rtspClient{g: g, conn: conn, r: bufio.NewReader(conn)}
}

func (c *rtspClient) live() string {
	return "rtsp://" + c.g.l.RTSP.Addr().String() + "/cam/realmonitor?channel=1&subtype=0"
}

// send makes one request; authorization "" = none.
func (c *rtspClient) send(method, url, authorization string, extra ...string) rtspAnswer {
	c.g.t.Helper()
	c.cseq++
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s RTSP/1.0\r\nCSeq: %d\r\n", method, url, c.cseq)
	if authorization != "" {
		fmt.Fprintf(&b, "Authorization: %s\r\n", authorization)
	}
	if c.session != "" {
		fmt.Fprintf(&b, "Session: %s\r\n", c.session)
	}
	for _, line := range extra {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	_, err := c.conn.Write([]byte(b.String()))
	must(c.g.t, err)
	return c.read()
}

func (c *rtspClient) read() rtspAnswer {
	c.g.t.Helper()
	line, err := c.r.ReadString('\n')
	must(c.g.t, err)
	var a rtspAnswer
	if _, err := fmt.Sscanf(line, "RTSP/1.0 %d", &a.status); err != nil {
		c.g.t.Fatalf("status line %q", line)
	}
	a.header, err = textproto.NewReader(c.r).ReadMIMEHeader()
	must(c.g.t, err)
	n, _ := strconv.Atoi(a.header.Get("Content-Length"))
	body := make([]byte, n)
	if _, err := readFull(c.r, body); err != nil {
		c.g.t.Fatal(err)
	}
	a.body = string(body)
	if s := a.header.Get("Session"); s != "" {
		c.session, _, _ = strings.Cut(s, ";")
	}
	return a
}

func readFull(r *bufio.Reader, b []byte) (int, error) {
	for n := 0; n < len(b); {
		m, err := r.Read(b[n:])
		if err != nil {
			return n, err
		}
		n += m
	}
	return len(b), nil
}

// sign makes the digest without qop.
func (c *rtspClient) sign(who login, method, url string) string {
	response := md5Hex(md5Hex(who.account+":"+c.realm+":"+who.password) + ":" + c.nonce + ":" + md5Hex(method+":"+url))
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"`, who.account, c.realm, c.nonce, url, response)
}

// greet gets the challenge.
func (c *rtspClient) greet() rtspAnswer {
	c.g.t.Helper()
	a := c.send("DESCRIBE", c.live(), "", "Accept: application/sdp")
	c.realm, c.nonce = between(a.header.Get("WWW-Authenticate"), `realm="`, `"`), between(a.header.Get("WWW-Authenticate"), `nonce="`, `"`)
	return a
}

func (c *rtspClient) describe(who login) rtspAnswer {
	c.g.t.Helper()
	c.greet()
	return c.send("DESCRIBE", c.live(), c.sign(who, "DESCRIBE", c.live()))
}

func (c *rtspClient) setupAndPlay(who login, url string) {
	c.g.t.Helper()
	track := url + "/trackID=0"
	if a := c.send("SETUP", track, c.sign(who, "SETUP", track), "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"); a.status != 200 {
		c.g.t.Fatalf("SETUP: %d", a.status)
	}
	if a := c.send("PLAY", url+"/", c.sign(who, "PLAY", url+"/")); a.status != 200 {
		c.g.t.Fatalf("PLAY: %d", a.status)
	}
}

// packet reads the next RTP packet, which comes on channel 0.
func (c *rtspClient) packet() ([]byte, error) {
	for {
		var head [4]byte
		if _, err := readFull(c.r, head[:]); err != nil {
			return nil, err
		}
		if head[0] != '$' {
			return nil, fmt.Errorf("no interleaved packet: %q", head)
		}
		b := make([]byte, int(head[2])<<8|int(head[3]))
		if _, err := readFull(c.r, b); err != nil || head[1] == 0 {
			return b, err
		}
	}
}

func TestRTSPChallenge(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	c := g.dialRTSP()
	a := c.greet()
	if a.status != 401 || c.realm != g.box.Realm() || len(c.nonce) != 32 || strings.Contains(a.header.Get("WWW-Authenticate"), "qop") {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := c.send("OPTIONS", c.live(), ""); a.status != 200 || !strings.Contains(a.header.Get("Public"), "DESCRIBE") {
		t.Errorf("OPTIONS: %d %v", a.status, a.header)
	}
	if n := g.logged("login.refused"); n != 0 {
		t.Errorf("%d tries were counted", n)
	}
}

func TestRTSPLogin(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	c := g.dialRTSP()
	a := c.describe(admin())
	if a.status != 200 || !strings.Contains(a.body, "H264/90000") || !strings.Contains(a.body, "sprop-parameter-sets=") {
		t.Errorf("%d %q", a.status, a.body)
	}
	if n := g.logged("login"); n != 1 {
		t.Errorf("%d logins in the log", n)
	}
	for name, url := range map[string]string{
		"no such channel": strings.Replace(c.live(), "channel=1", "channel=99", 1),
		"no such path":    strings.Replace(c.live(), "realmonitor", "nothing", 1),
		"no footage":      strings.Replace(c.live(), "realmonitor?", "playback?starttime=1999_01_01_00_00_00&", 1),
	} {
		if a := c.send("DESCRIBE", url, c.sign(admin(), "DESCRIBE", url)); a.status != 404 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if n := g.logged("login"); n != 1 {
		t.Errorf("%d logins in the log after more requests", n)
	}
}

func TestRTSPWrongTries(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	for range 5 {
		if a := g.dialRTSP().describe(login{"admin", "Wrong-Passw0rd"}); a.status != 401 {
			t.Fatalf("wrong: %d", a.status)
		}
	}
	if n := g.logged("login.refused"); n != 5 {
		t.Errorf("5 wrong tries were counted as %d", n)
	}
	if a := g.dialRTSP().describe(admin()); a.status != 403 {
		t.Errorf("locked: %d", a.status)
	}
}

func TestRTSPRefusalsCostNothing(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	c := g.dialRTSP()
	c.greet()
	good := c.sign(admin(), "DESCRIBE", c.live())
	elsewhere := strings.Replace(c.live(), "channel=1", "channel=2", 1)
	for name, header := range map[string]string{
		"another URI":   c.sign(admin(), "DESCRIBE", elsewhere),
		"another nonce": strings.Replace(good, c.nonce, strings.Repeat("0", 32), 1),
		"another realm": strings.Replace(good, c.realm, "x", 1),
		"basic":         "Basic YWRtaW46YWRtaW4=",
		"qop":           good + ", qop=auth, nc=00000001, cnonce=\"x\"",
	} {
		if a := c.send("DESCRIBE", c.live(), header); a.status != 401 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if n := g.logged("login.refused"); n != 0 {
		t.Errorf("%d tries were counted", n)
	}
}

// The first picture of a stream starts a decoder, and its parameter sets are
// those of the description.
func TestRTSPLivePlays(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	c := g.dialRTSP()
	if a := c.describe(admin()); a.status != 200 {
		t.Fatal(a.status)
	}
	c.setupAndPlay(admin(), c.live())
	b, err := c.packet()
	must(t, err)
	// The first packet of an IDR picture this large is a fragment (FU-A, type 28) of NAL type 5 with the start bit.
	if len(b) < 14 || b[0]>>6 != 2 || b[1]&0x7f != videoPayload || b[12]&0x1f != 28 || b[13] != 0x80|byte(h264.NALUTypeIDR) {
		t.Errorf("first packet: % x", b[:14])
	}
}

// A player that is not ours gets the same pictures over RTSP.
func TestRTSPPlaysInFFmpeg(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	for _, path := range []string{
		"/cam/realmonitor?channel=1&subtype=0",
		"/cam/playback?channel=2&starttime=2026_09_09_10_00_00&endtime=2026_09_09_11_00_00",
	} {
		url := "rtsp://admin:" + adminPassword + "@" + g.l.RTSP.Addr().String() + path
		cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-analyzeduration", "200000", "-rtsp_transport", "tcp", "-i", url, "-frames:v", "3", "-f", "framemd5", "-")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(out), "\n0, ") != 3 {
			t.Errorf("%s: %v: %s", path, err, out)
		}
	}
	if n := g.logged("login.refused"); n != 0 {
		t.Errorf("%d tries were counted", n)
	}
}

func TestRTSPPlaybackEnds(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	c := g.dialRTSP()
	c.greet()
	url := "rtsp://" + g.l.RTSP.Addr().String() + "/cam/playback?channel=2&starttime=2026_09_09_10_00_00&endtime=2026_09_09_11_00_00"
	c.setupAndPlay(admin(), url)
	pictures := 0
	for {
		b, err := c.packet()
		if err != nil {
			break
		}
		if b[1]&0x80 != 0 && b[1]&0x7f == videoPayload { // marker: the last packet of a picture
			pictures++
		}
	}
	if pictures != 5 {
		t.Errorf("%d pictures of a clip of one second", pictures)
	}
}

// TestRTSPDrains: a recording has ended when its last picture has left, and not
// when it was put into the queue; a viewer who goes is not waited for.
func TestRTSPDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		leaves := func() uint64 { return uint64(min(time.Since(began), 5*time.Second)) }
		drain(t.Context(), leaves)
		if took := time.Since(began); took < 5*time.Second || took > 7*time.Second {
			t.Errorf("the last byte left after 5 s, the stream was closed after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began = time.Now()
		drain(ctx, func() uint64 { return uint64(time.Since(began)) + 1 })
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it waited %v for a viewer who went after a minute", took)
		}
	})
}

func TestRTSPEndsWithThePassword(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	c := g.dialRTSP()
	c.greet()
	c.setupAndPlay(admin(), c.live())
	if _, err := c.packet(); err != nil {
		t.Fatal(err)
	}
	must(t, g.box.SetPassword("admin", "admin", rekey.NewSecret(adminPassword), rekey.NewSecret("Next-Passw0rd"), recorder.Client{}))
	for {
		if _, err := c.packet(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the stream went on")
			}
			return
		}
	}
}
