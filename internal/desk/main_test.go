package desk_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
	_ "pgregory.net/rapid" // its flags
)

// TestMain keeps the state machine's default number of runs to what a minute
// bears: each step of it writes and fsyncs records. -rapid.checks asks for more.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Parse()
	goleak.VerifyTestMain(m)
}
