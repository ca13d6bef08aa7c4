package rtsp

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"rekey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	path      = "/cam/realmonitor?channel=1&subtype=1"
	realm     = "Login to XX00TESTDCBBC3C"
	challenge = "RTSP/1.0 401 Unauthorized\r\nCSeq: $SEQ\r\nWWW-Authenticate: Digest realm=\"" + realm + "\", nonce=\"c5cdebfb\"\r\nWWW-Authenticate: Basic realm=\"" + realm + "\"\r\n\r\n"
	described = "RTSP/1.0 200 OK\r\nCSeq: $SEQ\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
)

// peer answers RTSP by script: unsigned requests with first, signed ones with
// second, or by whether the digest is right where second is empty.
type peer struct {
	first, second string
	says          func(line, authorization string) string // in place of both
	mu            sync.Mutex
	signed        int
	all           int
}

func (p *peer) start(t *testing.T) rekey.Interface {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wait.Wait() })
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { defer c.Close(); p.serve(c) })
		}
	})
	return rekey.Interface{Kind: rekey.InterfaceRTSP, Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
}

func (p *peer) serve(c net.Conn) {
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
		answer := strings.ReplaceAll(p.answer(line, head.Get("Authorization")), "$SEQ", head.Get("CSeq"))
		if _, err := c.Write([]byte(answer)); err != nil || !strings.HasSuffix(answer, "\n") {
			return // what is cut off ends there
		}
	}
}

func (p *peer) answer(line, authorization string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all++
	if p.says != nil {
		return p.says(line, authorization)
	}
	if authorization == "" {
		return p.first
	}
	p.signed++
	if p.second != "" {
		return p.second
	}
	f := strings.Fields(line)
	h := func(s string) string { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }
	right := h(h("admin:"+realm+":right") + ":c5cdebfb:" + h(f[0]+":"+f[1]))
	if strings.Contains(authorization, `response="`+right+`"`) {
		return described
	}
	return challenge
}

// book is a login budget that writes down what it is told.
type book struct {
	spent, given, refused int
	empty                 bool
}

func (b *book) Spend(string) error {
	if b.empty {
		return rekey.ErrBudget
	}
	b.spent++
	return nil
}

func (b *book) Settle(_ string, result error) error {
	if result == nil {
		b.given++
	} else {
		b.refused++
	}
	return nil
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, second, password string
		empty                   bool
		kind                    error
		signed                  int
		given, refused          int
	}{
		"right":               {first: challenge, password: "right", signed: 1, given: 1},
		"wrong":               {first: challenge, password: "wrong", kind: rekey.ErrDenied, signed: 1, refused: 1},
		"403 while locked":    {first: challenge, second: "RTSP/1.0 403 Forbidden\r\n\r\n", kind: rekey.ErrLocked, signed: 1, refused: 1},
		"no such stream":      {first: challenge, second: "RTSP/1.0 404 Not Found\r\n\r\n", kind: rekey.ErrUnreachable, signed: 1},
		"broken off":          {first: challenge, second: "RTSP/1.0 2", kind: rekey.ErrUnreachable, signed: 1},
		"no budget":           {first: challenge, empty: true, kind: rekey.ErrBudget},
		"open to everybody":   {first: described, kind: rekey.ErrVerify},
		"banned":              {first: "RTSP/1.0 403 Forbidden\r\n\r\n", kind: rekey.ErrConflict},
		"no room":             {first: "RTSP/1.0 453 Not Enough Bandwidth\r\n\r\n", kind: rekey.ErrConflict},
		"no room, second":     {first: challenge, second: "RTSP/1.0 453 Not Enough Bandwidth\r\n\r\n", kind: rekey.ErrConflict, signed: 1},
		"challenge twice":     {first: challenge + challenge, password: "right", signed: 1, given: 1},
		"refused twice":       {first: challenge, second: challenge + challenge, kind: rekey.ErrDenied, signed: 1, refused: 1},
		"other numbers":       {first: strings.Replace(challenge, "$SEQ", "x", 1), password: "right", signed: 1, given: 1},
		"only old answers":    {first: strings.Repeat(strings.Replace(challenge, "$SEQ", "0", 1), 9), kind: rekey.ErrUnreachable},
		"404 at once":         {first: "RTSP/1.0 404 Not Found\r\n\r\n", kind: rekey.ErrUnreachable},
		"Basic alone":         {first: "RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n", kind: rekey.ErrRisk},
		"no challenge":        {first: "RTSP/1.0 401 Unauthorized\r\n\r\n", kind: rekey.ErrUnsupported},
		"HTTP":                {first: "HTTP/1.1 400 Bad Request\r\n\r\n", kind: rekey.ErrUnreachable},
		"cut off":             {first: "RTSP/1.0 401 Unauth", kind: rekey.ErrUnreachable},
		"huge":                {first: "RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n" + strings.Repeat("x", 1000), kind: rekey.ErrUnreachable},
		"closed without word": {first: "", kind: rekey.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{first: tc.first, second: tc.second}
			b := &book{empty: tc.empty}
			err := Check(t.Context(), p.start(t), path, rekey.Login{Account: "admin", Password: rekey.NewSecret(tc.password)}, b)
			if !errors.Is(err, tc.kind) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			var e *rekey.LoginError
			if errors.As(err, &e) != (tc.refused == 1) || (e != nil && e.Interface != rekey.InterfaceRTSP) {
				t.Errorf("%+v", e)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.signed != tc.signed || b.spent != tc.signed || b.given != tc.given || b.refused != tc.refused {
				t.Errorf("%d signed, %+v", p.signed, b)
			}
		})
	}
}

