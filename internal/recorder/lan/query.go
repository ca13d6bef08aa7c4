package lan

import (
	"errors"
	"net/url"
	"strings"
)

// maxParameters bounds a query; a whole table is set with fewer.
const maxParameters = 512

var errQuery = errors.New("malformed query")

// query is the parameters of a CGI request. Each may stand there once.
type query map[string]string

// parseQuery reads a query string as it came on the wire. A semicolon is no
// separator, and a key without "=" has the empty value.
func parseQuery(raw string) (query, error) {
	q := query{}
	if raw == "" {
		return q, nil
	}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		key, err := url.QueryUnescape(k)
		if err != nil || key == "" {
			return nil, errQuery
		}
		value, err := url.QueryUnescape(v)
		if err != nil {
			return nil, errQuery
		}
		if _, twice := q[key]; twice || len(q) == maxParameters {
			return nil, errQuery
		}
		q[key] = value
	}
	return q, nil
}

// need returns the values of keys that must stand there and not be empty.
func (q query) need(keys ...string) ([]string, error) {
	values := make([]string, len(keys))
	for i, key := range keys {
		if values[i] = q[key]; values[i] == "" {
			return nil, errQuery
		}
	}
	return values, nil
}
