package onvif

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"

	"rekey"
)

// player is somebody else's RTSP server that plays one film, with the times of
// ONVIF in its packets.
type player struct {
	t        *testing.T
	server   *gortsplib.Server
	stream   *gortsplib.ServerStream
	media    *description.Media
	packets  []*rtp.Packet
	begins   time.Time
	password string

	plays  atomic.Bool
	mu     sync.Mutex
	signed int
	wrong  int
	asked  []string
	wait   sync.WaitGroup
}

func newPlayer(t *testing.T, config *tls.Config) (*player, int) {
	t.Helper()
	p := &player{t: t, begins: time.Date(2026, 1, 2, 5, 30, 0, 0, time.UTC), password: testPassword}
	p.media = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{&format.H264{PayloadTyp: 96, PacketizationMode: 1}}}
	p.read()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.server = &gortsplib.Server{
		Handler: p, RTSPAddress: "127.0.0.1:0", TLSConfig: config,
		AuthMethods: []auth.VerifyMethod{auth.VerifyMethodBasic, auth.VerifyMethodDigestMD5},
		Listen:      func(string, string) (net.Listener, error) { return l, nil },
	}
	if err := p.server.Start(); err != nil {
		t.Fatal(err)
	}
	p.stream = &gortsplib.ServerStream{Server: p.server, Desc: &description.Session{Medias: []*description.Media{p.media}}}
	if err := p.stream.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.wait.Wait(); p.stream.Close(); p.server.Close() })
	return p, l.Addr().(*net.TCPAddr).Port
}

// read makes a packet of each tenth of a second of the film.
func (p *player) read() {
	data, err := os.ReadFile("../rtsp/testdata/film.h264")
	if err != nil {
		p.t.Fatal(err)
	}
	encoder, err := p.media.Formats[0].(*format.H264).CreateEncoder()
	if err != nil {
		p.t.Fatal(err)
	}
	var unit [][]byte
	n := 0
	for _, nal := range strings.Split(strings.ReplaceAll(string(data), "\x00\x00\x00\x01", "\x00\x00\x01"), "\x00\x00\x01")[1:] {
		if unit = append(unit, []byte(nal)); nal[0]&0x1f != 1 && nal[0]&0x1f != 5 {
			continue
		}
		packets, err := encoder.Encode(unit)
		if err != nil {
			p.t.Fatal(err)
		}
		at := p.begins.Add(time.Duration(n) * 100 * time.Millisecond)
		for _, packet := range packets {
			packet.Timestamp = uint32(n * 9000)
			x := binary.BigEndian.AppendUint32(nil, uint32(at.Unix()+2_208_988_800))
			x = binary.BigEndian.AppendUint32(x, uint32(uint64(at.Nanosecond())<<32/1e9))
			packet.Extension, packet.ExtensionProfile = true, 0xABAC
			if err := packet.SetExtension(0, append(x, 0, 0, 0, 0)); err != nil {
				p.t.Fatal(err)
			}
		}
		p.packets, unit, n = append(p.packets, packets...), nil, n+1
	}
}

func (p *player) allowed(c *gortsplib.ServerConn, r *base.Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, string(r.Method)+" "+r.URL.String())
	right := c.VerifyCredentials(r, "admin", p.password)
	if len(r.Header["Authorization"]) == 0 {
		return false
	}
	p.signed++
	if right && strings.HasPrefix(r.Header["Authorization"][0], "Digest ") {
		return true
	}
	p.wrong++
	return false
}

func (p *player) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if !p.allowed(ctx.Conn, ctx.Request) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, p.stream, nil
}

func (p *player) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if !p.allowed(ctx.Conn, ctx.Request) || !slices.Equal(ctx.Request.Header["Require"], []string{"onvif-replay"}) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, p.stream, nil
}

func (p *player) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	if !p.allowed(ctx.Conn, ctx.Request) || ctx.Request.Header["Range"][0] != "clock=20260102T053000Z-" {
		return &base.Response{StatusCode: base.StatusBadRequest}, nil
	}
	p.plays.Store(true)
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnResponse plays once the session takes packets: before, they would be lost.
func (p *player) OnResponse(*gortsplib.ServerConn, *base.Response) {
	if !p.plays.CompareAndSwap(true, false) {
		return
	}
	p.wait.Go(func() {
		for _, packet := range p.packets {
			_ = p.stream.WritePacketRTP(p.media, packet)
		}
	})
}

