package appliance

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/panel"
)

// openIn counts the open files and folders of this process in dir.
func openIn(t *testing.T, dir string) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, one := range all {
		if at, err := os.Readlink("/proc/self/fd/" + one.Name()); err == nil && strings.HasPrefix(at, dir) {
			n++
		}
	}
	return n
}

// A recorder that is switched on and off for months must not run out of files.
func TestFootageIsClosed(t *testing.T) {
	t.Parallel()
	dir := made(t)
	r := start(t, dir, Options{})
	for _, off := range []panel.Power{panel.Off, panel.Cut} {
		if err := r.Switch(off); err != nil {
			t.Fatal(err)
		}
		if n := openIn(t, recorder.LogDir(dir)) + openIn(t, recorder.FootageDir(dir)); n != 0 {
			t.Errorf("%s: %d files of the recorder are open while it is off", off, n)
		}
		if err := r.Switch(panel.On); err != nil {
			t.Fatal(err)
		}
	}
	if openIn(t, recorder.FootageDir(dir)) == 0 {
		t.Error("the footage is not open while the recorder runs")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n := openIn(t, dir); n != 0 {
		t.Errorf("%d files of the recorder are open after Close", n)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := Start(t.Context(), dir, Options{Listen: Addresses{HTTP: taken.Addr().String()}, Box: recorder.Options{Argon: &cheap}}); !errors.Is(err, rekey.ErrConflict) {
		t.Error("started on a port in use")
	}
	if n := openIn(t, dir); n != 0 {
		t.Errorf("%d files of the recorder are open after a start that failed", n)
	}
}
