package onvif

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// fault is a refusal in the recorder's own words.
type fault struct {
	operation string
	status    int
	soap      bool     // false: only an HTTP status came
	codes     []string // local names from the outside in, e.g. Sender, NotAuthorized
	said      string
}

// readFault reads a fault of SOAP 1.2, or of 1.1.
func readFault(operation string, status int, e *element) *fault {
	f := &fault{operation: operation, status: status, soap: true}
	for code := e.find("Code"); code != nil && len(f.codes) < 4; code = code.find("Subcode") {
		f.codes = append(f.codes, heard(localName(code.line("Value"))))
	}
	if f.said = heard(e.line("Reason", "Text")); f.said == "" {
		f.said = heard(e.line("faultstring"))
	}
	if len(f.codes) == 0 {
		f.codes = []string{heard(localName(e.line("faultcode")))}
	}
	return f
}

func localName(qualified string) string {
	return qualified[strings.LastIndexByte(qualified, ':')+1:]
}

// hashes are as long as those of a login; a recorder that repeats one gives away
// what the password can be guessed from.
var hashes = regexp.MustCompile(`[0-9A-Fa-f]{16,}|[0-9A-Za-z+/]{20,}=+|[0-9A-Za-z+/]{27,}`)

// heard is what a recorder said, without the hashes of a login in it.
func heard(s string) string { return hashes.ReplaceAllString(s, "(hash)") }

// plainWord is a word as people write it. A password in an answer is rarely one.
var plainWord = regexp.MustCompile(`^[("']?[A-Za-z]{1,20}[.,:;!?)"']*$`)

// without keeps of what a recorder said to a request that carries a password
// only plain words that are no part of it.
func (f *fault) without(secret rekey.Secret) {
	held := strings.ToLower(secret.Reveal())
	kept := func(word string) string {
		bare := strings.ToLower(strings.Trim(word, `("'.,:;!?)`))
		if !plainWord.MatchString(word) || strings.Contains(held, bare) || strings.Contains(bare, held) {
			return "..."
		}
		return word
	}
	words := strings.Fields(f.said)
	for i, w := range words {
		words[i] = kept(w)
	}
	f.said = strings.Join(words, " ")
	if strings.Trim(f.said, ". ") == "" {
		f.said = ""
	}
	f.codes = slices.DeleteFunc(f.codes, func(code string) bool { return !slices.Contains(knownCodes, code) })
}

// knownCodes are those of SOAP and of the Core Specification for users.
var knownCodes = []string{
	"Sender", "Receiver", "Client", "Server", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown", "WellFormed", "TagMismatch", "Tag",
	"Namespace", "MissingAttr", "ProhibAttr", "InvalidArgs", "InvalidArgVal", "UnknownAction", "OperationProhibited", "NotAuthorized",
	"FailedAuthentication", "MessageExpired", "EnablingTlsFailed", "PortAlreadyInUse", "ServiceNotSupported", "ActionNotSupported", "Action", "OutofMemory", "CriticalError", "UsernameMissing", "UsernameClash", "PasswordTooLong",
	"PasswordTooWeak", "Password", "UsernameTooLong", "UsernameTooShort", "AnonymousNotAllowed", "FixedUser", "TooManyUsers",
}

// Error tells what was asked and what the recorder said.
func (f *fault) Error() string {
	why := fmt.Sprintf("HTTP status %d", f.status)
	if codes := strings.Trim(strings.Join(f.codes, ", "), ", "); codes != "" {
		why = codes
	}
	if f.said != "" {
		why += fmt.Sprintf(", it said %q", f.said)
	}
	return fmt.Sprintf("%v: ONVIF %s was refused (%s)%s", f.Unwrap(), f.operation, why, f.hint())
}

// tooMany are words for a limit of clients, which say nothing of the password.
var tooMany = regexp.MustCompile(`(?i)\btoo many (?:user|client|connection|session|login|request)s?\b|\b(?:user|client|connection|session|login)s? limit\b|\bmax(?:imum)? (?:number of )?(?:user|client|connection|session|login)s?\b`)

// full: it has no room for another client.
func (f *fault) full() bool {
	return tooMany.MatchString(f.said) || f.status == http.StatusServiceUnavailable || f.status == http.StatusTooManyRequests || f.has("OutofMemory")
}

// gone: there is no such recording.
func (f *fault) gone() bool {
	return f.has("NoRecording") || (f.operation == "GetReplayUri" && f.has("InvalidToken"))
}

