package rekey_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed is the picture of the house: who may import whom, and nothing else of
// this module. Imports run down only. Outside packages are limited where a
// package is public or is the vocabulary.
var allowed = map[string][]string{
	"rekey":                              {},
	"rekey/recovery":                     {},
	"rekey/seclog":                       {},
	"rekey/internal/durable":             {},
	"rekey/internal/transport":           {"rekey"},
	"rekey/internal/rtsp":                {"rekey", "rekey/internal/transport"},
	"rekey/internal/dahua":               {"rekey", "rekey/internal/transport", "rekey/internal/rtsp"},
	"rekey/internal/onvif":               {"rekey", "rekey/internal/rtsp", "rekey/internal/transport"},
	"rekey/internal/hikvision":           {"rekey", "rekey/internal/transport", "rekey/internal/rtsp"},
	"rekey/internal/discover":            {"rekey"},
	"rekey/internal/catalog":             {"rekey"},
	"rekey/internal/catalog/pages":       {"rekey", "rekey/internal/catalog", "rekey/internal/durable"},
	"rekey/internal/vault":               {"rekey", "rekey/internal/durable"},
	"rekey/internal/footage":             {"rekey", "rekey/internal/durable"},
	"rekey/internal/harden":              {"rekey"},
	"rekey/internal/job":                 {"rekey", "rekey/internal/footage", "rekey/internal/harden", "rekey/internal/vault", "rekey/internal/catalog", "rekey/seclog", "rekey/internal/durable"},
	"rekey/internal/web":                 {"rekey"},
	"rekey/internal/store":               {"rekey"},
	"rekey/internal/totp":                {},
	"rekey/internal/scan":                {},
	"rekey/internal/argon":               {"rekey"},
	"rekey/internal/desk":                {"rekey", "rekey/recovery", "rekey/seclog", "rekey/internal/store", "rekey/internal/durable", "rekey/internal/argon", "rekey/internal/desk/schema", "rekey/internal/desk/staff", "rekey/internal/desk/courier"},
	"rekey/internal/recorder":            {"rekey", "rekey/internal/argon", "rekey/internal/totp", "rekey/recovery", "rekey/seclog", "rekey/internal/durable"},
	"rekey/internal/desk/schema":         {},
	"rekey/internal/desk/staff":          {"rekey", "rekey/internal/store", "rekey/internal/web"},
	"rekey/internal/desk/courier":        {"rekey", "rekey/internal/mail", "rekey/internal/store"},
	"rekey/internal/desk/passkey":        {"rekey"},
	"rekey/internal/desk/api":            {"rekey", "rekey/recovery", "rekey/seclog", "rekey/internal/desk", "rekey/internal/desk/courier", "rekey/internal/desk/staff", "rekey/internal/store", "rekey/internal/web"},
	"rekey/internal/desk/front":          {"rekey", "rekey/recovery", "rekey/seclog", "rekey/internal/catalog", "rekey/internal/desk", "rekey/internal/desk/api", "rekey/internal/desk/courier", "rekey/internal/desk/staff", "rekey/internal/scan", "rekey/internal/web"},
	"rekey/internal/desk/client":         {"rekey", "rekey/recovery", "rekey/internal/desk", "rekey/internal/desk/api", "rekey/internal/desk/courier", "rekey/internal/desk/passkey", "rekey/internal/desk/staff"},
	"rekey/internal/mail":                {"rekey"},
	"rekey/internal/recorder/backup":     {"rekey", "rekey/internal/recorder", "rekey/internal/recorder/clips"},
	"rekey/internal/recorder/clips":      {"rekey", "rekey/internal/durable"},
	"rekey/internal/recorder/lan":        {"rekey", "rekey/internal/recorder", "rekey/internal/recorder/clips", "rekey/internal/recorder/page", "rekey/internal/web", "rekey/seclog"},
	"rekey/internal/recorder/cloud":      {"rekey", "rekey/recovery", "rekey/seclog", "rekey/internal/argon", "rekey/internal/durable", "rekey/internal/mail", "rekey/internal/store", "rekey/internal/totp", "rekey/internal/web", "rekey/internal/recorder/cloud/wire"},
	"rekey/internal/recorder/cloud/wire": {"rekey/recovery"},
	"rekey/internal/recorder/link":       {"rekey", "rekey/recovery", "rekey/internal/recorder", "rekey/internal/recorder/cloud/wire"},
	"rekey/internal/recorder/label":      {"rekey/internal/recorder"},
	"rekey/internal/recorder/live":       {"rekey", "rekey/internal/recorder", "rekey/internal/recorder/clips", "rekey/internal/web"},
	"rekey/internal/recorder/say":        {"rekey", "rekey/internal/recorder", "rekey/recovery", "rekey/seclog"},
	"rekey/internal/recorder/page":       {"rekey", "rekey/recovery", "rekey/seclog", "rekey/internal/recorder", "rekey/internal/recorder/clips", "rekey/internal/recorder/label", "rekey/internal/recorder/live", "rekey/internal/recorder/say", "rekey/internal/web"},
	"rekey/internal/recorder/seat":       {"rekey", "rekey/recovery", "rekey/seclog", "rekey/internal/recorder", "rekey/internal/recorder/backup", "rekey/internal/recorder/clips", "rekey/internal/recorder/label", "rekey/internal/recorder/live", "rekey/internal/recorder/say", "rekey/internal/web"},
	"rekey/internal/recorder/panel":      {"rekey", "rekey/internal/recorder", "rekey/internal/recorder/seat", "rekey/internal/web"},
	"rekey/internal/recorder/appliance":  {"rekey", "rekey/recovery", "rekey/internal/durable", "rekey/internal/recorder", "rekey/internal/recorder/backup", "rekey/internal/recorder/clips", "rekey/internal/recorder/lan", "rekey/internal/recorder/link", "rekey/internal/recorder/panel", "rekey/internal/recorder/seat", "rekey/internal/web"},
}

