package onvif

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/transport"
)

const protocolList = `<odd:NetworkProtocols><sch:Name>HTTP</sch:Name><sch:Enabled>true</sch:Enabled><sch:Port>80</sch:Port><sch:Port>0</sch:Port></odd:NetworkProtocols>` +
	`<odd:NetworkProtocols><sch:Name>HTTPS</sch:Name><sch:Enabled>false</sch:Enabled><sch:Port>443</sch:Port></odd:NetworkProtocols>` +
	`<odd:NetworkProtocols><sch:Name>RTSP</sch:Name><sch:Enabled>1</sch:Enabled><sch:Port>0</sch:Port><sch:Port>554</sch:Port></odd:NetworkProtocols>`

func TestInterfacesAndServices(t *testing.T) {
	t.Parallel()
	p := &peer{}
	p.answers = map[string]http.HandlerFunc{"GetNetworkProtocols": p.says("GetNetworkProtocols", protocolList)}
	s, _ := opened(t, p, true)
	here := s.main.http.At()
	doors, err := s.Interfaces(t.Context())
	want := []rekey.Interface{here, {Kind: rekey.InterfaceONVIF, Host: here.Host, Port: 80}, {Kind: rekey.InterfaceRTSP, Host: here.Host, Port: 554}}
	if err != nil || !slices.Equal(doors, want) || here.CertSHA256 == "" {
		t.Errorf("%v: %v", doors, err)
	}
	services, err := s.Services(t.Context())
	if err != nil || !slices.Equal(services, []rekey.Service{{Name: "http", Enabled: true, Port: 80}, {Name: "https", Port: 443}, {Name: "rtsp", Enabled: true, Port: 554}}) {
		t.Errorf("%v: %v", services, err)
	}
}

