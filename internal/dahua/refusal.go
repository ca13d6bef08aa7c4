package dahua

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// Codes of the JSON RPC. Others are told in numbers.
const (
	codeChallenge      = 268632079
	codeUserOrPassword = 268632085
	codeLocked         = 268632081
	codeNotInitialised = 268632086
	codeUser           = 268632070
	codePassword       = 268632071
	codeBlackList      = 268632073
	codeInUse          = 268632074
	codeBusy           = 268632075
	codeSessionLimit   = 486
	codeNoInterface    = 268632064
	codeParse          = 268894208
	codeRequest        = 268894209
	codeNoMethod       = 268894210
	codeParameter      = 268894211
	codeInternal       = 268894212
	codeNoCode         = 268959743
	codeAuthority      = 285278249
	codeNoData         = 285409284
	codeNoSession      = 287637504
	codeNoSession2     = 287637505
	codeClearPassword  = 611
)

// refusedError is a clear no to one request: nothing was done.
type refusedError struct {
	kind   error
	host   string
	what   string
	said   string
	code   int64
	advice string // what to do; empty: by the code
}

// Error says who refused what, and why.
func (e *refusedError) Error() string {
	why := e.said
	if e.code != 0 {
		why = strings.TrimSpace(fmt.Sprintf("%s (code %d)", why, e.code))
	}
	if why == "" {
		why = "no reason given"
	}
	return fmt.Sprintf("%v: %s refused %s: %s%s", e.kind, e.host, e.what, why, e.hint())
}

func (e *refusedError) hint() string {
	if e.advice != "" {
		return "; " + e.advice
	}
	switch e.code {
	case codeNotInitialised:
		return "; " + adviceSetup
	case codeNoSession, codeNoSession2:
		return "; the login has ended, log in again"
	case codeBusy, codeSessionLimit, codeInUse:
		return "; " + adviceFull
	case codeBlackList:
		return "; this address is on its black list: take it off there, or come from another address"
	}
	return ""
}

// What to do about refusals that say nothing against a password.
const (
	adviceSetup  = "it has no password yet: do its first set-up first, at its monitor or in its web page"
	adviceFull   = "nothing was said against the password, too many are logged in: log out other users and apps, wait a minute and run again"
	adviceBanned = "this address is banned or kept out by its filter, or an account is locked: stop every client that logs in by itself, wait 30 minutes without any login, or come from another address"
	adviceNonce  = "nothing was said against the password: its login is confused, or something between rewrites it; wait a minute, restart the recorder if it stays so, and run again"
)

// sessionOver reports whether there is no session any more to log out of.
func sessionOver(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused) && (refused.code == codeNoSession || refused.code == codeNoSession2)
}

// Unwrap returns the kind.
func (e *refusedError) Unwrap() error { return e.kind }

// oddAnswer is an answer that cannot be understood. What was asked for may have
// been done. It wraps rekey.ErrUnreachable.
type oddAnswer struct{ host, what, why string }

// Error says what was odd.
func (e *oddAnswer) Error() string {
	return fmt.Sprintf("%v: %s gave no usable answer to %s: %s", rekey.ErrUnreachable, e.host, e.what, e.why)
}

// Unwrap returns rekey.ErrUnreachable.
func (e *oddAnswer) Unwrap() error { return rekey.ErrUnreachable }

// refusal turns an answer that is a no into an error.
func (a reply) refusal(host, method string) error {
	return &refusedError{kind: kindOf(a.Code), host: host, what: method, said: clean(a.Message), code: a.Code}
}

func kindOf(code int64) error {
	switch code {
	case codeNoMethod, codeNoInterface, codeClearPassword:
		return rekey.ErrUnsupported
	case codeNoSession, codeNoSession2, codeNotInitialised, codeBusy, codeSessionLimit, codeInUse:
		return rekey.ErrConflict
	case codeLocked, codeBlackList:
		return rekey.ErrLocked
	case codeParse, codeRequest, codeParameter:
		return rekey.ErrInput
	case codeInternal:
		return rekey.ErrUnreachable
	}
	return rekey.ErrDenied
}

