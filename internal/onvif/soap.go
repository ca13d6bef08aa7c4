package onvif

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// mostAnswer is far more than a device service's longest answer; whoever serves
// one page for every path should be told from an answer that breaks off.
const mostAnswer = 1 << 20

// errNotSOAP: something answered, but not in SOAP.
var errNotSOAP = errors.New("the answer is no SOAP")

// service is the device service of one recorder.
type service struct{ http *transport.Client }

// ask sends one request without any login and returns <operation>Response. A
// refusal is a *fault. Arguments are XML with the prefix tds.
func (s *service) ask(ctx context.Context, operation, arguments string) (*element, error) {
	res, err := s.http.Do(ctx, transport.Request{
		Method: http.MethodPost, Path: servicePath, Limit: mostAnswer,
		Type: "application/soap+xml; charset=utf-8",
		Body: []byte(`<?xml version="1.0" encoding="UTF-8"?>` +
			`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><s:Body>` +
			`<tds:` + operation + `>` + arguments + `</tds:` + operation + `></s:Body></s:Envelope>`),
	})
	if err != nil {
		return nil, err
	}
	return answer(operation, res)
}

// answer reads a response. The HTTP status of a fault is not to be relied on:
// 200, 400, 401 and 500 are all sent.
func answer(operation string, res transport.Response) (*element, error) {
	root, err := parse(res.Body)
	if err != nil || root.find("Envelope", "Body") == nil {
		if res.Status == http.StatusUnauthorized || res.Status == http.StatusForbidden {
			return nil, &fault{operation: operation, status: res.Status}
		}
		return nil, fmt.Errorf("%w (HTTP status %d)", errNotSOAP, res.Status)
	}
	body := root.find("Envelope", "Body")
	if f := body.find("Fault"); f != nil {
		return nil, readFault(operation, res.Status, f)
	}
	if told := body.find(operation + "Response"); told != nil {
		return told, nil
	}
	return nil, &fault{operation: operation, status: res.Status, soap: true}
}

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
		f.codes = append(f.codes, localName(code.line("Value")))
	}
	if f.said = e.line("Reason", "Text"); f.said == "" {
		f.said = e.line("faultstring")
	}
	if len(f.codes) == 0 {
		f.codes = []string{localName(e.line("faultcode"))}
	}
	return f
}

func localName(qualified string) string {
	return qualified[strings.LastIndexByte(qualified, ':')+1:]
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
	return fmt.Sprintf("%v: ONVIF %s was refused (%s)", f.Unwrap(), f.operation, why)
}

// Unwrap is the kind of refusal.
func (f *fault) Unwrap() error {
	switch {
	case f.denied():
		return rekey.ErrDenied
	case slices.Contains(f.codes, "ActionNotSupported"), slices.Contains(f.codes, "UnknownAction"):
		return rekey.ErrUnsupported
	}
	return rekey.ErrUnreachable
}

// denied: it wants a login first.
func (f *fault) denied() bool {
	return f.status == http.StatusUnauthorized || f.status == http.StatusForbidden ||
		slices.Contains(f.codes, "NotAuthorized") || slices.Contains(f.codes, "FailedAuthentication")
}
