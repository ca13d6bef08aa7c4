package lan

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

const wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

// tokenOf makes a UsernameToken as WS-Security has it, without the code under test.
func tokenOf(who login, created time.Time) string {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce)
	at := created.UTC().Format("2006-01-02T15:04:05.000Z")
	h := sha1.New()
	h.Write(nonce)
	h.Write([]byte(at + who.password))
	return fmt.Sprintf(`<wsse:Security xmlns:wsse="%s" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><wsse:UsernameToken>`+
		`<wsse:Username>%s</wsse:Username><wsse:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest">%s</wsse:Password>`+
		`<wsse:Nonce EncodingType="x#Base64Binary">%s</wsse:Nonce><wsu:Created>%s</wsu:Created></wsse:UsernameToken></wsse:Security>`,
		wsse, who.account, base64.StdEncoding.EncodeToString(h.Sum(nil)), base64.StdEncoding.EncodeToString(nonce), at)
}

func soapOf(header, body string) string {
	return `<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema">` +
		`<s:Header>` + header + `</s:Header><s:Body>` + body + `</s:Body></s:Envelope>`
}

// onvif asks one question with a token of this login.
func (g *rig) onvif(body string, who login) answer {
	g.t.Helper()
	return g.fetch(http.MethodPost, g.url(ONVIFPath), "", soapOf(tokenOf(who, g.box.Now()), body), "Content-Type", "application/soap+xml; charset=utf-8")
}

// faultIn is the chain of a fault's codes.
func faultIn(a answer) string {
	var e struct {
		Code     string   `xml:"Body>Fault>Code>Value"`
		Sub      string   `xml:"Body>Fault>Code>Subcode>Value"`
		Deep     string   `xml:"Body>Fault>Code>Subcode>Subcode>Value"`
		Reason   string   `xml:"Body>Fault>Reason>Text"`
		Envelope xml.Name `xml:"Envelope"`
	}
	if err := xml.Unmarshal([]byte(a.body), &e); err != nil {
		return err.Error()
	}
	chain := e.Code
	for _, s := range []string{e.Sub, e.Deep} {
		if s != "" {
			chain += " " + s
		}
	}
	return chain
}

