package dahua

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"iter"
	"net/netip"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// Prober asks by DHIP (UDP 37810). The zero value is ready.
type Prober struct {
	// UDPPort is asked in place of 37810 when it is not 0.
	UDPPort int
}

// dhip is where what a reply tells was learnt.
const dhip = "DHIP reply"

// Name is the protocol's.
func (p Prober) Name() string { return "DHIP" }

// Port is where recorders listen.
func (p Prober) Port() int {
	if p.UDPPort != 0 {
		return p.UDPPort
	}
	return 37810
}

// Multicast is the group that recorders join, and broadcast.
func (p Prober) Multicast() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{239, 255, 255, 251}), netip.AddrFrom4([4]byte{255, 255, 255, 255})}
}

// Frame is DHDiscover.search behind the 32-byte header, little-endian: header
// length, "DHIP", session, id, body length, 0, body length, 0. Without the
// header recorders do not answer.
func (p Prober) Frame() []byte {
	const body = `{"method":"DHDiscover.search","params":{"mac":"","uni":1}}`
	frame := make([]byte, 32, 32+len(body))
	binary.LittleEndian.PutUint32(frame[0:], 32)
	copy(frame[4:], "DHIP")
	binary.LittleEndian.PutUint32(frame[16:], uint32(len(body)))
	binary.LittleEndian.PutUint32(frame[24:], uint32(len(body)))
	return append(frame, body...)
}

// Parse reads client.notifyDevInfo. A packet may hold notifications and further
// replies; the first reply counts.
func (p Prober) Parse(packet []byte, from netip.AddrPort) (rekey.Identity, error) {
	var id rekey.Identity
	told, foreign, again := false, false, false
	for body := range objects(packet) {
		a, is := parseAnnouncement(body)
		switch {
		case !is:
			foreign = true
		case told:
			again = true
		default:
			id, told = a.identity(from), true
		}
	}
	if !told {
		return id, errors.New("the discovery packet tells of no device")
	}
	if foreign {
		id.Odd("unsolicited-body", unsolicited)
	}
	if again {
		id.Odd("answered-twice", "It answered twice in one packet; its first answer is shown, and nothing needs doing.")
	}
	return id, nil
}

const unsolicited = "It sent a notification that nobody asked for along with its answer; it was passed over, and nothing needs doing."

// objects are the JSON objects in a packet. The length of the header varies and
// any byte of it may look like "{", so each "{" is tried, up to a limit.
func objects(packet []byte) iter.Seq[json.RawMessage] {
	const most = 16
	return func(yield func(json.RawMessage) bool) {
		for range most {
			start := bytes.IndexByte(packet, '{')
			if start < 0 {
				return
			}
			packet = packet[start:]
			var body json.RawMessage
			d := json.NewDecoder(bytes.NewReader(packet))
			if d.Decode(&body) != nil {
				packet = packet[1:]
				continue
			}
			if !yield(body) {
				return
			}
			packet = packet[d.InputOffset():]
		}
	}
}

// announcement is one reply.
type announcement struct {
	MAC    text   `json:"mac"`
	Method string `json:"method"`
	Params struct {
		Device fields `json:"deviceInfo"`
	} `json:"params"`
}

func parseAnnouncement(body []byte) (a announcement, is bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	err := d.Decode(&a)
	return a, err == nil && a.Method == "client.notifyDevInfo" && a.Params.Device != nil
}

// lorexPort is the port of the maker's own client on Lorex recorders. It is
// 37777 on others.
const lorexPort = 35000

// identity is what the reply tells. The address of the packet is the one that
// reaches the recorder; that in the reply may be of another network.
func (a announcement) identity(from netip.AddrPort) rekey.Identity {
	f := a.Params.Device
	id := rekey.Identity{
		Family: family, Class: f.text("DeviceClass"), Name: f.text("MachineName"), Serial: f.text("SerialNo"), DeviceID: f.text("DeviceID"),
		MAC: strings.ToLower(transport.Printable(string(a.MAC))), Init: rekey.InitUnknown,
	}
	id.Firmware, id.Built = readVersion(f.text("Version"), f.text("BuildDate"))
	for _, name := range []string{"VideoInputChannels", "RemoteVideoInputChannels"} {
		if n, ok := f.number(name); ok && n <= 1024 {
			id.Channels = max(id.Channels, n)
		}
	}
	id.Credit(dhip)
	readModel(&id, dhip, f.text("DeviceType"), f.first("UpdateSerial", "updateSerial"))
	readMaker(&id, dhip, f.text("Vendor"), f.text("Manufacturer"))
	if n, ok := f.number("Init"); ok {
		readInitBits(&id, n)
	}
	resets(&id, dhip+", Find", findLetters(f.text("Find"))...)
	f.doors(&id, from)
	return id
}

// doors are the ports that the reply names.
func (f fields) doors(id *rekey.Identity, from netip.AddrPort) {
	host := from.Addr().Unmap()
	if port, ok := f.port("HttpPort"); ok {
		id.Interfaces = append(id.Interfaces, rekey.Interface{Kind: rekey.InterfaceCGI, Host: host.String(), Port: port})
	}
	if port, ok := f.port("Port"); ok {
		id.Interfaces = append(id.Interfaces, rekey.Interface{Kind: rekey.InterfaceSDK, Host: host.String(), Port: port})
		if id.Vendor == "" && port == lorexPort {
			id.Vendor = "Lorex"
			note(id, "vendor", dhip+", port 35000 as on Lorex (inferred)")
		}
	}
	ip, _ := f["IPv4Address"].(map[string]any)
	inside, err := netip.ParseAddr(fields(ip).text("IPAddress"))
	if err == nil && host.Is4() && inside.Is4() && !inside.IsUnspecified() && inside != host {
		note(id, "address "+inside.String()+" in its settings, while it answers from "+host.String(), dhip)
	}
}
