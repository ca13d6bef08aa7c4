package dahua

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// tables answers configManager by RPC and keeps what is written.
type tables struct {
	read    map[string]string // JSON by name
	written map[string]string
}

func (s *tables) rpc() map[string]func(call) string {
	s.written = map[string]string{}
	return map[string]func(call) string{
		"configManager.getConfig": func(c call) string {
			var q struct{ Name string }
			_ = json.Unmarshal(c.Params, &q)
			if t, is := s.read[q.Name]; is {
				return `{"id":$ID,"result":true,"params":{"table":` + t + `},"session":"second"}`
			}
			return `{"id":$ID,"result":false,"session":"s","error":{"code":285278249,"message":"Authority:check failure."}}`
		},
		"configManager.setConfig": func(c call) string {
			var q struct {
				Name    string
				Table   json.RawMessage
				Options []string
			}
			_ = json.Unmarshal(c.Params, &q)
			s.written[q.Name] = string(q.Table)
			return `{"id":$ID,"result":true,"params":{"options":null}}`
		},
	}
}

func TestSwitchServiceByRPCKeepsTheRest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ service, table, before, after string }{
		"plain":    {"p2p", "T2UServer", `{"Enable":true,"UUID":"XX00TEST","Deep":{"a":[1,2.50,null]}}`, `{"Deep":{"a":[1,2.50,null]},"Enable":false,"UUID":"XX00TEST"}`},
		"in array": {"p2p", "T2UServer", `[{"Enable":true,"Port":1}]`, `[{"Enable":false,"Port":1}]`},
		"UPnP":     {"upnp", "UPnP", `{"Enable":true,"MapTable":[{"Enable":true,"InnerPort":80}]}`, `{"Enable":false,"MapTable":[{"Enable":true,"InnerPort":80}]}`},
		"inverted": {"onvif-without-login", "UserGlobal", `{"OnvifLoginCheck":false}`, `{"OnvifLoginCheck":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tb := &tables{read: map[string]string{tc.table: tc.before}}
			s, _ := opened(t, &peer{rpc: tb.rpc()}, false)
			list, err := s.Services(t.Context())
			if err != nil || len(list) != 1 || list[0].Name != tc.service || !list[0].Enabled {
				t.Fatalf("%+v: %v", list, err)
			}
			if err := s.SwitchService(t.Context(), tc.service, false); err != nil {
				t.Fatal(err)
			}
			if got := tb.written[tc.table]; got != tc.after {
				t.Errorf("wrote %s\nwant  %s", got, tc.after)
			}
		})
	}
}

func TestSwitchServiceByCGIInTheFormThatWasRead(t *testing.T) {
	t.Parallel()
	for form, query := range map[string]string{
		"table.T2UServer.Enable=true":    "action=setConfig&T2UServer.Enable=false",
		"table.T2UServer[0].Enable=true": "action=setConfig&T2UServer%5B0%5D.Enable=false",
	} {
		var sent string
		p := &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){
			"getConfig": body(form + "\r\n"),
			"setConfig": func(r *http.Request) (int, string) { sent = r.URL.RawQuery; return 200, "OK\r\n" },
		}}
		s, _ := opened(t, p, false)
		if err := s.SwitchService(t.Context(), "p2p", false); err != nil || sent != query {
			t.Errorf("sent %s, want %s: %v", sent, query, err)
		}
	}
}

func TestWriteDeclined(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		kind   error
	}{
		"200 Error":    {200, "Error\r\n", rekey.ErrInput},
		"no right":     {403, "Authority:check failure.\r\n", rekey.ErrDenied},
		"neither":      {200, "", rekey.ErrUnknown},
		"server error": {500, "", rekey.ErrUnknown},
		"not there":    {501, "", rekey.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){
				"getConfig": body("table.UPnP.Enable=true\r\n"), "setConfig": status(tc.status, tc.body)}}
			s, _ := opened(t, p, false)
			if err := s.SwitchService(t.Context(), "upnp", false); !errors.Is(err, tc.kind) {
				t.Errorf("%v, want %v", err, tc.kind)
			}
		})
	}
}

func TestOwnDoorIsNotShut(t *testing.T) {
	t.Parallel()
	s, _ := opened(t, &peer{}, false)
	if err := s.SwitchService(t.Context(), "http", false); !errors.Is(err, rekey.ErrInput) {
		t.Error(err)
	}
	if err := s.SwitchService(t.Context(), "teleport", false); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
}

func TestLockPolicy(t *testing.T) {
	t.Parallel()
	tb := &tables{read: map[string]string{"General": `{"MachineName":"NVR","LockLoginEnable":true,"LockLoginTimes":5,"LoginFailLockTime":1800}`}}
	s, _ := opened(t, &peer{rpc: tb.rpc()}, false)
	got, err := s.LockPolicy(t.Context())
	if want := (rekey.LockPolicy{Enabled: true, Tries: 5, LockFor: 30 * time.Minute}); err != nil || got != want {
		t.Fatalf("%+v: %v", got, err)
	}
	if err := s.SetLockPolicy(t.Context(), rekey.LockPolicy{Enabled: true, Tries: 3, LockFor: 10 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	if w := tb.written["General"]; w != `{"LockLoginEnable":true,"LockLoginTimes":3,"LoginFailLockTime":600,"MachineName":"NVR"}` {
		t.Errorf("wrote %s", w)
	}
}

func TestSettingsAreMasked(t *testing.T) {
	t.Parallel()
	tb := &tables{read: map[string]string{"Email": `{"Password":"mailsecret","UserName":"u"}`, "RemoteDevice": `{"a":[{"Pwd":"camsecret"}]}`}}
	p := &peer{rpc: tb.rpc()}
	s, _ := opened(t, p, false)
	settings, err := s.Settings(t.Context())
	if err != nil || len(settings) != 2 {
		t.Fatalf("%d settings: %v", len(settings), err)
	}
	for _, set := range settings {
		if strings.Contains(string(set.Data), "secret") || !strings.Contains(string(set.Data), masked) {
			t.Errorf("%s: %s", set.Name, set.Data)
		}
	}
	byCGI := table{name: "Email", flat: map[string]string{"Password": "x y", "Receivers[0]": "a@b"}}
	data, err := byCGI.masked()
	if err != nil || string(data) != "Email.Password=******\r\nEmail.Receivers[0]=a@b\r\n" {
		t.Errorf("%q: %v", data, err)
	}
}

func TestAccountsAndActiveUsers(t *testing.T) {
	t.Parallel()
	byRPC := &peer{rpc: map[string]func(call) string{
		"userManager.getUserInfoAll":       says(`{"id":$ID,"result":true,"params":{"users":[{"AuthorityList":["Monitor_01"],"Group":"admin","Id":1,"Memo":"admin 's account","Name":"admin","Password":"******","PasswordModifiedTime":"2026-01-02 03:04:05","Reserved":true,"Sharable":true}]}}`),
		"userManager.getActiveUserInfoAll": says(`{"id":$ID,"result":true,"params":{"users":[{"ClientAddress":"192.0.2.9","ClientType":"Web3.0","Group":"admin","Id":5,"LoginTime":"2026-01-02 03:04:05","Name":"admin"}]}}`),
	}}
	byCGI := &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){
		"getUserInfoAll":       body("users[0].Group=admin\r\nusers[0].ID=1\r\nusers[0].Memo=admin 's account\r\nusers[0].Name=admin\r\nusers[0].PasswordModifiedTime=2026-1-2 3:4:5\r\nusers[0].Reserved=true\r\n"),
		"getActiveUserInfoAll": body("users[7].ClientAddress=192.0.2.9\r\nusers[7].ClientType=Web3.0\r\nusers[7].Name=admin\r\n"),
	}}
	for door, p := range map[string]*peer{"rpc": byRPC, "cgi": byCGI} {
		s, _ := opened(t, p, false)
		accounts, err := s.Accounts(t.Context())
		want := rekey.Account{Name: "admin", Group: "admin", Memo: "admin 's account", Reserved: true, Changed: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		if err != nil || len(accounts) != 1 || accounts[0] != want {
			t.Errorf("%s: %+v: %v", door, accounts, err)
		}
		users, err := s.ActiveUsers(t.Context())
		if err != nil || len(users) != 1 || users[0] != (rekey.ActiveUser{Account: "admin", Address: "192.0.2.9", Client: "Web3.0"}) {
			t.Errorf("%s: %+v: %v", door, users, err)
		}
	}
}

// A box of 2014 takes Basic, which leaves no login behind: nobody was in its list,
// and the check of what is weak ended there as at an odd answer.
func TestNobodyIsLoggedInAtTheCGI(t *testing.T) {
	t.Parallel()
	for text, kind := range map[string]error{"": nil, "\r\n": nil, "result=0\r\n": rekey.ErrUnreachable, "users[0].Id=3\r\n": rekey.ErrUnreachable} {
		s, _ := opened(t, &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){"getActiveUserInfoAll": body(text), "getUserInfoAll": body("")}}, false)
		users, err := s.ActiveUsers(t.Context())
		if !errors.Is(err, kind) || len(users) != 0 {
			t.Errorf("%q: %+v: %v", text, users, err)
		}
		if accounts, err := s.Accounts(t.Context()); !errors.Is(err, rekey.ErrUnreachable) {
			t.Errorf("no account at all: %+v: %v", accounts, err)
		}
	}
}

func TestOddAnswersWithinASession(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string
		kind   error
	}{
		"users an object": {`{"result":true,"params":{"users":{"Name":"admin"}}}`, rekey.ErrUnreachable},
		"users a number":  {`{"result":true,"params":{"users":7}}`, rekey.ErrUnreachable},
		"nobody":          {`{"result":true,"params":{"users":[]}}`, rekey.ErrUnreachable},
		"no name":         {`{"result":true,"params":{"users":[{"Id":1}]}}`, rekey.ErrUnreachable},
		"params missing":  {`{"result":true}`, rekey.ErrUnreachable},
		"session ended":   {`{"result":false,"error":{"code":287637505,"message":"Invalid session"}}`, rekey.ErrConflict},
		"no right":        {`{"result":false,"error":{"code":285278249,"message":"Authority:check failure."}}`, rekey.ErrDenied},
		"cut off":         {`{"result":tr`, rekey.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := opened(t, &peer{rpc: map[string]func(call) string{"userManager.getUserInfoAll": says(tc.answer)}}, false)
			if _, err := s.Accounts(t.Context()); !errors.Is(err, tc.kind) {
				t.Errorf("%v, want %v", err, tc.kind)
			}
			if b.spent != 1 {
				t.Errorf("%d tries spent", b.spent)
			}
		})
	}
}

// TestHugeSettings: an answer of some kilobytes must not become a hundred
// megabytes of paths, nor one of the limit of an answer a map without end.
func TestHugeSettings(t *testing.T) {
	t.Parallel()
	rows := strings.TrimSuffix(strings.Repeat(`"x",`, 5000), ",")
	for name, tree := range map[string]string{
		"long name":   `{"` + strings.Repeat("k", 20000) + `":[` + rows + `]}`,
		"deep":        strings.Repeat(`{"kkkk":`, 2000) + "1" + strings.Repeat("}", 2000),
		"many values": `[` + strings.TrimSuffix(strings.Repeat("1,", mostValues+1), ",") + `]`,
	} {
		var node any
		if err := json.Unmarshal([]byte(tree), &node); err != nil {
			t.Fatal(err)
		}
		into := map[string]string{}
		if err := flatten(node, "", into); err == nil {
			t.Errorf("%s: taken", name)
		}
		held := 0
		for path := range into {
			held += len(path)
		}
		if held > 1<<20 {
			t.Errorf("%s: %d bytes of paths", name, held)
		}
	}
	s, _ := opened(t, &peer{rpc: (&tables{read: map[string]string{"General": `{"` + strings.Repeat("k", 2000) + `":1}`}}).rpc()}, false)
	if _, err := s.LockPolicy(t.Context()); !errors.Is(err, rekey.ErrUnreachable) || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

// TestWhatARecorderSaysIsPlain: control characters and those that turn the
// writing round would let a recorder write over a terminal.
func TestWhatARecorderSaysIsPlain(t *testing.T) {
	t.Parallel()
	const evil = "N841\u009b31mX\u202eabc"
	users := says(`{"id":$ID,"result":true,"params":{"users":[{"Name":"` + evil + `","Group":"` + evil + `","Memo":"` + evil + `","ClientAddress":"` + evil + `","ClientType":"` + evil + `","Id":3,"AuthorityList":["a"]}]}}`)
	s, _ := opened(t, &peer{rpc: map[string]func(call) string{"userManager.getUserInfoAll": users, "userManager.getActiveUserInfoAll": users}}, false)
	accounts, err := s.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	active, err := s.ActiveUsers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := Prober{}.Parse(notify(`"DeviceType":"`+evil+`","MachineName":"`+evil+`","SerialNo":"`+evil+`","Version":"`+evil+`"`), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	said := []string{clean(evil), accounts[0].Name, accounts[0].Group, accounts[0].Memo, active[0].Account, active[0].Address, active[0].Client, id.Model, id.Name, id.Serial, id.Firmware}
	for i, text := range said {
		if text != "N841 31mX abc" {
			t.Errorf("%d: %q", i, text)
		}
	}
	r, err := found{path: "/a." + evil, start: "2026-01-06 06:05:00", end: "2026-01-06 06:13:00"}.recording(1)
	if err != nil || r.Kind != "n841 31mx abc" {
		t.Errorf("%q: %v", r.Kind, err)
	}
	realm := rekey.Identity{}
	if readRealm(&realm, transport.Response{Header: http.Header{"Www-Authenticate": {"Digest realm=\"Login to " + evil + "\", nonce=\"n\""}}}) {
		t.Errorf("%+v", realm)
	}
}
