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

func (v verdict) reboot() bool { return v.code == codeReboot || v.sub == "rebootrequired" }

// locked: the words name a lock of the account or the address.
func (v verdict) locked() bool { return strings.Contains(v.sub, "lock") }

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
	return fmt.Sprintf("%v: %s refused %s: %s", e.kind, e.host, e.what, why)
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

// phrase is what a recorder said to a request that carries a new password: known
// words only, because an answer may repeat the request.
func phrase(v verdict) string {
	known := []string{"riskPassword", "badXmlContent", "badXmlFormat", "badParameters", "MessageParametersLack", "notSupport", "methodNotAllowed",
		"lowPrivilege", "noPermission", "notActivated", "deviceBusy", "deviceError", "invalidOperation", "rebootRequired", "loginPasswordError"}
	if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, v.sub) }); i >= 0 {
		return known[i]
	}
	if v.code != 0 {
		return fmt.Sprintf("statusCode %d", v.code)
	}
	return ""
}
