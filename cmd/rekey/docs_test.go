package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"rekey/internal/job"
)

// The documents say what the program does, or these tests fail.

// The README's first screen is a transcript. Its command is run here, and each
// of its lines must be in what the demo really says, in that order; only what
// is drawn anew each time (Device IDs, challenges, times) may differ.
func TestReadmeTranscript(t *testing.T) {
	t.Parallel()
	blocks := consoleBlocks(t, "README.md")
	command, transcript, _ := strings.Cut(blocks[0], "\n")
	if command != "$ go run ./cmd/rekey demo" || strings.TrimSpace(blocks[1]) != "$ make test" {
		t.Fatalf("the README begins with %q and %q", command, blocks[1])
	}
	var out bytes.Buffer
	root := newRootCommand(nil)
	root.SetArgs(append(strings.Fields(command)[4:], "--json", "--dir", t.TempDir()))
	root.SetOut(&out)
	root.SetErr(io.Discard)
	if err := root.ExecuteContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	said := saidLines(t, &out)
	lines := 0
	for line := range strings.Lines(transcript) {
		want := drawn(strings.Join(strings.Fields(line), " "))
		if want == "" {
			continue
		}
		lines++
		at := indexPrefix(said, want)
		if at < 0 {
			t.Fatalf("the demo does not say, or not in this order: %q", want)
		}
		said = said[at+1:]
	}
	if lines < 10 {
		t.Errorf("the transcript has %d lines", lines)
	}
}

// saidLines are the demo's lines as a person reads them: chapter headings, then
// "who message", then the last sentence.
func saidLines(t *testing.T, out io.Reader) (lines []string) {
	t.Helper()
	chapter := ""
	for dec := json.NewDecoder(out); dec.More(); {
		var l struct {
			Type    string `json:"message_type"`
			Chapter string
			Who     string
			Message string
			Outcome string
			Proofs  []job.Proof
		}
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		switch {
		case l.Type == "report":
			lines = append(lines, "The outcome is "+l.Outcome+": the new password opens the recorder on "+strconv.Itoa(opened(l.Proofs))+" interfaces, the lost one on none.")
		case l.Chapter != chapter:
			chapter = l.Chapter
			lines = append(lines, chapter)
			fallthrough
		default:
			lines = append(lines, drawn(l.Who+" "+l.Message))
		}
	}
	return lines
}

var drawnAnew = regexp.MustCompile(`\b[0-9A-Z]{4}(-[0-9A-Z]{4}){2,4}\b|\b\d+ records\b`)

func drawn(s string) string { return drawnAnew.ReplaceAllString(s, "*") }

func indexPrefix(lines []string, want string) int {
	for i, l := range lines {
		if strings.HasPrefix(l, want) {
			return i
		}
	}
	return -1
}

// Every command line in the documents is one that the program takes.
func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	found := 0
	for _, name := range []string{"README.md", "docs/how-it-works.md", "docs/output.md", "docs/threat-model.md", "docs/performance.md", "docs/drivers.md", "docs/support-desk.md"} {
		for _, block := range consoleBlocks(t, name) {
			for line := range strings.Lines(block) {
				line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
				for part := range strings.SplitSeq(strings.TrimPrefix(line, "$ "), ";") {
					args := strings.Fields(part)
					if !strings.HasPrefix(line, "$ ") || len(args) == 0 || args[0] != "rekey" {
						continue
					}
					found++
					if err := parses(newRootCommand(nil), args[1:]); err != nil {
						t.Errorf("%s: %s: %v", name, part, err)
					}
				}
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d command lines were found", found)
	}
}

func parses(root *cobra.Command, args []string) error {
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

func TestExitCodesAreDocumented(t *testing.T) {
	t.Parallel()
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]*) \|`).FindAllStringSubmatch(document(t, "docs/output.md"), -1)
	var got []string
	for _, r := range rows {
		if code := r[1]; code != "0" && code != "1" && code != "130" {
			got = append(got, code+" "+strings.TrimSpace(r[2]))
		}
	}
	var want []string
	for _, e := range exitCodes {
		if e.code != 130 {
			want = append(want, strconv.Itoa(e.code)+" "+e.kind.Error())
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("docs/output.md has\n%s\nthe program has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Every test that a document names is there.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	var tests strings.Builder
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, e os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		tests.Write(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(document(t, "docs/threat-model.md"), -1)
	for _, n := range named {
		if !strings.Contains(tests.String(), "func "+n[1]+"(") {
			t.Errorf("docs/threat-model.md names %s, which is not there", n[1])
		}
	}
	if len(named) < 15 {
		t.Errorf("only %d tests are named", len(named))
	}
}

func TestJSONMessagesAreDocumented(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	doc := document(t, "docs/output.md")
	kinds := regexp.MustCompile(`(?:emit|writeJSON|tell)\([^"\n]*"([a-z_]+)"`)
	found := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range kinds.FindAllStringSubmatch(string(raw), -1) {
			found++
			if !strings.Contains(doc, "| `"+m[1]+"` |") {
				t.Errorf("%s writes message_type %q; docs/output.md does not have it", f, m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d message types were found", found)
	}
}

func TestEveryVerbTakesJSON(t *testing.T) {
	t.Parallel()
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			look(c)
		}
		if cmd.Runnable() && !cmd.HasSubCommands() && cmd.HasParent() && cmd.Flag("json") == nil && cmd.InheritedFlags().Lookup("json") == nil {
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
	}
	look(newRootCommand(nil))
}

func document(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// consoleBlocks are the fenced blocks marked console.
func consoleBlocks(t *testing.T, name string) (blocks []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(document(t, name), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}
