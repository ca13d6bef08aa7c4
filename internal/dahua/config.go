package dahua

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"rekey"
)

// table is one named block of the recorder's settings.
type table struct {
	name string
	flat map[string]string // by path without the name: "Enable", "[0].Enable", "eth0.IPAddress"
	tree any               // as RPC2 gave it; nil when it was read by CGI
}

// absent reports whether a table cannot be read: not in this firmware or no
// right to it, which recorders do not tell apart. A refused login is not that.
func absent(err error) bool {
	var login *rekey.LoginError
	if errors.As(err, &login) {
		return false
	}
	var refused *refusedError
	return errors.As(err, &refused) && !errors.Is(err, rekey.ErrConflict) && !errors.Is(err, rekey.ErrLocked) && !errors.Is(err, rekey.ErrUnreachable)
}

// table reads a block by RPC2, else by CGI.
func (s *session) table(ctx context.Context, name string) (*table, error) {
	t := &table{name: name}
	err := s.either(ctx,
		func(r *rpc) error { return t.byRPC(ctx, r) },
		func(c *cgi) error { return t.byCGI(ctx, c) })
	if err != nil {
		return nil, fmt.Errorf("read settings %q: %w", name, err)
	}
	return t, nil
}

func (t *table) byRPC(ctx context.Context, r *rpc) error {
	var told struct {
		Table any `json:"table"`
	}
	if err := r.get(ctx, "configManager.getConfig", map[string]any{"name": t.name}, &told); err != nil {
		return err
	}
	if told.Table == nil {
		return &refusedError{kind: rekey.ErrUnsupported, host: r.http.At().Address(), what: "configManager.getConfig", said: "no such table"}
	}
	t.tree, t.flat = told.Table, map[string]string{}
	if err := flatten(told.Table, "", t.flat); err != nil {
		return &oddAnswer{host: r.http.At().Address(), what: "configManager.getConfig", why: err.Error()}
	}
	return nil
}

func (t *table) byCGI(ctx context.Context, c *cgi) error {
	l, err := c.get(ctx, configModule, "action", "getConfig", "name", t.name)
	if err != nil {
		return err
	}
	t.tree, t.flat = nil, map[string]string{}
	for path, value := range l {
		rest, is := strings.CutPrefix(strings.TrimPrefix(path, "table."), t.name)
		if is && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			t.flat[strings.TrimPrefix(rest, ".")] = value
		}
	}
	return nil
}

// write sends changes of values that were read, in the form and by the door
// they were read. Unknown keys stay. Recorders ignore what they do not like
// without a word, so the caller reads again.
func (s *session) write(ctx context.Context, t *table, changes map[string]string) error {
	for path := range changes {
		if _, is := t.flat[path]; !is {
			return fmt.Errorf("%w: settings %q of this recorder have no %q", rekey.ErrUnsupported, t.name, path)
		}
	}
	if t.tree != nil {
		params := map[string]any{"name": t.name, "table": edit(t.tree, "", changes), "options": []string{}}
		_, err := s.rpc.do(ctx, question{path: pathRPC, method: "configManager.setConfig", params: params, once: true})
		return changed(err, t.name)
	}
	c, err := s.web(ctx)
	if err != nil {
		return err
	}
	pairs := []string{"action", "setConfig"}
	for path, value := range changes {
		pairs = append(pairs, t.named(path), value)
	}
	return changed(c.put(ctx, configModule, pairs...), t.name)
}

// named is a path of the table as CGI writes it.
func (t *table) named(path string) string {
	if strings.HasPrefix(path, "[") {
		return t.name + path
	}
	return t.name + "." + path
}

// configModule is the CGI module of the settings.
const configModule = "configManager.cgi"

// changed makes an error after which the change may have been made an unknown outcome.
func changed(err error, what string) error {
	if err != nil && afterSend(err) {
		return fmt.Errorf("%w: %s may or may not have been changed: %v; read it again", rekey.ErrUnknown, what, err)
	}
	return err
}

// Limits of a block of settings, far above what any recorder was seen to have.
const (
	longestPath = 1 << 10
	mostValues  = 1 << 15
)

// flatten writes a JSON tree as CGI does: "a.b[0].c".
func flatten(node any, path string, into map[string]string) error {
	if len(path) > longestPath {
		return fmt.Errorf("a name in it is longer than %d bytes", longestPath)
	}
	switch n := node.(type) {
	case map[string]any:
		for key, v := range n {
			if err := flatten(v, member(path, key), into); err != nil {
				return err
			}
		}
		return nil
	case []any:
		for i, v := range n {
			if err := flatten(v, element(path, i), into); err != nil {
				return err
			}
		}
		return nil
	}
	if len(into) == mostValues {
		return fmt.Errorf("more than %d values are in it", mostValues)
	}
	into[path] = ""
	if node != nil {
		into[path] = fmt.Sprint(node)
	}
	return nil
}

// edit returns the tree with the changed values in the types they had.
func edit(node any, path string, changes map[string]string) any {
	switch n := node.(type) {
	case map[string]any:
		edited := make(map[string]any, len(n))
		for key, v := range n {
			edited[key] = edit(v, member(path, key), changes)
		}
		return edited
	case []any:
		edited := make([]any, len(n))
		for i, v := range n {
			edited[i] = edit(v, element(path, i), changes)
		}
		return edited
	}
	value, is := changes[path]
	if !is {
		return node
	}
	switch node.(type) {
	case bool:
		return value == "true"
	case json.Number:
		return json.Number(value)
	}
	return value
}

func member(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