// noLogin is a refusal of a login that is not about the password, and must not
// look like one: nothing was learnt of the password.
func (a reply) noLogin(host, what string) error {
	kind := kindOf(a.Code)
	switch a.Code {
	case codeNotInitialised, codeNoSession, codeNoSession2, codeBlackList, codeNoMethod, codeNoInterface, codeClearPassword,
		codeBusy, codeSessionLimit, codeInUse:
	case codeAuthority: // ErrDenied, but of a right: it is no LoginError
	default:
		kind = rekey.ErrUnreachable
	}
	return &refusedError{kind: kind, host: host, what: what, said: heard(a.Message), code: a.Code}
}

// loginRefusal reads a refused RPC login; nil when the code is neither about the
// account or the password nor about a lock.
func (a reply) loginRefusal(account string) *rekey.LoginError {
	e := &rekey.LoginError{Kind: rekey.ErrDenied, Interface: rekey.InterfaceRPC2, Account: account, TriesLeft: -1, Said: heard(a.Message)}
	var told struct {
		Left   *json.Number `json:"remainLoginTimes"`
		Locked *json.Number `json:"remainLockSecond"`
		Error  string       `json:"error"`
	}
	if json.Unmarshal(a.Params, &told) == nil {
		e.TriesLeft, e.LockedFor = number(told.Left, -1), time.Duration(max(number(told.Locked, 0), 0))*time.Second
		if e.Said == "" {
			e.Said = heard(told.Error)
		}
	}
	switch a.Code {
	case codeLocked:
		e.Kind = rekey.ErrLocked
	case codeUserOrPassword, codeUser, codePassword, http.StatusBadRequest, http.StatusUnauthorized:
		if e.LockedFor > 0 {
			e.Kind = rekey.ErrLocked // this try was the one that locked it
		}
	default:
		return nil
	}
	return e
}

func number(n *json.Number, missing int) int {
	if n == nil {
		return missing
	}
	v, err := n.Int64()
	if err != nil || v < -1 || v > 1<<31-1 {
		return missing
	}
	return int(v)
}

// cgiRefusal reads an HTTP answer that is not the wanted one. Signed 401s are
// read by cgi.get, which knows that a password was sent.
func cgiRefusal(host, what string, status int, body []byte) error {
	return refusalSaying(host, what, status, heard(string(body)))
}

func refusalSaying(host, what string, status int, said string) error {
	e := &refusedError{kind: rekey.ErrInput, host: host, what: what, said: said}
	switch {
	case status == http.StatusNotFound, status == http.StatusNotImplemented, status == http.StatusMethodNotAllowed:
		e.kind, e.said = rekey.ErrUnsupported, fmt.Sprintf("not in this firmware (HTTP status %d)", status)
	case status == http.StatusUnauthorized, strings.Contains(said, "Authori"):
		e.kind = rekey.ErrDenied
	case status == http.StatusForbidden:
		e.kind = rekey.ErrDenied
	case strings.Contains(said, "getting param"), strings.Contains(said, "Invalid Request"):
		e.kind = rekey.ErrUnsupported
	case status >= 500:
		return &oddAnswer{host: host, what: what, why: fmt.Sprintf("HTTP status %d", status)}
	}
	return e
}

// lockState reads the body of a 403: {"ErrorCode":268632081,"RmLock":1800,"RmLogin":0}.
// One that tells nothing is taken for a lock.
func lockState(account string, body []byte, said string) *rekey.LoginError {
	e := &rekey.LoginError{Kind: rekey.ErrLocked, Interface: rekey.InterfaceCGI, Account: account, TriesLeft: -1, Said: said}
	var told struct {
		Lock  *json.Number `json:"RmLock"`
		Login *json.Number `json:"RmLogin"`
	}
	if json.Unmarshal(body, &told) != nil {
		return e
	}
	e.TriesLeft, e.LockedFor = number(told.Login, -1), time.Duration(max(number(told.Lock, 0), 0))*time.Second
	if e.LockedFor == 0 && e.TriesLeft > 0 {
		e.Kind = rekey.ErrDenied
	}
	return e
}

// tellsLock reports whether a 403 tells of a lock, and is not just a 403.
func tellsLock(body []byte) bool {
	var told struct {
		Lock *json.Number `json:"RmLock"`
	}
	return toldCode(body) == codeLocked || (json.Unmarshal(body, &told) == nil && number(told.Lock, 0) > 0)
}

// shutOut is a 403 to a request without a login that tells no more.
func shutOut(host, what, said string) error {
	return &refusedError{kind: rekey.ErrLocked, host: host, what: what, said: strings.TrimSpace(said + " (HTTP 403 to a request without a login)"), advice: adviceBanned}
}

