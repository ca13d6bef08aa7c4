package dahua

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rekey"
)

const (
	parameterError = `{"id":$ID,"result":false,"error":{"code":268894211,"message":"invalid"}}`
	noSuchMethod   = `{"id":$ID,"result":false,"error":{"code":268894210,"message":"x"}}`
)

// onvifBox has a list of ONVIF accounts.
type onvifBox struct {
	lists    string // the answer to listMethod
	envelope bool
	wants    string // the password that the account has; "": any or none is taken
	answer   string // in place of a judgement
	plainNot bool   // params that are not in an envelope are refused

	plain []map[string]string // what was asked for, opened
}

func (o *onvifBox) peer(t *testing.T) *peer {
	p := &peer{rpc: map[string]func(call) string{}}
	if o.lists != "" {
		p.rpc["userManager.listMethod"] = says(o.lists)
	}
	if o.envelope {
		p.rpc["Security.getEncryptInfo"] = says(encryptInfoAnswer(recorderKey(), `"RPAC-256"`))
	}
	p.rpc[onvifPassword] = func(c call) string {
		var told map[string]string
		if json.Unmarshal(c.Params, &told) != nil || len(told) == 0 {
			return parameterError
		}
		if told["cipher"] != "" {
			if !o.envelope {
				return parameterError
			}
			plain, _ := unseal(t, recorderKey(), c.Params)
			told = nil
			_ = json.Unmarshal([]byte(plain), &told)
		} else if o.plainNot {
			return `{"id":$ID,"result":false,"error":{"code":611}}`
		}
		o.plain = append(o.plain, told)
		switch {
		case o.answer != "":
			return o.answer
		case told["name"] != "admin" && told["name"] != "viewer":
			return `{"id":$ID,"result":false,"error":{"code":268632070}}`
		case o.wants != "" && told["pwdOld"] == "":
			return parameterError
		case o.wants != "" && told["pwdOld"] != o.wants:
			return `{"id":$ID,"result":false,"error":{"code":268632085},"params":{"remainLoginTimes":3}}`
		}
		return `{"id":$ID,"result":true}`
	}
	return p
}

func TestSetOwnPassword(t *testing.T) {
	t.Parallel()
	listed := `{"id":$ID,"result":true,"params":{"method":["userManager.getUserInfoAll","` + onvifPassword + `"]}}`
	for name, tc := range map[string]struct {
		box     onvifBox
		tls     bool
		kind    rekey.InterfaceKind
		account string
		options []Option
		want    error
		sent    string // name, new, old, of all requests
		spent   int    // beside the login
		refused int
	}{
		"envelope":              {box: onvifBox{lists: listed, envelope: true, wants: testPassword}, sent: "admin new " + testPassword, spent: 1},
		"envelope, not listed":  {box: onvifBox{envelope: true, wants: testPassword}, sent: "admin new " + testPassword, spent: 1},
		"by TLS":                {box: onvifBox{lists: listed, wants: testPassword, envelope: false}, tls: true, sent: "admin new " + testPassword, spent: 1},
		"in the clear":          {box: onvifBox{lists: listed}, want: rekey.ErrRisk},
		"clear, accepted":       {box: onvifBox{lists: listed}, options: []Option{AcceptClearPassword()}, sent: "admin new " + testPassword, spent: 1},
		"no list":               {box: onvifBox{lists: `{"id":$ID,"result":true,"params":{"method":["userManager.getUserInfoAll"]}}`}, tls: true, want: rekey.ErrUnsupported},
		"another account":       {box: onvifBox{lists: listed, envelope: true}, account: "viewer", sent: "viewer new "},
		"another, old wanted":   {box: onvifBox{lists: listed, envelope: true, wants: "x"}, account: "viewer", want: rekey.ErrInput, sent: "viewer new "},
		"no such account":       {box: onvifBox{lists: listed, envelope: true}, account: "nobody", want: rekey.ErrNotFound, sent: "nobody new "},
		"another old password":  {box: onvifBox{lists: listed, envelope: true, wants: "else"}, want: rekey.ErrDenied, sent: "admin new " + testPassword, spent: 1, refused: 1},
		"odd answer":            {box: onvifBox{lists: listed, envelope: true, answer: `{"id":$ID,"result":false}`}, want: rekey.ErrUnknown, sent: "admin new " + testPassword, spent: 1},
		"no right":              {box: onvifBox{lists: listed, envelope: true, answer: `{"id":$ID,"result":false,"error":{"code":285278249}}`}, want: rekey.ErrDenied, sent: "admin new " + testPassword, spent: 1},
		"another interface":     {box: onvifBox{lists: listed}, kind: rekey.InterfaceRTSP, tls: true, want: rekey.ErrUnsupported},
		"no right to the list":  {box: onvifBox{lists: `{"id":$ID,"result":false,"error":{"code":287637505}}`}, tls: true, want: rekey.ErrConflict},
		"plain is not accepted": {box: onvifBox{lists: listed, plainNot: true}, tls: true, want: rekey.ErrUnsupported, spent: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.kind == "" {
				tc.kind = rekey.InterfaceONVIF
			}
			if tc.account == "" {
				tc.account = "admin"
			}
			s, b := opened(t, tc.box.peer(t), tc.tls, tc.options...)
			err := s.SetOwnPassword(t.Context(), tc.kind, tc.account, rekey.Secret{}, rekey.NewSecret("new"))
			if !errors.Is(err, tc.want) || (tc.want != nil && tc.want != rekey.ErrUnknown && errors.Is(err, rekey.ErrUnknown)) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			var sent []string
			for _, m := range tc.box.plain {
				sent = append(sent, m["name"]+" "+m["pwd"]+" "+m["pwdOld"])
			}
			if strings.Join(sent, ", ") != tc.sent || b.spent != 1+tc.spent || len(b.refused) != tc.refused {
				t.Errorf("sent %q, %+v", sent, b)
			}
			var e *rekey.LoginError
			if errors.As(err, &e) && (e.Interface != rekey.InterfaceONVIF || e.TriesLeft != 3) {
				t.Errorf("%+v", e)
			}
			if err != nil && strings.Contains(err.Error(), testPassword) {
				t.Error("a password is in the error")
			}
		})
	}
}

