package main

import (
	"errors"
	"testing"
)

func TestOneLine(t *testing.T) {
	t.Parallel()
	err := errors.Join(errors.New("cgi\tfails"), errors.New("rpc\x1b[2J2\r fails\u009b"))
	if got := oneLine(err); got != "cgi fails; rpc[2J2  fails" {
		t.Errorf("%q", got)
	}
}
