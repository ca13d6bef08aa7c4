package rtsp

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/format"

	"rekey"
	"rekey/internal/transport"
)

// whole is all that the box has recorded.
func whole(at rekey.Interface, tries rekey.Tries) Replay {
	return Replay{
		At: at, Path: "/replay?token=R1", Login: rekey.Login{Account: "admin", Password: rekey.NewSecret(boxPassword)}, Tries: tries,
		From: begins, To: begins.Add(29 * oneOf),
	}
}

// watched reads a replay to its end.
func watched(t *testing.T, r Replay) ([]byte, error) {
	t.Helper()
	film, err := Checker{}.Open(t.Context(), r)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(film)
	if closed := film.Close(); closed != nil {
		t.Error(closed)
	}
	return data, err
}

// probed asks ffprobe, and decodes all of it.
func probed(t *testing.T, film []byte) (codecs []string, pictures []float64) {
	t.Helper()
	run := func(args ...string) string {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdin = bytes.NewReader(film)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil || said.Len() > 0 {
			t.Fatalf("%s: %v: %s", args[0], err, said.String())
		}
		return string(out)
	}
	codecs = strings.Fields(run("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", "-"))
	for _, text := range strings.Fields(run("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0", "-")) {
		at, err := strconv.ParseFloat(strings.TrimSuffix(text, ","), 64)
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, at)
	}
	run("ffmpeg", "-v", "error", "-xerror", "-i", "-", "-f", "null", "-")
	return codecs, pictures
}

func reorderedTimes() (times []time.Duration) {
	for _, n := range []int{0, 3, 1, 2, 6, 4, 5, 8, 7, 9, 10, 13, 11, 12, 14, 15, 16, 17, 18, 19, 20, 23, 21, 22, 26, 24, 25, 28, 27, 29} {
		times = append(times, time.Duration(n)*oneOf)
	}
	return times
}

// holed has ten minutes without a recording before the last ten pictures.
func holed() (times []time.Duration) {
	for n := range 30 {
		at := time.Duration(n) * oneOf
		if n >= 20 {
			at += 10 * time.Minute
		}
		times = append(times, at)
	}
	return times
}

func TestReplay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		box    *box
		secure bool
		codecs string
	}{
		"H.264, T":          {box: &box{ends: "T"}},
		"H.264, BYE":        {box: &box{ends: "BYE"}},
		"announced":         {box: &box{ends: "announce"}},
		"closed at its end": {box: &box{ends: "close"}},
		"silent at its end": {box: &box{ends: "silent"}},
		"over TLS":          {box: &box{ends: "T"}, secure: true},
		"H.265":             {box: &box{ends: "T", film: "film.h265"}, codecs: "hevc"},
		"reordered":         {box: &box{ends: "T", film: "reordered.h264", times: reorderedTimes()}},
		"no times":          {box: &box{ends: "BYE", plain: true}},
		"no markers":        {box: &box{ends: "BYE", markless: true}},
		"no markers, H.265": {box: &box{ends: "close", markless: true, film: "film.h265"}, codecs: "hevc"},
		"open description":  {box: &box{ends: "T", open: true}},
		"packets too early": {box: &box{ends: "T", early: true}},
		"G.711":             {box: &box{ends: "T", sound: "G.711"}, codecs: "h264 pcm_s16be"},
		"AAC":               {box: &box{ends: "T", sound: "AAC"}, codecs: "h264 aac"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &book{}
			t.Cleanup(func() { // after the box is down
				if tc.box.sessions != 0 && tc.box.ends != "close" {
					t.Error("a session is left at the box")
				}
			})
			film, err := watched(t, whole(tc.box.start(t, tc.secure), b))
			if err != nil {
				t.Fatal(err)
			}
			codecs, pictures := probed(t, film)
			if want := tc.codecs; strings.Join(codecs, " ") != want && (want != "" || strings.Join(codecs, " ") != "h264") {
				t.Errorf("%v", codecs)
			}
			if len(pictures) != 30 || (pictures[0] != 0) != strings.HasPrefix(tc.box.film, "reordered") {
				t.Errorf("%d pictures from %f", len(pictures), pictures[0])
			}
			for i, at := range pictures {
				if off := at - pictures[0] - float64(i)/10; off > 0.002 || off < -0.002 {
					t.Errorf("picture %d at %f", i, at)
				}
			}
			asked, signed, wrong := tc.box.counts()
			if wrong != 0 || b.spent != 1 || b.given != 1 || signed < 3 {
				t.Errorf("%v: %d signed, %d wrong, %+v", asked, signed, wrong, b)
			}
			tc.box.secretsStayed(t, boxPassword)
		})
	}
}

