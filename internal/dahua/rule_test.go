package dahua

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

func TestPasswordRule(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string
		want   string
		kind   error
	}{
		"told":         {`{"id":$ID,"result":true,"params":{"caps":{"PasswordMinLength":8,"PasswordMaxLength":32,"PasswordClasses":2,"UserNameMaxLength":31}}}`, "{8 32 2  false}", nil},
		"deeper":       {`{"id":$ID,"result":true,"params":{"caps":{"Password":{"LengthMin":"6","LengthMax":6.0,"Forbidden":"'\";:&"}}}}`, "{6 6 0 '\";:& false}", nil},
		"no sense":     {`{"id":$ID,"result":true,"params":{"caps":{"MinLength":9,"MaxLength":8}}}`, "{0 0 0  false}", rekey.ErrUnsupported},
		"the half":     {`{"id":$ID,"result":true,"params":{"caps":{"MinLength":9}}}`, "{0 0 0  false}", rekey.ErrUnsupported},
		"nothing":      {`{"id":$ID,"result":true,"params":{}}`, "{0 0 0  false}", rekey.ErrUnsupported},
		"older":        {noSuchMethod, "{0 0 0  false}", rekey.ErrUnsupported},
		"no right":     {`{"id":$ID,"result":false,"error":{"code":285278249}}`, "{0 0 0  false}", rekey.ErrUnsupported},
		"cut off":      {`{"id":$ID,"result":tr`, "{0 0 0  false}", rekey.ErrUnreachable},
		"another form": {`{"id":$ID,"result":true,"params":[]}`, "{0 0 0  false}", rekey.ErrUnreachable},
	} {
		s, b := opened(t, &peer{rpc: map[string]func(call) string{"userManager.getCaps": says(tc.answer)}}, false)
		got, err := s.PasswordRule(t.Context())
		if !errors.Is(err, tc.kind) || fmt.Sprint(got) != tc.want || b.spent != 1 {
			t.Errorf("%s: %v, %+v: %v", name, got, b, err)
		}
	}
	s, _ := opened(t, &peer{noRPC: true}, false)
	if _, err := s.PasswordRule(t.Context()); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
}

// A password that the policy refuses: nothing was changed, and the rule is told.
func TestPasswordRefusedByPolicy(t *testing.T) {
	t.Parallel()
	caps := says(`{"id":$ID,"result":true,"params":{"caps":{"PasswordMinLength":8,"PasswordMaxLength":16,"PasswordClasses":3}}}`)
	byEnvelope := func(answer string) *peer {
		return &peer{rpc: map[string]func(call) string{
			"Security.getEncryptInfo": says(encryptInfoAnswer(recorderKey(), `"RPAC-256"`)), "Security.modifyPasswordPlain": says(answer), "userManager.getCaps": caps}}
	}
	weak := func(*http.Request) (int, string) { return 400, "Error\r\nPassword Too Weak!\r\n" }
	for name, tc := range map[string]struct {
		peer  *peer
		words string
	}{
		"a code":         {byEnvelope(parameterError), "8 to 16 characters of at least 3 kinds"},
		"a code unknown": {byEnvelope(`{"id":$ID,"result":false,"error":{"code":268632999,"message":"Password Too Weak! ` + newPassword[:3] + `"}}`), "8 to 16 characters"},
		"CGI":            {&peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){"modifyPassword": weak}}, "8 to 32 letters"},
	} {
		s, b := opened(t, tc.peer, true)
		err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
		if !errors.Is(err, rekey.ErrInput) || errors.Is(err, rekey.ErrUnknown) || !strings.Contains(err.Error(), tc.words) || strings.Contains(err.Error(), newPassword[:3]) || b.spent != 1 {
			t.Errorf("%s: %+v: %v", name, b, err)
		}
	}
}

func FuzzPasswordRule(f *testing.F) {
	f.Add("PasswordMinLength", "8", "PasswordMaxLength", "32", "Forbidden", "'\"")
	f.Add("min_len", "-1", "MaxLen", "1e30", "Classes", "9")
	f.Add("", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, a, av, b, bv, c, cv string) {
		r, is := readRule(map[string]string{a: av, b: bv, c: cv})
		if is && (r.Min < 1 || r.Max < r.Min || r.Max > longestRule) || r.Classes > 4 || len(r.Forbidden) > 64 {
			t.Errorf("%+v", r)
		}
		for _, line := range []string{ruleWords(r)} {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
				t.Errorf("%q", line)
			}
		}
	})
}
