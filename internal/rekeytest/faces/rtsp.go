package faces

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"strings"
)

// stream serves RTSP: requests are read as the protocol writes them and answered
// by a handler, whose status and challenges are all that is told.
func (b *Box) stream(h http.Handler) func(net.Conn) {
	return func(conn net.Conn) {
		in := textproto.NewReader(bufio.NewReader(conn))
		for {
			line, err := in.ReadLine()
			if err != nil {
				return
			}
			head, err := in.ReadMIMEHeader()
			if err != nil {
				return
			}
			method, rest, _ := strings.Cut(line, " ")
			url, version, _ := strings.Cut(rest, " ")
			if version != "RTSP/1.0" {
				return
			}
			q := &http.Request{Method: method, RequestURI: url, Header: http.Header(head)}
			b.add(Asked{Door: "rtsp", Method: method, Path: url, Signs: streamSigns(q)})
			w := &told{status: http.StatusOK, header: http.Header{}}
			h.ServeHTTP(w, q)
			if _, err := conn.Write(w.packet(q.Header.Get("CSeq"))); err != nil {
				return
			}
		}
	}
}

func streamSigns(q *http.Request) []string {
	var all []string
	if q.Header.Get("Authorization") != "" {
		all = append(all, "header Authorization")
	}
	if host, _, _ := strings.Cut(strings.TrimPrefix(q.RequestURI, "rtsp://"), "/"); strings.Contains(host, "@") {
		all = append(all, "account in the address")
	}
	return all
}

// told is an answer of RTSP.
type told struct {
	status int
	header http.Header
}

func (t *told) Header() http.Header         { return t.header }
func (t *told) WriteHeader(status int)      { t.status = status }
func (t *told) Write(p []byte) (int, error) { return len(p), nil }

func (t *told) packet(cseq string) []byte {
	var s strings.Builder
	fmt.Fprintf(&s, "RTSP/1.0 %d %s\r\nCSeq: %s\r\n", t.status, http.StatusText(t.status), cseq)
	for name, values := range t.header {
		for _, v := range values {
			fmt.Fprintf(&s, "%s: %s\r\n", name, v)
		}
	}
	s.WriteString("\r\n")
	return []byte(s.String())
}

// streams asks for a login before any stream: Digest as of RFC 2069, without
// qop, and a second line for Basic where a realm for it is given.
func streams(realm, basic string) func(*Box) http.Handler {
	return func(*Box) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.Method == "OPTIONS" {
				w.Header().Set("Public", "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE")
				return
			}
			w.Header()["WWW-Authenticate"] = []string{fmt.Sprintf(`Digest realm=%q, nonce=%q`, realm, nonce(16))}
			if basic != "" {
				w.Header()["WWW-Authenticate"] = append(w.Header()["WWW-Authenticate"], fmt.Sprintf("Basic realm=%q", basic))
			}
			w.WriteHeader(http.StatusUnauthorized)
		})
	}
}
