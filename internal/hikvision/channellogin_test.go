package hikvision

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

// boxCamera is a camera as a recorder tells it, with things in it that nobody knows.
const boxCamera = `<?xml version="1.0" encoding="UTF-8"?>
<InputProxyChannel version="1.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">
  <id>2</id><name>Gate &amp; yard</name>
  <sourceInputPortDescriptor><proxyProtocol>HIKVISION</proxyProtocol><ipAddress>192.0.2.12</ipAddress><userName>admin</userName>%s<odd a='1'>kept</odd></sourceInputPortDescriptor>
</InputProxyChannel>
`

func TestSetChannelLogin(t *testing.T) {
	t.Parallel()
	const path = pathProxies + "/2"
	const camera = `It's "new" & <1>`
	inText := escape(camera)
	ok := says(200, said(1, "OK", "ok"))
	without := fmt.Sprintf(boxCamera, "")
	for name, tc := range map[string]struct {
		tells, after string // before and after the change
		put          http.HandlerFunc
		channel      int
		account      string
		password     string
		plain        bool
		options      []Option
		kind         error
		word         string
		body         string
	}{
		"without a password": {tells: without, body: strings.Replace(without, "<userName>admin</userName>", "<userName>viewer</userName><password>"+inText+"</password>", 1)},
		"with one":           {tells: fmt.Sprintf(boxCamera, "<password></password>"), body: strings.Replace(fmt.Sprintf(boxCamera, "<password>"+inText+"</password>"), ">admin<", ">viewer<", 1)},
		"an empty account":   {tells: strings.Replace(without, "<userName>admin</userName>", "<userName/>", 1), body: strings.Replace(without, "<userName>admin</userName>", "<userName>viewer</userName><password>"+inText+"</password>", 1)},
		"clear, accepted":    {tells: without, plain: true, options: []Option{AcceptClearPassword()}, body: strings.Replace(without, "<userName>admin</userName>", "<userName>viewer</userName><password>"+inText+"</password>", 1)},
		"clear":              {tells: without, plain: true, kind: rekey.ErrRisk, word: string(rekey.RiskClearPassword)},
		"no such camera":     {tells: without, channel: 9, kind: rekey.ErrNotFound, word: "no camera 9"},
		"on a socket":        {tells: without, channel: 5, kind: rekey.ErrUnsupported, word: "socket"},
		"no account":         {tells: strings.Replace(without, "userName", "who", 2), kind: rekey.ErrUnsupported, word: "no account"},
		"in JSON":            {tells: `{"InputProxyChannel":{"id":2}}`, kind: rekey.ErrUnsupported, word: "without loss"},
		"refused":            {tells: without, put: says(403, said(4, inText, "lowPrivilege")), kind: rekey.ErrDenied, word: "administrator"},
		"lost":               {tells: without, put: cut, kind: rekey.ErrUnknown},
		"device error":       {tells: without, put: says(200, said(3, inText, inText)), kind: rekey.ErrUnknown},
		"did nothing":        {tells: without, after: without, kind: rekey.ErrUnknown, word: `still tells the account "admin"`},
		"no account given":   {tells: without, account: "-", kind: rekey.ErrInput},
		"not ASCII":          {tells: without, password: "Kamera-ä1", kind: rekey.ErrInput},
		"a blank at the end": {tells: without, password: "Camera-1 ", kind: rekey.ErrInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer()
			p.scripts["GET "+pathProxies] = says(200, `<InputProxyChannelList><InputProxyChannel><id>2</id></InputProxyChannel></InputProxyChannelList>`)
			p.scripts["GET "+pathInputs] = says(200, `<VideoInputChannelList><VideoInputChannel><id>5</id></VideoInputChannel></VideoInputChannelList>`)
			if tc.after == "" {
				tc.after = strings.Replace(without, ">admin<", ">viewer<", 1)
			}
			p.scripts["GET "+path] = func(w http.ResponseWriter, r *http.Request) {
				if p.bodies["PUT "+path] == "" {
					says(200, tc.tells)(w, r)
					return
				}
				says(200, tc.after)(w, r)
			}
			if p.scripts["PUT "+path] = ok; tc.put != nil {
				p.scripts["PUT "+path] = tc.put
			}
			l := rekey.Login{Account: "viewer", Password: rekey.NewSecret(camera)}
			if tc.account == "-" {
				l.Account = ""
			}
			if tc.password != "" {
				l.Password = rekey.NewSecret(tc.password)
			}
			if tc.channel == 0 {
				tc.channel = 2
			}
			s, b := opened(t, p, !tc.plain, tc.options...)
			err := s.SetChannelLogin(t.Context(), tc.channel, l)
			if !errors.Is(err, tc.kind) || (err != nil && (!strings.Contains(err.Error(), tc.word) || strings.Contains(err.Error(), camera))) {
				t.Errorf("%v", err)
			}
			if got := p.body("PUT " + path); tc.body != "" && got != tc.body || tc.kind != nil && tc.kind != rekey.ErrUnknown && tc.put == nil && got != "" {
				t.Errorf("sent:\n%s", got)
			}
			if b.spent != 1 || p.count("PUT "+path) > 1 {
				t.Errorf("%+v", b)
			}
		})
	}
}

