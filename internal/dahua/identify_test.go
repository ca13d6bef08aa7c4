package dahua

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"rekey"
)

func target(t *testing.T, s *httptest.Server, tls bool) rekey.Target {
	t.Helper()
	i := identityAt(t, s.Listener.Addr().String(), tls).Interfaces[0]
	return rekey.Target{Host: i.Host, Port: i.Port, TLS: tls}
}

func challenged(header, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if header != "" {
			w.Header().Set("WWW-Authenticate", header)
		}
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, text)
	}
}

func says200(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	const digest = `Digest realm="Login to 0ae5e3a55d6b36d0d35a0f5c751f450a",qop="auth",nonce="n", opaque="", stale="false"`
	initialised := `{"id":1,"params":{"Find":"AB","Init":2,"Status":0},"result":true,"session":0}`
	for name, tc := range map[string]struct {
		cgi, outside, rpc, page http.HandlerFunc
		kind                    error
		doors                   string
		init                    rekey.InitState
		serial, vendor, model   string
	}{
		"NVR":            {cgi: challenged(digest, ""), outside: says200(initialised), page: says200("<html><TITLE>Lorex &amp; co</TITLE>"), doors: "rpc2 cgi", init: rekey.InitDone, vendor: "Lorex"},
		"serial realm":   {cgi: challenged(`Digest realm="Login to XX00TESTDCBBC3C", nonce="c5cd"`, ""), doors: "cgi", init: rekey.InitUnknown, serial: "XX00TESTDCBBC3C"},
		"Basic of 2014":  {cgi: challenged(`Basic realm="Device_CGI"`, ""), doors: "cgi", init: rekey.InitUnknown},
		"factory":        {cgi: challenged("", "Invalid Authority!\r\n"), outside: says200(`{"id":1,"params":{"Init":1},"result":true}`), doors: "rpc2 cgi", init: rekey.InitFactory},
		"RPC only":       {rpc: says200(`{"id":2,"result":false,"error":{"code":287637505,"message":"Invalid session"}}`), doors: "rpc2", init: rekey.InitUnknown},
		"no login":       {cgi: says200("type=DH-XVR5108C-X\r\n"), doors: "cgi", init: rekey.InitUnknown, model: "DH-XVR5108C-X"},
		"type number":    {cgi: says200("type=31\r\n"), doors: "cgi", init: rekey.InitUnknown},
		"Hikvision":      {cgi: challenged(`Digest realm="DS-7608", nonce="x"`, ""), kind: rekey.ErrNotRecorder},
		"a web server":   {page: says200("<title>nginx</title>"), kind: rekey.ErrNotRecorder},
		"JSON of others": {outside: says200(`{"hello":"world"}`), rpc: says200(`[]`), kind: rekey.ErrNotRecorder},
		"another RPC":    {outside: says200(`{"jsonrpc":"2.0","error":{"code":-32601,"message":"x"}}`), rpc: says200(`{"error":{"code":400},"result":null}`), kind: rekey.ErrNotRecorder},
		"page for all":   {cgi: says200("<html>"), outside: says200("<html>"), rpc: says200("<html>"), kind: rekey.ErrNotRecorder},
		"wrong types":    {cgi: challenged(digest, ""), outside: says200(`{"params":{"Init":"two"},"result":true}`), doors: "rpc2 cgi", init: rekey.InitUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var passwords atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "" || strings.Contains(r.URL.Path, "Login") {
					passwords.Add(1)
				}
				h := map[string]http.HandlerFunc{"/cgi-bin/magicBox.cgi": tc.cgi, "/OutsideCmd": tc.outside, "/RPC2": tc.rpc, "/": tc.page}[r.URL.Path]
				if h == nil {
					h = http.NotFound
				}
				h(w, r)
			}))
			defer s.Close()
			id, err := driver().Identify(t.Context(), target(t, s, false))
			if !errors.Is(err, tc.kind) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			if passwords.Load() != 0 {
				t.Error("a login was made")
			}
			if err != nil {
				return
			}
			var doors []string
			for _, i := range id.Interfaces {
				doors = append(doors, string(i.Kind))
			}
			if strings.Join(doors, " ") != tc.doors || id.Init != tc.init || id.Serial != tc.serial || id.Vendor != tc.vendor || id.Model != tc.model || id.Family != family {
				t.Errorf("%+v", id)
			}
		})
	}
}

func TestIdentifyFollowsToHTTPS(t *testing.T) {
	t.Parallel()
	safe := httptest.NewUnstartedServer(challenged(`Digest realm="Login to XX00TEST", nonce="x"`, ""))
	safe.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	safe.StartTLS()
	defer safe.Close()
	beside := strings.Replace(safe.URL, "https:", "http:", 1) + "/"
	for to, kind := range map[string]error{safe.URL + "/": nil, "https://192.0.2.1/": rekey.ErrUnreachable, beside: rekey.ErrUnreachable} {
		plain := httptest.NewServer(http.RedirectHandler(to, http.StatusMovedPermanently))
		id, err := driver().Identify(t.Context(), target(t, plain, false))
		plain.Close()
		if !errors.Is(err, kind) {
			t.Fatalf("%s: %v", to, err)
		}
		if err != nil {
			if !strings.Contains(err.Error(), "give that address") {
				t.Errorf("what to do: %v", err)
			}
			continue
		}
		i, _ := id.Interface(rekey.InterfaceCGI)
		if !i.TLS || len(i.CertSHA256) != 64 || id.Serial != "XX00TEST" {
			t.Errorf("%+v", id)
		}
		if last := id.Learnt[len(id.Learnt)-1]; last.From != "HTTP redirect" {
			t.Errorf("learnt %v", id.Learnt)
		}
		if got := oddIDs(id); got != "self-signed redirected-to-https" {
			t.Errorf("odd: %s", got)
		}
	}
}

// Where the usual port of HTTP sends elsewhere and that of HTTPS answers, the
// latter is taken, and the person is told of the former.
func TestIdentifyWhereHTTPSendsElsewhere(t *testing.T) {
	t.Parallel()
	away := &site{answers: map[string]http.HandlerFunc{"getDeviceType": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/login", http.StatusFound)
	}}}
	id, err := box{http: away, https: nvr()}.plug(t).Identify(t.Context(), rekey.Target{Host: "127.0.0.1"})
	if err != nil || !strings.Contains(oddIDs(id), "sent-elsewhere") || len(id.Interfaces) != 2 || !id.Interfaces[0].TLS {
		t.Errorf("%+v: %v", id, err)
	}
}
