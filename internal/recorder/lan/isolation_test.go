package lan

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What gives out a challenge, takes an answer or stands for the button is not
// even named here: no request can reach it.
func TestLANCannotReachTheSeat(t *testing.T) {
	t.Parallel()
	forbidden := map[string]bool{
		"NewChallenge": true, "SubmitAnswer": true, "SetPasswordByGrant": true, "RequestQR": true,
		"GuardState": true, "EnableSupport": true, "Press": true, "FirstSetup": true,
	}
	files, err := filepath.Glob("*.go")
	must(t, err)
	looked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		looked++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && forbidden[id.Name] {
				t.Errorf("%s names %s", name, id.Name)
			}
			return true
		})
	}
	if looked == 0 {
		t.Error("no source was looked at")
	}
}

func TestConnectionsAreFew(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	dial := func() net.Conn {
		c, err := net.Dial("tcp4", g.l.HTTP.Addr().String())
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for range maxConnections {
		dial()
	}
	last := dial()
	must(t, last.SetReadDeadline(time.Now().Add(headerTimeout/2)))
	if _, err := last.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("connection %d: %v", maxConnections+1, err)
	}
}
