package faces

import (
	"crypto/sha1" // #nosec G505 -- what the profile uses
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func oneKey() *Keys {
	return NewKeys(5, Account{"admin", "Old-Pass1", "Administrator"})
}

// asked sends a request and tells the answer's status and body.
func asked(t *testing.T, method, url, body, authorization string) (int, string, http.Header) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		q.Header.Set("Authorization", authorization)
	}
	res, err := client(t).Do(q)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer func() { _ = res.Body.Close() }()
	all, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(all), res.Header
}

func token(password, nonce string, made time.Time) string {
	created := made.UTC().Format("2006-01-02T15:04:05.000Z")
	sum := sha1.Sum([]byte(nonce + created + password)) // #nosec G401 -- what the profile uses
	return fmt.Sprintf(`<Header><Security><UsernameToken><Username>admin</Username><Password Type="x#PasswordDigest">%s</Password><Nonce>%s</Nonce><Created>%s</Created></UsernameToken></Security></Header>`,
		base64.StdEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString([]byte(nonce)), created)
}

// What a client does wrong with a token is seen, or nobody could say that it did not.
func TestTokensAreJudged(t *testing.T) {
	t.Parallel()
	const ahead = 3 * time.Hour
	k := oneKey()
	b := started(t, (&ONVIFBox{Keys: k, Login: ByToken, Ahead: ahead}).Face())
	for _, tc := range []struct {
		password, nonce string        // of the token; no nonce: none
		off             time.Duration // between its clock and the true one
		body            string
		want, fault     string
	}{
		{body: "<GetUsers/>", want: "NotAuthorized"},
		{body: "<GetSystemDateAndTime/>", want: "UTCDateTime"},
		{"Old-Pass1", "n1", ahead, "<GetUsers/>", "<tt:Username>admin", ""},
		{"Old-Pass1", "n1", ahead, "<GetUsers/>", "You still have 4 attempt(s)", "a nonce sent twice"},
		{"Old-Pass1", "n2", 0, "<GetUsers/>", "You still have 3 attempt(s)", "made at another time"},
		{"wrong-Pass1", "n3", ahead, "<GetUsers/>", "You still have 2 attempt(s)", ""},
		{"Old-Pass1", "n4", ahead, "<SetUser><User><Username>admin</Username><Password>aa</Password><UserLevel>Administrator</UserLevel></User></SetUser>", "PasswordTooWeak", "in the clear"},
		{"Old-Pass1", "n5", ahead, "<SetUser><User><Username>admin</Username><UserLevel>Administrator</UserLevel></User></SetUser>", "SetUserResponse", "without a password"},
		{"", "n6", ahead, "<GetUsers/>", "<tt:Username>admin", ""},
	} {
		head := ""
		if tc.nonce != "" {
			head = token(tc.password, tc.nonce, time.Now().Add(tc.off)) // it is good for five seconds
		}
		before := len(k.Faults())
		_, got, _ := asked(t, http.MethodPost, "http://"+b.at(b.Ports.HTTP)+"/onvif/device_service", "<Envelope>"+head+"<Body>"+tc.body+"</Body></Envelope>", "")
		faults := strings.Join(k.Faults()[before:], "; ")
		if !strings.Contains(got, tc.want) || (tc.fault == "") != (faults == "") || !strings.Contains(faults, tc.fault) {
			t.Errorf("%s: want %q, fault %q; got %q: %s", tc.body, tc.want, tc.fault, faults, got)
		}
	}
	if len(k.Wrong()) != 3 {
		t.Errorf("%+v", k.Wrong())
	}
}

// The lock is one for all doors, and a right password does not open it.
func TestDigestsAreJudged(t *testing.T) {
	t.Parallel()
	k := oneKey()
	b := started(t, (&HikvisionBox{Keys: k}).Face())
	plain, safe := "http://"+b.at(b.Ports.HTTP), "https://"+b.at(b.Ports.HTTPS)
	const path = "/ISAPI/Security/userCheck"
	sign := func(base, password string) string {
		_, _, h := asked(t, http.MethodGet, base+path, "", "")
		p, _ := digestParams(h.Get("WWW-Authenticate"))
		g := &guard{realm: hikRealm}
		p["username"], p["uri"], p["nc"], p["cnonce"] = "admin", path, "00000001", "c"
		return fmt.Sprintf(`Digest username="admin", realm=%q, nonce=%q, uri=%q, qop=auth, nc=00000001, cnonce="c", response=%q`, hikRealm, p["nonce"], path, g.response(p, http.MethodGet, password))
	}
	right := sign(plain, "Old-Pass1")
	if status, body, _ := asked(t, http.MethodGet, plain+path, "", right); status != http.StatusOK || !strings.Contains(body, "<statusValue>200<") {
		t.Errorf("%d %s", status, body)
	}
	if status, _, h := asked(t, http.MethodGet, plain+path, "", right); status != http.StatusUnauthorized || !strings.Contains(h.Get("WWW-Authenticate"), `stale="TRUE"`) || len(k.Wrong()) != 0 {
		t.Errorf("the same again: %d, %+v", status, k.Wrong())
	}
	for n := range 5 {
		base := []string{plain, safe}[n%2]
		_, body, _ := asked(t, http.MethodGet, base+path, "", sign(base, "wrong-Pass1"))
		if !strings.Contains(body, fmt.Sprintf("<retryLoginTime>%d<", 4-n)) {
			t.Errorf("try %d: %s", n+1, body)
		}
	}
	if _, body, _ := asked(t, http.MethodGet, safe+path, "", sign(safe, "Old-Pass1")); !strings.Contains(body, "<lockStatus>lock<") || !strings.Contains(body, "<unlockTime>1800<") {
		t.Errorf("locked: %s", body)
	}
}

// Troubles are what they are called.
func TestTroubles(t *testing.T) {
	t.Parallel()
	for what, tc := range map[Trouble]struct {
		answered bool
		password string
	}{
		CutBefore: {false, "Old-Pass1"}, CutAfter: {false, "New-Pass2"}, Doubled: {true, "New-Pass2"}, FallBack: {true, "Old-Pass1"}, CutBack: {false, "Old-Pass1"},
	} {
		k := oneKey()
		b := started(t, (&ONVIFBox{Keys: k, Login: ByToken}).Face())
		k.Trouble(1, what)
		status, _, _ := asked(t, http.MethodPost, "https://"+b.at(b.Ports.HTTPS)+"/onvif/device_service", "<Envelope>"+token("Old-Pass1", "n", time.Now())+
			"<Body><SetUser><User><Username>admin</Username><Password>New-Pass2</Password><UserLevel>Administrator</UserLevel></User></SetUser></Body></Envelope>", "")
		if (status == http.StatusOK) != tc.answered || !k.Is("admin", tc.password) || k.Requests() != 1 || len(k.Faults()) != 0 {
			t.Errorf("%s: status %d, %d requests, %q", what, status, k.Requests(), k.Faults())
		}
	}
}
