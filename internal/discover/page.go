package discover

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"rekey"
)

// webPort is the target for an open port, where a web page may be there.
func webPort(host netip.Addr, port int) (rekey.Target, bool) {
	switch port {
	case streamPort, 8000, 8554, 34567, 35000, 37777: // streams and makers' own clients
		return rekey.Target{}, false
	case 80:
		return rekey.Target{Host: host.String()}, true
	case 443:
		return rekey.Target{Host: host.String(), TLS: true}, true
	}
	return rekey.Target{Host: host.String(), Port: port, TLS: port == 8443}, true
}

const (
	pageWait = 3 * time.Second
	pageSize = 64 << 10
)

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>(.{0,200}?)</title>`)

// describe says in words what answers at a web port that no recorder has: its
// page's title and its server's name. It follows nothing and sends no login.
// spoke is false where nothing came at all.
func describe(ctx context.Context, t rekey.Target) (words string, spoke bool) {
	ctx, cancel := context.WithTimeout(ctx, pageWait)
	defer cancel()
	res, body, err := fetch(ctx, t) //nolint:bodyclose // fetch closes it
	if err != nil {
		return fmt.Sprintf("something answers at port %d, but not as a web page; no recorder that rekey knows", t.HTTPPort()), !errors.Is(err, errSilent)
	}
	words = fmt.Sprintf("a web page (HTTP status %d) answers at port %d", res.StatusCode, t.HTTPPort())
	if m := titleTag.FindSubmatch(body); m != nil {
		if title := plain(html.UnescapeString(string(m[1]))); title != "" {
			words += fmt.Sprintf(", with the title %q", title)
		}
	}
	if to := plain(res.Header.Get("Location")); to != "" && res.StatusCode/100 == 3 {
		words += fmt.Sprintf(", and points to %q", to)
	}
	if server := plain(res.Header.Get("Server")); server != "" {
		words += fmt.Sprintf(", of the server %q", server)
	}
	return words + "; no recorder that rekey knows", true
}

var errSilent = errors.New("it says nothing")

// fetch asks for the front page by itself: net/http's client writes to the
// program's log about servers that speak first.
func fetch(ctx context.Context, t rekey.Target) (res *http.Response, body []byte, err error) {
	where := net.JoinHostPort(t.Host, strconv.Itoa(t.HTTPPort()))
	wire, err := (&net.Dialer{}).DialContext(ctx, "tcp", where)
	if err != nil {
		return nil, nil, errSilent
	}
	defer func() { _ = wire.Close() }()
	defer context.AfterFunc(ctx, func() { _ = wire.Close() })()
	conn := wire
	if t.TLS {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // #nosec G402 -- recorders sign their own; nothing is sent that anybody must not see
	}
	host, _, _ := strings.Cut(where, "%") // a zone is nobody else's business
	if host != where {
		host = "[" + strings.TrimPrefix(host, "[") + "]"
	}
	if _, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host); err != nil {
		return nil, nil, err
	}
	r := bufio.NewReader(io.LimitReader(conn, pageSize))
	if _, err := r.Peek(1); err != nil {
		return nil, nil, errSilent
	}
	res, err = http.ReadResponse(r, nil)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, _ = io.ReadAll(res.Body) // what came of it will do
	return res, body, nil
}

// plain is text of a stranger, fit for a terminal.
func plain(s string) string {
	const most = 80
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "..."
	}
	return s
}
