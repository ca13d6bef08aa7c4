package dahua

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
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

// Parse reads client.notifyDevInfo. The header's length has varied, so the JSON
// is looked for at the first "{"; NUL and newline may stand behind it.
func (p Prober) Parse(packet []byte, from netip.AddrPort) (rekey.Identity, error) {
	start := bytes.IndexByte(packet, '{')
	if start < 0 {
		return rekey.Identity{}, errors.New("no JSON in the discovery reply")
	}
	var told struct {
		MAC    string `json:"mac"`
		Method string `json:"method"`
		Params struct {
			Device fields `json:"deviceInfo"`
		} `json:"params"`
	}
	d := json.NewDecoder(bytes.NewReader(packet[start:]))
	d.UseNumber()
	if err := d.Decode(&told); err != nil {
		return rekey.Identity{}, fmt.Errorf("discovery reply: %s", jsonFault(err))
	}
	if told.Method != "client.notifyDevInfo" || told.Params.Device == nil {
		return rekey.Identity{}, errors.New("the discovery packet tells of no device")
	}
	return told.Params.Device.identity(told.MAC, from), nil
}

// fields are what a reply tells of a device. Types differ between firmwares.
type fields map[string]any

func (f fields) text(name string) string {
	switch v := f[name].(type) {
	case string:
		return transport.Printable(v)
	case json.Number:
		return transport.Printable(v.String())
	}
	return ""
}

func (f fields) number(name string) (int, bool) {
	n, err := strconv.Atoi(f.text(name))
	return n, err == nil && n >= 0
}

var numeric = regexp.MustCompile(`^[0-9]+$`)

func (f fields) identity(mac string, from netip.AddrPort) rekey.Identity {
	id := rekey.Identity{
		Family: family, Vendor: f.text("Vendor"), Class: f.text("DeviceClass"), Name: f.text("MachineName"),
		Model: f.text("DeviceType"), Serial: f.text("SerialNo"), DeviceID: f.text("DeviceID"),
		MAC: strings.ToLower(transport.Printable(mac)), Firmware: f.text("Version"), Init: rekey.InitUnknown,
	}
	if numeric.MatchString(id.Model) {
		id.Model = "" // recorders put a type number there
	}
	for _, name := range []string{"VideoInputChannels", "RemoteVideoInputChannels"} {
		if n, ok := f.number(name); ok && n <= 1024 {
			id.Channels = max(id.Channels, n)
		}
	}
	if n, ok := f.number("Init"); ok {
		id.Init = initBits(n)
	}
	if port, ok := f.number("HttpPort"); ok && port > 0 && port < 1<<16 {
		id.Interfaces = []rekey.Interface{{Kind: rekey.InterfaceCGI, Host: from.Addr().String(), Port: port}}
	}
	id.Learnt = learnt(id, dhip)
	return id
}

// initBits reads the lowest pair of bits: 1 is the factory state, 2 initialised.
// 0 is an old recorder that knows no first set-up, so its accounts stand.
func initBits(n int) rekey.InitState {
	switch n & 3 {
	case 1:
		return rekey.InitFactory
	case 0, 2:
		return rekey.InitDone
	}
	return rekey.InitUnknown
}

// learnt notes for all that is known where it came from.
func learnt(id rekey.Identity, from string) []rekey.Fact {
	var facts []rekey.Fact
	note := func(what string, known bool) {
		if known {
			facts = append(facts, rekey.Fact{What: what, From: from})
		}
	}
	note("family", id.Family != "")
	note("vendor", id.Vendor != "")
	note("model", id.Model != "")
	note("class", id.Class != "")
	note("name", id.Name != "")
	note("serial", id.Serial != "")
	note("device id", id.DeviceID != "")
	note("mac", id.MAC != "")
	note("firmware", id.Firmware != "")
	note("channels", id.Channels != 0)
	note("init", id.Init != rekey.InitUnknown && id.Init != "")
	return facts
}
