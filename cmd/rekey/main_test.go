package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// noTerminal, when set, has the program start without a controlling terminal,
// as under a service manager: nobody is asked, wherever the tests are run from.
const noTerminal = "REKEY_TEST_NO_TERMINAL"

// raceOptions keeps a program under the race detector from sleeping a second
// before it exits.
const raceOptions = "GORACE"

// TestMain lets the test binary stand in for the program, and for a recorder:
// scripts and crash tests start them as real processes, under the race detector too.
func TestMain(m *testing.M) {
	if os.Getenv(raceOptions) == "" {
		_ = os.Setenv(raceOptions, "atexit_sleep_ms=0") // for the processes that are started
	}
	_ = flag.Set("test.parallel", "6") // a test waits for disks and other processes most of the time; -parallel says otherwise
	testscript.Main(m, map[string]func(){
		"rekey": func() {
			if os.Getenv(noTerminal) != "" {
				_, _ = syscall.Setsid() // fails for who leads a session already, and has no terminal either
			}
			os.Exit(run(crashPoint()))
		},
		boxProgram: func() {
			if err := serveBox(os.Args[1], os.Args[2], os.Args[3]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		},
	})
}

// TestScripts runs the stories in testdata/*.txtar. Beside rekey itself they know:
//
//	await FILE            wait until FILE exists
//	json FILE KEY VAR     set the environment variable VAR to a string in a JSON object
//	exits CODE rekey ...  rekey fails as it should; see fails
//	port VAR              keep of host:port in VAR the port
//	long FILE             write one line of 5,000 letters
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("REKEY_STATE", filepath.Join(env.WorkDir, "state"))
			env.Setenv(raceOptions, os.Getenv(raceOptions))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(await(ts.MkAbs(args[0]))) },
			"exits": fails,
			"port": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv(args[0], portOf(ts.Getenv(args[0])))
			},
			"long": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte("x"), 5000), 0o600))
			},
			"json": func(ts *testscript.TestScript, _ bool, args []string) {
				value, err := jsonField(ts.ReadFile(args[0]), args[1])
				ts.Check(err)
				ts.Setenv(args[2], value)
			},
		},
		RequireExplicitExec: true,
	})
}

// await waits until the file is there. Servers write it whole, by a rename.
func await(name string) error {
	const most = time.Minute
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s did not appear within %s", name, most)
}

func jsonField(text, key string) (string, error) {
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return "", err
	}
	value, ok := object[key].(string)
	if !ok {
		return "", fmt.Errorf("no string %q in %d fields", key, len(object))
	}
	return value, nil
}