func TestSwitchService(t *testing.T) {
	t.Parallel()
	p := &peer{}
	var set []string
	p.answers = map[string]http.HandlerFunc{
		"GetNetworkProtocols": p.says("GetNetworkProtocols", protocolList),
		"SetNetworkProtocols": func(w http.ResponseWriter, r *http.Request) {
			for _, n := range reads(t, r).Body.Operation.Protocols {
				set = append(set, fmt.Sprint(n.Name, n.Enabled, n.Port))
			}
			p.says("SetNetworkProtocols", "")(w, r)
		},
	}
	s, _ := opened(t, p, false)
	if err := s.SwitchService(t.Context(), "https", true); err != nil || !slices.Equal(set, []string{"HTTPtrue [80 0]", "HTTPStrue [443]", "RTSPtrue [0 554]"}) {
		t.Errorf("%v: %v", set, err)
	}
	for name, tc := range map[string]struct {
		on   bool
		kind error
	}{"http": {false, rekey.ErrInput}, "telnet": {false, rekey.ErrUnsupported}, "rtsp": {true, nil}} {
		if err := s.SwitchService(t.Context(), name, tc.on); !errors.Is(err, tc.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := p.times("SetNetworkProtocols"); n != 1 {
		t.Errorf("written %d times", n)
	}
	p.answers["SetNetworkProtocols"] = func(w http.ResponseWriter, _ *http.Request) {
		p.fault(w, 500, "no certificate", "Receiver", "ActionNotSupported", "EnablingTlsFailed")
	}
	if err := s.SwitchService(t.Context(), "https", true); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
}

func TestOddLists(t *testing.T) {
	t.Parallel()
	for name, inner := range map[string]string{
		"nothing": "", "no port": `<odd:NetworkProtocols><sch:Name>HTTP</sch:Name><sch:Port>x</sch:Port></odd:NetworkProtocols>`,
		"no name": `<odd:NetworkProtocols><sch:Port>1</sch:Port></odd:NetworkProtocols>`, "many": strings.Repeat(`<odd:NetworkProtocols><sch:Name>X</sch:Name></odd:NetworkProtocols>`, 100),
	} {
		p := &peer{}
		p.answers = map[string]http.HandlerFunc{"GetNetworkProtocols": p.says("GetNetworkProtocols", inner), "GetUsers": p.says("GetUsers", "<odd:User/>")}
		s, _ := opened(t, p, false)
		if list, err := s.Services(t.Context()); !errors.Is(err, rekey.ErrUnreachable) {
			t.Errorf("%s: %v %v", name, list, err)
		}
		if list, err := s.Accounts(t.Context()); !errors.Is(err, rekey.ErrUnreachable) {
			t.Errorf("%v %v", list, err)
		}
	}
}

func TestClockAndFirmware(t *testing.T) {
	t.Parallel()
	p := &peer{offset: -3 * time.Hour}
	s, _ := opened(t, p, false)
	clock, err := s.Clock(t.Context())
	if off := clock.Sub(time.Now().UTC().Add(-8 * time.Hour)).Abs(); err != nil || off > time.Minute || clock.Location() != time.UTC {
		t.Errorf("%v: %v", clock, err)
	}
	version, built, err := s.Firmware(t.Context())
	if err != nil || version != "4.0" || built.Format(time.DateOnly) != "2020-11-17" {
		t.Errorf("%q %v: %v", version, built, err)
	}
	p.answers = map[string]http.HandlerFunc{
		"GetDeviceInformation": p.says("GetDeviceInformation", `<odd:FirmwareVersion>8.71.0066</odd:FirmwareVersion>`),
		"GetSystemDateAndTime": p.says("GetSystemDateAndTime", `<odd:SystemDateAndTime><sch:TimeZone><sch:TZ>EST5EDT</sch:TZ></sch:TimeZone>`+dateTime("UTCDateTime", time.Now())+`</odd:SystemDateAndTime>`),
	}
	if version, _, err = s.Firmware(t.Context()); !errors.Is(err, rekey.ErrUnsupported) || version != "8.71.0066" {
		t.Errorf("%q: %v", version, err)
	}
	if _, err := s.Clock(t.Context()); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	for tz, want := range map[string]string{"UTC5:0": "-5h0m0s", "BRT3": "-3h0m0s", "CST-8": "8h0m0s", "<+0530>-5:30:00": "5h30m0s", "GMT0": "0s", "EST5EDT": "", "EST5EDT,M3.2.0,M11.1.0": "", "Europe/Rome": "", "": ""} {
		ahead, ok := zoneOf(tz)
		if got := ahead.String(); ok != (want != "") || (ok && got != want) {
			t.Errorf("%q: %v %v", tz, ahead, ok)
		}
	}
}

func TestPoliciesThatAreNotTold(t *testing.T) {
	t.Parallel()
	p := &peer{}
	s, b := opened(t, p, false)
	if _, err := s.PasswordRule(t.Context()); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := s.LockPolicy(t.Context()); !errors.Is(err, rekey.ErrUnsupported) || strings.Contains(err.Error(), "warns") {
		t.Error(err)
	}
	p.answers = map[string]http.HandlerFunc{
		"GetServiceCapabilities":             p.says("GetServiceCapabilities", `<odd:Capabilities><odd:Security><odd:SecurityPolicies>PasswordComplexity,AuthFailureWarnings</odd:SecurityPolicies><odd:MaxPasswordLength>28</odd:MaxPasswordLength></odd:Security></odd:Capabilities>`),
		"GetAuthFailureWarningConfiguration": p.says("GetAuthFailureWarningConfiguration", `<odd:Enabled>true</odd:Enabled><odd:MonitorPeriod>60</odd:MonitorPeriod><odd:MaxAuthFailures>10</odd:MaxAuthFailures>`),
	}
	if rule, err := s.PasswordRule(t.Context()); err != nil || rule != (rekey.PasswordRule{Max: 28}) {
		t.Errorf("%+v: %v", rule, err)
	}
	// A warning is no lock: the budget must not take it for one.
	if policy, err := s.LockPolicy(t.Context()); !errors.Is(err, rekey.ErrUnsupported) || policy != (rekey.LockPolicy{}) || !strings.Contains(err.Error(), "warns of 10 failures within 60 seconds") {
		t.Errorf("%+v: %v", policy, err)
	}
	if b.spent != 1 {
		t.Errorf("%+v", b)
	}
}

// searcher is Profile G: pages of results and the state that goes with each.
type searcher struct {
	*peer
	pages []string // the inner of ResultList, one answer each; the last is repeated
	ended int
	next  int
}

func newSearcher(pages ...string) *searcher {
	f := &searcher{peer: &peer{}, pages: pages}
	p := f.peer
	p.answers = map[string]http.HandlerFunc{
		"GetServices": p.says("GetServices", `<odd:Service><odd:Namespace>http://www.onvif.org/ver10/search/wsdl</odd:Namespace><odd:XAddr>http://10.0.0.9:8999/onvif/search%5Fservice?x=1</odd:XAddr></odd:Service>`),
		"FindRecordings": func(w http.ResponseWriter, r *http.Request) {
			if r.RequestURI != "/onvif/search%5Fservice?x=1" {
				p.t.Errorf("searched at %s", r.RequestURI)
			}
			p.says("FindRecordings", `<q:SearchToken xmlns:q="x">S&amp;1</q:SearchToken>`)(w, r)
		},
		"EndSearch": func(w http.ResponseWriter, r *http.Request) { f.ended++; p.says("EndSearch", "")(w, r) },
		"GetRecordingSearchResults": func(w http.ResponseWriter, r *http.Request) {
			if q := reads(p.t, r).Body.Operation; q.SearchToken != "S&1" || q.MaxResults != pageSize {
				p.t.Errorf("%+v", q)
			}
			page := f.pages[min(f.next, len(f.pages)-1)]
			f.next++
			if page == "fault" {
				p.fault(w, 400, "no such search", "Sender", "InvalidArgVal", "InvalidToken")
				return
			}
			p.says("GetRecordingSearchResults", "<odd:ResultList>"+page+"</odd:ResultList>")(w, r)
		},
	}
	return f
}

func state(s string) string { return "<sch:SearchState>" + s + "</sch:SearchState>" }

func recording(token, source, start, end string) string {
	return `<sch:RecordingInformation><sch:RecordingToken>` + token + `</sch:RecordingToken><sch:Source><sch:SourceId>` + source + `</sch:SourceId><sch:Name>n</sch:Name></sch:Source>` +
		`<sch:EarliestRecording>` + start + `</sch:EarliestRecording><sch:LatestRecording>` + end + `</sch:LatestRecording></sch:RecordingInformation>`
}

func full() string {
	var b strings.Builder
	for i := range pageSize {
		b.WriteString(recording(fmt.Sprint("T", i), "ch1", "2026-01-02T06:00:00Z", "2026-01-02T07:00:00Z"))
	}
	return b.String()
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	one := recording("A", "ch2", "2026-01-02T05:30:00Z", "2026-01-02T06:30:00.5Z")
	for name, tc := range map[string]struct {
		pages []string
		want  []string
		kind  error
	}{
		"one page":           {pages: []string{state("Completed") + one + recording("B", "ch10", "2026-01-02T13:00:00+01:00", "2026-01-02T13:30:00+01:00")}, want: []string{"1 00:30 01:30 A", "2 07:00 07:30 B"}},
		"none":               {pages: []string{state("Completed")}},
		"slowly":             {pages: []string{state("Queued"), state("Searching"), state("Unknown") + one, state("Searching") + one, state("Completed")}, want: []string{"1 00:30 01:30 A"}},
		"outside and empty":  {pages: []string{state("Completed") + one + recording("C", "ch3", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z") + recording("D", "ch4", "", "")}, want: []string{"1 00:30 01:30 A"}},
		"full and over":      {pages: []string{state("Completed") + full(), "fault"}, want: slices.Repeat([]string{"*"}, pageSize)},
		"full twice":         {pages: []string{state("Completed") + full(), state("Completed") + one}, want: slices.Repeat([]string{"*"}, pageSize+1)},
		"never ends":         {pages: []string{state("Searching") + one}, kind: rekey.ErrUnreachable},
		"fault":              {pages: []string{state("Searching") + one, "fault"}, kind: rekey.ErrInput},
		"odd time":           {pages: []string{state("Completed") + recording("A", "c", "yesterday", "today")}, kind: rekey.ErrUnreachable},
		"no token":           {pages: []string{state("Completed") + recording("", "c", "2026-01-02T05:30:00Z", "2026-01-02T05:30:00Z")}, kind: rekey.ErrUnreachable},
		"unprintable token":  {pages: []string{state("Completed") + recording("a&#x202E;b", "c", "2026-01-02T05:30:00Z", "2026-01-02T05:30:00Z")}, kind: rekey.ErrUnreachable},
		"endless token":      {pages: []string{state("Completed") + recording(strings.Repeat("x", 999), "c", "2026-01-02T05:30:00Z", "2026-01-02T05:30:00Z")}, kind: rekey.ErrUnreachable},
		"more than asked of": {pages: []string{state("Completed") + strings.Repeat(full(), 5), state("Completed")}, want: slices.Repeat([]string{"*"}, pageSize)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newSearcher(tc.pages...)
			s, _ := opened(t, f.peer, false)
			var got []string
			day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
			err := s.Recordings(t.Context(), day, day.Add(24*time.Hour), func(r rekey.Recording) error {
				got = append(got, fmt.Sprint(r.Channel, r.Start.Format(" 15:04 "), r.End.Format("15:04 "), r.Path[:strings.IndexByte(r.Path, '@')]))
				return nil
			})
			if len(tc.want) > 0 && tc.want[0] == "*" {
				tc.want = got[:min(len(got), len(tc.want))]
			}
			if !errors.Is(err, tc.kind) || !slices.Equal(got, tc.want) {
				t.Errorf("%q: %v", got, err)
			}
			if f.ended != 1 {
				t.Errorf("the search was ended %d times", f.ended)
			}
		})
	}
}

func TestRecordingsEnd(t *testing.T) {
	t.Parallel()
	f := newSearcher(state("Completed") + full())
	s, _ := opened(t, f.peer, false)
	stop := errors.New("enough")
	n := 0
	err := s.Recordings(t.Context(), time.Time{}, time.Now().AddDate(1, 0, 0), func(rekey.Recording) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 || f.ended != 1 {
		t.Errorf("%v after %d, ended %d times", err, n, f.ended)
	}
	none, _ := opened(t, &peer{}, false)
	if err := none.Recordings(t.Context(), time.Time{}, time.Now(), func(rekey.Recording) error { return nil }); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
}

// FuzzSession reads answers as a session does.
func FuzzSession(f *testing.F) {
	for _, inner := range []string{protocolList, "<User><Username>a</Username><UserLevel>User</UserLevel></User>", "<ResultList>" + state("Completed") + recording("A", "c", "2026-01-02T05:30:00Z", "2026-01-02T05:30:00Z") + "</ResultList>",
		`<Capabilities><Security MaxPasswordLength="20" SecurityPolicies="PasswordComplexity"/></Capabilities>`, "<MinLen>8</MinLen><Uppercase>99999999</Uppercase>",
		`<SystemDateAndTime><TimeZone><TZ>UTC99:99</TZ></TimeZone>` + dateTime("UTCDateTime", time.Unix(0, 0)) + `</SystemDateAndTime>`} {
		f.Add([]byte("<e:Envelope><e:Body><e:XResponse>" + inner + "</e:XResponse></e:Body></e:Envelope>"))
	}
	f.Add([]byte("<Envelope><Body><Fault><Code><Value>Sender</Value><Subcode><Value>a:NotAuthorized</Value></Subcode></Code><Reason><Text>locked 99999 minutes, 0 attempts</Text></Reason></Fault></Body></Envelope>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		q := ofDevice("X", "")
		q.long = true
		told, err := q.answer(transport.Response{Status: 400, Body: body})
		var refused *fault
		if errors.As(err, &refused) {
			e := refused.login("admin")
			if e.TriesLeft < -1 || e.LockedFor < 0 || strings.ContainsAny(e.Error(), "\n\x1b") {
				t.Errorf("%+v", e)
			}
			refused.without(secret("Fuzzed-Secret1"))
			if strings.Contains(refused.Error(), "Fuzzed-Secret1") {
				t.Error("a password is in the error")
			}
			return
		}
		if err != nil {
			return
		}
		readAll(t, told)
	})
}

func readAll(t *testing.T, told *element) {
	t.Helper()
	if users, err := usersOf(told); (err == nil) != (len(users) > 0) {
		t.Errorf("%v %v", users, err)
	}
	list, err := protocolsOf(told)
	for _, p := range list {
		if err == nil && (p.port() < 0 || p.port() > 65535 || strings.ContainsAny(p.service(), "\n\x1b")) {
			t.Errorf("%+v", p)
		}
	}
	page, listed, _, err := pageOf(told)
	if err == nil && len(page) > listed {
		t.Error("more than it lists")
	}
	for _, f := range page {
		if f.token == "" || strings.ContainsAny(f.token, "\n\x1b") || len(sourcesOf(page)) == 0 {
			t.Errorf("%+v", f)
		}
	}
	var c complexity
	c.read(told)
	c.max = securityOf(told).maxPassword
	if c.min < 0 || c.max < 0 || strings.Contains(c.refuses("admin", "Fuzzed-Secret1"), "Fuzzed") {
		t.Errorf("%+v", c)
	}
	if wall, ok := wallOf(told); ok && wall.Location() != time.UTC {
		t.Error(wall)
	}
	if strings.ContainsAny(warning(told), "\n\x1b") {
		t.Error("unprintable")
	}
}
