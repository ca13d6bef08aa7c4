package lan

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"
)

const probeBody = `{"method":"DHDiscover.search","params":{"mac":"","uni":1}}`

// probe frames a body as the facts have it, without the code under test.
func probe(body string) []byte {
	b := make([]byte, 32)
	b[0] = 0x20
	copy(b[4:], "DHIP")
	binary.LittleEndian.PutUint32(b[16:], uint32(len(body)))
	binary.LittleEndian.PutUint32(b[24:], uint32(len(body)))
	return append(b, body...)
}

// ask sends datagrams and reads one reply.
func (g *rig) ask(datagrams ...[]byte) []byte {
	g.t.Helper()
	conn, err := net.Dial("udp4", g.l.Discovery.LocalAddr().String())
	must(g.t, err)
	defer conn.Close()
	must(g.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	for _, d := range datagrams {
		_, err := conn.Write(d)
		must(g.t, err)
	}
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	must(g.t, err)
	return buf[:n]
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	// Junk before the probe must stay without an answer: the reply that comes is the probe's, which has its id.
	good := probe(probeBody)
	good[12] = 77
	reply := g.ask([]byte(probeBody), []byte("x"), probe(`{"method":"DHDiscover.setConfig"}`), good)
	if !bytes.Equal(reply[:8], []byte("\x20\x00\x00\x00DHIP")) || reply[12] != 77 || binary.LittleEndian.Uint32(reply[16:]) != binary.LittleEndian.Uint32(reply[24:]) {
		t.Fatalf("frame: % x", reply[:32])
	}
	var r struct {
		MAC, Method string
		Params      struct{ DeviceInfo map[string]any }
	}
	n := binary.LittleEndian.Uint32(reply[16:])
	must(t, json.Unmarshal(reply[32:32+n], &r))
	i, d := g.box.Info(), r.Params.DeviceInfo
	if r.Method != "client.notifyDevInfo" || r.MAC != i.MAC {
		t.Errorf("%+v", r)
	}
	for key, want := range map[string]any{
		"DeviceClass": "NVR", "DeviceType": i.Model, "SerialNo": i.Serial, "DeviceID": i.DeviceID, "Vendor": "Lorex",
		"Version": i.Firmware, "Port": 35000.0, "Init": 150.0, "HttpPort": float64(tcpPort(g.l.HTTP)),
		"RemoteVideoInputChannels": 2.0, "MachineName": i.Name,
	} {
		if d[key] != want {
			t.Errorf("%s is %v, want %v", key, d[key], want)
		}
	}
	if strings.Contains(string(reply), "admin") {
		t.Error("the reply names accounts")
	}
}

func TestDiscoveryInFactoryState(t *testing.T) {
	t.Parallel()
	g := newRig(t, "")
	if reply := string(g.ask(probe(probeBody))); !strings.Contains(reply, `"Init":149`) {
		t.Errorf("%s", reply)
	}
}

// A storm of probes gets no storm of replies.
func TestDiscoveryIsRateLimited(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	a := &countingConn{probes: 500, from: &net.UDPAddr{}}
	l := newLAN(g.box, g.clips, nil)
	must(t, l.serveDiscovery(t.Context(), a))
	if a.replies < repliesBurst || a.replies > 5*repliesBurst {
		t.Errorf("%d probes got %d replies", 500, a.replies)
	}
}

// countingConn gives so many probes at once and then is closed.
type countingConn struct {
	net.PacketConn
	probes, replies int
	from            net.Addr
}

func (c *countingConn) ReadFrom(b []byte) (int, net.Addr, error) {
	if c.probes == 0 {
		return 0, nil, net.ErrClosed
	}
	c.probes--
	return copy(b, probe(probeBody)), c.from, nil
}

func (c *countingConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	c.replies++
	return len(b), nil
}

func (c *countingConn) Close() error { return nil }

func TestServeStops(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Serve(ctx, g.box, g.clips, Listeners{HTTP: listen(t), RTSP: listen(t)}); err != nil {
		t.Error(err)
	}
}

func FuzzProbe(f *testing.F) {
	f.Add(probe(probeBody))
	f.Add(append(probe(probeBody), 0, '\n'))
	f.Add([]byte(probeBody))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := parseProbe(b); err == nil && !bytes.Contains(b, []byte("DHIP")) {
			t.Fatalf("took % x", b)
		}
	})
}
