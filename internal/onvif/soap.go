package onvif

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rekey/internal/transport"
)

// mostAnswer is far more than a device service's longest answer; whoever serves
// one page for every path should be told from an answer that breaks off.
const mostAnswer = 1 << 20

// errNotSOAP: something answered, but not in SOAP.
var errNotSOAP = errors.New("the answer is no SOAP")

// wsdl is one of ONVIF's services: its namespace, and the prefix that it has in
// what is sent.
type wsdl struct{ prefix, space string }

var (
	deviceWSDL = wsdl{"tds", "http://www.onvif.org/ver10/device/wsdl"}
	searchWSDL = wsdl{"tse", "http://www.onvif.org/ver10/search/wsdl"}
	replayWSDL = wsdl{"trp", "http://www.onvif.org/ver10/replay/wsdl"}
)

// question is one operation of a service.
type question struct {
	of        wsdl
	operation string
	arguments string // XML with the prefix of the service, and tt for ONVIF's schema
	at        string // path of the service; empty: the device service
	query     string
	long      bool // the answer is a list
}

// ofDevice asks the device service.
func ofDevice(operation, arguments string) question {
	return question{of: deviceWSDL, operation: operation, arguments: arguments}
}

// envelope is the request; header is what stands in its Header, or nothing.
func (q question) envelope(header string) []byte {
	if header != "" {
		header = `<s:Header>` + header + `</s:Header>`
	}
	name := q.of.prefix + ":" + q.operation
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` +
		`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:` + q.of.prefix + `="` + q.of.space + `" xmlns:tt="http://www.onvif.org/ver10/schema">` +
		header + `<s:Body><` + name + `>` + q.arguments + `</` + name + `></s:Body></s:Envelope>`)
}

// inText writes what stands between tags. Quotes stay as they are: some firmware
// does not know their numeric form.
func inText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// tag is one XML element with text in it.
func tag(name, text string) string { return "<" + name + ">" + inText(text) + "</" + name + ">" }

// service is the device service of one recorder.
type service struct{ http *transport.Client }

// ask sends one request to the device service without any login and returns
// <operation>Response. A refusal is a *fault.
func (s *service) ask(ctx context.Context, operation, arguments string) (*element, error) {
	q := ofDevice(operation, arguments)
	res, err := s.post(ctx, q, "", nil)
	if err != nil {
		return nil, err
	}
	return q.answer(res)
}

// post sends one request. One that carries a login goes over a connection of its
// own, so that nothing repeats it.
func (s *service) post(ctx context.Context, q question, header string, sign *transport.Digest) (transport.Response, error) {
	limit := int64(mostAnswer)
	if q.long {
		limit = mostList
	}
	return s.http.Do(ctx, transport.Request{
		Method: http.MethodPost, Path: cmp.Or(q.at, servicePath), Query: q.query, Limit: limit,
		Type: "application/soap+xml; charset=utf-8", Body: q.envelope(header), Digest: sign, Once: header != "" || sign != nil,
	})
}

// answer reads a response of the device service.
func answer(operation string, res transport.Response) (*element, error) {
	return ofDevice(operation, "").answer(res)
}

// answer reads a response. The HTTP status of a fault is not to be relied on:
// 200, 400, 401 and 500 are all sent.
func (q question) answer(res transport.Response) (*element, error) {
	most := mostElements
	if q.long {
		most = mostListed
	}
	root, err := parseUpTo(res.Body, most)
	if err != nil || root.find("Envelope", "Body") == nil {
		if slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable, http.StatusTooManyRequests}, res.Status) {
			return nil, &fault{operation: q.operation, status: res.Status}
		}
		return nil, fmt.Errorf("%w (HTTP status %d)", errNotSOAP, res.Status)
	}
	body := root.find("Envelope", "Body")
	if f := body.find("Fault"); f != nil {
		return nil, readFault(q.operation, res.Status, f)
	}
	if told := body.find(q.operation + "Response"); told != nil {
		return told, nil
	}
	return nil, &fault{operation: q.operation, status: res.Status, soap: true}
}
