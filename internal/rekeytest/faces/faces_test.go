package faces

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func started(t *testing.T, f Face) *Box {
	t.Helper()
	b, err := Start(netip.MustParseAddr("127.0.0.1"), Ports{}, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func client(t *testing.T) *http.Client {
	c := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // #nosec G402 -- a test of what is shown
	t.Cleanup(c.CloseIdleConnections)
	return &http.Client{Transport: c, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// What belongs to a login is seen, or nobody could say that none was sent.
func TestLoginsAreOnRecord(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, body string
		header     http.Header
		login      bool
	}{
		"nothing":           {path: "/cgi-bin/magicBox.cgi?action=getDeviceType"},
		"outside":           {path: "/OutsideCmd", body: `{"method":"DevInit.getStatus","params":null,"id":1}`},
		"clock":             {path: "/onvif/device_service", body: `<s:Envelope xmlns:s="s"><s:Body><GetSystemDateAndTime/></s:Body></s:Envelope>`},
		"user check":        {path: "/ISAPI/Security/userCheck"},
		"digest":            {path: "/", header: http.Header{"Authorization": {`Digest username="x"`}}, login: true},
		"first login step":  {path: "/RPC2_Login", body: `{"method":"global.login","params":{"clientType":"Web3.0"},"id":1}`, login: true},
		"account in JSON":   {path: "/RPC2", body: `{"method":"x","params":{"userName":"somebody"}}`, login: true},
		"account asked for": {path: "/OutsideCmd", body: `{"method":"PasswdFind.getDescript","params":{"name":"admin"}}`, login: true},
		"token":             {path: "/onvif/device_service", body: `<e><h><wsse:Security><wsse:UsernameToken/></wsse:Security></h></e>`, login: true},
		"account in XML":    {path: "/ISAPI/Security/users", body: `<User><userName>x</userName></User>`, login: true},
		"query":             {path: "/cgi-bin/userManager.cgi?action=modifyPassword&name=admin&pwd=x", login: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := started(t, LorexD861())
			q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.at(b.Ports.HTTP)+tc.path, strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			for name, values := range tc.header {
				q.Header[name] = values
			}
			res, err := client(t).Do(q)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			all := b.Asked("http")
			if len(all) != 1 || all[0].Path != tc.path || len(b.Logins()) > 0 != tc.login {
				t.Errorf("%+v", all)
			}
		})
	}
}

func TestStreamLoginIsOnRecord(t *testing.T) {
	t.Parallel()
	b := started(t, LorexLNR400())
	conn := dial(t, b.Ports.RTSP)
	for n, line := range []string{"", "Authorization: Basic eDp5\r\n"} {
		fmt.Fprintf(conn, "DESCRIBE rtsp://127.0.0.1/cam RTSP/1.0\r\nCSeq: %d\r\n%s\r\n", n+1, line)
		answer := make([]byte, 400)
		got, err := conn.Read(answer)
		if err != nil {
			t.Fatal(err)
		}
		// As captured: no qop, and a second line for Basic.
		for _, want := range []string{"RTSP/1.0 401 Unauthorized\r\n", fmt.Sprintf("CSeq: %d\r\n", n+1), `Digest realm="Login to LNR4TEST0400001", nonce="`, "\r\nWWW-Authenticate: Basic"} {
			if !strings.Contains(string(answer[:got]), want) {
				t.Errorf("no %q in %q", want, answer[:got])
			}
		}
		if len(b.Asked("rtsp")) != n+1 || len(b.Logins()) != n {
			t.Errorf("%+v", b.Asked())
		}
	}
}

func dial(t *testing.T, port int) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Recorders do not answer a question without the frame, nor one with its magic
// turned round.
func TestDHIPWantsItsFrame(t *testing.T) {
	t.Parallel()
	b := started(t, LorexD861())
	body := []byte(`{"method":"DHDiscover.search","params":{"mac":"","uni":1}}`)
	framed := dhipFrame(body)
	turned := bytes.Replace(framed, []byte("DHIP"), []byte("PIHD"), 1)
	for name, tc := range map[string]struct {
		question []byte
		answers  int
	}{
		"framed": {framed, 1}, "bare": {body, 0}, "turned": {turned, 0}, "short": {framed[:31], 0}, "cut": {framed[:60], 0},
		"other": {dhipFrame([]byte(`{"method":"DHDiscover.setConfig"}`)), 0},
	} {
		if got := b.Face.DHIP(b, tc.question); len(got) != tc.answers {
			t.Errorf("%s: %d answers, want %d", name, len(got), tc.answers)
		}
	}
	if got := Typeless().DHIP(b, framed); len(got) != 4 || !bytes.Contains(got[0], []byte("NotifyMethod")) || bytes.Count(got[1], []byte("DHIP")) != 2 {
		t.Errorf("%q", got)
	}
}

func TestWSDiscoveryByType(t *testing.T) {
	t.Parallel()
	probe := func(types string) []byte {
		return fmt.Appendf(nil, `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header><a:MessageID>uuid:1</a:MessageID><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header><s:Body><d:Probe>%s</d:Probe></s:Body></s:Envelope>`, types)
	}
	anything, recorders := probe(""), probe("<d:Types>dn:NetworkVideoTransmitter</d:Types>")
	for _, tc := range []struct {
		face                Face
		anything, recorders int
	}{
		{LorexN841(), 1, 1}, {Closemouthed(), 0, 1}, {Printer(), 1, 0}, {PlainONVIF(), 2, 2},
	} {
		b := started(t, tc.face)
		any, video := tc.face.WSDiscovery(b, anything), tc.face.WSDiscovery(b, recorders)
		if len(any) != tc.anything || len(video) != tc.recorders {
			t.Errorf("%s: %d and %d answers", tc.face.Name, len(any), len(video))
		}
		if len(tc.face.WSDiscovery(b, bytes.ReplaceAll(anything, []byte("Probe"), []byte("Hello")))) != 0 {
			t.Errorf("%s answers a Hello", tc.face.Name)
		}
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	for c, want := range map[Certificate]struct{ valid, own bool }{Issued: {true, false}, Expired: {false, true}, NotYetValid: {false, true}} {
		b := started(t, Redirecting(c))
		res, err := client(t).Get("http://" + b.at(b.Ports.HTTP) + "/some?where")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		to := res.Header.Get("Location")
		if to != "https://"+b.at(b.Ports.HTTPS)+"/some?where" {
			t.Errorf("redirected to %q", to)
		}
		if res, err = client(t).Get(to); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		leaf, now := res.TLS.PeerCertificates[0], time.Now()
		valid := now.After(leaf.NotBefore) && now.Before(leaf.NotAfter)
		if own := leaf.Issuer.String() == leaf.Subject.String(); valid != want.valid || own != want.own {
			t.Errorf("%s: valid %t, its own issuer %t", c, valid, own)
		}
	}
}

// A face that never ends its answer ends when it is switched off.
func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	b, err := Start(netip.MustParseAddr("127.0.0.1"), Ports{}, Endless())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	conn := dial(t, b.Ports.HTTP)
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	b.Close()
	_, _ = io.Copy(io.Discard, conn) // to its end
	if ctx.Err() != nil {
		t.Error("it went on")
	}
}

// Whatever is asked by UDP, a box does not fall over.
func FuzzDatagrams(f *testing.F) {
	f.Add(dhipFrame([]byte(`{"method":"DHDiscover.search"}`)))
	f.Add([]byte(`<Probe><Uuid>1</Uuid><Types>inquiry</Types></Probe>`))
	f.Add([]byte(`<e><Header><Action>x/discovery/Probe</Action></Header><Body><Probe><Types>a:b</Types></Probe></Body></e>`))
	b := &Box{Addr: netip.MustParseAddr("127.0.0.1")}
	all := []func(*Box, []byte) [][]byte{Typeless().DHIP, PlainONVIF().WSDiscovery, HikvisionNVR().SADP}
	f.Fuzz(func(t *testing.T, question []byte) {
		answers := 0
		for _, reply := range all {
			if len(reply(b, question)) > 0 {
				answers++
			}
		}
		if answers > 1 {
			t.Errorf("%d protocols took one question for theirs", answers)
		}
		_, _ = callOf(question), signsIn(question)
	})
}
