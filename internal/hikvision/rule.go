package hikvision

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"rekey"
)

// Resources that tell how long passwords may be, on newer firmware.
const (
	pathCapabilities     = "/ISAPI/Security/capabilities"
	pathUserCapabilities = "/ISAPI/Security/users/capabilities"
)

// longestTold bounds what is believed of the length of a password.
const longestTold = 1024

// PasswordRule is how long the recorder says that a password may be. Which kinds
// of characters it asks for, this family does not tell. ErrUnsupported: it tells
// nothing at all.
func (s *session) PasswordRule(ctx context.Context) (rekey.PasswordRule, error) {
	w, err := s.web(ctx)
	if err != nil {
		return rekey.PasswordRule{}, err
	}
	least, most, err := w.lengths(ctx)
	if err != nil {
		return rekey.PasswordRule{}, err
	}
	if least == 0 && most == 0 {
		return rekey.PasswordRule{}, fmt.Errorf("%w: %s does not tell what it asks of a password", rekey.ErrUnsupported, w.host())
	}
	return rekey.PasswordRule{Min: least, Max: most}, nil
}

// lengths are the shortest and the longest password; 0: not told.
func (w *web) lengths(ctx context.Context) (least, most int, err error) {
	for _, told := range []struct {
		path   string
		places [][]string
	}{
		{pathCapabilities, [][]string{{"SecurityLimits", "LoginPasswordLenLimit"}, {"LoginPasswordLenLimit"}}},
		{pathUserCapabilities, [][]string{{"password"}, {"User", "password"}}},
	} {
		root, err := w.resource(ctx, told.path)
		if err != nil {
			return 0, 0, err
		}
		for _, place := range told.places {
			if least, most := limits(root.find(place...)); least > 0 || most > 0 {
				return least, most, nil
			}
		}
	}
	return 0, 0, nil
}

// resource reads what has to do with the rule; empty where the recorder has none
// or writes it in a way of its own.
func (w *web) resource(ctx context.Context, path string) (*node, error) {
	body, err := w.fetch(ctx, path, 0)
	var odd *oddAnswer
	if absent(err) || errors.As(err, &odd) {
		return &node{}, nil
	}
	if err != nil {
		return nil, err
	}
	doc, err := parse(body)
	if err != nil {
		return &node{}, nil //nolint:nilerr // it tells no rule
	}
	return doc.root, nil
}

// limits are the attributes min and max, or a text that is the greatest length.
func limits(n *node) (least, most int) {
	if n == nil {
		return 0, 0
	}
	count := func(s string) int {
		i, err := strconv.Atoi(s)
		if err != nil || i < 0 || i > longestTold {
			return 0
		}
		return i
	}
	least, most = count(n.attrs["min"]), count(n.attrs["max"])
	if least == 0 && most == 0 {
		most = count(n.exact())
	}
	if most > 0 && least > most {
		return 0, 0 // no rule that anything fits
	}
	return least, most
}

var _ rekey.PasswordRuleReader = (*session)(nil)
