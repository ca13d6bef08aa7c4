//go:build unix

package footage

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"rekey"
)

// fullDiskDir names the folder of the child process below.
const fullDiskDir = "REKEY_TEST_FULL_DISK"

// A disk that fills up in the middle: a child process may write no file beyond
// 1.5 MB, which its writes see as they would see a full disk.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fullDiskDir+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), "CH01/2026-11-22/08-00-00_08-00-05.mp4") {
		t.Errorf("the file is not named: %s", out)
	}
	b := newBox(t, 1, 1, 4<<20)
	if m := mustExport(t, b, dir, options); len(m.Files) != 1 {
		t.Errorf("after the disk has room again: %+v", m.Files)
	}
}

// exportToFullDisk is the child; it returns 0 when the export failed as it must.
func exportToFullDisk(dir string) int {
	limit := syscall.Rlimit{Cur: 1500 << 10, Max: 1500 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
		return 1
	}
	b := &box{content: map[string][]byte{}, settings: []rekey.Setting{}}
	b.add(rekey.Recording{Channel: 1, Start: day, End: day.Add(5e9), Kind: "mp4", Path: "/x", Size: 4 << 20}, make([]byte, 4<<20))
	b.server = httptest.NewServer(b)
	defer b.server.Close()
	_, err := Export(context.Background(), b, dir, options)
	fmt.Println(err)
	if !errors.Is(err, rekey.ErrStorage) {
		return 1
	}
	return 0
}
