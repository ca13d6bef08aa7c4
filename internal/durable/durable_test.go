package durable

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestWriteFileReplacesWholeAndKeepsMode(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"first, a long content", "second"} {
		if err := WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != content {
			t.Fatalf("read %q, %v; want %q", got, err, content)
		}
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(name)); len(left) != 1 {
		t.Fatalf("%d files left, want 1", len(left))
	}
}

func TestWriteFileFailsWithoutTouchingTheOldFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(name, "child"), 0o700); err != nil {
		t.Fatal(err)
	}
	// a folder stands where the file should go: the rename fails
	if err := WriteFile(name, []byte("x"), 0o600); err == nil {
		t.Fatal("no error")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Fatalf("temporary file left behind: %v", left)
	}
}

func TestSweepTakesOnlyWhatWasCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"state.json", ".state.json.tmp-17", "a.tmp-3", ".hidden", ".x.tmp-"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".folder.tmp-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	var left []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".folder.tmp-1", ".hidden", "a.tmp-3", "state.json"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
	if err := Sweep(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestRemoveOfAMissingFileIsNoError(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	if err := Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("file is still there: %v", err)
	}
}

func TestLockIsExclusiveUntilGivenBack(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := TryLock(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(name); !errors.Is(err, ErrHeld) {
		t.Fatalf("second lock: %v, want ErrHeld", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, name); !errors.Is(err, ErrHeld) {
		t.Fatalf("waiting lock: %v, want ErrHeld", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = Lock(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestMkdirAllMakesPrivateFoldersAndKeepsOthers(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(top, "a", "b")
	for range 2 {
		if err := MkdirAll(deep); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]os.FileMode{top: 0o755, filepath.Dir(deep): 0o700, deep: 0o700} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", dir, info.Mode().Perm(), err, want)
		}
	}
	file := filepath.Join(top, "file")
	if err := WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(filepath.Join(file, "x")); err == nil {
		t.Error("a folder was made below a file")
	}
}

// A child that is being started holds its parent's files until it is another
// program: what the parent let go in that moment was found held by the next.
func TestUnlockedWhileChildrenStart(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "lock")
	done := make(chan error)
	go func() {
		var err error
		for range 20 {
			child := exec.Command(os.Args[0], "-test.run=^$")
			child.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // the race detector's wait for reports
			err = errors.Join(err, child.Run())
		}
		done <- err
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
			unlock, err := TryLock(name)
			if err == nil {
				err = unlock()
			}
			if err != nil {
				t.Error(err)
				if err := <-done; err != nil {
					t.Error(err)
				}
				return
			}
		}
	}
}
