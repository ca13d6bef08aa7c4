package hikvision

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rekey"
)

func TestSetPassword(t *testing.T) {
	t.Parallel()
	const put, get = "PUT /ISAPI/Security/users/1", "GET /ISAPI/Security/users/1"
	takeAnd := func(p *peer, then http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			p.users[0].password = newPassword
			then(w, r)
		}
	}
	for name, tc := range map[string]struct {
		script  http.HandlerFunc // of the PUT
		after   bool             // the PUT has taken the password before script
		user    string           // what GET tells of the user
		limits  string
		new     string
		kind    error
		unknown bool
		changed bool
		word    string
		puts    int
	}{
		"taken":              {changed: true, puts: 1},
		"long enough":        {limits: `<LoginPasswordLenLimit min="8" max="16">8</LoginPasswordLenLimit>`, changed: true, puts: 1},
		"limits unreadable":  {limits: `<LoginPasswordLenLimit min="x" max="-1"/>`, changed: true, puts: 1},
		"too long for it":    {limits: `<LoginPasswordLenLimit min="8" max="10"/>`, kind: rekey.ErrInput, word: "8 to 10"},
		"too short for it":   {limits: `<LoginPasswordLenLimit min="8" max="16"/>`, new: "Aa1", kind: rekey.ErrInput},
		"too weak":           {new: "aa", kind: rekey.ErrInput, word: "riskPassword", puts: 1},
		"weak, 400":          {script: says(400, said(4, "Invalid Operation", "riskPassword")), kind: rekey.ErrInput, word: "riskPassword", puts: 1},
		"bad content":        {script: says(200, said(6, "Invalid XML Content", "badXmlContent")), kind: rekey.ErrInput, puts: 1},
		"refused in JSON":    {script: says(400, `{"statusCode":6,"statusString":"Invalid Content","subStatusCode":"badParameters"}`), kind: rekey.ErrInput, puts: 1},
		"no right":           {script: says(403, said(4, "Invalid Operation", "lowPrivilege")), kind: rekey.ErrDenied, puts: 1},
		"not there":          {script: says(403, said(4, "Invalid Operation", "notSupport")), kind: rekey.ErrUnsupported, puts: 1},
		"no room":            {script: says(403, said(4, escape(newPassword), "maxSessionUserLink")), unknown: true, puts: 1},
		"busy":               {script: says(200, said(2, "Device Busy", "deviceBusy")), unknown: true, puts: 1},
		"wrong login in it":  {script: says(403, said(4, "Invalid Operation", "loginPasswordError")), unknown: true, puts: 2},
		"locked":             {script: says(403, said(4, "Invalid Operation", "userLocked")), unknown: true, puts: 1},
		"device error":       {script: says(200, said(3, "Device Error", "deviceError")), unknown: true, puts: 1},
		"server error":       {script: says(500, ""), unknown: true, puts: 1},
		"empty answer":       {script: says(200, ""), unknown: true, puts: 1},
		"a page":             {script: says(200, "<html></html>"), unknown: true, puts: 1},
		"reboot required":    {script: says(200, said(7, "Reboot Required", "rebootRequired")), after: true, unknown: true, changed: true, word: "restart", puts: 1},
		"cut before":         {script: cut, unknown: true, puts: 1},
		"cut after":          {script: cut, after: true, unknown: true, changed: true, puts: 1},
		"huge":               {script: says(200, strings.Repeat("x", 1<<20)), after: true, unknown: true, changed: true, puts: 1},
		"redirect":           {script: http.RedirectHandler("https://127.0.0.1:1/", http.StatusFound).ServeHTTP, unknown: true, puts: 1},
		"repeats the secret": {script: says(500, said(3, newPassword, newPassword)), unknown: true, puts: 1},
		"repeats it, 400":    {script: says(400, said(6, newPassword, newPassword)), kind: rekey.ErrInput, puts: 1},
		"repeats it, 401":    {script: says(401, said(4, newPassword, newPassword)), unknown: true, puts: 1},
		"user in JSON":       {user: `{"User":{"id":1,"userName":"admin"}}`, kind: rekey.ErrUnsupported},
		"user cut off":       {user: `<User><id>1</id><userName>admin</userName>`, kind: rekey.ErrUnsupported},
		"another user":       {user: `<User><id>1</id><userName>boss</userName></User>`, kind: rekey.ErrUnsupported},
		"not UTF-8":          {user: "<User><id>1</id><userName>admin</userName><x>\xff</x></User>", kind: rekey.ErrUnsupported},
		"empty":              {new: " ", kind: rekey.ErrInput},
		"not ASCII":          {new: "Passwört1", kind: rekey.ErrInput},
		"control":            {new: "Pass\tword1", kind: rekey.ErrInput},
		"blank at the end":   {new: "Password1 ", kind: rekey.ErrInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer()
			p.limits = tc.limits
			if tc.script != nil && tc.after {
				tc.script = takeAnd(p, tc.script)
			}
			if tc.script != nil {
				p.scripts[put] = tc.script
			}
			if tc.user != "" {
				p.scripts[get] = says(200, tc.user)
			}
			if tc.new == "" {
				tc.new = newPassword
			}
			s, b := opened(t, p, true)
			err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(tc.new))
			if errors.Is(err, rekey.ErrUnknown) != tc.unknown || (!tc.unknown && !errors.Is(err, tc.kind)) || (err == nil) != (tc.changed && !tc.unknown) {
				t.Fatalf("%v", err)
			}
			if (p.passwordOf("admin") == newPassword) != tc.changed || p.count(put) != tc.puts {
				t.Errorf("changed %t, %d puts: %v", p.passwordOf("admin") == newPassword, p.count(put), err)
			}
			if err != nil && (strings.Contains(err.Error(), tc.new) && tc.new != "aa" && tc.new != " " || strings.Contains(err.Error(), testPassword) || !strings.Contains(err.Error(), tc.word)) {
				t.Errorf("%v", err)
			}
			before := p.logins()
			_, after := s.Accounts(t.Context())
			switch {
			case tc.unknown: // nothing is sent any more: it might be a wrong try
				if !errors.Is(after, rekey.ErrUnknown) || p.logins() != before {
					t.Errorf("after: %v", after)
				}
			case err == nil: // with the new password, booked as a login of its own
				if after != nil || b.spent != 2 || b.given != 2 {
					t.Errorf("after: book %+v: %v", b, after)
				}
			}
		})
	}
}

