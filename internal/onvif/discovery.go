package onvif

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// Prober asks by WS-Discovery (UDP 3702). The zero value asks for any device,
// which recorders answer that announce only tds:Device; printers and computers
// answer it too and are refused by Parse. Some firmware answers only when it is
// asked for its type: that is the second frame, of the Prober with Typed set.
type Prober struct {
	// Typed asks for NetworkVideoTransmitter.
	Typed bool
	// UDPPort is asked in place of 3702 when it is not 0.
	UDPPort int
}

// Probers are the two that together find all: untyped and typed.
func Probers() []Prober { return []Prober{{}, {Typed: true}} }

const wsDiscovery = "WS-Discovery"

// Bounds of an answer.
const (
	mostPacket = 64 << 10
	mostTypes  = 32
	mostXAddrs = 16
)

// Name is the protocol's.
func (p Prober) Name() string { return wsDiscovery }

// Port is where devices listen.
func (p Prober) Port() int {
	if p.UDPPort != 0 {
		return p.UDPPort
	}
	return 3702
}

// Multicast are the groups that devices join, of IPv4 and of IPv6.
func (p Prober) Multicast() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{239, 255, 255, 250}), netip.MustParseAddr("ff02::c")}
}

// Frame is a Probe with a MessageID of its own.
func (p Prober) Frame() []byte {
	types := `<d:Types/>`
	if p.Typed {
		types = `<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>`
	}
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` +
		`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">` +
		`<s:Header><a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>` +
		`<a:MessageID>uuid:` + newUUID() + `</a:MessageID>` +
		`<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>` +
		`<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>` +
		`<s:Body><d:Probe>` + types + `</d:Probe></s:Body></s:Envelope>`)
}

// newUUID is a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// announcement is one device in an answer.
type announcement struct {
	identity rekey.Identity
	types    []string
	onvif    bool // false: a printer, a computer, ...
	atSource bool // one of its addresses is the packet's
}

// Parse reads ProbeMatches, and the Hello that devices send when they start. Of
// several devices in one answer the one at the packet's source is taken. What
// is no ONVIF device wraps rekey.ErrNotRecorder.
func (p Prober) Parse(packet []byte, from netip.AddrPort) (rekey.Identity, error) {
	if len(packet) > mostPacket {
		return rekey.Identity{}, errors.New("the discovery packet is larger than UDP carries")
	}
	root, err := parse(packet)
	if err != nil {
		return rekey.Identity{}, err
	}
	body := root.find("Envelope", "Body")
	matches := append(body.find("ProbeMatches").named("ProbeMatch"), body.named("Hello")...)
	var best announcement
	var others []string
	for _, match := range matches {
		a := announced(match, from.Addr())
		if !a.onvif {
			others = append(others, a.types...)
			continue
		}
		if !best.onvif || (a.atSource && !best.atSource) {
			best = a
		}
	}
	switch {
	case best.onvif:
		return best.identity, nil
	case len(matches) > 0:
		return rekey.Identity{}, fmt.Errorf("%w: a device of another kind announces itself (%s)", rekey.ErrNotRecorder, transport.Printable(strings.Join(others, " ")))
	}
	return rekey.Identity{}, errors.New("the WS-Discovery packet tells of no device")
}

// announced reads one ProbeMatch or Hello.
func announced(match *element, source netip.Addr) announcement {
	id := rekey.Identity{Family: family, Init: rekey.InitUnknown, UUID: endpoint(match.line("EndpointReference", "Address"))}
	types := match.find("Types")
	a := announcement{types: types.words(mostTypes), onvif: typesOfONVIF(&id, types)}
	profiles, byScope := readScopes(&id, match.find("Scopes").words(mostScopes))
	a.onvif = a.onvif || byScope
	a.atSource = readXAddrs(&id, match.find("XAddrs").words(mostXAddrs), source)
	from := wsDiscovery + " reply"
	if match.name == "Hello" {
		from = wsDiscovery + " Hello"
	}
	id.Credit(from)
	if len(profiles) > 0 {
		id.Learnt = append(id.Learnt, rekey.Fact{What: "ONVIF profiles " + strings.Join(profiles, ", "), From: from})
	}
	a.identity = id
	return a
}

// endpoint is the UUID of "urn:uuid:..." or "uuid:...".
func endpoint(address string) string {
	lower := strings.ToLower(address)
	for _, prefix := range []string{"urn:", "uuid:"} {
		lower = strings.TrimPrefix(lower, prefix)
	}
	return lower
}

// typesOfONVIF: NetworkVideo... is ONVIF's whatever the prefix; a Device is only
// in ONVIF's namespace, for that of printers and computers has the same name.
func typesOfONVIF(id *rekey.Identity, types *element) (is bool) {
	for _, t := range types.words(mostTypes) {
		prefix, name, qualified := strings.Cut(t, ":")
		if !qualified {
			prefix, name = "", t
		}
		switch {
		case name == "NetworkVideoStorage":
			id.Class, is = "NVR", true
		case slices.Contains([]string{"NetworkVideoTransmitter", "NetworkVideoDisplay", "NetworkVideoAnalytics"}, name):
			is = true
		case name == "Device":
			is = is || strings.HasPrefix(types.space(prefix), "http://www.onvif.org/")
		}
	}
	return is
}
