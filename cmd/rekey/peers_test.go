package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestPeersThatAreNoRecorder: what answers is none, or a bad one (8); or nothing
// does (7). One clear line, the documented code, within the limits of every
// exchange; and no password leaves.
func TestPeersThatAreNoRecorder(t *testing.T) {
	t.Parallel()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("Lost-and-found-7"), 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect to another host was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, peer := range map[string]struct {
		code int
		at   string
	}{
		"a plain web server":  {8, serving(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html><title>Welcome</title>It works!") })},
		"a server of nothing": {8, serving(t, http.NotFound)},
		"JSON that is none":   {8, serving(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"result":tru`) })},
		"another maker's digest": {8, serving(t, func(w http.ResponseWriter, _ *http.Request) {
			unauthorised(w, `Digest realm="IP Camera(C1234)",nonce="x",qop="auth"`)
		})},
		"a gigabyte":            {8, serving(t, gigabyte)},
		"a gigabyte of headers": {8, accepting(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 200<<10))},
		"a redirect elsewhere": {8, serving(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
		})},
		"a redirect in a circle": {8, serving(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+r.Host+"/", http.StatusFound)
		})},
		"something that says SSH": {8, accepting(t, "SSH-2.0-OpenSSH_9.9\r\n")},
		"silence":                 {7, accepting(t, "")},
		"nobody":                  {7, keptPort(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			e := runHere(t.Context(), "reset", peer.at, "--yes", "--password-file", password, "--state", state, "--discovery-port", "9")
			e.wants(t, "reset", peer.code)
			if err := oneClearLine(e.talk); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(state, "tries")); err == nil {
				t.Error("a login try was booked")
			}
		})
	}
}

// serving is where a web server with that one answer is.
func serving(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("a password was sent to what is no recorder")
		}
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return hostOf(s.URL)
}

func unauthorised(w http.ResponseWriter, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	http.Error(w, "who are you?", http.StatusUnauthorized)
}

func gigabyte(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", strconv.Itoa(1<<30))
	piece := bytes.Repeat([]byte("recorder"), 8<<10)
	for sent := 0; sent < 1<<30; sent += len(piece) {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

// accepting is a port that takes every connection, says the same to all and nothing more.
func accepting(t *testing.T, says string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, says)
				_, _ = io.Copy(io.Discard, c) // until the other side has enough
			}()
		}
	}()
	return l.Addr().String()
}

// A peer answers every question twice on a connection that is kept. net/http
// wrote the second answer, byte for byte, to the standard log: to the terminal.
func TestNothingUnaskedReachesTheTerminal(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, strings.Repeat("HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\n\x1b[2Jhi\n", 2))
				}
			}()
		}
	}()
	cmd := exec.Command("rekey", "look", l.Addr().String(), "--discovery-port", "9")
	cmd.Env = append(os.Environ(), "REKEY_STATE="+t.TempDir())
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 8 || bytes.Contains(out, []byte("nsolicited")) || bytes.ContainsRune(out, 0x1b) {
		t.Errorf("%v: %q", err, out)
	}
}