// secretsStayed: no request holds the password, or Basic.
func (b *box) secretsStayed(t *testing.T, password string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, form := range []string{password, base64.StdEncoding.EncodeToString([]byte("admin:" + password)), "Basic ", "stolen"} {
		if strings.Contains(b.heard.String(), form) {
			t.Error("a request holds the password, or a login of the recorder's own writing")
		}
	}
}

// TestRefusedReplay counts what carries a login at the socket: a password that is
// refused goes out once, and is booked once.
func TestRefusedReplay(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*box{"at once": {}, "at the first part": {open: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := &book{}
			r := whole(b.start(t, false), tries)
			r.Login.Password = rekey.NewSecret("Wrong-Pass1")
			_, err := watched(t, r)
			var refused *rekey.LoginError
			if !errors.As(err, &refused) || !errors.Is(err, rekey.ErrDenied) {
				t.Errorf("%v", err)
			}
			if asked, signed, wrong := b.counts(); signed != 1 || wrong != 1 || tries.spent != 1 || tries.refused != 1 || tries.given != 0 {
				t.Errorf("%v: %d signed, %+v", asked, signed, tries)
			}
			b.secretsStayed(t, "Wrong-Pass1")
		})
	}
	b, tries := &box{}, &book{empty: true}
	if _, err := watched(t, whole(b.start(t, false), tries)); !errors.Is(err, rekey.ErrBudget) {
		t.Error(err)
	}
	if _, signed, _ := b.counts(); signed != 0 {
		t.Errorf("%d signed without a budget", signed)
	}
}

