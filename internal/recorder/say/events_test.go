package say

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rekey/recovery"
	"rekey/seclog"
)

// TestEveryEventHasWords reads the source of the box and its doors: whatever they
// record is said in words. What cannot be read out of the source fails, too.
func TestEveryEventHasWords(t *testing.T) {
	t.Parallel()
	s := readSource(t, "..", "cloud", "clips") // the cloud service keeps a log of its own
	found := map[string]bool{}
	for _, kind := range []recovery.EventKind{
		recovery.EventShown, recovery.EventExpired, recovery.EventBurned, recovery.EventWrong, recovery.EventDup, recovery.EventOK, recovery.EventLost, recovery.EventSupport,
	} {
		found[string(kind)] = true // guardRecord takes them over
	}
	for _, at := range s.recorded() {
		for _, event := range s.values(at.event, at.in) {
			found[event] = true
		}
	}
	if len(found) < 60 {
		t.Errorf("only %d events are found; the test reads the source wrongly", len(found))
	}
	for event := range found {
		r := seclog.Record{Event: event, Object: "ann", Result: "ok"}
		if text := Sentence(r); strings.HasPrefix(text, event) || !strings.HasSuffix(text, ".") {
			t.Errorf("the event %s has no words: %q", event, text)
		}
		if KindTitle(KindOf(r)) == "" {
			t.Errorf("the event %s is of no kind", event)
		}
	}
	for key := range sentences {
		event, _, _ := strings.Cut(key, " ")
		if !found[event] && event != "log.created" { // which seclog itself records
			t.Errorf("there are words for %s, which nothing records", key)
		}
	}
}

// source is parsed Go.
type source struct {
	t     *testing.T
	files []*ast.File
	set   *token.FileSet
}

func readSource(t *testing.T, dir string, but ...string) *source {
	t.Helper()
	s := &source{t: t, set: token.NewFileSet()}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(but, d.Name()) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_templ.go") {
			return nil
		}
		f, err := parser.ParseFile(s.set, path, nil, parser.SkipObjectResolution)
		s.files = append(s.files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// place is an expression that gives an event, and the function that it stands in.
type place struct {
	event ast.Expr
	in    *ast.FuncDecl
}

// recorders are the functions that record, with the number of the argument that is
// the event, and how many arguments there are.
var recorders = map[string][2]int{"record": {1, 4}, "Record": {0, 5}, "Attest": {0, 5}, "notice": {0, 2}}

// recorded are all events that are recorded somewhere.
func (s *source) recorded() []place {
	var all []place
	s.each(func(n ast.Node, in *ast.FuncDecl) {
		if _, hands := recorders[in.Name.Name]; hands {
			return // it only hands on what it was given
		}
		switch n := n.(type) {
		case *ast.CallExpr:
			if form, ok := recorders[called(n)]; ok && len(n.Args) == form[1] {
				all = append(all, place{n.Args[form[0]], in})
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Event" {
				all = append(all, place{n.Value, in})
			}
		}
	})
	return all
}

// each visits every node of every function.
func (s *source) each(visit func(ast.Node, *ast.FuncDecl)) {
	for _, f := range s.files {
		for _, d := range f.Decls {
			if in, ok := d.(*ast.FuncDecl); ok {
				ast.Inspect(in, func(n ast.Node) bool {
					visit(n, in)
					return true
				})
			}
		}
	}
}

// called names the function of a call.
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// values are the strings that an expression may be.
func (s *source) values(e ast.Expr, in *ast.FuncDecl) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			s.t.Fatal(err)
		}
		return []string{text}
	case *ast.SelectorExpr:
		if in.Name.Name == "menu" || in.Name.Name == "notices" {
			return nil // a notice that is shown: it was recorded before
		}
		return s.constant(e.Sel.Name)
	case *ast.Ident:
		if found := append(s.assigned(e.Name, in), s.constant(e.Name)...); len(found) > 0 {
			return found
		}
	case *ast.CallExpr:
		if found, ok := s.result(e, in); ok {
			return found
		}
	}
	s.t.Errorf("%s: this test cannot read which event is recorded; teach it", s.set.Position(e.Pos()))
	return nil
}

// constant finds a constant by its name.
func (s *source) constant(name string) (found []string) {
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && v.Names[0].Name == name && len(v.Values) == 1 {
				if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					found = append(found, s.values(lit, nil)...)
				}
			}
			return true
		})
	}
	return found
}

// assigned are the strings that a function gives one of its variables.
func (s *source) assigned(name string, in *ast.FuncDecl) (found []string) {
	ast.Inspect(in, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == len(a.Rhs) {
			for i, to := range a.Lhs {
				if id, ok := to.(*ast.Ident); ok && id.Name == name {
					found = append(found, s.values(a.Rhs[i], in)...)
				}
			}
		}
		return true
	})
	return found
}

// result are the strings that a call may give.
func (s *source) result(c *ast.CallExpr, in *ast.FuncDecl) (found []string, ok bool) {
	switch name := called(c); name {
	case "string": // of recovery.EventKind
		return nil, true
	case "event": // of a list of accounts, or of what a reset closes
		of := fmt.Sprint(c.Fun.(*ast.SelectorExpr).X)
		for _, text := range s.values(c.Args[0], in) {
			if strings.Contains(text, ".") {
				found = append(found, text, "onvif."+text)
				continue
			}
			if of != "theActivation" {
				found = append(found, "footage."+text)
			}
			if of != "theFootage" {
				found = append(found, "activation."+text)
			}
		}
		return found, true
	case "settingEvent":
		s.each(func(n ast.Node, of *ast.FuncDecl) {
			if r, is := n.(*ast.ReturnStmt); is && of.Name.Name == name {
				found = append(found, s.values(r.Results[0], of)...)
			}
		})
		return found, len(found) > 0
	}
	return nil, false
}