// hint says what to do, where that is known.
func (f *fault) hint() string {
	switch {
	case f.full():
		return "; it has no room for another client, which says nothing of the password: stop other clients (apps, a VMS) and try again; a try that it cost stays booked"
	case f.has("PasswordTooWeak", "Password"):
		return "; the new password is too weak for it: take a longer one with capital and small letters, digits and other characters"
	case f.has("PasswordTooLong"):
		return "; the new password is too long for it: take a shorter one"
	case f.has("FixedUser"):
		return "; it does not let this account be changed by ONVIF: change it at its own screen or web page"
	case f.has("UsernameMissing"):
		return "; it has no such account in its ONVIF list"
	case f.has("MessageExpired"):
		return "; its clock has gone elsewhere since it was asked, which says nothing of the password: set its clock right at its own screen and try again"
	case f.gone():
		return "; it does not have that recording, or not any more: list the recordings again"
	case f.has("EnablingTlsFailed"):
		return "; it could not switch HTTPS on: give it a certificate in its web page first"
	case f.has("PortAlreadyInUse"):
		return "; another of its services has that port"
	}
	return ""
}

// Unwrap is the kind of refusal.
func (f *fault) Unwrap() error {
	switch {
	case f.full():
		return rekey.ErrConflict
	case f.denied():
		return rekey.ErrDenied
	case f.has("MessageExpired"):
		return rekey.ErrConflict
	case f.has("ActionNotSupported", "UnknownAction", "FixedUser", "AnonymousNotAllowed"):
		return rekey.ErrUnsupported
	case f.has("UsernameMissing"), f.gone():
		return rekey.ErrNotFound
	case f.has("PasswordTooWeak", "Password", "PasswordTooLong", "UsernameTooLong", "UsernameTooShort", "UsernameClash", "InvalidArgVal", "InvalidArgs"):
		return rekey.ErrInput
	case f.has("OperationProhibited"):
		return rekey.ErrDenied
	}
	return rekey.ErrUnreachable
}

func (f *fault) has(codes ...string) bool {
	return slices.ContainsFunc(f.codes, func(c string) bool { return slices.Contains(codes, c) })
}

// denied: it wants a login first, or another one.
func (f *fault) denied() bool {
	if f.full() {
		return false
	}
	return f.status == http.StatusUnauthorized || f.status == http.StatusForbidden || f.has("NotAuthorized", "FailedAuthentication")
}

// sure reports whether it says clearly that nothing was done. A fault of the
// receiver may come from halfway; so may an answer without any code.
func (f *fault) sure() bool {
	return !f.twice() && f.has("Sender", "Client", "ActionNotSupported", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown")
}

// twice: it is what a device says to a request that arrives a second time, after
// it did what the first one asked: the token was used, or the password is another one.
func (f *fault) twice() bool { return f.denied() || f.full() || f.has("MessageExpired") }

// What devices say of their lock when they refuse.
var (
	triesLeft = regexp.MustCompile(`(?i)\b([0-9]{1,3}) (?:more )?attempt`)
	isLocked  = regexp.MustCompile(`(?i)\b(?:account|user|ip)?lock(?:ed|out)?\b|\b(?:blocked|banned)\b`)
	lockedFor = regexp.MustCompile(`(?i)([0-9]{1,5}) ?(minute|second)`)
)

// lock is what a refusal tells of the lock. A try that left none was the one
// that locked.
func (f *fault) lock() rekey.LockState {
	lock := rekey.LockState{TriesLeft: -1, From: "ONVIF " + f.operation}
	if m := triesLeft.FindStringSubmatch(f.said); m != nil {
		lock.TriesLeft, _ = strconv.Atoi(m[1])
	}
	lock.Locked = lock.TriesLeft == 0 || isLocked.MatchString(f.said) ||
		slices.ContainsFunc(f.codes, func(c string) bool { return strings.Contains(strings.ToLower(c), "locked") })
	if m := lockedFor.FindStringSubmatch(f.said); lock.Locked && m != nil {
		n, _ := strconv.Atoi(m[1])
		lock.For = time.Duration(n) * time.Second
		if strings.EqualFold(m[2], "minute") {
			lock.For = time.Duration(n) * time.Minute
		}
	}
	return lock
}

// login is the refusal as one of a login.
func (f *fault) login(account string) *rekey.LoginError {
	lock := f.lock()
	e := &rekey.LoginError{Kind: rekey.ErrDenied, Interface: rekey.InterfaceONVIF, Account: account, TriesLeft: lock.TriesLeft, LockedFor: lock.For, Said: f.said}
	if e.Said == "" {
		e.Said = transport.Printable(heard(strings.Trim(strings.Join(f.codes, ", "), ", ")))
	}
	// A bare 403 is what some firmware says while the account or the address is locked.
	if lock.Locked || (!f.soap && f.status == http.StatusForbidden) {
		e.Kind = rekey.ErrLocked
	}
	return e
}
