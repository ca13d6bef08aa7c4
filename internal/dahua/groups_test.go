package dahua

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

func TestGroupsByRPC(t *testing.T) {
	t.Parallel()
	const two = `[{"Id":1,"Name":"admin","Memo":"x","AuthorityList":["Monitor_01","AuthUserMag"]},{"Id":2,"Name":"user","AuthorityList":["Replay_01"]}]`
	const wantTwo = "[{admin [Monitor_01 AuthUserMag] true} {user [Replay_01] false}]"
	for name, tc := range map[string]struct{ answer, want string }{
		"group":           {`{"group":` + two + `}`, wantTwo},
		"bare list":       {two, wantTwo},
		"helpers":         {`{"group":[{"Name":"helpers","AuthorityList":["Monitor_01","System_Account"]}]}`, "[{helpers [Monitor_01 System_Account] true}]"},
		"many rights":     {`{"group":[{"Name":"u","AuthorityList":["a","b","c","d","e","f","g","h","i","j","k"]}]}`, "[{u [a b c d e f g h i j k] false}]"},
		"no rights told":  {`{"group":[{"Name":"Admin"},{"Name":"user","AuthorityList":null}]}`, "[{Admin [] true} {user [] false}]"},
		"rights are none": {`{"group":[{"Name":"user","AuthorityList":{"AuthUserMag":true}}]}`, "[{user [] false}]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{broken: true, rpc: map[string]func(call) string{"userManager.getGroupInfoAll": params(tc.answer)}}
			s, b := opened(t, p, true)
			groups, err := s.Groups(t.Context())
			if got := fmt.Sprint(groups); got != tc.want || err != nil || b.spent != 1 {
				t.Errorf("%s, want %s: %v", got, tc.want, err)
			}
			for _, g := range groups {
				if g.Rights == nil {
					t.Errorf("%s: rights would be null in JSON", g.Name)
				}
			}
		})
	}
	for _, answer := range []string{`{"group":[]}`, `{"group":null}`, `null`, `{}`, `{"group":[{"AuthorityList":["AuthUserMag"]}]}`, `{"group":["admin"]}`, `7`} {
		s, _ := opened(t, &peer{rpc: map[string]func(call) string{"userManager.getGroupInfoAll": params(answer)}}, true)
		if groups, err := s.Groups(t.Context()); !errors.Is(err, rekey.ErrUnsupported) || groups != nil {
			t.Errorf("%s: %v, %v", answer, groups, err)
		}
	}
}

func TestGroupsByCGI(t *testing.T) {
	t.Parallel()
	const listed = "group[1].Name=user\r\ngroup[0].Name=admin\r\ngroup[0].AuthorityList[1]=Record\r\ngroup[0].AuthorityList[0]=UserManage\r\ngroup[1].AuthorityList[10]=c\r\ngroup[1].AuthorityList[9]=b\r\n"
	for name, tc := range map[string]struct{ body, want string }{
		"group":  {listed, "[{admin [UserManage Record] true} {user [b c] false}]"},
		"groups": {strings.ReplaceAll(listed, "group[", "groups["), "[{admin [UserManage Record] true} {user [b c] false}]"},
		"none":   {"OK\r\n", "[]"},
		"error":  {"Error\r\nBad Request!\r\n", "[]"},
	} {
		s, b := opened(t, &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){"getGroupInfoAll": body(tc.body)}}, false)
		groups, err := s.Groups(t.Context())
		if got := fmt.Sprint(groups); got != tc.want || (tc.want == "[]") != errors.Is(err, rekey.ErrUnsupported) || b.spent != 1 {
			t.Errorf("%s: %s, want %s: %v", name, got, tc.want, err)
		}
	}
}

func TestRightToChangeAccounts(t *testing.T) {
	t.Parallel()
	for right, want := range map[string]bool{
		"AuthUserMag": true, "authusermag": true, "UserManage": true, "UserManager": true, "System_Account": true, "Account": true, "AccountManage": true,
		"User": false, "Monitor_01": false, "AuthSysCfg": false, "AuthSecurity": false, "UserManageLog": false, "": false, "Accounting": false,
	} {
		if g := readGroup(map[string]string{"name": "x", "authoritylist[0]": right}); g.Admin != want {
			t.Errorf("%q: %t", right, g.Admin)
		}
	}
}

func FuzzGroups(f *testing.F) {
	f.Add("group[0].Name=admin\r\ngroup[0].AuthorityList[0]=AuthUserMag\r\n")
	f.Add("group[7].AuthorityList[9999]=\x1b]0;x\x07\r\ngroup[7].name=x\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLines([]byte(text))
		if err != nil {
			return
		}
		for _, row := range flatRowsOf(l, "group", mostGroups) {
			if g := readGroup(row); g.Rights == nil || strings.ContainsAny(g.Name+strings.Join(g.Rights, ""), "\n\x1b") {
				t.Errorf("%+v", g)
			}
		}
	})
}
