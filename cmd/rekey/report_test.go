package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"rekey"
	"rekey/internal/job"
)

// The matrix of a report fits the terminal, whatever stands in its notes.
func TestMatrixFitsTheTerminal(t *testing.T) {
	t.Parallel()
	proofs := []job.Proof{
		{Interface: rekey.Interface{Kind: rekey.InterfaceRPC2, Host: "192.168.100.100", Port: 443, TLS: true}, New: job.Opens, Old: job.Dead},
		{Interface: rekey.Interface{Kind: rekey.InterfaceSDK, Host: "192.168.100.100", Port: 35000}, New: job.NotTried, Old: job.NotTried, Note: strings.Repeat("nobody knows its protocol ", 6)},
	}
	for _, width := range []int{70, 84, 96, 110} {
		var out strings.Builder
		printProofs(page{w: &out, width: width}, proofs)
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("a line of %d characters where %d fit: %q", n, width, line)
			}
		}
		if strings.Count(out.String(), "nobody") != 6 || !strings.Contains(out.String(), "rpc2 over TLS  192.168.100.100:443    opens         dead\n") {
			t.Errorf("width %d:\n%s", width, out.String())
		}
	}
}

// What is left to a person stands in the report with what to do.
func TestReportSaysWhatToDo(t *testing.T) {
	t.Parallel()
	r := job.Report{
		Run: "r", Address: "192.0.2.10", Account: "admin", Outcome: rekey.Changed,
		Stale:    []job.StaleClient{{Account: "admin", Address: "192.0.2.33", Client: "Web3.0", Tries: 4, Last: time.Date(2026, 11, 22, 10, 11, 12, 0, time.UTC)}},
		Channels: []job.ChannelChange{{Number: 3, Name: "Yard", Before: true, Why: "wrong login", Account: "op"}},
		Own:      []job.OwnAccount{{Interface: rekey.InterfaceONVIF, Word: job.OwnNotSet, Note: "set it there"}},
	}
	var out strings.Builder
	printRunReport(&out, r)
	said := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		`still used from 192.0.2.33 by Web3.0, account "admin", 4 times, last at 10:11:12`,
		"camera 3 (Yard) went dark: wrong login", "rekey cameras 192.0.2.10 --set 3 --camera-account op", "onvif: not set; set it there",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}
