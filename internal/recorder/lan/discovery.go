package lan

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"golang.org/x/time/rate"

	"rekey/internal/recorder"
)

// DHIP discovery. The frame: 32 bytes, little-endian: 0x20, "DHIP", session,
// id, length, 0, length, 0; then JSON.
const (
	dhipHeader   = 32
	maxProbe     = 2048
	repliesBurst = 20
	repliesRate  = 10 // a second
)

var errDHIP = errors.New("not a discovery probe")

// parseProbe takes one datagram apart; any but a framed DHDiscover.search is an error.
func parseProbe(b []byte) (id uint32, err error) {
	if len(b) < dhipHeader || len(b) > maxProbe || binary.LittleEndian.Uint32(b) != dhipHeader || string(b[4:8]) != "DHIP" {
		return 0, errDHIP
	}
	length := binary.LittleEndian.Uint32(b[16:])
	if length != binary.LittleEndian.Uint32(b[24:]) || int64(length) > int64(len(b)-dhipHeader) {
		return 0, errDHIP
	}
	var probe struct {
		Method string `json:"method"`
	}
	body := bytes.TrimRight(b[dhipHeader:dhipHeader+int(length)], "\x00\n")
	if json.Unmarshal(body, &probe) != nil || probe.Method != "DHDiscover.search" {
		return 0, errDHIP
	}
	return binary.LittleEndian.Uint32(b[12:]), nil
}

// frame puts the header before a body.
func frame(id uint32, body []byte) []byte {
	b := make([]byte, dhipHeader, dhipHeader+len(body))
	n := uint32(len(body)) //nolint:gosec // a few hundred bytes
	binary.LittleEndian.PutUint32(b, dhipHeader)
	copy(b[4:], "DHIP")
	binary.LittleEndian.PutUint32(b[12:], id)
	binary.LittleEndian.PutUint32(b[16:], n)
	binary.LittleEndian.PutUint32(b[24:], n)
	return append(b, body...)
}

type deviceInfo struct {
	AlarmInputChannels       int
	AlarmOutputChannels      int
	DeviceClass              string
	DeviceID                 string
	DeviceType               string
	Find                     string
	FindVersion              int
	HTTPPort                 int `json:"HttpPort"`
	IPv4Address              ipv4
	Init                     int
	MachineName              string
	Manufacturer             string
	Port                     int
	RemoteVideoInputChannels int
	SerialNo                 string
	UnLoginFuncMask          int
	Vendor                   string
	Version                  string
	VideoInputChannels       int
	VideoOutputChannels      int
}

type ipv4 struct {
	IPAddress, SubnetMask, DefaultGateway string
	DhcpEnable                            bool
}

// announcement is the reply to a probe.
func announcement(i recorder.Info, p recorder.Ports, address ipv4, initState int, ways string, sdkPort int) ([]byte, error) {
	return json.Marshal(map[string]any{
		"mac":    i.MAC,
		"method": "client.notifyDevInfo",
		"params": map[string]any{"deviceInfo": deviceInfo{
			DeviceClass: i.Class, DeviceID: i.DeviceID, DeviceType: i.Model, Find: ways, FindVersion: 1,
			HTTPPort: p.HTTP, IPv4Address: address, Init: initState,
			MachineName: i.Name, Manufacturer: "Private", Port: sdkPort,
			RemoteVideoInputChannels: i.Channels, SerialNo: i.Serial, UnLoginFuncMask: 1,
			Vendor: i.Vendor, Version: i.Firmware, VideoOutputChannels: 1,
		}},
	})
}

// announcement is the reply of this recorder. Old firmware is of before the
// first set-up over the network: its Init is 0, and it offers no reset.
func (l *lan) announcement() ([]byte, error) {
	sdk := l.ports.SDK
	if sdk == 0 {
		sdk = l.traits.SDKPort // nothing listens there
	}
	if !l.traits.Init {
		return announcement(l.box.Info(), l.ports, l.address(), 0, "", sdk)
	}
	return announcement(l.box.Info(), l.ports, l.address(), l.initState()|initRest, resetWays, sdk)
}

// address is what the settings say of the network.
func (l *lan) address() ipv4 {
	t, _ := l.box.Table("Network")
	return ipv4{
		IPAddress: t["eth0.IPAddress"], SubnetMask: t["eth0.SubnetMask"], DefaultGateway: t["eth0.DefaultGateway"],
		DhcpEnable: t["eth0.DhcpEnable"] == "true",
	}
}

// serveDiscovery answers probes to who sent them, not too many, and nothing else.
func (l *lan) serveDiscovery(ctx context.Context, conn net.PacketConn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	limit := rate.NewLimiter(repliesRate, repliesBurst)
	buf := make([]byte, maxProbe+1)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("read discovery probes: %w", err)
		}
		id, err := parseProbe(buf[:n])
		if err != nil || !limit.Allow() {
			continue
		}
		body, err := l.announcement()
		if err != nil {
			return fmt.Errorf("write a discovery reply: %w", err)
		}
		if _, err := conn.WriteTo(append(frame(id, body), '\n', 0), from); err != nil {
			l.log.DebugContext(ctx, "discovery reply not sent", "error", err)
		}
	}
}