// playing is a peer that says where its recordings are played.
func playing(uri string) *peer {
	p := &peer{}
	p.answers = map[string]http.HandlerFunc{
		"GetServices": p.says("GetServices", `<odd:Service><odd:Namespace>http://www.onvif.org/ver10/replay/wsdl</odd:Namespace><odd:XAddr>http://10.0.0.9/onvif/replay</odd:XAddr></odd:Service>`),
		"GetReplayUri": func(w http.ResponseWriter, r *http.Request) {
			if body, _ := io.ReadAll(r.Body); !strings.Contains(string(body), `xmlns:trp="http://www.onvif.org/ver10/replay/wsdl"`) || !strings.Contains(string(body), "<trp:RecordingToken>R&amp;1</trp:RecordingToken>") || r.RequestURI != "/onvif/replay" {
				p.t.Errorf("%s: %s", r.RequestURI, body)
			}
			p.says("GetReplayUri", tag("odd:Uri", uri))(w, r)
		},
	}
	return p
}

func recordingOf(long time.Duration) rekey.Recording {
	start := time.Date(2026, 1, 2, 0, 30, 0, 0, time.UTC) // five hours behind UTC
	return rekey.Recording{Channel: 1, Start: start, End: start.Add(long), Path: "R&1@20260102T053000.000Z", Kind: "mp4"}
}

func TestOpenRecording(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(strconv.FormatBool(secure), func(t *testing.T) {
			t.Parallel()
			uri, config := "rtsp://thief:stolen@10.0.0.9:", (*tls.Config)(nil)
			if secure {
				s := httptest.NewTLSServer(nil)
				uri, config = "rtsps://10.0.0.9:", &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}
				s.Close()
			}
			box, port := newPlayer(t, config)
			s, b := opened(t, playing(uri+strconv.Itoa(port)+"/play?id=R%261&x=1"), secure)
			film, err := s.OpenRecording(t.Context(), recordingOf(2900*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(film)
			if err := errors.Join(err, film.Close()); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0", "-")
			cmd.Stdin = bytes.NewReader(data)
			if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "h264,30" {
				t.Errorf("%q: %v", out, err)
			}
			box.mu.Lock()
			defer box.mu.Unlock()
			if box.wrong != 0 || b.spent != 2 || b.given != 2 || strings.Contains(strings.Join(box.asked, " "), "stolen") || !strings.Contains(box.asked[0], "/play?id=R%261&x=1") {
				t.Errorf("%v, %d wrong, %+v", box.asked, box.wrong, b)
			}
		})
	}
}

// TestRefusedOnce: a password that the stream port does not know goes out once in
// a session, however many recordings are asked for.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	box, port := newPlayer(t, nil)
	box.password = "another-Pass1"
	s, b := opened(t, playing("rtsp://10.0.0.9:"+strconv.Itoa(port)+"/play"), false)
	for range 3 {
		_, err := s.OpenRecording(t.Context(), recordingOf(time.Second))
		var refused *rekey.LoginError
		if !errors.As(err, &refused) || refused.Interface != rekey.InterfaceRTSP {
			t.Error(err)
		}
	}
	box.mu.Lock()
	defer box.mu.Unlock()
	if box.signed != 1 || b.spent != 2 || len(b.refused) != 1 {
		t.Errorf("%d signed, %+v", box.signed, b)
	}
}

