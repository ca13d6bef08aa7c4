package lan

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder"
)

// onTheLAN are the methods of the box that this package may call. Whatever else
// the box can do, now or later, is out of reach of the LAN: the challenge, the
// answer, the button, the first set-up, the recorder's key, switching it off.
var onTheLAN = []string{
	"Accounts", "Active", "AddAccount", "AddONVIFAccount", "Cameras", "Certificate", "ChangeONVIFPassword", "CheckPassword",
	"DeleteAccount", "DeleteONVIFAccount", "Dir", "Epoch", "Info", "Initialised", "May", "Now", "ONVIFAccounts", "Password", "Policy",
	"Prove", "ProveAgain", "ProvePassword", "ProvePasswordAgain", "Realm", "Record", "ResetONVIFPassword", "ResetPassword",
	"RightsOf", "Serving", "SessionOpened", "SetPassword", "SetTable", "Table", "TableNames", "Traits",
}

func TestLANCannotReachTheSeat(t *testing.T) {
	t.Parallel()
	unnamed := map[string]bool{"AtSeat": true} // the LAN is never the seat
	for m := range reflect.TypeFor[*recorder.Box]().Methods() {
		unnamed[m.Name] = !slices.Contains(onTheLAN, m.Name)
	}
	delete(unnamed, "Close") // which much else has, too; the box's own shows below
	delete(unnamed, "Cut")   // as strings.Cut
	delete(unnamed, "DeviceID")
	files, err := filepath.Glob("*.go")
	must(t, err)
	called := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if unnamed[n.Name] {
					t.Errorf("%s names %s", set.Position(n.Pos()), n.Name)
				}
			case *ast.SelectorExpr:
				if isBox(n.X) {
					called[n.Sel.Name] = true
				}
			case *ast.AssignStmt:
				if slices.ContainsFunc(n.Rhs, isBox) {
					t.Errorf("%s gives the box another name", set.Position(n.Pos()))
				}
			case *ast.Field:
				if types.ExprString(n.Type) == "*recorder.Box" && (len(n.Names) != 1 || n.Names[0].Name != "box") {
					t.Errorf("%s gives the box another name", set.Position(n.Pos()))
				}
			}
			return true
		})
	}
	if got := slices.Sorted(maps.Keys(called)); !slices.Equal(got, onTheLAN) {
		t.Errorf("the LAN calls %v of the box; it may call %v", got, onTheLAN)
	}
}

// isBox tells whether an expression is the box. It has one name in this package,
// under which its calls can be found.
func isBox(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "box"
	case *ast.SelectorExpr:
		return e.Sel.Name == "box"
	case *ast.ParenExpr:
		return isBox(e.X)
	}
	return false
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
	// Whom it takes in gets an answer to this.
	last := dial()
	must(t, last.SetDeadline(time.Now().Add(time.Minute)))
	_, _ = io.WriteString(last, "GET / HTTP/1.0\r\n\r\n") // it may be closed by now
	var late net.Error
	if n, err := last.Read(make([]byte, 1)); n != 0 || errors.As(err, &late) && late.Timeout() {
		t.Errorf("connection %d: %d bytes: %v", maxConnections+1, n, err)
	}
}