// TestBrokenReplay: what is not whole is an error, and never a shorter file.
func TestBrokenReplay(t *testing.T) {
	t.Parallel()
	longer := func(r Replay) Replay { r.To = r.To.Add(time.Hour); return r }
	same := func(r Replay) Replay { return r }
	by := func(method, text string) map[string]string {
		return map[string]string{method: "RTSP/1.0 " + text + "\r\nCSeq: $SEQ\r\n\r\n"}
	}
	for name, tc := range map[string]struct {
		box  *box
		of   func(Replay) Replay
		kind error
		word string
	}{
		"cut in the middle":  {&box{cut: 15}, longer, rekey.ErrUnreachable, "not whole"},
		"cut at once":        {&box{cut: 1}, longer, rekey.ErrUnreachable, "not whole"},
		"a packet missing":   {&box{ends: "T", lose: 12}, same, rekey.ErrUnreachable, "missing"},
		"ends too soon, BYE": {&box{ends: "BYE"}, longer, rekey.ErrUnreachable, "05:00:02 of 2026-03-04 06:00:02"},
		"ends too soon, T":   {&box{ends: "T"}, longer, rekey.ErrUnreachable, "not whole"},
		"closed too soon":    {&box{ends: "close"}, longer, rekey.ErrUnreachable, "not whole"},
		"another time":       {&box{ends: "T", off: 2 * time.Second}, func(r Replay) Replay { r.To = begins.Add(time.Second); return r }, rekey.ErrUnreachable, "another time"},
		"far another time":   {&box{ends: "BYE", off: 8 * time.Hour}, same, rekey.ErrUnreachable, "before its first picture"},
		"an earlier time":    {&box{ends: "T", off: -5 * time.Hour}, same, rekey.ErrUnreachable, "another time"},
		"no replay":          {&box{answers: by("SETUP", "551 Option not supported")}, same, rekey.ErrUnsupported, "onvif-replay"},
		"no such recording":  {&box{answers: by("DESCRIBE", "404 Not Found")}, same, rekey.ErrUnreachable, "404"},
		"moved":              {&box{answers: by("DESCRIBE", "302 Moved\r\nLocation: rtsp://192.0.2.9/")}, same, rekey.ErrUnreachable, "302"},
		"no room":            {&box{answers: by("SETUP", "453 Not Enough Bandwidth")}, same, rekey.ErrConflict, "too many streams"},
		"not that time":      {&box{answers: by("PLAY", "457 Invalid Range")}, same, rekey.ErrUnreachable, "457"},
		"only by UDP":        {&box{answers: by("SETUP", "200 OK\r\nSession: 1\r\nTransport: RTP/AVP/UDP;unicast;client_port=1-2;server_port=3-4")}, same, rekey.ErrUnreachable, "connection"},
		"no session":         {&box{answers: by("SETUP", "200 OK\r\nTransport: RTP/AVP/TCP;interleaved=0-1")}, same, rekey.ErrUnreachable, "session"},
		"no pictures":        {&box{answers: by("DESCRIBE", "200 OK\r\nContent-Length: 81\r\n\r\nv=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\na=control:sound\r\n")}, same, rekey.ErrUnsupported, "H.264"},
		"no description":     {&box{answers: by("DESCRIBE", "200 OK")}, same, rekey.ErrUnreachable, "description"},
		"an empty time":      {&box{}, func(r Replay) Replay { r.To = r.From; return r }, rekey.ErrInput, "end after"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := watched(t, tc.of(whole(tc.box.start(t, false), &book{})))
			if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.word) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestHoles: times without a recording are told from those that are lost.
func TestHoles(t *testing.T) {
	t.Parallel()
	b := &box{ends: "T", times: holed()}
	tries := &book{}
	r := whole(b.start(t, false), tries)
	r.To = begins.Add(holed()[29])
	film, err := watched(t, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, pictures := probed(t, film); len(pictures) != 30 || pictures[20] < 601.9 || pictures[20] > 602.1 {
		t.Errorf("%v", pictures)
	}
	r.To = begins.Add(5 * time.Minute) // the first part of it
	if film, err = watched(t, r); err != nil {
		t.Fatal(err)
	}
	if _, pictures := probed(t, film); len(pictures) != 20 {
		t.Errorf("%v", pictures)
	}
	r.From, r.To = begins.Add(time.Minute), begins.Add(9*time.Minute) // nothing
	film, err = watched(t, r)
	if err != nil || len(film) == 0 || len(film) > 1000 || string(film[4:8]) != "ftyp" {
		t.Errorf("%d bytes: %v", len(film), err)
	}
	if tries.spent != tries.given || tries.refused != 0 {
		t.Errorf("%+v", tries)
	}
}

func TestClosedReplay(t *testing.T) {
	t.Parallel()
	b := &box{ends: "silent"}
	r := whole(b.start(t, false), &book{})
	r.To = r.To.Add(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	film, err := Checker{}.Open(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { _, err := io.Copy(io.Discard, film); done <- err }()
	if err := film.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("closed, and read to the end")
	}
	film, err = Checker{}.Open(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, film); !errors.Is(err, context.Canceled) && !errors.Is(err, rekey.ErrUnreachable) {
		t.Error(err)
	}
	_ = film.Close()
}

// TestRefusedSignOfLife: a password that somebody changes while a recording is
// played is one refused try, booked; an old nonce is none.
func TestRefusedSignOfLife(t *testing.T) {
	t.Parallel()
	b := &book{}
	p := &player{c: &conn{}, entry: &entry{who: rekey.Login{Account: "admin"}, tries: b, known: true, proved: true, asked: []string{`Digest realm="X", nonce="1"`}}}
	answer := func(challenge string) *base.Response {
		return &base.Response{StatusCode: base.StatusUnauthorized, Header: base.Header{challengeHeader: {challenge}}}
	}
	if err := p.living(answer(`Digest realm="X", nonce="2", stale=true`)); err != nil || b.spent != 0 || !strings.Contains(p.entry.asked[0], `"2"`) {
		t.Errorf("%v %+v", err, b)
	}
	var refused *rekey.LoginError
	if err := p.living(answer(`Digest realm="X", nonce="3"`)); !errors.As(err, &refused) || b.spent != 1 || b.refused != 1 {
		t.Errorf("%v %+v", err, b)
	}
	if err := p.live(t.Context()); !errors.As(err, &refused) || b.spent != 1 { // nothing is sent any more
		t.Errorf("%v %+v", err, b)
	}
	if err := p.living(&base.Response{StatusCode: base.StatusSessionNotFound}); !errors.Is(err, rekey.ErrUnreachable) {
		t.Error(err)
	}
}

// TestPace: what drips ends, however long each drop was waited for.
func TestPace(t *testing.T) {
	t.Parallel()
	s := &showing{player: &player{c: &conn{}}, to: begins.Add(time.Hour), at: begins, since: begins}
	for range 9 {
		if err := s.pace(paceLimit / 10); err != nil {
			t.Fatal(err)
		}
	}
	s.at = begins.Add(leastPace)
	if err := s.pace(paceLimit); err != nil || s.waited != 0 {
		t.Error(err)
	}
	s.at = s.at.Add(leastPace - time.Second)
	if err := s.pace(paceLimit); !errors.Is(err, errPace) {
		t.Error(err)
	}
}

func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	b := &box{ends: "silent", timeout: 1}
	film, err := watched(t, whole(b.start(t, false), &book{}))
	if err != nil || len(film) == 0 {
		t.Fatal(err)
	}
	if asked, _, wrong := b.counts(); !slices.Contains(asked, "OPTIONS") || wrong != 0 {
		t.Errorf("%v", asked)
	}
}

func TestChangedCertificate(t *testing.T) {
	t.Parallel()
	b, tries := &box{}, &book{}
	at := b.start(t, true)
	at.CertSHA256 = strings.Repeat("ab", 32)
	r := whole(at, tries)
	_, err := watched(t, r)
	var changed *transport.CertificateError
	if !errors.Is(err, rekey.ErrVerify) || !errors.As(err, &changed) || !strings.Contains(err.Error(), string(rekey.RiskNewCertificate)) {
		t.Error(err)
	}
	if err := Check(t.Context(), at, path, r.Login, tries); !errors.Is(err, rekey.ErrVerify) || tries.spent != 0 {
		t.Error(err)
	}
}

func TestNTPTime(t *testing.T) {
	t.Parallel()
	for ntp, want := range map[uint64]string{
		0x83AA7E80_00000000: "1970-01-01T00:00:00Z", 3981589200<<32 + 1<<31: "2026-03-04T05:00:00.5Z", 0x00000001_00000000: "2036-02-07T06:28:17Z",
	} {
		if at, ok := ntpTime(ntp); !ok || at.Format(time.RFC3339Nano) != want {
			t.Errorf("%x: %s", ntp, at.Format(time.RFC3339Nano))
		}
	}
	if _, ok := ntpTime(7); ok {
		t.Error("no time is one")
	}
}

// FuzzPackets takes what a recorder may send while it plays.
func FuzzPackets(f *testing.F) {
	b := &box{film: "film.h264", sound: "G.711", t: &testing.T{}}
	b.read()
	for i := range 3 {
		packets := b.packets(0, i)
		f.Add(packets[0][4:], packets[len(packets)-1][4:], byte(0), byte(0))
	}
	f.Add(b.piece(0)[4:], b.piece(1)[4:], byte(2), byte(0))
	b = &box{film: "film.h265", t: &testing.T{}}
	b.read()
	packets := b.packets(0, 0)
	f.Add(packets[0][4:], packets[1][4:], byte(0), byte(1))
	f.Add([]byte{0x80, 203, 0, 1, 0, 0, 0, 1}, []byte{}, byte(1), byte(0))
	f.Fuzz(func(t *testing.T, one, two []byte, channel, kind byte) {
		var pictures format.Format = &format.H264{PayloadTyp: 96, PacketizationMode: 1}
		if kind&1 != 0 {
			pictures = &format.H265{PayloadTyp: 96}
		}
		sound := &format.G711{MULaw: true, SampleRate: 8000, ChannelCount: 1}
		s := &showing{ctx: t.Context(), from: begins, to: begins.Add(time.Hour), player: &player{c: &conn{}}, film: newFilm(pictures, sound)}
		s.pictures, _ = trackOf(pictures)
		s.sound, _ = trackOf(sound)
		s.sound.channel = 2
		for range 3 {
			for _, payload := range [][]byte{one, two} {
				var err error
				switch channel % 3 {
				case 0:
					err = s.show(&base.InterleavedFrame{Payload: slices.Clone(payload)})
				case 1:
					_ = goodbye(&base.InterleavedFrame{Channel: 1, Payload: payload})
				case 2:
					s.at = begins
					err = s.hear(&base.InterleavedFrame{Channel: 2, Payload: slices.Clone(payload)})
				}
				if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, rekey.ErrUnreachable) {
					t.Error(err)
				}
			}
		}
		if err := s.finish(errEnded); err == nil {
			t.Error("it did not end")
		}
	})
}
