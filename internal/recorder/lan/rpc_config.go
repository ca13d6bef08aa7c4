package lan

import (
	"bytes"
	"encoding/json"
	"strings"

	"rekey/internal/recorder"
)

func rpcGetConfig(c *rpcCall) (any, any, error) {
	var p struct{ Name string }
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	t, ok := c.table(p.Name)
	if !ok {
		return nil, nil, errNoRight // the family does not tell an unknown name from a missing right
	}
	tree, err := treeOf(t)
	if err != nil {
		return nil, nil, err
	}
	return true, map[string]any{"table": tree}, nil
}

// rpcSetConfig takes the whole table back, as it was read and changed, plain or
// in the envelope. A new password of a camera is refused readable where the
// recorder takes its own passwords in the envelope alone.
func rpcSetConfig(c *rpcCall) (any, any, error) {
	var p struct {
		Name  string
		Table any
	}
	covered, reply, err := c.either(&p)
	if err != nil {
		return nil, nil, err
	}
	if strings.TrimSpace(p.Name) == "" || p.Table == nil {
		return nil, nil, errParameter
	}
	if _, known := c.box.Table(p.Name); !known {
		return nil, nil, errNoRight
	}
	flat, err := flatten(p.Table)
	if err != nil {
		return nil, nil, err
	}
	changed := unmask(flat)
	if hasPassword(changed) && !covered {
		c.readable(c.r, c.account(), c.from)
		if c.traits.CGI.Passwords == recorder.PasswordsElsewhere {
			return nil, nil, errNeedsEnvelope
		}
	}
	if err := c.box.SetTable(c.account(), p.Name, changed, c.from); err != nil {
		return nil, nil, err
	}
	return true, reply(map[string]any{"options": []string{}}), nil
}

// either reads parameters that come plain or in the envelope. covered: nobody on
// the way could read them.
func (c *rpcCall) either(v any) (covered bool, reply func(any) any, err error) {
	var e envelope
	if err := c.params(&e); err != nil {
		return false, nil, err
	}
	if e.Salt == "" {
		return c.r.TLS != nil, func(plain any) any { return plain }, c.params(v)
	}
	payload, sealed, err := c.open()
	if err != nil {
		return false, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if d.Decode(v) != nil {
		err = errParameter
	}
	return true, func(any) any { return sealed() }, err
}