// allowedOutside limits the modules that the inner packages may use.
var allowedOutside = map[string][]string{
	"rekey":                  {},
	"rekey/recovery":         {"golang.org/x/crypto/"},
	"rekey/seclog":           {"golang.org/x/mod/"},
	"rekey/internal/durable": {},
	"rekey/internal/job":     {},
	"rekey/internal/harden":  {},
	"rekey/internal/catalog": {},
}

type listed struct {
	ImportPath string
	Imports    []string
	Doc        string
	Name       string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Doc,Name", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestImportsRunDownOnly(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, p := range packages(t) {
		if strings.HasPrefix(p.ImportPath, "rekey/cmd/") || strings.HasPrefix(p.ImportPath, "rekey/internal/rekeytest") {
			continue // the program may import everything; so may the tests' own packages
		}
		inside, known := allowed[p.ImportPath]
		if !known {
			t.Errorf("%s is not in the picture of the house: add it to this test and to README.md", p.ImportPath)
			continue
		}
		seen++
		for _, imp := range p.Imports {
			switch {
			case imp == "rekey" || strings.HasPrefix(imp, "rekey/"):
				if !slices.Contains(inside, imp) {
					t.Errorf("%s may not import %s", p.ImportPath, imp)
				}
			case strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
				if outside, limited := allowedOutside[p.ImportPath]; limited && !hasPrefixIn(imp, outside) {
					t.Errorf("%s may not import %s", p.ImportPath, imp)
				}
			}
		}
	}
	if seen != len(allowed) {
		t.Errorf("the picture names %d packages, %d exist", len(allowed), seen)
	}
}

func TestNothingImportsTheProgramOrTheTestPackages(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "rekey/cmd/") {
				t.Errorf("%s imports the program %s", p.ImportPath, imp)
			}
			if strings.HasPrefix(imp, "rekey/internal/rekeytest") && !strings.HasPrefix(p.ImportPath, "rekey/internal/rekeytest") {
				t.Errorf("%s imports the test package %s outside its tests", p.ImportPath, imp)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func hasPrefixIn(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
