package dahua

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

const (
	onvifClock = `<?xml version="1.0"?><env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><env:Body><tds:GetSystemDateAndTimeResponse/></env:Body></env:Envelope>`
	onvifFault = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:ter="http://www.onvif.org/ver10/error"><s:Body><s:Fault/></s:Body></s:Envelope>`
)

// doorsTold are the doors, "own" in place of the port that the session came in by.
func (s *session) doorsTold(t *testing.T) string {
	t.Helper()
	doors, err := s.Interfaces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, d := range doors {
		at := fmt.Sprint(d.Port)
		if d.Port == s.at.Port {
			at = "own"
		}
		if d.TLS {
			at += "+tls"
		}
		words = append(words, string(d.Kind)+":"+at)
	}
	return strings.Join(words, " ")
}

func TestInterfaces(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"Https": `{"Enable":true,"Port":1}`, "RTSP": `{"Enable":true,"Port":1554}`, "DVRIP": `{"TCPPort":35000}`}
	asks := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked, _ := io.ReadAll(r.Body)
			if r.Header.Get("Authorization") != "" || strings.Contains(string(asked), "Security") || !strings.Contains(string(asked), "GetSystemDateAndTime") {
				t.Errorf("asked %s", asked)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, tc := range map[string]struct {
		tables map[string]string
		onvif  http.HandlerFunc
		sdk    bool
		want   string
	}{
		"all":           {settings, asks(200, onvifClock), false, "rpc2:own cgi:own rpc2:1+tls cgi:1+tls rtsp:1554 onvif:own sdk:35000"},
		"ONVIF refuses": {nil, asks(400, onvifFault), false, "rpc2:own cgi:own onvif:own"},
		"a page":        {nil, asks(200, "<html>welcome</html>"), false, "rpc2:own cgi:own"},
		"a login first": {nil, asks(401, ""), false, "rpc2:own cgi:own"},
		"no ONVIF":      {nil, nil, true, "rpc2:own cgi:own sdk:37777"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{rpc: (&tables{read: tc.tables}).rpc(), onvif: tc.onvif}
			s, b := opened(t, p, false)
			if tc.sdk {
				s.id.Interfaces = append(s.id.Interfaces, rekey.Interface{Kind: rekey.InterfaceSDK, Host: s.at.Host, Port: 37777})
			}
			if got := s.doorsTold(t); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if _, signed := p.spent(); b.spent != 1 || signed != 0 {
				t.Errorf("%+v, %d signed", b, signed)
			}
		})
	}
}

// At the encrypted door ONVIF is asked for, too, and all keep the certificate.
func TestInterfacesByHTTPS(t *testing.T) {
	t.Parallel()
	p := &peer{noRPC: true, onvif: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, onvifClock) }}
	s, _ := opened(t, p, true)
	if got := s.doorsTold(t); got != "cgi:own+tls onvif:own+tls" {
		t.Error(got)
	}
	doors, err := s.Interfaces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range doors {
		if len(d.CertSHA256) != 64 {
			t.Errorf("%+v", d)
		}
	}
}

// What this driver cannot try costs nothing.
func TestCheckOfOtherDoors(t *testing.T) {
	t.Parallel()
	for _, kind := range []rekey.InterfaceKind{rekey.InterfaceONVIF, rekey.InterfaceSDK, rekey.InterfaceSeat} {
		b := &book{}
		err := driver().Check(t.Context(), rekey.Interface{Kind: kind, Host: "127.0.0.1", Port: 1}, login(testPassword), b)
		if !errors.Is(err, rekey.ErrUnsupported) || b.spent != 0 {
			t.Errorf("%s: %+v: %v", kind, b, err)
		}
	}
}