func TestONVIFReads(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceN841)
	i := g.box.Info()
	_, port, _ := strings.Cut(g.l.HTTP.Addr().String(), ":")
	for body, want := range map[string][]string{
		"<tds:GetDeviceInformation/>": {"<tds:Manufacturer>Lorex<", "<tds:Model>N841<", "<tds:SerialNumber>" + i.Serial + "<", "<tds:FirmwareVersion>" + i.Firmware},
		"<tds:GetUsers/>":             {"<tt:Username>admin</tt:Username><tt:UserLevel>Administrator<"},
		"<tds:GetNetworkProtocols/>":  {"<tt:Name>HTTP</tt:Name><tt:Enabled>true</tt:Enabled><tt:Port>" + port + "<", "<tt:Name>RTSP<", "<tt:Name>HTTPS</tt:Name><tt:Enabled>true<"},
	} {
		a := g.onvif(body, who)
		for _, part := range want {
			if a.status != 200 || !strings.Contains(a.body, part) || !strings.Contains(a.header.Get("Content-Type"), "application/soap+xml") {
				t.Errorf("%s: %d, no %q in %s", body, a.status, part, a.body)
			}
		}
		if strings.Contains(strings.ToLower(a.body), "password") {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	for body, part := range map[string]string{ // before a login
		"<tds:GetSystemDateAndTime/>": "<tt:UTCDateTime>",
		"<tds:GetCapabilities><tds:Category>All</tds:Category></tds:GetCapabilities>":            "<tt:XAddr>http://127.0.0.1:" + port + ONVIFPath,
		"<tds:GetServices><tds:IncludeCapability>true</tds:IncludeCapability></tds:GetServices>": `MaxUserNameLength="31"`,
		"<tds:GetServiceCapabilities/>": `UsernameToken="true"`,
	} {
		if a := g.fetch(http.MethodPost, g.url(ONVIFPath), "", soapOf("", body)); a.status != 200 || !strings.Contains(a.body, part) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if n := g.logged("login"); n != 1 {
		t.Errorf("%d logins for one client", n)
	}
}

func TestONVIFFaults(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceN841)
	viewer := g.addUser("viewer", "View-0nly-Pass")
	user := func(name, rest string) string {
		return "<tds:User><tt:Username>" + name + "</tt:Username>" + rest + "</tds:User>"
	}
	const level = "<tt:UserLevel>Administrator</tt:UserLevel>"
	word := func(pw string) string { return "<tt:Password>" + pw + "</tt:Password>" }
	for name, c := range map[string]struct {
		who    login
		body   string
		status int
		fault  string
	}{
		"unknown operation": {who, "<tds:GetDNS/>", 500, "env:Receiver ter:ActionNotSupported"},
		"other service":     {who, `<GetUsers xmlns="http://www.onvif.org/ver10/media/wsdl"/>`, 500, "env:Receiver ter:ActionNotSupported"},
		"set protocols":     {who, "<tds:SetNetworkProtocols/>", 500, "env:Receiver ter:ActionNotSupported"},
		"viewer lists":      {viewer, "<tds:GetUsers/>", 400, "env:Sender ter:NotAuthorized"},
		"viewer sets":       {viewer, "<tds:SetUser>" + user("admin", word("Next-Passw0rd")+level) + "</tds:SetUser>", 400, "env:Sender ter:NotAuthorized"},
		"no user":           {who, "<tds:SetUser/>", 400, "env:Sender ter:InvalidArgVal"},
		"two users":         {who, "<tds:SetUser>" + user("admin", word("Next-Passw0rd")+level) + user("viewer", word("Next-Passw0rd")) + "</tds:SetUser>", 500, "env:Receiver ter:Action"},
		"nobody":            {who, "<tds:SetUser>" + user("nobody", word("Next-Passw0rd")+level) + "</tds:SetUser>", 400, "env:Sender ter:InvalidArgVal ter:UsernameMissing"},
		"no password":       {who, "<tds:SetUser>" + user("admin", level) + "</tds:SetUser>", 400, "env:Sender ter:OperationProhibited ter:PasswordTooWeak"},
		"empty password":    {who, "<tds:SetUser>" + user("admin", word("")+level) + "</tds:SetUser>", 400, "env:Sender ter:OperationProhibited ter:PasswordTooWeak"},
		"weak":              {who, "<tds:SetUser>" + user("admin", word("short")+level) + "</tds:SetUser>", 400, "env:Sender ter:OperationProhibited ter:PasswordTooWeak"},
		"blanks":            {who, "<tds:SetUser>" + user("admin", word(" Next-Passw0rd")+level) + "</tds:SetUser>", 400, "env:Sender ter:OperationProhibited ter:PasswordTooWeak"},
		"long":              {who, "<tds:SetUser>" + user("admin", word(strings.Repeat("Aa1", 11))+level) + "</tds:SetUser>", 400, "env:Sender ter:OperationProhibited ter:PasswordTooLong"},
		"demoted":           {who, "<tds:SetUser>" + user("admin", word("Next-Passw0rd")+"<tt:UserLevel>User</tt:UserLevel>") + "</tds:SetUser>", 400, "env:Sender ter:InvalidArgVal ter:FixedUser"},
		"clash":             {who, "<tds:CreateUsers>" + user("admin", word("Next-Passw0rd")+level) + "</tds:CreateUsers>", 400, "env:Sender ter:OperationProhibited ter:UsernameClash"},
		"anonymous":         {who, "<tds:CreateUsers>" + user("a", word("Next-Passw0rd")+"<tt:UserLevel>Anonymous</tt:UserLevel>") + "</tds:CreateUsers>", 400, "env:Sender ter:OperationProhibited ter:AnonymousNotAllowed"},
		"fixed":             {who, "<tds:DeleteUsers><tds:Username>admin</tds:Username></tds:DeleteUsers>", 400, "env:Sender ter:InvalidArgVal ter:FixedUser"},
		"delete nobody":     {who, "<tds:DeleteUsers><tds:Username>nobody</tds:Username></tds:DeleteUsers>", 400, "env:Sender ter:InvalidArgVal ter:UsernameMissing"},
	} {
		if a := g.onvif(c.body, c.who); a.status != c.status || faultIn(a) != c.fault {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, faultIn(a), c.status, c.fault)
		}
	}
	for name, document := range map[string]string{
		"no XML": "{}", "no body": soapOf("", ""), "entity": `<!DOCTYPE x [<!ENTITY a "b">]>` + soapOf("", "<tds:GetUsers/>"), "SOAP 1.1": strings.Replace(soapOf("", "<tds:GetUsers/>"), "2003/05", "1.1", 1),
	} {
		if a := g.fetch(http.MethodPost, g.url(ONVIFPath), "", document); a.status != 400 || faultIn(a) != "env:Sender ter:WellFormed" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if g.logged("login.refused") != 0 || g.box.LockPolicy().Tries != 5 {
		t.Error("a fault counted as a wrong password")
	}
	if g.logged(EventMistake) == 0 {
		t.Error("SetUser without a password left no trace")
	}
	g.onvif("<tds:GetUsers/>", who) // still the same password
	if g.logged("password.set") != 0 {
		t.Error("a refused SetUser changed a password")
	}
}

func TestONVIFLogins(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceN841)
	const ask = "<tds:GetUsers/>"
	post := func(authorization, header string) answer {
		return g.fetch(http.MethodPost, g.url(ONVIFPath), authorization, soapOf(header, ask))
	}
	bare := post("", "")
	challenge := bare.header.Get("WWW-Authenticate")
	if bare.status != 401 || !strings.HasPrefix(challenge, "Digest ") || faultIn(bare) != "env:Sender ter:NotAuthorized" {
		t.Errorf("without a login: %d %q", bare.status, challenge)
	}
	if a := post(answerTo(challenge, who, http.MethodPost, ONVIFPath), ""); a.status != 200 {
		t.Errorf("digest: %d %s", a.status, a.body)
	}
	token := tokenOf(who, g.box.Now())
	if a := post("", token); a.status != 200 {
		t.Errorf("token: %d %s", a.status, a.body)
	}
	free := map[string]string{
		"replayed": token,
		"early":    tokenOf(who, g.box.Now().Add(10*time.Minute)),
		"late":     tokenOf(who, g.box.Now().Add(-10*time.Minute)),
		"readable": strings.Replace(tokenOf(who, g.box.Now()), "#PasswordDigest", "#PasswordText", 1),
		"no nonce": strings.Replace(tokenOf(who, g.box.Now()), "wsse:Nonce", "wsse:Other", 2),
	}
	for name, header := range free {
		if a := post("", header); a.status != 400 || faultIn(a) != "env:Sender ter:NotAuthorized" || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if n := g.logged("login.refused"); n != 0 {
		t.Errorf("%d were counted", n)
	}
	wrong := login{"admin", "Wrong-Passw0rd"}
	if a := g.onvif(ask, wrong); a.status != 400 || !strings.Contains(a.body, "You still have 4 attempt(s).") {
		t.Errorf("wrong token: %d %s", a.status, a.body)
	}
	if a := post(answerTo(challenge, wrong, http.MethodPost, ONVIFPath), ""); a.status != 401 {
		t.Errorf("wrong digest on a nonce that was used: %d", a.status)
	}
	fresh := post("", "").header.Get("WWW-Authenticate")
	if a := post(answerTo(fresh, wrong, http.MethodPost, ONVIFPath), ""); a.status != 401 || !strings.Contains(a.body, "You still have 3 attempt(s).") {
		t.Errorf("wrong digest: %d %s", a.status, a.body)
	}
	for range 3 {
		g.onvif(ask, wrong)
	}
	if a := g.onvif(ask, who); a.status != 400 || !strings.Contains(a.body, "locked") {
		t.Errorf("locked: %d %s", a.status, a.body)
	}
	if a := g.query(who, g.url(""), "magicBox.cgi?action=getVendor"); a.status != 403 {
		t.Errorf("the other doors have the same lock: %d", a.status)
	}
}

func TestONVIFSetsTheRecordersPassword(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceD861)
	next := login{"admin", "Next<>Passw0rd"}
	body := "<tds:SetUser><tds:User><tt:Username>admin</tt:Username><tt:Password>Next&lt;&gt;Passw0rd</tt:Password><tt:UserLevel>Administrator</tt:UserLevel></tds:User></tds:SetUser>"
	if a := g.onvif(body, who); a.status != 200 || !strings.Contains(a.body, "<tds:SetUserResponse>") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := g.query(next, g.url(""), "magicBox.cgi?action=getVendor"); a.status != 200 {
		t.Errorf("CGI with the new one: %d", a.status)
	}
	if a := g.onvif("<tds:GetUsers/>", next); a.status != 200 {
		t.Errorf("ONVIF with the new one: %d", a.status)
	}
	if a := g.onvif("<tds:GetUsers/>", who); a.status != 400 {
		t.Errorf("ONVIF with the old one: %d", a.status)
	}
	g.keepsSecrets(who.password, next.password)
}

