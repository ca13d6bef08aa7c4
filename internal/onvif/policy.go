package onvif

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"rekey"
)

// security is what the device service tells of its security policies (Core
// Specification 20.06 and later; older devices tell nothing).
type security struct {
	policies    []string // ModifyPassword, PasswordComplexity, AuthFailureWarnings, ...
	maxPassword int      // bytes; 0: not told
}

func (e *entrance) security(ctx context.Context) (security, error) {
	told, err := e.anybody(ctx, ofDevice("GetServiceCapabilities", ""))
	if absent(err) {
		return security{}, nil
	}
	if err != nil {
		return security{}, err
	}
	return securityOf(told), nil
}

func securityOf(told *element) security {
	at := told.find("Capabilities", "Security")
	return security{policies: strings.FieldsFunc(at.mark("SecurityPolicies"), func(r rune) bool { return r == ',' || r == ' ' }), maxPassword: count(at.mark("MaxPasswordLength"))}
}

// absent: the device does not have the operation, or says that it cannot.
func absent(err error) bool {
	var refused *fault
	return errors.As(err, &refused) && !refused.denied()
}

// count is a number of things; 0 where none can be read.
func count(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1<<16 {
		return 0
	}
	return n
}

// complexity is what the device asks of a password: of each kind at least so many.
type complexity struct {
	min, max                  int
	capitals, digits, special int
	notName                   bool // the account's name must not be in it
}

// complexity reads it; false: the device tells nothing.
func (e *entrance) complexity(ctx context.Context) (complexity, bool, error) {
	s, err := e.security(ctx)
	if err != nil {
		return complexity{}, false, err
	}
	c := complexity{max: s.maxPassword}
	if !slices.Contains(s.policies, "PasswordComplexity") {
		return c, c.max > 0, nil
	}
	told, err := e.ask(ctx, ofDevice("GetPasswordComplexityConfiguration", ""))
	if absent(err) {
		return c, c.max > 0, nil
	}
	if err != nil {
		return c, false, err
	}
	c.read(told)
	return c, true, nil
}

func (c *complexity) read(told *element) {
	if inner := told.find("Configuration"); inner != nil {
		told = inner
	}
	c.min, c.capitals, c.digits, c.special = count(told.line("MinLen")), count(told.line("Uppercase")), count(told.line("Number")), count(told.line("SpecialChars"))
	c.notName = isTrue(told.line("BlockUsernameOccurrence"))
}

// isTrue reads an xs:boolean.
func isTrue(s string) bool { return s == "true" || s == "1" }

// PasswordRule is what the device says that it accepts as a password. It asks for
// certain kinds of characters; as the rule only counts kinds, it then asks for
// all four. ErrUnsupported: it tells nothing.
func (s *session) PasswordRule(ctx context.Context) (rekey.PasswordRule, error) {
	c, told, err := s.main.complexity(ctx)
	if err != nil {
		return rekey.PasswordRule{}, err
	}
	if !told {
		return rekey.PasswordRule{}, fmt.Errorf("%w: %s does not tell by ONVIF what it asks of a password", rekey.ErrUnsupported, s.host())
	}
	rule := rekey.PasswordRule{Min: c.min, Max: c.max}
	if c.capitals+c.digits+c.special > 0 {
		rule.Classes, rule.Min = 4, max(rule.Min, c.capitals+c.digits+c.special+1)
	}
	return rule, nil
}

// fits refuses a password that the device would not take, as far as it tells,
// before it is sent.
func (e *entrance) fits(ctx context.Context, account string, new rekey.Secret) error {
	c, _, err := e.complexity(ctx)
	if err != nil {
		return err
	}
	if why := c.refuses(account, new.Reveal()); why != "" {
		return fmt.Errorf("%w: %s takes no new password that %s", rekey.ErrInput, e.host(), why)
	}
	return nil
}

// refuses tells why a password does not fit; empty: it does.
func (c complexity) refuses(account, password string) string {
	capitals, digits, special := 0, 0, 0
	for _, r := range password {
		switch {
		case unicode.IsUpper(r):
			capitals++
		case unicode.IsDigit(r):
			digits++
		case !unicode.IsLetter(r):
			special++
		}
	}
	switch {
	case len(password) < c.min:
		return fmt.Sprintf("is shorter than %d characters", c.min)
	case c.max > 0 && len(password) > c.max:
		return fmt.Sprintf("is longer than %d characters", c.max)
	case capitals < c.capitals:
		return fmt.Sprintf("has fewer than %d capital letters", c.capitals)
	case digits < c.digits:
		return fmt.Sprintf("has fewer than %d digits", c.digits)
	case special < c.special:
		return fmt.Sprintf("has fewer than %d characters other than letters and digits", c.special)
	case c.notName && strings.Contains(strings.ToLower(password), strings.ToLower(account)):
		return "holds the name of the account"
	}
	return ""
}

// LockPolicy is ErrUnsupported: ONVIF has no lock of accounts. What it has is a
// warning after so many failures, and a device may lock long before it warns;
// taken for the lock it would let rekey spend tries that are not there. The
// error tells that number where the device has it.
func (s *session) LockPolicy(ctx context.Context) (rekey.LockPolicy, error) {
	none := fmt.Errorf("%w: ONVIF does not tell after how many wrong tries %s locks", rekey.ErrUnsupported, s.host())
	told, err := s.main.security(ctx)
	if err != nil {
		return rekey.LockPolicy{}, err
	}
	if !slices.Contains(told.policies, "AuthFailureWarnings") {
		return rekey.LockPolicy{}, none
	}
	answer, err := s.main.ask(ctx, ofDevice("GetAuthFailureWarningConfiguration", ""))
	if absent(err) {
		return rekey.LockPolicy{}, none
	}
	if err != nil {
		return rekey.LockPolicy{}, err
	}
	if words := warning(answer); words != "" {
		return rekey.LockPolicy{}, fmt.Errorf("%w, only that it %s", none, words)
	}
	return rekey.LockPolicy{}, none
}

// warning is the configuration in words; empty where it is off or odd.
func warning(told *element) string {
	if inner := told.find("Configuration"); inner != nil {
		told = inner
	}
	failures, period := count(told.line("MaxAuthFailures")), count(told.line("MonitorPeriod"))
	if !isTrue(told.line("Enabled")) || failures == 0 {
		return ""
	}
	return fmt.Sprintf("warns of %d failures within %d seconds", failures, period)
}

var (
	_ rekey.LockPolicyReader   = (*session)(nil)
	_ rekey.PasswordRuleReader = (*session)(nil)
)
