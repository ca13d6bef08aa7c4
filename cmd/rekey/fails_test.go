package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"rekey"
)

// fails is the script command "exits CODE rekey ARGS...". It runs rekey where
// there is no terminal and holds it to what docs/output.md says of every failure:
//
//   - the exit code is CODE,
//   - stderr ends with one line that begins "rekey: ", and no other line does,
//   - no secret is printed: no line of any file in the script's folder secrets,
//   - bad input (CODE 2) leaves every file below the script's folder as it was,
//     but for a desk's security log, which tells of refused acts, too, and its
//     database, which keeps what time it was at the last record.
func fails(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	work := ts.MkAbs(".")
	before, err := everyFile(work)
	ts.Check(err)
	ts.Setenv(noTerminal, "1")
	err = ts.Exec(args[1], args[2:]...)
	ts.Setenv(noTerminal, "")
	if code := codeOf(err); code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
	said := ts.ReadFile("stderr")
	ts.Check(oneClearLine(said))
	ts.Check(tellsNoSecret(ts.ReadFile("stdout")+said, filepath.Join(work, "secrets")))
	if want != exitCode(rekey.ErrInput) {
		return
	}
	after, err := everyFile(work)
	ts.Check(err)
	if changed := differ(before, after); len(changed) > 0 {
		ts.Fatalf("bad input changed the disk: %s", strings.Join(changed, ", "))
	}
}

// codeOf is the exit code behind an error of exec; -1 when it did not exit by itself.
func codeOf(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

func oneClearLine(stderr string) error {
	const begins = "rekey: "
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, begins) || len(last) == len(begins) || strings.Count("\n"+stderr, "\n"+begins) != 1 {
		return fmt.Errorf("stderr does not end with one line that begins %q:\n%s", begins, stderr)
	}
	return nil
}

// tellsNoSecret looks for every line of every file in dir. A missing dir holds none.
func tellsNoSecret(said, dir string) error {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(raw)) {
			if line = strings.TrimSpace(line); line != "" && strings.Contains(said, line) {
				return fmt.Errorf("a line of secrets/%s is printed", f.Name())
			}
		}
	}
	return err
}

// everyFile is what stands on disk below dir: mode and content of each file and folder.
func everyFile(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		if info.Mode().IsRegular() {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %x", sha256.Sum256(raw))
		}
		name, err := filepath.Rel(dir, path)
		all[name] = what
		return err
	})
	return all, err
}

// differ names what is new, gone or changed, security logs and a desk's database left out.
func differ(before, after map[string]string) (names []string) {
	for name, what := range before {
		if after[name] != what && !recordsTime(name) {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, was := before[name]; !was && !recordsTime(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func recordsTime(name string) bool {
	dir := filepath.Base(filepath.Dir(name))
	return dir == "log" || strings.HasPrefix(filepath.Base(name), "desk.db")
}