// TestHybridChannelLogin: on a recorder with sockets the number on the screen is
// not the one of the resource.
func TestHybridChannelLogin(t *testing.T) {
	t.Parallel()
	p := newPeer()
	p.scripts["GET "+pathProxies] = says(200, `<InputProxyChannelList><InputProxyChannel><id>1</id></InputProxyChannel></InputProxyChannelList>`)
	p.scripts["GET "+pathProxied] = says(200, `<InputProxyChannelStatusList><InputProxyChannelStatus><id>1</id><online>false</online><streamingProxyChannelIdList><streamingProxyChannelId>501</streamingProxyChannelId></streamingProxyChannelIdList></InputProxyChannelStatus></InputProxyChannelStatusList>`)
	p.scripts["GET "+pathProxies+"/1"] = says(200, fmt.Sprintf(boxCamera, ""))
	p.scripts["PUT "+pathProxies+"/1"] = says(200, said(1, "OK", "ok"))
	s, _ := opened(t, p, true)
	if err := s.SetChannelLogin(t.Context(), 5, login("camera-Pass1")); err != nil || p.count("PUT "+pathProxies+"/1") != 1 {
		t.Error(err)
	}
	if err := s.SetChannelLogin(t.Context(), 1, login("camera-Pass1")); !errors.Is(err, rekey.ErrNotFound) {
		t.Error(err)
	}
}

func TestWhyOffline(t *testing.T) {
	t.Parallel()
	for said, word := range map[string]string{
		"userPwError": "set its login here", "accountOrPasswordError": "set its login here", "loginFailed": "set its login here", "unAuth": "set its login here",
		"userLocked": "locked the recorder out", "notActivated": "no password yet", "netUnreachable": "cable and power", "timeOutNoResponse": "cable and power",
		"overSysBandwidth": "no room", "": "does not say why", "purple": "purple",
	} {
		if got := why(said); !strings.Contains(got, word) || !strings.HasPrefix(got, said) {
			t.Errorf("%q: %q", said, got)
		}
	}
}

func TestPasswordRule(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		capabilities, users string
		want                rekey.PasswordRule
		kind                error
	}{
		"in its limits":      {`<SecurityCap><SecurityLimits><LoginPasswordLenLimit min="8" max="16">8</LoginPasswordLenLimit></SecurityLimits></SecurityCap>`, "", rekey.PasswordRule{Min: 8, Max: 16}, nil},
		"only the longest":   {`<SecurityCap><LoginPasswordLenLimit>16</LoginPasswordLenLimit></SecurityCap>`, "", rekey.PasswordRule{Max: 16}, nil},
		"of the users":       {`<SecurityCap/>`, `<UserCap><userName min="1" max="32"/><password min="8" max="128"/></UserCap>`, rekey.PasswordRule{Min: 8, Max: 128}, nil},
		"of one user":        {"", `<UserList><User><password max="16"/></User></UserList>`, rekey.PasswordRule{Max: 16}, nil},
		"in JSON":            {`{"SecurityCap":{"SecurityLimits":{"LoginPasswordLenLimit":{"@min":8,"@max":16}}}}`, "", rekey.PasswordRule{Min: 8, Max: 16}, nil},
		"nothing":            {"", "", rekey.PasswordRule{}, rekey.ErrUnsupported},
		"pages":              {"<html></html>", "hello", rekey.PasswordRule{}, rekey.ErrUnsupported},
		"out of all measure": {`<SecurityCap><SecurityLimits><LoginPasswordLenLimit min="-1" max="99999"/></SecurityLimits></SecurityCap>`, "", rekey.PasswordRule{}, rekey.ErrUnsupported},
		"that nothing fits":  {`<SecurityCap><SecurityLimits><LoginPasswordLenLimit min="20" max="10"/></SecurityLimits></SecurityCap>`, "", rekey.PasswordRule{}, rekey.ErrUnsupported},
	} {
		p := newPeer()
		for path, body := range map[string]string{pathCapabilities: tc.capabilities, pathUserCapabilities: tc.users} {
			if body != "" {
				p.scripts["GET "+path] = says(200, body)
			}
		}
		s, b := opened(t, p, false)
		if rule, err := s.PasswordRule(t.Context()); rule != tc.want || !errors.Is(err, tc.kind) || b.spent != 1 {
			t.Errorf("%s: %+v: %v", name, rule, err)
		}
	}
	s, _ := opened(t, newPeer(), false)
	s.driver = driver()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.PasswordRule(t.Context()); !errors.Is(err, rekey.ErrConflict) {
		t.Error(err)
	}
}

func FuzzChannels(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(boxCamera, "")), []byte("<InputProxyChannelStatusList/>"))
	f.Add([]byte("<InputProxyChannelList><InputProxyChannel><id>1</id></InputProxyChannel></InputProxyChannelList>"), []byte("<a><InputProxyChannelStatus><id>1</id><online>false</online><chanDetectResult>pwd\n</chanDetectResult></InputProxyChannelStatus></a>"))
	f.Fuzz(func(t *testing.T, list, states []byte) {
		if doc, err := parseExactly(list); err == nil {
			if body, err := withLogin(doc, login("Fuzzed-Secret1")); err == nil {
				again, err := parseExactly(body)
				if err != nil || again.root.exact("sourceInputPortDescriptor", "userName") != "admin" || again.root.exact("sourceInputPortDescriptor", "password") != "Fuzzed-Secret1" {
					t.Errorf("%q", body)
				}
			}
		}
		one, err := parse(list)
		two, failed := parse(states)
		if err != nil || failed != nil {
			return
		}
		for _, c := range readProxied(one.root, two.root) {
			if c.Number < 1 || c.Number > mostChannel || strings.ContainsAny(c.Why+c.Name+c.Address, "\n\x1b") {
				t.Errorf("%+v", c)
			}
		}
		limits(one.root)
	})
}