// The own list of baseline 2 starts equal and drifts apart, and one counter
// watches over both.
func TestONVIFListOfItsOwn(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceBaseline2)
	next, third := login{"admin", "Next-Passw0rd"}, login{"admin", "Third-Passw0rd"}
	const ask = "<tds:GetUsers/>"
	if a := g.onvif(ask, who); a.status != 200 {
		t.Fatalf("at first: %d %s", a.status, a.body)
	}
	p, _ := g.dialRPC(who)
	if r := p.call("Security.modifyPasswordPlain", p.sealed(`{"name":"admin","pwd":"Next-Passw0rd","pwdOld":"`+who.password+`"}`)); string(r.Result) != "true" {
		t.Fatalf("%+v", r)
	}
	if a := g.onvif(ask, who); a.status != 200 {
		t.Errorf("ONVIF with its own old one: %d", a.status)
	}
	if a := g.onvif(ask, next); a.status != 400 || !strings.Contains(a.body, "4 attempt(s)") {
		t.Errorf("ONVIF with the recorder's new one: %d %s", a.status, a.body)
	}
	p, _ = g.dialRPC(next)
	change := func(pwd, old string) string { return `{"name":"admin","pwd":"` + pwd + `","pwdOld":"` + old + `"}` }
	if r := p.call("userManager.onvifmodifyPassword", change(third.password, who.password)); r.Error.Code != 611 {
		t.Errorf("readable: %+v", r)
	}
	if r := p.call("userManager.onvifmodifyPassword", p.sealed(`{"name":"nobody","pwd":"`+third.password+`","pwdOld":"`+next.password+`"}`)); r.Error.Code != 268632070 {
		t.Errorf("of nobody: %+v", r)
	}
	if r := p.call("userManager.onvifmodifyPassword", p.sealed(change(third.password, next.password))); r.Error.Code != 268632085 || string(r.Params["remainLoginTimes"]) != "4" {
		t.Errorf("with the recorder's password as the old one: %+v", r)
	}
	if r := p.call("userManager.onvifmodifyPassword", p.sealed(change(third.password, who.password))); string(r.Result) != "true" {
		t.Errorf("in the envelope: %+v", r)
	}
	if a := g.onvif(ask, third); a.status != 200 {
		t.Errorf("ONVIF with its new one: %d", a.status)
	}
	if r := p.call("magicBox.getVendor", "null"); string(r.Result) != "true" {
		t.Errorf("the recorder's own sessions end with ONVIF's password: %+v", r)
	}
	over := p.callAt(g.urls("/RPC2"), "userManager.onvifmodifyPassword", change(who.password, third.password), "Cookie", p.cookie)
	if string(over.Result) != "true" {
		t.Errorf("over HTTPS: %+v", over)
	}
	if r := p.call("userManager.onvifgetUserInfoAll", "null"); !strings.Contains(string(r.Params["users"]), `"Name":"admin","Password":"******"`) {
		t.Errorf("%+v", r)
	}
	must(t, g.box.AddONVIFAccount("admin", rekey.Account{Name: "vms", Group: recorder.GroupUser}, rekey.NewSecret("Vms-Passw0rd"), recorder.Client{}))
	if a := g.onvif("<tds:GetDeviceInformation/>", login{"vms", "Vms-Passw0rd"}); a.status != 200 {
		t.Errorf("an account of the list alone: %d", a.status)
	}
	if _, r := g.dialRPC(login{"vms", "Vms-Passw0rd"}); r.Error.Code != 268632085 {
		t.Errorf("on RPC2: %+v", r)
	}
}