func TestNoRecordingToOpen(t *testing.T) {
	t.Parallel()
	none, _ := opened(t, &peer{}, false)
	if _, err := none.OpenRecording(t.Context(), recordingOf(time.Second)); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
	without := &peer{}
	without.answers = map[string]http.HandlerFunc{"GetServices": without.says("GetServices", "")}
	s, _ := opened(t, without, false)
	if _, err := s.OpenRecording(t.Context(), recordingOf(time.Second)); !errors.Is(err, rekey.ErrUnsupported) || !strings.Contains(err.Error(), "no replay of recordings") {
		t.Error(err)
	}
	gone := playing("")
	gone.answers["GetReplayUri"] = func(w http.ResponseWriter, _ *http.Request) {
		gone.fault(w, 400, "no such recording", "Sender", "InvalidArgVal", "InvalidToken")
	}
	s, _ = opened(t, gone, false)
	if _, err := s.OpenRecording(t.Context(), recordingOf(time.Second)); !errors.Is(err, rekey.ErrNotFound) || !strings.Contains(err.Error(), "list the recordings again") {
		t.Error(err)
	}
	for _, path := range []string{"", "R1", "@20260102T053000.000Z", "R1@today", "a\u202eb@20260102T053000.000Z"} {
		if _, err := none.OpenRecording(t.Context(), rekey.Recording{Path: path}); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, uri := range []string{"", "http://10.0.0.9/x", "rtsp:x", "rtsp://10.0.0.9:99999/x", "rtsp://10.0.0.9:0/x", "rtsp://10.0.0.9/a b", "rtsp://10.0.0.9/" + strings.Repeat("x", 5000)} {
		s, b := opened(t, playing(uri), false)
		if _, err := s.OpenRecording(t.Context(), recordingOf(time.Second)); !errors.Is(err, rekey.ErrUnreachable) || b.spent != 1 {
			t.Errorf("%.40q: %v", uri, err)
		}
	}
}

func TestPieces(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		t.Helper()
		if s == "1970" {
			return time.Unix(195, 0).UTC()
		}
		x, err := time.Parse("02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return x.AddDate(2026, 0, 0)
	}
	for name, tc := range map[string]struct {
		start, end, from, to string
		want                 []string
	}{
		"short":           {"02 05:30", "02 07:30", "02 06:00", "02 07:00", []string{"05:30-07:30"}},
		"long":            {"02 05:30", "02 08:10", "01 00:00", "03 00:00", []string{"05:30-06:00", "06:00-07:00", "07:00-08:00", "08:00-08:10"}},
		"to the hour":     {"02 05:00", "02 08:00", "01 00:00", "03 00:00", []string{"05:00-06:00", "06:00-07:00", "07:00-08:00"}},
		"part of it":      {"02 05:30", "03 08:10", "02 10:15", "02 11:45", []string{"10:00-11:00", "11:00-12:00"}},
		"up to the hour":  {"02 05:30", "03 08:10", "02 10:00", "02 11:00", []string{"10:00-11:00"}},
		"before it":       {"02 05:30", "03 08:10", "01 00:00", "02 05:30", nil},
		"after it":        {"02 05:30", "02 08:10", "02 08:10", "03 00:00", nil},
		"clock not set":   {"1970", "02 08:10", "02 06:30", "03 00:00", []string{"06:00-07:00", "07:00-08:00", "08:00-08:10"}},
		"clock never set": {"1970", "02 08:10", "1970", "1970", nil},
		"short, after it": {"02 05:30", "02 06:10", "02 06:10", "03 00:00", nil},
	} {
		var got []string
		f := found{token: "T", start: at(tc.start), end: at(tc.end)}
		for p := range f.pieces(at(tc.from), at(tc.to)) {
			got = append(got, p.start.Format("15:04")+p.end.Format("-15:04"))
			if token, from, err := pathOf(p.path()); err != nil || token != "T" || !from.Equal(p.start) {
				t.Errorf("%s: %s %s %v", name, token, from, err)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestPiecesAreTheWhole: they follow one another without a gap, from the first
// picture to the last.
func TestPiecesAreTheWhole(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, start := range []time.Time{time.Unix(195, 0).UTC(), end.AddDate(0, 0, -40), end.Add(-3 * time.Hour), end.Add(-time.Minute), end, end.Truncate(time.Hour).Add(-5 * time.Hour)} {
		at, n := start, 0
		for p := range (found{token: "T", start: start, end: end}).pieces(time.Time{}, end.AddDate(1, 0, 0)) {
			if n++; !p.start.Equal(at) || p.end.Before(p.start) {
				t.Fatalf("%s: %s to %s", start, p.start, p.end)
			}
			at = p.end
		}
		if !at.Equal(end) || n == 0 || n > 2000 {
			t.Errorf("%s: %d pieces up to %s", start, n, at)
		}
	}
}

func FuzzStreamOf(f *testing.F) {
	for _, s := range []string{"rtsp://10.0.0.9:554/a%20b?x=1", "rtsps://[fe80::1%25eth0]/", "rtsp://a:b@h/", "http://x/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		at, path, err := streamOf(address, "192.0.2.1")
		if err == nil && (at.Host != "192.0.2.1" || at.Port < 1 || at.Port > 65535 || strings.ContainsAny(path, "\r\n ")) {
			t.Errorf("%+v %q", at, path)
		}
		_, _, _ = pathOf(address)
	})
}
