package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/desk-openapi.json anew")

// TestDocument holds the committed document against the code.
func TestDocument(t *testing.T) {
	t.Parallel()
	got, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("..", "..", "..", "docs", "desk-openapi.json")
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil { //nolint:gosec // a document for everybody
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/desk-openapi.json is not what the code says; run: go test ./internal/desk/api -run TestDocument -update")
	}
}

// TestDocumentHolds: it is OpenAPI 3.1, every reference leads somewhere, every
// operation has a name of its own, says what refuses it, and shows no secret.
func TestDocumentHolds(t *testing.T) {
	t.Parallel()
	text, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	if whole["openapi"] != "3.1.0" {
		t.Errorf("openapi %v", whole["openapi"])
	}
	walk(whole, "#", func(at string, v any) {
		ref, ok := v.(string)
		if strings.HasSuffix(at, "/$ref") && (!ok || lookUp(whole, ref) == nil) {
			t.Errorf("%s leads nowhere: %v", at, v)
		}
		if key := regexp.MustCompile(`rekey_[A-Za-z0-9]{10}`); ok && key.MatchString(ref) {
			t.Errorf("%s shows a key", at)
		}
	})
	names := map[string]bool{}
	for path, methods := range whole["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			checkOperation(t, names, method+" "+path, op.(map[string]any))
		}
	}
	if len(names) != 55 {
		t.Errorf("%d operations", len(names))
	}
}

func checkOperation(t *testing.T, names map[string]bool, at string, op map[string]any) {
	t.Helper()
	name, _ := op["operationId"].(string)
	if name == "" || names[name] {
		t.Errorf("%s: operation id %q", at, name)
	}
	names[name] = true
	if summary, _ := op["summary"].(string); summary == "" || strings.HasSuffix(summary, ".") {
		t.Errorf("%s: summary %q", at, summary)
	}
	responses := op["responses"].(map[string]any)
	for _, status := range []string{"400", "429", "500"} {
		if responses[status] == nil {
			t.Errorf("%s: no response %s", at, status)
		}
	}
	declared := map[string]bool{}
	params, _ := op["parameters"].([]any)
	for _, p := range params {
		if p := p.(map[string]any); p["in"] == "path" {
			declared[fmt.Sprint(p["name"])] = p["required"] == true
		}
	}
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(at, -1) {
		if !declared[m[1]] {
			t.Errorf("%s: {%s} is not a required parameter", at, m[1])
		}
	}
}

func walk(v any, at string, see func(at string, v any)) {
	see(at, v)
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			walk(inner, at+"/"+k, see)
		}
	case []any:
		for i, inner := range v {
			walk(inner, fmt.Sprint(at, "/", i), see)
		}
	}
}

func lookUp(whole map[string]any, ref string) any {
	var v any = whole
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}