func (p *peer) count(key string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.asked {
		if k == key {
			n++
		}
	}
	return n
}

func TestSetPasswordInput(t *testing.T) {
	t.Parallel()
	p := newPeer()
	s, b := opened(t, p, true)
	right, other := rekey.NewSecret(testPassword), rekey.NewSecret("other-Pass1")
	for name, pair := range map[string][2]rekey.Secret{
		"no old": {{}, other}, "no new": {right, {}}, "the same": {right, right}, "not this login's": {other, rekey.NewSecret("third-Pass1")},
	} {
		if err := s.SetPassword(t.Context(), pair[0], pair[1]); !errors.Is(err, rekey.ErrInput) || errors.Is(err, rekey.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, account := range []string{"", "admin", "Admin"} {
		if err := s.ResetPassword(t.Context(), account, other); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %v", account, err)
		}
	}
	if p.logins() != 1 || b.spent != 1 {
		t.Errorf("%d requests, book %+v", p.logins(), b)
	}
}

func TestResetPassword(t *testing.T) {
	t.Parallel()
	p := newPeer()
	s, b := opened(t, p, true)
	if err := s.ResetPassword(t.Context(), "second", rekey.NewSecret("aa")); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("weak: %v", err)
	}
	if err := s.ResetPassword(t.Context(), "nobody", rekey.NewSecret(newPassword)); !errors.Is(err, rekey.ErrInput) || errors.Is(err, rekey.ErrUnknown) {
		t.Errorf("nobody: %v", err)
	}
	if err := s.ResetPassword(t.Context(), "second", rekey.NewSecret(newPassword)); err != nil || p.passwordOf("second") != newPassword || p.passwordOf("admin") != testPassword {
		t.Errorf("%v", err)
	}
	p.mu.Lock()
	p.scripts["PUT /ISAPI/Security/users/2"] = cut
	p.mu.Unlock()
	if err := s.ResetPassword(t.Context(), "second", rekey.NewSecret("third-Pass1")); !errors.Is(err, rekey.ErrUnknown) {
		t.Errorf("cut: %v", err)
	}
	if _, err := s.Accounts(t.Context()); err != nil || b.spent != 1 || b.given != 1 {
		t.Errorf("the own login: book %+v: %v", b, err)
	}
}

