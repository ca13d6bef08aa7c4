package lan

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// The part of SOAP 1.2 that ONVIF needs. Names are compared by namespace where
// it carries meaning, prefixes never.
const (
	nsEnvelope = "http://www.w3.org/2003/05/soap-envelope"
	nsDevice   = "http://www.onvif.org/ver10/device/wsdl"
	nsSchema   = "http://www.onvif.org/ver10/schema"
	nsError    = "http://www.onvif.org/ver10/error"
	nsSecurity = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

	maxSOAP      = 64 << 10
	maxElements  = 2048
	maxXMLDepth  = 32
	maxXMLString = 4096
)

var errSOAP = errors.New("malformed SOAP")

// element is one XML element. text is the text right inside of it, as it came.
type element struct {
	name     xml.Name
	attr     []xml.Attr
	text     string
	children []*element
}

// child finds the first child of this local name; nil = there is none. It may
// be called on nil.
func (e *element) child(local string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name.Local == local {
			return c
		}
	}
	return nil
}

// value is the text of the first child of this name without the blanks around
// it; empty = there is none.
func (e *element) value(local string) string {
	if c := e.child(local); c != nil {
		return strings.TrimSpace(c.text)
	}
	return ""
}

func (e *element) attribute(local string) string {
	for _, a := range e.attr {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// parseXML reads one document into elements. Document types, and with them
// entities, are refused.
func parseXML(document []byte) (*element, error) {
	if len(document) > maxSOAP {
		return nil, errSOAP
	}
	d := xml.NewDecoder(bytes.NewReader(document))
	var root *element
	var open []*element
	for n := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil && len(open) == 0 {
			return root, nil
		}
		if err != nil {
			return nil, errSOAP
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := &element{name: t.Name, attr: t.Copy().Attr}
			if n++; n > maxElements || len(open) >= maxXMLDepth || len(open) == 0 && root != nil {
				return nil, errSOAP
			}
			if root == nil {
				root = e
			} else {
				above := open[len(open)-1]
				above.children = append(above.children, e)
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 && !open[len(open)-1].write(t) {
				return nil, errSOAP
			}
		case xml.Directive:
			return nil, errSOAP
		}
	}
}

func (e *element) write(text []byte) (ok bool) {
	if len(e.text)+len(text) > maxXMLString {
		return false
	}
	e.text += string(text)
	return true
}

// soapRequest is what was asked, and the header that may say by whom.
type soapRequest struct {
	operation *element // first element of the body
	token     *element // wsse:UsernameToken; nil = there is none
}

// parseSOAP reads a request.
func parseSOAP(document []byte) (soapRequest, error) {
	root, err := parseXML(document)
	if err != nil {
		return soapRequest{}, err
	}
	body := root.child("Body")
	if root.name != (xml.Name{Space: nsEnvelope, Local: "Envelope"}) || body == nil || body.name.Space != nsEnvelope || len(body.children) != 1 {
		return soapRequest{}, errSOAP
	}
	token := root.child("Header").child("Security").child("UsernameToken")
	if token != nil && token.name.Space != nsSecurity {
		token = nil
	}
	return soapRequest{operation: body.children[0], token: token}, nil
}

// soapFault is a refusal as SOAP has it: code Sender or Receiver, one or two
// subcodes of ONVIF, and words for a person.
type soapFault struct {
	code     string
	subcodes []string
	reason   string
}

func (f *soapFault) Error() string {
	return f.code + "/" + strings.Join(f.subcodes, "/") + ": " + f.reason
}

func senderFault(reason string, subcodes ...string) *soapFault {
	return &soapFault{"Sender", subcodes, reason}
}

func receiverFault(reason string, subcodes ...string) *soapFault {
	return &soapFault{"Receiver", subcodes, reason}
}

// body is the fault as it stands in the envelope.
func (f *soapFault) body() string {
	var sub string
	for i := len(f.subcodes) - 1; i >= 0; i-- {
		sub = "<env:Subcode><env:Value>ter:" + f.subcodes[i] + "</env:Value>" + sub + "</env:Subcode>"
	}
	return "<env:Fault><env:Code><env:Value>env:" + f.code + "</env:Value>" + sub + "</env:Code>" +
		`<env:Reason><env:Text xml:lang="en">` + escape(f.reason) + "</env:Text></env:Reason></env:Fault>"
}

// soapEnvelope puts a body into its envelope.
func soapEnvelope(body string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<env:Envelope xmlns:env="` + nsEnvelope + `" xmlns:tds="` + nsDevice +
		`" xmlns:tt="` + nsSchema + `" xmlns:ter="` + nsError + `"><env:Body>` + body + "</env:Body></env:Envelope>\n"
}

// tag is one element with text; name carries its prefix.
func tag(name, text string) string { return "<" + name + ">" + escape(text) + "</" + name + ">" }

// nest is one element with others inside.
func nest(name string, inside ...string) string {
	return "<" + name + ">" + strings.Join(inside, "") + "</" + name + ">"
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes all
	return b.String()
}
