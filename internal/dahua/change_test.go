package dahua

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"rekey"
)

// route is one way on which a new password goes to a recorder.
type route struct {
	name string
	peer func(answer http.HandlerFunc) *peer
	set  func(t *testing.T, s *session) error
}

// routes are all of them. The answer to the change is the test's.
func routes() []route {
	setOwn := func(t *testing.T, s *session) error {
		return s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
	}
	byCGI := func(answer http.HandlerFunc) *peer { return &peer{change: answer} }
	return []route{
		{"own by CGI", byCGI, setOwn},
		{"another's by CGI", byCGI, func(t *testing.T, s *session) error {
			return s.ResetPassword(t.Context(), "guard", rekey.NewSecret(newPassword))
		}},
		{"own by RPC2", func(answer http.HandlerFunc) *peer {
			return &peer{
				rpc: map[string]func(call) string{"Security.getEncryptInfo": says(encryptInfoAnswer(recorderKey(), `"RPAC-256"`))},
				raw: map[string]http.HandlerFunc{"Security.modifyPasswordPlain": answer},
			}
		}, setOwn},
	}
}

// sent opens a session, makes the change, and counts how often it was asked for.
func (r route) sent(t *testing.T, answer http.HandlerFunc) (asked int32, b *book, err error) {
	t.Helper()
	var n atomic.Int32
	p := r.peer(func(w http.ResponseWriter, r *http.Request) { n.Add(1); answer(w, r) })
	s, b := opened(t, p, false, AcceptClearPassword())
	err = r.set(t, s)
	return n.Load(), b, err
}

// TestOddAnswerToAChange: whatever is no clear refusal leaves it open whether
// the password was changed, a redirect after the change above all.
func TestOddAnswerToAChange(t *testing.T) {
	t.Parallel()
	with := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, body) }
	}
	answers := map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/"); w.WriteHeader(302) },
		"redirect no one reads": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "nowhere:")
			w.WriteHeader(301)
		},
		"redirect to nowhere": with(302, ""),
		"not modified":        with(304, ""),
		"created":             with(201, ""),
		"no content":          with(204, ""),
		"conflict":            with(409, ""),
		"too many":            with(429, ""),
		"bad gateway":         with(502, "bad gateway"),
		"a page":              with(200, "<html>welcome</html>"),
		"broken JSON":         with(200, `{"result":fal`),
		"maintenance":         with(200, `{"result":false,"error":{"code":268632090,"message":"maintenance"}}`),
		"no reason":           with(200, `{"result":false}`),
		"busy":                with(200, `{"result":false,"error":{"code":268632075,"message":"busy"}}`),
		"a refusal at 500":    with(500, `{"result":false,"error":{"code":268894211,"message":"weak"}}`),
		"broken off":          func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"malformed":           malformed("HTTP/1.1 what\r\n\r\n"),
	}
	for _, r := range routes() {
		for name, answer := range answers {
			t.Run(r.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				asked, _, err := r.sent(t, answer)
				if !errors.Is(err, rekey.ErrUnknown) || asked != 1 {
					t.Errorf("asked %d times: %v", asked, err)
				}
			})
		}
	}
	for _, status := range []int{400, 401, 402, 403, 404, 405, 406, 409, 418, 451, 500, 501, 502, 503, 505} {
		clear := slices.Contains([]int{400, 404, 405, 501}, status) // after 401 and 403 it may have been a second arrival
		_, _, err := routes()[0].sent(t, with(status, ""))
		if err == nil || errors.Is(err, rekey.ErrUnknown) == clear {
			t.Errorf("by CGI, status %d: %v", status, err)
		}
		if clear && errors.Is(err, rekey.ErrUnreachable) {
			t.Errorf("by CGI, status %d is a refusal: %v", status, err)
		}
	}
}

// malformed takes the connection and says no HTTP.
func malformed(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

// TestRecorderRepeatsThePassword: an answer that holds the request, in whatever
// form, gets no password into an error.
func TestRecorderRepeatsThePassword(t *testing.T) {
	t.Parallel()
	both := testPassword + " " + newPassword
	told := strings.Join([]string{both, url.QueryEscape(both), url.PathEscape(both), html.EscapeString(both)}, " ")
	echoes := map[string]func(told string) http.HandlerFunc{
		"malformed":        func(s string) http.HandlerFunc { return malformed("HTTP/1.1 " + s + "\r\n\r\n") },
		"no HTTP":          func(s string) http.HandlerFunc { return malformed(s + "\r\n\r\n") },
		"malformed header": func(s string) http.HandlerFunc { return malformed("HTTP/1.1 200 OK\r\n" + s + "\r\n\r\n") },
		"malformed length": func(s string) http.HandlerFunc {
			return malformed("HTTP/1.1 200 OK\r\nContent-Length: " + s + "\r\n\r\n")
		},
		"redirect": func(s string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://"+testPassword+"/"+s)
				w.WriteHeader(302)
			}
		},
	}
	for _, status := range []int{200, 400, 401, 403, 404, 405, 500, 501} {
		for name, form := range map[string]string{"": "%s", " after Error": "Error\r\n%s", " in JSON": `{"ErrorCode":268632081,"RmLock":60,"RmLogin":0,"said":%q}`} {
			echoes[fmt.Sprint("status ", status, name)] = func(s string) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprintf(w, form, s) }
			}
		}
	}
	for _, code := range []int64{codeUserOrPassword, codeLocked, codeParameter, codeAuthority, codeBusy, 268632090} {
		echoes[fmt.Sprint("code ", code)] = func(s string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				text, _ := json.Marshal(s)
				fmt.Fprintf(w, `{"result":false,"error":{"code":%d,"message":%s},"params":{"error":%s}}`, code, text, text)
			}
		}
	}
	for _, r := range routes() {
		for name, echo := range echoes {
			t.Run(r.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				_, b, err := r.sent(t, echo(told))
				silent(t, err)
				for _, e := range b.refused {
					silent(t, e)
				}
			})
		}
	}
}

