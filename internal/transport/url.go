package transport

import (
	"fmt"
	"net/url"
	"strings"

	"rekey"
)

// url keeps path and query as given, so that digest signs what is sent.
func (c *Client) url(r Request) (*url.URL, error) {
	path, err := url.PathUnescape(r.Path)
	if err != nil || !strings.HasPrefix(r.Path, "/") {
		return nil, fmt.Errorf("%w: the request path is not percent-encoded", rekey.ErrInput)
	}
	u := &url.URL{Scheme: scheme(c.at.TLS), Host: c.at.Address(), Path: path, RawPath: r.Path, RawQuery: r.Query}
	if u.EscapedPath() != r.Path {
		return nil, fmt.Errorf("%w: the request path is not percent-encoded", rekey.ErrInput)
	}
	return u, nil
}

// EscapePath percent-encodes everything but letters, digits, "-", ".", "_", "~" and "/".
func EscapePath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = escape(p)
	}
	return strings.Join(parts, "/")
}

// Query percent-encodes name, value pairs in their order, blanks as %20.
func Query(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(pairs[i]) + "=" + escape(pairs[i+1]))
	}
	return b.String()
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
