package desk_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rekey/recovery"
)

// TestPageBehindTheQRCode: the owner's telephone follows the code, in whatever
// letter case, and so does what makes previews of links. There is a page with
// the text for the agent; nothing happens, and nothing is told.
func TestPageBehindTheQRCode(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	ch := b.challenge(t, recovery.PurposePassword)
	nobody := newBrowse(t, p.serve(), "")
	host := strings.ToUpper(strings.TrimPrefix(nobody.base, "http://"))
	q, err := b.keys.SignQR(recovery.QR{Desk: host, DeviceID: b.id, Challenge: ch})
	if err != nil {
		t.Fatal(err)
	}
	text, err := q.Text()
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(text, "HTTPS://"+host)
	before := len(p.events())
	for _, path := range []string{path, strings.ToLower(path)} {
		status, body := nobody.send("GET", path, "", "")
		if status != http.StatusOK || !strings.Contains(body, text) || !strings.Contains(body, "agent") {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
		for _, told := range []string{"N841", "ND000000000001", "Petra"} {
			if strings.Contains(body, told) {
				t.Errorf("the page tells %q to whoever has the code", told)
			}
		}
	}
	if got := len(p.events()); got != before+1 { // looking into the log is one
		t.Errorf("%d records were written", got-before-1)
	}
	c := p.openCase(ann(), b, "+49301")
	if _, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, "E1", "", text); err != nil {
		t.Errorf("the text that the page shows is no evidence: %v", err)
	}
	for _, bad := range []string{"/R/1", "/R/" + strings.Repeat("x", 300), path[:len(path)-1], "/R/2." + path[5:], "/r/%3Cscript%3E"} {
		if status, body := nobody.send("GET", bad, "", ""); status != http.StatusBadRequest || !strings.Contains(body, "scan it again") || strings.Contains(body, "<script>") {
			t.Errorf("GET %.40s: %d %s", bad, status, body)
		}
	}
	if status, _ := nobody.send("POST", path, "text/plain", ""); status == http.StatusOK {
		t.Error("it takes a POST")
	}
}

// TestStrictTransport: who came over TLS once comes in no other way again.
func TestStrictTransport(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := httptest.NewTLSServer(p.desk.Handler())
	t.Cleanup(s.Close)
	if s.TLS.MinVersion > tls.VersionTLS13 {
		t.Fatal("no TLS")
	}
	for base, want := range map[string]string{s.URL: "max-age=63072000", p.serve(): ""} {
		res, err := s.Client().Get(base + "/login")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Strict-Transport-Security"); got != want {
			t.Errorf("%s: %q, want %q", base[:5], got, want)
		}
	}
}
