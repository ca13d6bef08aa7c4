//go:build unix

package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// fullDisk marks the child process below.
const fullDisk = "REKEY_TEST_FULL_DRIVE"

func TestMain(m *testing.M) {
	if os.Getenv(fullDisk) != "" {
		os.Exit(backUpToFullDrive())
	}
	os.Exit(m.Run())
}

// TestFullDrive: a drive that fills up in the middle. A child process may write
// no file beyond 60 kB, which its writes see as they would see a full drive.
func TestFullDrive(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fullDisk+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), "the USB drive is full") {
		t.Errorf("it says %s", out)
	}
}

// backUpToFullDrive is the child; it returns 0 when all was as it must be.
func backUpToFullDrive() int {
	t := &child{}
	defer t.clean()
	g := newRigOf(t, 6)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	full := before
	full.Cur = 60 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	s := g.make(t, everything())
	fmt.Println(s.Err)
	if s.Phase != Failed || !errors.Is(s.Err, ErrFull) {
		return 1
	}
	if right := g.whole(t, s.Folder); len(right) != 0 {
		fmt.Println("there are", right)
		return 1
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if s = g.make(t, everything()); s.Phase != Done || t.failed {
		fmt.Println("with room again:", s)
		return 1
	}
	return 0
}

// child is the testing.TB of a process that is no test.
type child struct {
	testing.TB
	failed bool
	after  []func()
}

func (c *child) Helper()                   {}
func (c *child) Context() context.Context  { return context.Background() }
func (c *child) Cleanup(f func())          { c.after = append(c.after, f) }
func (c *child) Error(args ...any)         { c.failed = true; fmt.Println(args...) }
func (c *child) Errorf(f string, a ...any) { c.failed = true; fmt.Printf(f+"\n", a...) }

func (c *child) Fatal(args ...any) {
	fmt.Println(args...)
	c.clean()
	os.Exit(1)
}

func (c *child) TempDir() string {
	dir, err := os.MkdirTemp("", "rekey")
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (c *child) clean() {
	for i := len(c.after) - 1; i >= 0; i-- {
		c.after[i]()
	}
	c.after = nil
}
