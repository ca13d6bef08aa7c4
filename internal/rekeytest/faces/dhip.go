package faces

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
)

// DHIP is how a box answers DHDiscover.search. Info is its deviceInfo.
type DHIP struct {
	MAC   string
	Info  map[string]any
	Times int  // how often it answers; 1 when 0
	Stray bool // a notification comes first, in a datagram of its own, and another before the answer in the next
}

// Replies is what goes back. A box that is asked without the 32-byte header, or
// with a broken one, says nothing.
func (d DHIP) Replies(b *Box, question []byte) [][]byte {
	body, ok := dhipBody(question)
	var asks struct{ Method string }
	if !ok || json.Unmarshal(body, &asks) != nil || asks.Method != "DHDiscover.search" {
		return nil
	}
	info := maps.Clone(d.Info)
	for name, port := range map[string]int{"HttpPort": b.Ports.HTTP, "Port": b.Ports.SDK} {
		if _, said := info[name]; !said && port != 0 {
			info[name] = port
		}
	}
	info["IPv4Address"] = map[string]any{
		"IPAddress": b.Addr.String(), "SubnetMask": "255.0.0.0", "DefaultGateway": "127.0.0.1", "DhcpEnable": true,
	}
	answer, err := json.Marshal(map[string]any{"mac": d.MAC, "method": "client.notifyDevInfo", "params": map[string]any{"deviceInfo": info}})
	if err != nil {
		return nil
	}
	reply := dhipFrame(append(answer, '\n', 0))
	packets := slices.Repeat([][]byte{reply}, max(1, d.Times))
	if d.Stray {
		stray := dhipFrame([]byte(strayBody))
		packets[0] = slices.Concat(stray, reply)
		packets = slices.Insert(packets, 0, stray)
	}
	return packets
}

// strayBody is what a box may say before or in place of any answer.
const strayBody = `{ "NotifyMethod" : "1.2" }`

func dhipFrame(body []byte) []byte {
	head := make([]byte, 32)
	binary.LittleEndian.PutUint32(head, 32)
	copy(head[4:], "DHIP")
	binary.LittleEndian.PutUint32(head[16:], uint32(len(body))) // #nosec G115 -- a datagram
	binary.LittleEndian.PutUint32(head[24:], uint32(len(body))) // #nosec G115 -- a datagram
	return append(head, body...)
}

func dhipBody(p []byte) ([]byte, bool) {
	if len(p) < 32 || binary.LittleEndian.Uint32(p) != 32 || string(p[4:8]) != "DHIP" {
		return nil, false
	}
	n := uint32(len(p) - 32) // #nosec G115 -- a datagram
	return p[32:], binary.LittleEndian.Uint32(p[16:]) == n && binary.LittleEndian.Uint32(p[24:]) == n
}
