package rtsp

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"rekey"
)

// TestFlood: what tells no time, or goes back in it, ends by its size.
func TestFlood(t *testing.T) {
	t.Parallel()
	s := &showing{player: &player{c: &conn{}}, from: begins, to: begins.Add(time.Hour), at: begins}
	most := int(slack/time.Second) * mostRate
	if err := s.measure(most); err != nil {
		t.Fatal(err)
	}
	s.latest = begins.Add(time.Minute)
	if err := s.measure(60 * mostRate); err != nil {
		t.Fatal(err)
	}
	if err := s.measure(1); !errors.Is(err, errFlood) || !errors.Is(err, rekey.ErrUnreachable) {
		t.Error(err)
	}
}

// TestTornAtTheEnd: a break in the middle of a packet is no end, however near.
func TestTornAtTheEnd(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	t.Cleanup(func() { _ = here.Close() })
	go func() {
		_, _ = there.Write([]byte{0x24, 0, 0, 9, 1, 2})
		_ = there.Close()
	}()
	pictures, _ := trackOf(&format.H264{PayloadTyp: 96, PacketizationMode: 1})
	s := &showing{ctx: t.Context(), from: begins, to: begins.Add(time.Hour), at: begins.Add(time.Hour), pictures: pictures, film: newFilm(&format.H264{}, nil),
		player: &player{c: &conn{net: here, in: bufio.NewReader(here)}, keep: time.Minute, alive: time.Now()}}
	if err := s.step(); !errors.Is(err, errTorn) || !errors.Is(err, rekey.ErrUnreachable) {
		t.Error(err)
	}
}

// TestTalkAlone: answers that nobody asked for are no packets.
func TestTalkAlone(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	t.Cleanup(func() { _ = here.Close() })
	go func() {
		for err := error(nil); err == nil; {
			_, err = fmt.Fprint(there, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")
		}
	}()
	p := &player{c: &conn{net: here, in: bufio.NewReader(here)}, keep: time.Minute, alive: time.Now()}
	if _, err := p.next(t.Context(), 50*time.Millisecond); !errors.Is(err, rekey.ErrUnreachable) {
		t.Error(err)
	}
	_ = there.Close()
}

// TestCutPictures: a picture whose end is missing, and packets that are missing
// behind those of something else, are no whole film.
func TestCutPictures(t *testing.T) {
	t.Parallel()
	start := []byte{0x7c, 0x85, 1, 2, 3} // FU-A, the first part of a key picture
	middle := []byte{0x7c, 0x05}         // with nothing in it
	single := []byte{0x65, 1, 2, 3}
	packet := func(number uint16, at uint32, marker bool, payload []byte) *rtp.Packet {
		return &rtp.Packet{Header: rtp.Header{PayloadType: 96, SequenceNumber: number, Timestamp: at, Marker: marker}, Payload: payload}
	}
	other := packet(5, 0, false, single)
	other.PayloadType = 97
	for name, packets := range map[string][]*rtp.Packet{
		"no end, marked":      {packet(0, 0, true, single), packet(1, 9, false, start), packet(2, 9, true, middle)},
		"no end, not marked":  {packet(0, 0, true, single), packet(1, 9, false, start), packet(2, 18, false, single), packet(3, 27, false, single)},
		"behind another kind": {packet(0, 0, true, single), other, packet(6, 9, true, single)},
	} {
		track, _ := trackOf(&format.H264{PayloadTyp: 96, PacketizationMode: 1})
		var err error
		for _, p := range packets {
			if err == nil {
				_, err = track.add(p, begins)
			}
		}
		if !errors.Is(err, errGap) {
			t.Errorf("%s: %v", name, err)
		}
	}
	track, _ := trackOf(&format.H264{PayloadTyp: 96, PacketizationMode: 1})
	_, err := track.add(packet(0, 0, false, start), begins)
	for n := 1; err == nil && n < 2*mostPackets; n++ {
		_, err = track.add(packet(uint16(n), 0, false, middle), begins)
	}
	if !errors.Is(err, errGap) {
		t.Errorf("without an end: %v", err)
	}
}