func TestONVIFWithoutLoginCheck(t *testing.T) {
	t.Parallel()
	g, _ := faceRig(t, recorder.FaceN841)
	must(t, g.box.SetTable("admin", "UserGlobal", map[string]string{"OnvifLoginCheck": "false"}, recorder.Client{}))
	if a := g.fetch(http.MethodPost, g.url(ONVIFPath), "", soapOf("", "<tds:GetUsers/>")); a.status != 200 {
		t.Errorf("reads: %d", a.status)
	}
	if a := g.fetch(http.MethodPost, g.url(ONVIFPath), "", soapOf("", "<tds:SetUser/>")); a.status != 401 {
		t.Errorf("changes: %d", a.status)
	}
}

func TestTokensAreKeptWithinTheirWindow(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	k := newTokens(func() time.Time { return now })
	of := func(n int) usernameToken { return usernameToken{raw: fmt.Append(nil, n), made: now} }
	first := of(0)
	for n := range maxTokens + 1 {
		k.keep(of(n))
		now = now.Add(time.Millisecond)
	}
	if k.used(first) || !k.used(of(maxTokens)) || len(k.seen) != maxTokens {
		t.Errorf("%d kept; the oldest is what goes", len(k.seen))
	}
	now = now.Add(tokenWindow)
	if k.timely(first) || !k.timely(of(1)) {
		t.Error("the window is not kept")
	}
	now = now.Add(2 * tokenWindow)
	if k.keep(of(-1)); len(k.seen) != 1 {
		t.Errorf("%d kept after their time", len(k.seen))
	}
}

