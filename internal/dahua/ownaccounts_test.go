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
	oneUser        = `{"id":$ID,"result":true,"params":{"users":[{"Name":"Admin","Id":1}]}}`
	noSuchMethod   = `{"id":$ID,"result":false,"error":{"code":268894210,"message":"x"}}`
)

// onvifBox has a list of ONVIF accounts.
type onvifBox struct {
	lists    string // the answer to listMethod
	envelope bool
	// envelopeNot: the recorder has the envelope, but not at this call
	envelopeNot bool
	wants       string // the password that the account has; "": any or none is taken
	answer      string // in place of a judgement
	plainNot    bool   // params that are not in an envelope are refused

	users string // the answer to getUserInfoAll

	plain []map[string]string // what was asked for, opened
}

func (o *onvifBox) peer(t *testing.T) *peer {
	p := &peer{rpc: map[string]func(call) string{}}
	if o.lists != "" {
		p.rpc["userManager.listMethod"] = says(o.lists)
	}
	if o.users != "" {
		p.rpc["userManager.getUserInfoAll"] = says(o.users)
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
			if !o.envelope || o.envelopeNot {
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
		old     string
		options []Option
		want    error
		sent    string // name, new, old, of all requests
		spent   int    // beside the login
		refused int
	}{
		"envelope":              {box: onvifBox{lists: listed, envelope: true, wants: "old"}, old: "old", sent: "admin new old", spent: 1},
		"envelope, not listed":  {box: onvifBox{envelope: true, wants: "old"}, old: "old", sent: "admin new old", spent: 1},
		"by TLS":                {box: onvifBox{lists: listed, wants: "old"}, old: "old", tls: true, sent: "admin new old", spent: 1},
		"plain after envelope":  {box: onvifBox{lists: listed, envelope: true, envelopeNot: true, wants: "old"}, old: "old", tls: true, sent: "admin new old", spent: 2},
		"in the clear":          {box: onvifBox{lists: listed}, old: "old", want: rekey.ErrRisk},
		"clear, accepted":       {box: onvifBox{lists: listed}, old: "old", options: []Option{AcceptClearPassword()}, sent: "admin new old", spent: 1},
		"no list":               {box: onvifBox{lists: `{"id":$ID,"result":true,"params":{"method":["userManager.getUserInfoAll"]}}`}, old: "old", tls: true, want: rekey.ErrUnsupported},
		"without old":           {box: onvifBox{lists: listed, envelope: true}, account: "viewer", sent: "viewer new "},
		"old wanted":            {box: onvifBox{lists: listed, envelope: true, wants: "x"}, want: rekey.ErrUnsupported, sent: "admin new "},
		"old wanted, compared":  {box: onvifBox{lists: listed, envelope: true, answer: `{"id":$ID,"result":false,"error":{"code":268632085}}`}, want: rekey.ErrUnsupported, sent: "admin new "},
		"no such account":       {box: onvifBox{lists: listed, envelope: true}, account: "nobody", want: rekey.ErrNotFound, sent: "nobody new "},
		"mistyped":              {box: onvifBox{lists: listed, envelope: true, users: oneUser}, account: "amdin", old: "old", want: rekey.ErrNotFound},
		"in the list":           {box: onvifBox{lists: listed, envelope: true, users: oneUser, wants: "old"}, old: "old", sent: "admin new old", spent: 1},
		"another old password":  {box: onvifBox{lists: listed, envelope: true, wants: "else"}, old: "old", want: rekey.ErrUnknown, sent: "admin new old", spent: 1, refused: 1},
		"odd answer":            {box: onvifBox{lists: listed, envelope: true, answer: `{"id":$ID,"result":false}`}, old: "old", want: rekey.ErrUnknown, sent: "admin new old", spent: 1},
		"no right":              {box: onvifBox{lists: listed, envelope: true, answer: `{"id":$ID,"result":false,"error":{"code":285278249}}`}, old: "old", want: rekey.ErrDenied, sent: "admin new old", spent: 1},
		"another interface":     {box: onvifBox{lists: listed}, kind: rekey.InterfaceRTSP, tls: true, want: rekey.ErrUnsupported},
		"no right to the list":  {box: onvifBox{lists: `{"id":$ID,"result":false,"error":{"code":287637505}}`}, tls: true, want: rekey.ErrConflict},
		"plain is not accepted": {box: onvifBox{lists: listed, plainNot: true}, old: "old", tls: true, want: rekey.ErrUnsupported, spent: 1},
		"the same":              {box: onvifBox{lists: listed}, old: "new", tls: true, want: rekey.ErrInput},
		"cannot be carried":     {box: onvifBox{lists: listed}, old: "a\nb", tls: true, want: rekey.ErrInput},
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
			err := s.SetOwnPassword(t.Context(), tc.kind, tc.account, rekey.NewSecret(tc.old), rekey.NewSecret("new"))
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
			if errors.Is(err, rekey.ErrUnsupported) && tc.kind == rekey.InterfaceONVIF && len(tc.box.plain) > 0 && !strings.Contains(err.Error(), adviceOwn) {
				t.Errorf("what to do: %v", err)
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

// A session that came in with the new password of the recorder brings the list
// along, whose password is still the old one; so does the one that changed it.
func TestSetOwnPasswordBeside(t *testing.T) {
	t.Parallel()
	for _, change := range []bool{false, true} {
		box := onvifBox{envelope: true, wants: "before"}
		p := box.peer(t)
		p.rpc["Security.modifyPasswordPlain"] = says(`{"id":$ID,"result":true}`)
		s, b := opened(t, p, false)
		new, want := testPassword, 2
		if change {
			new = newPassword
			if err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(new)); err != nil {
				t.Fatal(err)
			}
		}
		err := s.SetOwnPassword(t.Context(), rekey.InterfaceONVIF, "admin", rekey.NewSecret("before"), rekey.NewSecret(new))
		if err != nil || b.spent != want || b.given != want || len(box.plain) != 1 || box.plain[0]["pwd"] != new {
			t.Errorf("%t: %+v, %d sent: %v", change, b, len(box.plain), err)
		}
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