func TestSetOwnPasswordWhereThereIsNone(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*peer{"older RPC2": {}, "no RPC2": {noRPC: true}} {
		s, b := opened(t, p, true)
		if err := s.SetOwnPassword(t.Context(), rekey.InterfaceONVIF, "admin", rekey.Secret{}, rekey.NewSecret("new")); !errors.Is(err, rekey.ErrUnsupported) || b.spent != 1 {
			t.Errorf("%s: %+v: %v", name, b, err)
		}
	}
}

// After SetPassword the old password of the ONVIF account is the one before.
func TestSetOwnPasswordAfterSetPassword(t *testing.T) {
	t.Parallel()
	box := onvifBox{envelope: true, wants: testPassword}
	p := box.peer(t)
	p.rpc["Security.modifyPasswordPlain"] = says(`{"id":$ID,"result":true}`)
	s, b := opened(t, p, false)
	err := errors.Join(s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword)),
		s.SetOwnPassword(t.Context(), rekey.InterfaceONVIF, "admin", rekey.Secret{}, rekey.NewSecret(newPassword)))
	if err != nil || b.spent != 2 || b.given != 2 {
		t.Errorf("%+v: %v", b, err)
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string
		want   string
		kind   error
	}{
		"e-mail":          {`{"id":$ID,"result":true,"params":{"contactEmail":"a***@example.org","contactPhone":"","desc":"opaque-text","mode":2}}`, "{true a***@example.org }", nil},
		"phone":           {`{"id":$ID,"result":true,"params":{"contactPhone":"12****89","mode":1}}`, "{true  12****89}", nil},
		"not masked":      {`{"id":$ID,"result":true,"params":{"contactEmail":"anna@example.org","contactPhone":"0123456789","desc":"x"}}`, "{true a******@example.org ******89}", nil},
		"no contact left": {`{"id":$ID,"result":true,"params":{"contactEmail":"","contactPhone":"","desc":"x"}}`, "{true  }", nil},
		"nothing":         {`{"id":$ID,"result":true,"params":{}}`, "{false  }", nil},
		"off":             {`{"id":$ID,"result":false,"error":{"code":285409284}}`, "{false  }", nil},
		"older":           {noSuchMethod, "{false  }", rekey.ErrUnsupported},
		"locked":          {`{"id":$ID,"result":false,"error":{"code":268632081}}`, "{false  }", rekey.ErrLocked},
		"no such account": {`{"id":$ID,"result":false,"error":{"code":268632070}}`, "{false  }", rekey.ErrDenied},
		"cut off":         {`{"id":$ID,"result":tr`, "{false  }", rekey.ErrUnreachable},
		"another form":    {`{"id":$ID,"result":true,"params":[]}`, "{false  }", rekey.ErrUnreachable},
	} {
		p := &peer{rpc: map[string]func(call) string{"PasswdFind.getDescript": says(tc.answer)}}
		got, err := driver().Recovery(t.Context(), p.start(t, false), "admin")
		if !errors.Is(err, tc.kind) || fmt.Sprint(got) != tc.want {
			t.Errorf("%s: %v: %v", name, got, err)
		}
		if m := p.methods(); !slices.Equal(m, []string{"PasswdFind.getDescript"}) || p.calls[0].path != pathOutside || string(p.calls[0].Params) != `{"name":"admin"}` {
			t.Errorf("%s: %v", name, m)
		}
	}
	for _, account := range []string{"", "a\nb"} {
		if _, err := driver().Recovery(t.Context(), rekey.Identity{}, account); !errors.Is(err, rekey.ErrInput) {
			t.Error(err)
		}
	}
	if _, err := driver().Recovery(t.Context(), rekey.Identity{}, "admin"); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
	p := &peer{noRPC: true}
	if _, err := driver().Recovery(t.Context(), p.start(t, false), "admin"); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
}

func FuzzRecovery(f *testing.F) {
	f.Add("a***@example.org", "")
	f.Add("anna@example.org", "0123")
	f.Add("@", "é")
	f.Fuzz(func(t *testing.T, mail, phone string) {
		for _, s := range []string{mail, phone} {
			if m := maskedContact(s); s != "" && !strings.Contains(m, "*") {
				t.Errorf("%q is shown whole", s)
			}
		}
	})
}