// TestLoginPassword: the caller's password goes along where the recorder's
// fields or its refusal ask for it, and over TLS alone.
func TestLoginPassword(t *testing.T) {
	t.Parallel()
	const put = "PUT /ISAPI/Security/users/1"
	old := "<loginPassword>" + testPassword + "</loginPassword>"
	for name, tc := range map[string]struct {
		tls   bool
		field bool
		asks  bool
		never bool
		puts  int
		sent  bool
		kind  error
	}{
		"not asked":        {tls: true, puts: 1},
		"a field":          {tls: true, field: true, puts: 1, sent: true},
		"a refusal":        {tls: true, asks: true, puts: 2, sent: true},
		"a field, plain":   {field: true, puts: 1},
		"a refusal, plain": {asks: true, puts: 1, kind: rekey.ErrInput},
		"never content":    {tls: true, field: true, asks: true, never: true, puts: 1, sent: true, kind: rekey.ErrInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer()
			field := ""
			if tc.field {
				field = "<loginPassword/>"
			}
			p.scripts["GET /ISAPI/Security/users/1"] = says(200, `<n:User xmlns:n="`+isapiNS+`"><n:id>1</n:id><n:userName>admin</n:userName><n:password></n:password>`+field+`</n:User>`)
			p.scripts[put] = func(w http.ResponseWriter, _ *http.Request) {
				if tc.never || (tc.asks && !strings.Contains(p.bodies[put], "loginPassword>"+testPassword)) {
					w.WriteHeader(400)
					fmt.Fprint(w, `{"statusCode":6,"statusString":"Invalid Content","subStatusCode":"MessageParametersLack","errorMsg":"loginPassword"}`)
					return
				}
				fmt.Fprint(w, said(1, "OK", "ok"))
			}
			s, _ := opened(t, p, tc.tls, AcceptClearPassword())
			err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret("next-Pass1"))
			body := p.body(put)
			if !errors.Is(err, tc.kind) || p.count(put) != tc.puts || strings.Contains(body, testPassword) != tc.sent {
				t.Fatalf("%d puts, %q: %v", p.count(put), strings.ReplaceAll(body, testPassword, "(old)"), err)
			}
			if !strings.Contains(body, "<n:password>next-Pass1</n:password>") || (tc.sent && !strings.Contains(strings.ReplaceAll(body, "n:", ""), old)) {
				t.Error("not the form that was read")
			}
		})
	}
}

// TestClearPassword: over plain HTTP nothing is sent without the risk by name;
// where the recorder has HTTPS, that is taken.
func TestClearPassword(t *testing.T) {
	t.Parallel()
	const put = "PUT /ISAPI/Security/users/1"
	old, next := rekey.NewSecret(testPassword), rekey.NewSecret("next-Pass1")
	plain := newPeer()
	s, _ := opened(t, plain, false)
	err := s.SetPassword(t.Context(), old, next)
	if !errors.Is(err, rekey.ErrRisk) || !strings.Contains(err.Error(), string(rekey.RiskClearPassword)) || plain.count(put) != 0 {
		t.Errorf("%v", err)
	}
	accepted := newPeer()
	s, _ = opened(t, accepted, false, AcceptClearPassword())
	if err := s.SetPassword(t.Context(), old, next); err != nil || accepted.passwordOf("admin") != "next-Pass1" {
		t.Errorf("accepted: %v", err)
	}
	both, safe := newPeer(), newPeer()
	at := safe.start(t, true).Interfaces[0]
	both.scripts["GET "+pathAccesses] = says(200, accesses(fmt.Sprintf("<AdminAccessProtocol><id>3</id><enabled>true</enabled><protocol>HTTPS</protocol><portNo>%d</portNo></AdminAccessProtocol>", at.Port)))
	s, b := opened(t, both, false)
	if err := s.SetPassword(t.Context(), old, next); err != nil || both.count(put) != 0 || safe.passwordOf("admin") != "next-Pass1" || b.spent != 2 || b.given != 2 {
		t.Errorf("book %+v: %v", b, err)
	}
}

func accesses(more string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><AdminAccessProtocolList version="2.0" xmlns="` + standardNS + `">` + more + `</AdminAccessProtocolList>`
}

// TestSafeDoorGone: HTTPS is listed, and nobody is there. Nothing is sent in the clear.
func TestSafeDoorGone(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	port := targetOf(t, gone, true).Port
	gone.Close()
	p := newPeer()
	p.scripts["GET "+pathAccesses] = says(200, accesses(fmt.Sprintf("<AdminAccessProtocol><id>3</id><enabled>true</enabled><protocol>HTTPS</protocol><portNo>%d</portNo></AdminAccessProtocol>", port)))
	s, _ := opened(t, p, false)
	err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
	if !errors.Is(err, rekey.ErrUnreachable) || errors.Is(err, rekey.ErrUnknown) || p.passwordOf("admin") != testPassword {
		t.Errorf("%v", err)
	}
}

// TestBudgetGone: the login that a change needs cannot be booked. Nothing was
// sent, so nothing is in doubt.
func TestBudgetGone(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{rekey.ErrBudget, rekey.ErrStorage, errors.New("disk")} {
		err := lost("h", "w", cause)
		if !errors.Is(err, cause) || !sure(err) {
			t.Errorf("%v", err)
		}
	}
}