// TestWhatAPeerSaysIsPlain: its words reach a terminal as one short line, or not at all.
func TestWhatAPeerSaysIsPlain(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]string{
		"refused": "RTSP/1.0 401 No\u009b31m\u202eway" + strings.Repeat("x", 180) + "\r\n\r\n",
		"odd":     "RTSP/1.0 404 No\u009b31m\u202eway" + strings.Repeat("x", 180) + "\r\n\r\n",
		"no RTSP": "\u009b31m\u202eway" + strings.Repeat("x", 180) + " 2\r\n\r\n",
	} {
		p := &peer{first: challenge, second: second}
		err := Check(t.Context(), p.start(t), path, rekey.Login{Account: "admin", Password: rekey.NewSecret("p")}, &book{})
		if err == nil {
			t.Fatal("no error")
		}
		text := err.Error()
		var e *rekey.LoginError
		if errors.As(err, &e) {
			text = e.Said
		}
		if strings.ContainsAny(text, "\u009b\u202e") || strings.Contains(text, strings.Repeat("x", 150)) || strings.Contains(text, `\u`) {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		says   string
		realms []string
		kind   error
	}{
		"NVR":             {says: challenge, realms: []string{realm}},
		"another realm":   {says: "RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"IP Camera(12345)\", nonce=\"x\"\r\nWWW-Authenticate: Basic realm=\"IP Camera\"\r\n\r\n", realms: []string{"IP Camera(12345)", "IP Camera"}},
		"open to anybody": {says: described},
		"unknown path":    {says: "RTSP/1.0 404 Not Found\r\n\r\n"},
		"no challenge":    {says: "RTSP/1.0 401 Unauthorized\r\n\r\n"},
		"HTTP":            {says: "HTTP/1.1 400 Bad Request\r\n\r\n", kind: rekey.ErrUnreachable},
		"no word":         {says: "", kind: rekey.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{first: tc.says}
			realms, err := Probe(t.Context(), p.start(t), path)
			if !errors.Is(err, tc.kind) || !slices.Equal(realms, tc.realms) {
				t.Errorf("%q: %v", realms, err)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.all != 1 || p.signed != 0 {
				t.Errorf("%d requests, %d of them with a login", p.all, p.signed)
			}
		})
	}
}

func TestProbeOfNobody(t *testing.T) {
	t.Parallel()
	at := rekey.Interface{Kind: rekey.InterfaceRTSP, Host: "127.0.0.1", Port: 1} // nobody is given that port by chance
	if _, err := Probe(t.Context(), at, path); !errors.Is(err, rekey.ErrUnreachable) {
		t.Error(err)
	}
}

func TestURLIsWhatIsSigned(t *testing.T) {
	t.Parallel()
	at := rekey.Interface{Host: "2001:db8::1", Port: 554}
	if got := streamURL(at, path); got != fmt.Sprintf("rtsp://[2001:db8::1]:554%s", path) {
		t.Error(got)
	}
}

// TestCaptures reads what a real recorder answered, where the folder of captures
// is named.
func TestCaptures(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("REKEY_CAPTURES")
	if folder == "" {
		return
	}
	data, err := os.ReadFile(filepath.Join(folder, "rtsp", "describe_401_nvr.txt"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(string(data), "\r", "")), "\n", "\r\n") + "\r\n\r\n"
	p, b := &peer{first: text, second: text}, &book{}
	at := p.start(t)
	if realms, err := Probe(t.Context(), at, path); err != nil || len(realms) == 0 || !strings.HasPrefix(realms[0], "Login to ") {
		t.Errorf("%q: %v", realms, err)
	}
	err = Check(t.Context(), at, path, rekey.Login{Account: "admin", Password: rekey.NewSecret("p")}, b)
	if !errors.Is(err, rekey.ErrDenied) || b.spent != 1 || b.refused != 1 {
		t.Errorf("%v %+v", err, b)
	}
}