// silent holds an error, and what it carries, to tell no password.
func silent(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	var e *rekey.LoginError
	if errors.As(err, &e) {
		text += fmt.Sprintf("%+v", *e)
	}
	for _, secret := range []string{testPassword, newPassword, "n3w-", "p@ss", "p%40ss"} {
		if strings.Contains(text, secret) {
			t.Errorf("a password is in the error: %q", strings.ReplaceAll(text, secret, "<here>"))
		}
	}
}

// TestRecorderRepeatsTheLogin: a login carries no password but a hash to guess it by.
func TestRecorderRepeatsTheLogin(t *testing.T) {
	t.Parallel()
	carried := ""
	p := &peer{rpc: map[string]func(call) string{"second": func(c call) string {
		var told struct{ Password string }
		_ = json.Unmarshal(c.Params, &told)
		carried = told.Password
		return fmt.Sprintf(`{"result":false,"error":{"code":268632085,"message":"no such user with %s"}}`, strings.ToLower(carried))
	}}}
	b := &book{}
	_, err := driver().Open(t.Context(), p.start(t, false), login("guessed"), b)
	var e *rekey.LoginError
	if !errors.As(err, &e) || carried == "" || e.Said != "no such user with (hash)" {
		t.Errorf("%+v: %v", e, err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Digest realm="`+testRealm+`", qop="auth", nonce="abc"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, response, _ := strings.Cut(r.Header.Get("Authorization"), "response=")
		fmt.Fprint(w, "not ", response)
	}))
	t.Cleanup(s.Close)
	at, _ := identityAt(t, s.Listener.Addr().String(), false).Interface(rekey.InterfaceCGI)
	err = driver().Check(t.Context(), at, login("guessed"), b)
	if !errors.As(err, &e) || !strings.HasPrefix(e.Said, `not "(hash)"`) {
		t.Errorf("%+v: %v", e, err)
	}
}

// TestWrongOldPasswordIsBooked: the session was opened with it, somebody changed
// it since, or the change arrived twice, and the recorder has counted the try.
func TestWrongOldPasswordIsBooked(t *testing.T) {
	t.Parallel()
	_, b, err := routes()[2].sent(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"result":false,"error":{"code":268632085,"message":"x"},"params":{"remainLoginTimes":3}}`)
	})
	if !errors.Is(err, rekey.ErrUnknown) || b.spent != 2 || b.given != 1 || len(b.refused) != 1 || b.refused[0].TriesLeft != 3 {
		t.Errorf("%+v: %v", b, err)
	}
}

// TestUnprovedOldPasswordIsBookedWhenItIsSent: a change that is never sent costs no try.
func TestUnprovedOldPasswordIsBookedWhenItIsSent(t *testing.T) {
	t.Parallel()
	p := &peer{rpc: map[string]func(call) string{"Security.getEncryptInfo": says(`{"result":true,"params":{"cipher":["none"],"pub":"N:C5,E:3"}}`)}}
	s, b := opened(t, p, true)
	err := s.SetPassword(t.Context(), rekey.NewSecret("guessed"), rekey.NewSecret(newPassword))
	if !errors.Is(err, rekey.ErrUnsupported) || errors.Is(err, rekey.ErrUnknown) || b.spent != 1 || b.given != 1 {
		t.Errorf("%+v: %v", b, err)
	}
}

// TestUnsentChangeIsUnreachable: what fails before the change is sent changed nothing.
func TestUnsentChangeIsUnreachable(t *testing.T) {
	t.Parallel()
	p := &peer{raw: map[string]http.HandlerFunc{"Security.getEncryptInfo": malformed("no HTTP")}}
	s, _ := opened(t, p, true)
	err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
	if !errors.Is(err, rekey.ErrUnreachable) || errors.Is(err, rekey.ErrUnknown) || !strings.HasSuffix(err.Error(), "nothing was changed") {
		t.Error(err)
	}
}
