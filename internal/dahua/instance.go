package dahua

import (
	"context"
	"encoding/json"
	"fmt"

	"rekey"
)

// instanced calls a method that only reads, of a module whose object is made by a
// factory on some firmware and not on other, and decodes its params.
func (r *rpc) instanced(ctx context.Context, module, method string) (any, error) {
	q := question{path: pathRPC, method: module + "." + method}
	made, err := r.call(ctx, module+".factory.instance", nil)
	if err != nil && !absent(err) {
		return nil, err
	}
	if err == nil && isObject(made.Result) {
		q.object = made.Result
	}
	answer, err := r.do(ctx, q)
	if q.object != nil && absent(err) {
		q.object = nil
		answer, err = r.do(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	var told any
	err = r.read(q.method, answer, &told)
	return told, err
}

// isObject reports whether a result is the number of an object, and not just true.
func isObject(result json.RawMessage) bool {
	return len(result) > 0 && result[0] >= '1' && result[0] <= '9'
}

// listIn finds the list in params that either are the list or hold it by one of
// the names; null is an empty one.
func listIn(params any, names ...string) (list []any, told bool) {
	switch p := params.(type) {
	case []any:
		return p, true
	case map[string]any:
		for _, name := range names {
			if inside, is := p[name]; is {
				list, told = inside.([]any)
				return list, told || inside == nil
			}
		}
	}
	return nil, false
}

// flatRows are the items of a list by their paths in lower case; those past most
// are left out.
func (s *session) flatRows(list []any, most int, what string) ([]map[string]string, error) {
	rows := make([]map[string]string, 0, min(len(list), most))
	for _, item := range list[:min(len(list), most)] {
		row := map[string]string{}
		if err := flatten(item, "", row); err != nil {
			return nil, untold(s.at.Address(), what, err.Error())
		}
		rows = append(rows, lowerKeys(row))
	}
	return rows, nil
}

// flatRowsOf are the same of what a CGI tells by that name.
func flatRowsOf(l lines, name string, most int) []map[string]string {
	rows := l.rows(name)
	rows = rows[:min(len(rows), most)]
	for i, row := range rows {
		rows[i] = lowerKeys(row)
	}
	return rows
}

// values asks the CGI for lines. Unlike get it takes a body without any for an
// answer that does not tell.
func (c *cgi) values(ctx context.Context, module, action string) (lines, error) {
	body, err := c.body(ctx, module, "action", action)
	if err != nil {
		return nil, err
	}
	l, err := parseLines(body)
	if err != nil {
		return nil, untold(c.host(), action, err.Error())
	}
	return l, nil
}

// untold is an answer that does not tell what was asked for, in any form that
// rekey knows.
func untold(host, what, why string) error {
	return &refusedError{kind: rekey.ErrUnsupported, host: host, what: what, said: why}
}

// plainly makes rekey.ErrUnsupported of a clear refusal: firmware says the same to
// a missing right and to what it does not have.
func (s *session) plainly(err error, what string) error {
	if absent(err) {
		return fmt.Errorf("%w: %s does not tell this account %s: %w", rekey.ErrUnsupported, s.at.Address(), what, err)
	}
	return err
}