func FuzzSOAP(f *testing.F) {
	f.Add([]byte(soapOf(tokenOf(login{"admin", "x"}, time.Unix(0, 0)), "<tds:GetUsers/>")))
	f.Add([]byte(soapOf("", "<tds:SetUser><tds:User/></tds:SetUser>")))
	f.Add([]byte("<a><b></a></b>"))
	f.Add([]byte("<!DOCTYPE a><a/>"))
	f.Add([]byte(strings.Repeat("<a>", 40)))
	f.Fuzz(func(t *testing.T, document []byte) {
		req, err := parseSOAP(document)
		if err != nil {
			return
		}
		if req.operation == nil || len(document) > maxSOAP {
			t.Fatal("taken without an operation, or too long")
		}
		if req.token == nil {
			return
		}
		if token, err := parseToken(req.token); err == nil && (!plausible(token.username) || len(token.raw) == 0 || token.readable) {
			t.Errorf("%+v", token)
		}
	})
}

func FuzzBasic(f *testing.F) {
	f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte("admin:pass:word")))
	f.Add("basic Og==")
	f.Add("Basic ***")
	f.Fuzz(func(t *testing.T, header string) {
		if account, password, ok := parseBasic(header); ok && (!plausible(account) || strings.Contains(account, ":")) {
			t.Errorf("%q gave %q and %d bytes", header, account, len(password))
		}
	})
}

// A fault can hold whatever words it likes and stays XML.
func FuzzFault(f *testing.F) {
	f.Add("one < two & \"three\"\x00")
	f.Fuzz(func(t *testing.T, words string) {
		if a := (answer{body: soapEnvelope(senderFault(words, "NotAuthorized", "Deep").body())}); faultIn(a) != "env:Sender ter:NotAuthorized ter:Deep" {
			t.Errorf("%q gave %s", words, faultIn(a))
		}
	})
}
