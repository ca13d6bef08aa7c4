package hikvision

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// Values of statusCode in a ResponseStatus.
const (
	codeOK          = 1
	codeBusy        = 2
	codeDeviceError = 3
	codeOperation   = 4
	codeFormat      = 5
	codeContent     = 6
	codeReboot      = 7
)

// verdict is a ResponseStatus.
type verdict struct {
	code int    // statusCode; 0 when not told
	sub  string // subStatusCode, lower case
	said string // the words, fit to be shown
	// wantsLogin: it misses the caller's own password beside the new one.
	wantsLogin bool
}

// verdictOf reads a ResponseStatus; false when the body is none.
func verdictOf(body []byte) (verdict, bool) {
	doc, err := parse(body)
	if err != nil || !doc.root.is("ResponseStatus") {
		return verdict{}, false
	}
	r := doc.root
	v := verdict{sub: strings.ToLower(r.value("subStatusCode"))}
	v.code, _ = r.number(1<<16, "statusCode")
	words := []string{}
	for _, name := range []string{"statusString", "subStatusCode", "errorMsg"} {
		if w := r.value(name); w != "" {
			words = append(words, w)
		}
	}
	v.said = heard(strings.Join(words, ", "))
	about := v.sub + " " + strings.ToLower(r.value("errorMsg"))
	v.wantsLogin = strings.Contains(about, "loginpassword")
	return v, v.code != 0 || v.sub != "" || v.said != ""
}

func (v verdict) ok() bool { return v.code == codeOK || (v.code == 0 && v.sub == "ok") }

// behindLogin: the words are told only to those whose password was right.
func (v verdict) behindLogin() bool {
	return slices.Contains([]string{"notsupport", "methodnotallowed", "lowprivilege", "nopermission", "invalidoperation", "badxmlcontent", "badxmlformat", "badparameters", "messageparameterslack", "riskpassword"}, v.sub)
}

func (v verdict) reboot() bool { return v.code == codeReboot || v.sub == "rebootrequired" }

// locked: the words name a lock of the account or the address.
func (v verdict) locked() bool {
	return strings.Contains(v.sub, "lock") && !strings.Contains(v.sub, "unlock") || strings.Contains(v.sub, "banned") || strings.Contains(v.sub, "blacklist")
}

// full: the words name a limit of clients or of sessions. They say nothing of the
// password. None of them is documented; firmwares have their own.
func (v verdict) full() bool {
	return slices.ContainsFunc([]string{"maxsession", "maxlink", "maxuser", "toomany", "connectionlimit", "overlimit", "upperlimit", "maximum"}, func(part string) bool { return strings.Contains(v.sub, part) })
}

// refusedError is a clear no to one request: nothing was done.
type refusedError struct {
	kind       error
	host       string
	what       string
	said       string
	wantsLogin bool
}

// Error says who refused what, and why.
func (e *refusedError) Error() string {
	why := e.said
	if why == "" {
		why = "no reason given"
	}
	return fmt.Sprintf("%v: %s refused %s: %s%s", e.kind, e.host, e.what, why, e.hint())
}

// twice: the answer to a second arrival may be the same.
func (e *refusedError) twice() bool { return e.said == saidBusy }

// hint says what to do, where that is known.
func (e *refusedError) hint() string {
	about := strings.ToLower(e.said)
	switch {
	case strings.Contains(about, "riskpassword"):
		return "; the password is too weak for it: take one of 8 to 16 characters with capital and small letters, digits and other characters"
	case strings.Contains(about, "notactivated"):
		return "; it has no password yet: give it one at its own screen or its web page, at once"
	case strings.Contains(about, "lowprivilege"), strings.Contains(about, "nopermission"):
		return "; the account may not do that: log in as an administrator"
	case errors.Is(e.kind, rekey.ErrConflict) && strings.Contains(about, "busy"):
		return "; wait a minute and run again"
	}
	return ""
}

// fullError is a door with no room for another client.
type fullError struct{ host, said string }

// Error says what to do.
func (e *fullError) Error() string {
	return fmt.Sprintf("%v: %s has no room for another client (it said %q), which says nothing of the password; stop other clients (apps, a VMS, other browsers) and run again; a try that it cost stays booked", rekey.ErrConflict, e.host, e.said)
}

// Unwrap returns rekey.ErrConflict.
func (e *fullError) Unwrap() error { return rekey.ErrConflict }

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

// refusal reads an answer that is not the wanted one.
func refusal(host, what string, status int, body []byte) error {
	v, told := verdictOf(body)
	e := &refusedError{host: host, what: what, said: v.said, wantsLogin: v.wantsLogin}
	if !told {
		e.said = fmt.Sprintf("HTTP status %d", status)
	}
	if e.kind = kindOf(status, v); e.kind == nil {
		return &oddAnswer{host: host, what: what, why: e.said}
	}
	return e
}

// kindOf sorts a refusal; nil when it is not clear that nothing was done.
func kindOf(status int, v verdict) error {
	switch v.sub {
	case "notsupport", "methodnotallowed":
		return rekey.ErrUnsupported
	case "riskpassword", "badxmlcontent", "badxmlformat", "badparameters", "messageparameterslack":
		return rekey.ErrInput
	case "notactivated":
		return rekey.ErrConflict
	case "lowprivilege", "nopermission":
		return rekey.ErrDenied
	}
	switch v.code {
	case codeBusy:
		return rekey.ErrConflict
	case codeDeviceError, codeReboot:
		return nil
	case codeFormat, codeContent:
		return rekey.ErrInput
	}
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return rekey.ErrUnsupported
	case http.StatusUnauthorized, http.StatusForbidden:
		return rekey.ErrDenied
	case http.StatusBadRequest:
		return rekey.ErrInput
	}
	if v.code == codeOperation {
		return rekey.ErrInput
	}
	return nil
}

// absent reports whether the recorder has no such thing, or hides it.
func absent(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused) && (errors.Is(err, rekey.ErrUnsupported) || errors.Is(err, rekey.ErrDenied) || errors.Is(err, rekey.ErrInput))
}

// hashes are as long as a login's; a recorder that repeats one gives away what
// the password can be guessed from.
var hashes = regexp.MustCompile(`[0-9A-Fa-f]{16,}`)

// heard is what a recorder said to a request that carried a login, in one
// printable line.
func heard(s string) string {
	const most = 4 << 10
	if s = transport.Printable(hashes.ReplaceAllString(s[:min(len(s), most)], "(hash)")); strings.HasPrefix(s, "<") {
		return "a web page"
	}
	return s
}

// Words of a ResponseStatus that may say nothing of what became of a change.
const (
	saidBusy       = "deviceBusy"
	saidWrongLogin = "loginPasswordError" // the caller's own password is missing or not right
)

// phrase is what a recorder said to a request that carries a new password: known
// words only, because an answer may repeat the request.
func phrase(v verdict) string {
	known := []string{"riskPassword", "badXmlContent", "badXmlFormat", "badParameters", "MessageParametersLack", "notSupport", "methodNotAllowed",
		"lowPrivilege", "noPermission", "notActivated", saidBusy, "deviceError", "invalidOperation", "rebootRequired", saidWrongLogin}
	if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, v.sub) }); i >= 0 {
		return known[i]
	}
	switch v.code {
	case 0:
		return ""
	case codeBusy:
		return saidBusy
	}
	return fmt.Sprintf("statusCode %d", v.code)
}
