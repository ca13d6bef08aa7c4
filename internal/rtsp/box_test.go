package rtsp

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/http/httptest"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"rekey"
)

// begins is when the recording of the tests begins; a picture lasts a tenth of a second.
var begins = time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)

const oneOf = 100 * time.Millisecond

const boxPassword = "Right-Pass1"

// box is a recorder that plays recordings, made by hand from RFC 2326 and the
// ONVIF Streaming Specification.
type box struct {
	film     string          // file in testdata
	times    []time.Duration // of the pictures, in their order on the wire; nil: one after the other
	ends     string          // "T", "BYE", "announce", "silent", "close"
	open     bool            // it asks for no login to describe, but to set up
	plain    bool            // no times in the packets
	markless bool            // no marker on the last packet of a picture
	sound    string          // "G.711", "AAC"
	cut      int             // it ends the connection before that picture; 0: never
	lose     int             // it leaves out a packet of that picture; 0: none
	off      time.Duration   // its pictures tell other times than they are asked for
	answers  map[string]string
	early    bool // packets before the answer to PLAY
	timeout  int

	t        *testing.T
	mu       sync.Mutex
	asked    []string // method and what counts of it
	signed   int
	wrong    int
	heard    strings.Builder
	units    [][][]byte
	key      []bool
	sessions int
}

// read takes the film apart into access units.
func (b *box) read() {
	data, err := os.ReadFile("testdata/" + b.film)
	if err != nil {
		b.t.Fatal(err)
	}
	var unit [][]byte
	text := strings.ReplaceAll(string(data), "\x00\x00\x00\x01", "\x00\x00\x01")
	for _, nal := range strings.Split(text, "\x00\x00\x01")[1:] {
		unit = append(unit, []byte(nal))
		picture := nal[0]&0x1f == 1 || nal[0]&0x1f == 5
		if strings.HasSuffix(b.film, "265") {
			picture = nal[0]>>1 < 32
		}
		if picture {
			b.units, b.key, unit = append(b.units, unit), append(b.key, b.isKey(unit)), nil
		}
	}
	if b.times == nil {
		for i := range b.units {
			b.times = append(b.times, time.Duration(i)*oneOf)
		}
	}
	if len(b.units) != 30 || len(b.times) != 30 {
		b.t.Fatalf("%d pictures", len(b.units))
	}
}

func (b *box) isKey(unit [][]byte) bool {
	if strings.HasSuffix(b.film, "265") {
		return h265.IsRandomAccess(unit)
	}
	return h264.IsRandomAccess(unit)
}

func (b *box) start(t *testing.T, secure bool) rekey.Interface {
	t.Helper()
	b.t = t
	if b.film == "" {
		b.film = "film.h264"
	}
	b.read()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := rekey.Interface{Kind: rekey.InterfaceRTSP, Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: secure}
	if secure {
		s := httptest.NewTLSServer(nil)
		l = tls.NewListener(l, &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12})
		s.Close()
	}
	var wait sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wait.Wait() })
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { defer c.Close(); b.serve(c) })
		}
	})
	return at
}

func (b *box) serve(c net.Conn) {
	in := textproto.NewReader(bufio.NewReader(c))
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		head, err := in.ReadMIMEHeader()
		if err != nil {
			return
		}
		if strings.HasPrefix(line, "RTSP/") {
			continue
		}
		answer, playing := b.answer(line, head)
		answer = strings.ReplaceAll(answer, "$SEQ", head.Get("CSeq"))
		if playing && b.early {
			b.mu.Lock()
			packet := b.packets(0, b.begin(head.Get("Range")))[0]
			b.mu.Unlock()
			_, _ = c.Write(packet)
		}
		if _, err := c.Write([]byte(answer)); err != nil {
			return
		}
		if playing && !b.play(c, head.Get("Range")) {
			return
		}
	}
}

const notAuthorised = "RTSP/1.0 401 Unauthorized\r\nCSeq: $SEQ\r\nWWW-Authenticate: Basic realm=\"box\"\r\nWWW-Authenticate: Digest realm=\"box\", nonce=\"c5cdebfb\"\r\n\r\n"

// answer checks the login of each request, and what a replay demands.
func (b *box) answer(line string, head textproto.MIMEHeader) (answer string, playing bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprint(&b.heard, line, head)
	f := strings.Fields(line)
	authorization := head.Get("Authorization")
	if authorization != "" {
		b.signed++
	}
	b.asked = append(b.asked, f[0])
	if text, has := b.answers[f[0]]; has {
		return text, false
	}
	free := b.open && f[0] == "DESCRIBE"
	if !free && (!strings.Contains(authorization, `uri="`+f[1]+`"`) || !right(authorization, f[0], boxPassword)) {
		if authorization != "" {
			b.wrong++
		}
		return notAuthorised, false
	}
	ok := "RTSP/1.0 200 OK\r\nCSeq: $SEQ\r\n"
	switch f[0] {
	case "DESCRIBE":
		d := b.description()
		return ok + "Content-Base: rtsp://thief:stolen@" + strings.TrimPrefix(f[1], "rtsp://") + "/\r\nContent-Type: application/sdp\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(d), d), false
	case "SETUP":
		if head.Get("Require") != "onvif-replay" || !strings.Contains(f[1], "/track") {
			b.t.Errorf("%s %v", line, head)
		}
		b.sessions++
		return ok + "Transport: " + head.Get("Transport") + fmt.Sprintf(";ssrc=1\r\nSession: 4711;timeout=%d\r\n\r\n", max(b.timeout, 1)), false
	case "PLAY":
		if head.Get("Require") != "onvif-replay" || head.Get("Rate-Control") != "no" || head.Get("Session") != "4711" {
			b.t.Errorf("%v", head)
		}
		return ok + "Session: 4711\r\n\r\n", true
	case "TEARDOWN":
		b.sessions = 0
	}
	return ok + "Session: 4711\r\n\r\n", false
}

