package dahua

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// PasswordRule reads userManager.getCaps, where newer firmware tells what it takes
// as a password. One client has the method; the names of its fields are not
// verified, so they are taken by what they say. What is not told stays zero.
func (s *session) PasswordRule(ctx context.Context) (rekey.PasswordRule, error) {
	if s.rpc == nil {
		return rekey.PasswordRule{}, s.noRule()
	}
	var told struct {
		Caps any `json:"caps"`
	}
	err := s.rpc.get(ctx, "userManager.getCaps", nil, &told)
	if absent(err) {
		return rekey.PasswordRule{}, s.noRule()
	}
	if err != nil {
		return rekey.PasswordRule{}, err
	}
	flat := map[string]string{}
	if err := flatten(told.Caps, "", flat); err != nil {
		return rekey.PasswordRule{}, &oddAnswer{host: s.at.Address(), what: "userManager.getCaps", why: err.Error()}
	}
	rule, is := readRule(flat)
	if !is {
		return rekey.PasswordRule{}, s.noRule()
	}
	return rule, nil
}

func (s *session) noRule() error {
	return fmt.Errorf("%w: %s does not tell what it takes as a password", rekey.ErrUnsupported, s.at.Address())
}

// What the names of the fields say, in lower case and without marks.
var (
	notOfPasswords = regexp.MustCompile(`user|name|group|memo|phone|mail`)
	ruleMin        = regexp.MustCompile(`min.*len|len.*min|minchar`)
	ruleMax        = regexp.MustCompile(`max.*len|len.*max|maxchar`)
	ruleClasses    = regexp.MustCompile(`class|kind|combin|complex|types?$`)
	ruleForbidden  = regexp.MustCompile(`forbid|illegal|invalid|exclu|notallow`)
)

// longestRule is above what any recorder takes.
const longestRule = 128

// readRule takes the shortest and the longest password, which must both be told
// and make sense, and what else is told.
func readRule(flat map[string]string) (rekey.PasswordRule, bool) {
	var r rekey.PasswordRule
	take := func(into *int, value string, most int64) {
		if n, ok := whole(value); ok && n > 0 && n <= most && (*into == 0 || int64(*into) > n) {
			*into = int(n)
		}
	}
	for path, value := range flat {
		key := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(path))
		switch {
		case notOfPasswords.MatchString(key):
		case ruleMin.MatchString(key):
			take(&r.Min, value, longestRule)
		case ruleMax.MatchString(key):
			take(&r.Max, value, longestRule)
		case ruleForbidden.MatchString(key):
			r.Forbidden = forbidden(r.Forbidden, value)
		case ruleClasses.MatchString(key):
			take(&r.Classes, value, 4)
		}
	}
	return r, r.Min > 0 && r.Max >= r.Min
}

// forbidden adds characters, each once. A text that holds letters or digits is no
// list of characters but says something.
func forbidden(have, more string) string {
	if len(more) > 64 || strings.ContainsFunc(more, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
	}) {
		return have
	}
	for _, r := range more {
		if !strings.ContainsRune(have, r) {
			have += string(r)
		}
	}
	return have
}

// rulesOut puts the recorder's rule behind a refusal of a new password, as far as
// it tells it.
func (s *session) rulesOut(ctx context.Context, err error) error {
	var refused *refusedError
	if !errors.As(err, &refused) || !errors.Is(err, rekey.ErrInput) || errors.Is(err, rekey.ErrUnknown) {
		return err
	}
	refused.advice = "nothing was changed; it may not take such a password: use 8 to 32 letters and digits of at least two kinds, without ' \" ; : &"
	if rule, failed := s.PasswordRule(ctx); failed == nil {
		refused.advice = "nothing was changed; it takes " + ruleWords(rule)
	}
	return err
}

func ruleWords(r rekey.PasswordRule) string {
	words := fmt.Sprintf("passwords of %d to %d characters", r.Min, r.Max)
	if r.Classes > 1 {
		words += fmt.Sprintf(" of at least %d kinds (lower case, upper case, digits, special)", r.Classes)
	}
	if r.Forbidden != "" {
		words += " without " + transport.Printable(r.Forbidden)
	}
	return words
}

var _ rekey.PasswordRuleReader = (*session)(nil)
