package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"rekey"
)

// exitCodes is the one map from kinds of failure to exit codes; docs/output.md
// prints it and a test holds the two together. Where an error is of several
// kinds, the first in this list counts.
var exitCodes = []struct {
	kind error
	code int
}{
	{rekey.ErrUnknown, 10},
	{rekey.ErrWaiting, 11},
	{context.Canceled, 130},
	{rekey.ErrLocked, 4},
	{rekey.ErrBudget, 5},
	{rekey.ErrDenied, 3},
	{rekey.ErrRisk, 6},
	{rekey.ErrNotRecorder, 8},
	{rekey.ErrUnsupported, 9},
	{rekey.ErrVerify, 12},
	{rekey.ErrFindings, 13},
	{rekey.ErrNotFound, 14},
	{rekey.ErrConflict, 15},
	{rekey.ErrStorage, 16},
	{rekey.ErrInput, 2},
	{rekey.ErrUnreachable, 7},
	{syscall.EPIPE, 141},
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	for _, e := range exitCodes {
		if errors.Is(err, e.kind) {
			return e.code
		}
	}
	return 1
}

func usageError(err error) error { return fmt.Errorf("%w: %w", rekey.ErrInput, err) }

// usageArgs makes a wrong number of arguments an ErrInput.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		return nil
	}
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError(fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath()))
		}
		return nil
	}
}

// oneLine keeps an error to one printable line, whatever a recorder put into it.
// Errors that were joined are parted by semicolons.
func oneLine(err error) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\t':
			return ' '
		case r < 0x20 || (r >= 0x7f && r < 0xa0):
			return -1
		}
		return r
	}, strings.ReplaceAll(err.Error(), "\n", "; "))
}