func (b *box) description() string {
	form := "H264"
	if strings.HasSuffix(b.film, "265") {
		form = "H265"
	}
	d := "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:meta\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 " + form + "/90000\r\na=control:track1\r\na=x-onvif-track:VIDEO001\r\n"
	switch b.sound {
	case "G.711":
		d += "m=audio 0 RTP/AVP 0\r\na=control:track2\r\n"
	case "AAC":
		d += "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408\r\na=control:track2\r\n"
	}
	return d
}

// begin is the picture at which it begins to play.
func (b *box) begin(clock string) int {
	from, err := time.Parse("20060102T150405Z", strings.TrimSuffix(strings.TrimPrefix(clock, "clock="), "-"))
	if err != nil {
		b.t.Errorf("%q: %v", clock, err)
	}
	first := -1
	for i, at := range b.times {
		when := begins.Add(at)
		if b.key[i] && !when.After(from) && from.Sub(when) < time.Second {
			return i
		}
		if b.key[i] && when.After(from) && first < 0 {
			first = i
		}
	}
	return first
}

// play sends the pictures and reports whether the connection stays.
func (b *box) play(c net.Conn, clock string) bool {
	b.mu.Lock()
	first := b.begin(clock)
	var frames [][]byte
	sequence := 0
	for i := first; i >= 0 && i < len(b.units) && (b.cut == 0 || i < b.cut); i++ {
		packets := b.packets(sequence, i)
		sequence += len(packets)
		if b.lose != 0 && b.lose == i {
			packets = packets[1:]
		}
		frames = append(frames, packets...)
		if b.sound != "" {
			frames = append(frames, b.piece(i-first))
		}
	}
	if b.early {
		frames = frames[1:]
	}
	ends, cut := b.ends, b.cut != 0
	b.mu.Unlock()
	for _, f := range frames {
		if _, err := c.Write(f); err != nil {
			return false
		}
	}
	switch {
	case cut:
		return false
	case ends == "BYE":
		goodbye, _ := (&rtcp.Goodbye{Sources: []uint32{1}}).Marshal()
		_, _ = c.Write(interleaved(1, goodbye))
	case ends == "announce":
		fmt.Fprint(c, "ANNOUNCE rtsp://127.0.0.1/ RTSP/1.0\r\nCSeq: 9\r\nNotice: 2101 \"End-of-Stream Reached\"\r\n\r\n")
	}
	return ends != "close"
}

func interleaved(channel int, payload []byte) []byte {
	f, _ := base.InterleavedFrame{Channel: channel, Payload: payload}.Marshal()
	return f
}

// packets are those of one picture.
func (b *box) packets(sequence, i int) (frames [][]byte) {
	var packets []*rtp.Packet
	var err error
	start := uint16(65530 + sequence)
	if strings.HasSuffix(b.film, "265") {
		e := &rtph265.Encoder{PayloadType: 96, PayloadMaxSize: 300, InitialSequenceNumber: &start}
		if err = e.Init(); err == nil {
			packets, err = e.Encode(b.units[i])
		}
	} else {
		e := &rtph264.Encoder{PayloadType: 96, PayloadMaxSize: 300, InitialSequenceNumber: &start, PacketizationMode: 1}
		if err = e.Init(); err == nil {
			packets, err = e.Encode(b.units[i])
		}
	}
	if err != nil {
		b.t.Errorf("packets: %v", err)
	}
	for _, p := range packets {
		p.Timestamp = uint32(4294000000 + int64(b.times[i])*90/int64(time.Millisecond))
		p.Marker = p.Marker && !b.markless
		if !b.plain {
			p.Extension, p.ExtensionProfile = true, replayExtension
			_ = p.SetExtension(0, b.extension(i))
		}
		raw, err := p.Marshal()
		if err != nil {
			b.t.Errorf("packet: %v", err)
		}
		frames = append(frames, interleaved(0, raw))
	}
	return frames
}

func (b *box) extension(i int) []byte {
	at := begins.Add(b.times[i] + b.off)
	x := binary.BigEndian.AppendUint32(nil, uint32(at.Unix()+2_208_988_800))
	x = binary.BigEndian.AppendUint32(x, uint32(uint64(at.Nanosecond())<<32/1e9))
	flags := byte(0)
	if b.ends == "T" && i == len(b.units)-1 {
		flags = 0x50
	}
	return append(x, flags, byte(i), 0, 0)
}

// piece is the sound that goes with one picture.
func (b *box) piece(i int) []byte {
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i * 800)}, Payload: slices.Repeat([]byte{0xff}, 800)}
	if b.sound == "AAC" {
		frame := b.aac(i)
		p.PayloadType, p.Marker, p.Timestamp = 97, true, uint32(i*1024)
		p.Payload = append(binary.BigEndian.AppendUint16([]byte{0, 16}, uint16(len(frame)<<3)), frame...)
	}
	raw, _ := p.Marshal()
	return interleaved(2, raw)
}

// aac is a frame of the sound in testdata, without its ADTS head.
func (b *box) aac(i int) []byte {
	data, err := os.ReadFile("testdata/sound.aac")
	if err != nil {
		b.t.Error(err)
		return nil
	}
	for ; ; i-- {
		n := int(data[3]&3)<<11 | int(data[4])<<3 | int(data[5])>>5
		if i == 0 {
			return data[7:n]
		}
		data = data[n:]
	}
}

func (b *box) counts() (asked []string, signed, wrong int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked), b.signed, b.wrong
}
