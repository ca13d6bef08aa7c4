package appliance

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/panel"
)

// The back of the box works over boots; without power its button does nothing.
func TestPressOverBoots(t *testing.T) {
	t.Parallel()
	dir := made(t)
	r := start(t, dir, Options{})
	first := r.Ready()
	for _, off := range []panel.Power{panel.Off, panel.Cut} {
		if err := errors.Join(r.Switch(off), r.Switch(off)); err != nil {
			t.Fatal(err)
		}
		if _, err := Press(t.Context(), dir, 12*time.Second); !errors.Is(err, rekey.ErrConflict) {
			t.Errorf("pressed without power: %v", err)
		}
		// Nobody else runs it meanwhile: its panel waits to switch it on.
		if _, err := Start(t.Context(), dir, Options{}); !errors.Is(err, rekey.ErrConflict) {
			t.Errorf("started twice: %v", err)
		}
		if err := r.Switch(panel.On); err != nil {
			t.Fatal(err)
		}
		if led, err := Press(t.Context(), dir, time.Second); err != nil || led != recorder.LEDNothing {
			t.Errorf("pressed: %s, %v", led, err)
		}
		if again := r.Ready(); again != first {
			t.Error("it is reached elsewhere after the boot")
		}
		if got := status(t, first.HTTP+"/"); got != http.StatusOK {
			t.Errorf("web page: %d", got)
		}
	}
	if err := r.Switch(panel.Off); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil { // while it is off
		t.Error(err)
	}
}

// Who pulls the plug says goodbye to nobody: what is open to the LAN is gone,
// and it does not take the time of an orderly end.
func TestCutDropsConnections(t *testing.T) {
	t.Parallel()
	r := start(t, made(t), Options{})
	var open []net.Conn
	for _, at := range []string{r.Ready().HTTP, r.Ready().HTTPS, r.Ready().RTSP} {
		conn, err := net.Dial("tcp", at[strings.Index(at, "//")+2:])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
	}
	// A request that never ends.
	if _, err := io.WriteString(open[0], "POST /RPC2_Login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	cords := r.present.Load().doors.cords
	if err := r.Switch(panel.Cut); err != nil {
		t.Fatal(err)
	}
	for _, conn := range open {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		_, err := io.Copy(io.Discard, conn)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Error("a connection outlived the power")
		}
	}
	for _, c := range cords {
		c.mu.Lock()
		if len(c.ends) != 0 {
			t.Errorf("%d connections are kept", len(c.ends))
		}
		c.mu.Unlock()
	}
}

// A door that fails ends it all, at a later boot, too.
func TestDoorThatFails(t *testing.T) {
	t.Parallel()
	r := start(t, made(t), Options{})
	if err := errors.Join(r.Switch(panel.Off), r.Switch(panel.On)); err != nil {
		t.Fatal(err)
	}
	if err := r.present.Load().doors.rtsp.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(); err == nil {
		t.Error("a recorder whose RTSP door failed goes on without it")
	}
}