// signedRefusal reads the HTTP answer to a request that carried a password; nil:
// it says nothing against the password.
func signedRefusal(account string, status int, body []byte, said string) *rekey.LoginError {
	switch {
	case status == http.StatusUnauthorized:
		e := lockState(account, body, said)
		if e.LockedFor == 0 && toldCode(body) != codeLocked {
			e.Kind = rekey.ErrDenied
		}
		return e
	case status == http.StatusForbidden && !admits(status, body):
		return lockState(account, body, said)
	}
	return nil
}

// admits reports whether an HTTP answer to a request that carried a password is
// one that nobody gets whose password is wrong. A right that is missing is told,
// and a request of the CGI understood or not, behind the login alone.
func admits(status int, body []byte) bool {
	const most = 4 << 10
	text := string(bytes.TrimSpace(body[:min(len(body), most)]))
	switch status {
	case http.StatusOK:
		return !strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(text, saidError)), saidNoLogin)
	case http.StatusBadRequest:
		return strings.HasPrefix(text, saidError) && !strings.Contains(text, saidNoLogin)
	case http.StatusForbidden:
		return strings.Contains(text, "Authority:check failure") || strings.Contains(text, "Authorization Failed!")
	}
	return false
}

// toldCode is the code of the family in the body of an HTTP refusal; 0: none.
func toldCode(body []byte) int64 {
	var told struct {
		Code  json.Number `json:"ErrorCode"`
		Error struct {
			Code json.Number `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &told) != nil {
		return 0
	}
	if code, err := told.Code.Int64(); err == nil {
		return code
	}
	code, err := told.Error.Code.Int64()
	if err != nil {
		return 0
	}
	return code
}

// crowded are words of a refusal because of too many logins.
var crowded = regexp.MustCompile(`(?i)(too many|maximum|max\.?) (connections?|sessions?|users?|logins?)|(connection|session|user|login)s? (limit|exceed|full)|resource is limited`)

// full reports whether a refusal is about the number of logins, not the password.
func full(status int, body []byte) bool {
	const most = 4 << 10
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable:
	default:
		return false
	}
	switch toldCode(body) {
	case codeBusy, codeSessionLimit, codeInUse:
		return true
	}
	return crowded.Match(body[:min(len(body), most)])
}

// lacks reports whether RPC2, or the method of it, is not in this firmware.
func lacks(err error) bool {
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.code == codeNoMethod || refused.code == codeNoInterface
	}
	return errors.Is(err, errNoRPC)
}

// afterSend reports whether the recorder may have done what it was asked although err came.
func afterSend(err error) bool {
	var odd *oddAnswer
	var refused *refusedError
	var moved *transport.RedirectError
	switch {
	case errors.As(err, &refused):
		return refused.code == codeInternal
	case errors.As(err, &odd), errors.As(err, &moved):
		return true
	}
	return transport.MaybeSent(err)
}

// clean shortens what a recorder said to one printable line, for errors.
func clean(s string) string {
	if s = transport.Printable(s); strings.HasPrefix(s, "<") {
		return "a web page"
	}
	return s
}

// hashes are as long as a login's; a recorder that repeats one gives away what
// the password can be guessed from.
var hashes = regexp.MustCompile(`[0-9A-Fa-f]{16,}`)

// heard is clean for an answer to a request that carried a login.
func heard(s string) string {
	const most = 4 << 10
	return clean(hashes.ReplaceAllString(s[:min(len(s), most)], "(hash)"))
}

// phrase is what a recorder said to a request that carries a password: only
// words that are known from recorders, because the answer may repeat the request.
func phrase(body []byte) string {
	text := strings.Join(strings.Fields(string(body)), " ")
	switch text {
	case saidError:
		return text
	case saidError + " " + saidBadRequest:
		return saidBadRequest
	}
	for _, known := range []string{saidTooWeak, "Authority:check failure.", "Authorization Failed!", saidNoLogin, "Invalid Request!"} {
		if strings.Contains(text, known) {
			return known
		}
	}
	return ""
}

const (
	saidBadRequest = "Bad Request!"
	saidTooWeak    = "Password Too Weak!"
	saidNoLogin    = "Invalid Authority!"
	saidError      = "Error"
)
