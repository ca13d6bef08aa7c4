package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"rekey"
	"rekey/seclog"
)

// operatorsLog is a log with three records beside record 0.
func operatorsLog(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l, err := seclog.Create(t.Context(), dir, "rekey.example/log", seclog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.AppendBatch(t.Context(), []seclog.Record{
		{Actor: "operator ada", Event: "password.set", Object: "ND0001", Result: "changed"},
		{Actor: "operator \x1b[31mmal\nlory", Event: "password.checked", Object: "ND0001", Result: "ok", Detail: map[string]string{"step": "verify"}},
		{Actor: "operator ada", Event: "footage.kept", Object: "ND0001", Result: "ok"},
	})
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func runLog(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := newLogCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out, talk bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&talk)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), talk.String(), err
}

// ok runs a verb that must succeed and returns its result.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	out, _, err := runLog(t, args...)
	if err != nil {
		t.Fatalf("log %v: %v", args, err)
	}
	return out
}

func replaceIn(t *testing.T, name, old, new string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(b), old, new, 1)
	if changed == string(b) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLogShow(t *testing.T) {
	t.Parallel()
	dir := operatorsLog(t)
	out := ok(t, "show", "--dir", dir)
	if strings.Count(out, "\n") != 5 || strings.Contains(out, "\x1b") || !strings.Contains(out, `operator \x1b[31mmal\nlory`) {
		t.Errorf("show prints\n%q", out)
	}
	for _, test := range []struct {
		args  []string
		lines int
	}{
		{[]string{"--event", "password.*"}, 2},
		{[]string{"--event", "password.set"}, 1},
		{[]string{"--event", "none"}, 0},
		{[]string{"--since", "1h"}, 4},
		{[]string{"--since", "2999-01-01"}, 0},
		{[]string{"--since", "2999-01-01T00:00:00Z"}, 0},
	} {
		out := ok(t, append([]string{"show", "--json", "--dir", dir}, test.args...)...)
		if strings.Count(out, "\n") != test.lines {
			t.Errorf("%v prints %d lines, want %d", test.args, strings.Count(out, "\n"), test.lines)
		}
		for line := range strings.Lines(out) {
			var r seclog.Record
			if err := json.Unmarshal([]byte(line), &r); err != nil || r.Event == "" {
				t.Errorf("%q: %v", line, err)
			}
		}
	}
	replaceIn(t, filepath.Join(dir, "records.jsonl"), `{"seq":2`, "\x1b[2J")
	out, talk, err := runLog(t, "show", "--dir", dir)
	if !errors.Is(err, rekey.ErrVerify) || strings.Contains(talk, "\x1b") || !strings.Contains(talk, "line 2") || strings.Count(out, "\n") != 4 {
		t.Errorf("a damaged line: %v, %q, %q", err, out, talk)
	}
}

// What somebody else wrote into the log moves no auditor's cursor, nor turns
// their text around: in JSON no more than in the table.
func TestLogJSONIsHarmlessInATerminal(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	const nasty = "a\u009b2Jb\u202ec\x7fd\U000e0001e"
	l, err := seclog.Create(t.Context(), dir, "rekey.example/log", seclog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Append(t.Context(), seclog.Record{Event: "e", Actor: nasty, Detail: map[string]string{nasty: nasty}})
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"show"}, {"show", "--json"}, {"prove", "--record", "1"}, {"prove", "--record", "1", "--json"}} {
		out := ok(t, append(args, "--dir", dir)...)
		if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("log %v prints %q", args, out)
		}
	}
	var r seclog.Record
	_, line, _ := strings.Cut(ok(t, "show", "--json", "--dir", dir), "\n")
	if err := json.Unmarshal([]byte(line), &r); err != nil || r.Actor != nasty || r.Detail[nasty] != nasty {
		t.Errorf("%q reads back as %+v: %v", line, r, err)
	}
}

// A whole line that stood in the file without a signature is kept after a crash.
// The reader is told which, even if they asked for something else.
func TestLogShowTellsWhatWasKept(t *testing.T) {
	t.Parallel()
	dir := operatorsLog(t)
	f, err := os.OpenFile(filepath.Join(dir, "records.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"seq":4,"time":"2026-03-01T12:00:00.000000Z","actor":"operator ada","event":"code.reveal"}` + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	l, err := seclog.Open(t.Context(), dir, seclog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"show"}, {"show", "--json"}, {"show", "--event", "code.reveal"}} {
		_, talk, err := runLog(t, append(args, "--dir", dir)...)
		if err != nil || !strings.Contains(talk, "records 4 to 4 were found unsigned") || !strings.Contains(talk, "record 5") {
			t.Errorf("log %v: %v, %q", args, err, talk)
		}
	}
	if _, talk, err := runLog(t, "show", "--dir", operatorsLog(t)); err != nil || talk != "" {
		t.Errorf("a log without a crash: %v, %q", err, talk)
	}
}

func TestLogVerify(t *testing.T) {
	t.Parallel()
	dir := operatorsLog(t)
	kept := filepath.Join(t.TempDir(), "kept")
	for _, name := range []string{"checkpoint", "key.pub"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(kept+name, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out, talk, err := runLog(t, "verify", "--dir", dir)
	if err != nil || !strings.Contains(out, "4 records") || !strings.Contains(talk, "stronger") {
		t.Fatalf("verify: %v, %q, %q", err, out, talk)
	}
	_, talk, err = runLog(t, "verify", "--dir", dir, "--key", kept+"key.pub", "--checkpoint", kept+"checkpoint")
	if err != nil || talk != "" {
		t.Fatalf("verify with what was kept: %v, %q", err, talk)
	}
	var report struct {
		Type    string `json:"message_type"`
		OK      bool   `json:"ok"`
		Records int    `json:"records"`
		Bad     *int   `json:"first_bad"`
	}
	check := func(out string) {
		t.Helper()
		report.Bad = nil
		if err := json.Unmarshal([]byte(out), &report); err != nil || report.Bad == nil || report.Type != "log" {
			t.Fatalf("%q: %v", out, err)
		}
	}
	if check(ok(t, "verify", "--json", "--dir", dir)); !report.OK || *report.Bad != -1 || report.Records != 4 {
		t.Errorf("report: %+v", report)
	}
	replaceIn(t, filepath.Join(dir, "records.jsonl"), "footage.kept", "footage.lost")
	out, _, err = runLog(t, "verify", "--json", "--dir", dir)
	if !errors.Is(err, rekey.ErrVerify) || !strings.Contains(err.Error(), "record 3") {
		t.Errorf("a changed record: %v", err)
	}
	if check(out); report.OK || *report.Bad != 3 {
		t.Errorf("report: %+v", report)
	}
}

func TestLogProve(t *testing.T) {
	t.Parallel()
	dir := operatorsLog(t)
	proof := filepath.Join(t.TempDir(), "proof.json")
	if err := os.WriteFile(proof, []byte(ok(t, "prove", "--dir", dir, "--record", "1")), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	out := ok(t, "prove", "--dir", t.TempDir(), "--check", proof, "--key-string", string(key))
	if !strings.Contains(out, "record 1 is in the log") || !strings.Contains(out, "password.set") {
		t.Errorf("check prints %q", out)
	}
	replaceIn(t, proof, "ND0001", "ND0002")
	if _, _, err := runLog(t, "prove", "--dir", dir, "--check", proof); !errors.Is(err, rekey.ErrVerify) || !strings.Contains(err.Error(), "record 1") {
		t.Errorf("a changed proof: %v", err)
	}
}

func TestLogExport(t *testing.T) {
	t.Parallel()
	dir := operatorsLog(t)
	folder := t.TempDir()
	to := filepath.Join(folder, "log.zip")
	ok(t, "export", "--dir", dir, "--out", to)
	if out := ok(t, "verify", "--bundle", to, "--key", filepath.Join(dir, "key.pub")); !strings.Contains(out, "4 records") {
		t.Errorf("verify --bundle prints %q", out)
	}
	if out := ok(t, "show", "--bundle", to); strings.Count(out, "\n") != 5 {
		t.Errorf("show --bundle prints %q", out)
	}
	replaceIn(t, filepath.Join(dir, "records.jsonl"), "footage.kept", "footage.lost")
	if _, _, err := runLog(t, "export", "--dir", dir, "--out", to+"2"); !errors.Is(err, rekey.ErrVerify) {
		t.Errorf("export of a changed log: %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("%d files left, %v", len(left), err)
	}
}

func TestLogErrors(t *testing.T) {
	t.Parallel()
	dir := operatorsLog(t)
	here := filepath.Join(dir, "records.jsonl")
	for _, test := range []struct {
		kind error
		args []string
	}{
		{rekey.ErrNotFound, []string{"show", "--dir", t.TempDir()}},
		{rekey.ErrNotFound, []string{"verify", "--dir", t.TempDir()}},
		{rekey.ErrNotFound, []string{"verify", "--bundle", filepath.Join(dir, "none")}},
		{rekey.ErrNotFound, []string{"prove", "--dir", dir, "--record", "4"}},
		{rekey.ErrNotFound, []string{"export", "--dir", t.TempDir(), "--out", filepath.Join(t.TempDir(), "x")}},
		{rekey.ErrInput, []string{"verify", "--bundle", here}},
		{rekey.ErrInput, []string{"verify", "--dir", dir, "--key-string", "nonsense"}},
		{rekey.ErrInput, []string{"verify", "--dir", dir, "--key-string", "a", "--key", "b"}},
		{rekey.ErrInput, []string{"verify", "--dir", dir, "--key", filepath.Join(dir, "none")}},
		{rekey.ErrInput, []string{"verify", "--dir", dir, "--checkpoint", filepath.Join(dir, "none")}},
		{rekey.ErrInput, []string{"show", "--dir", dir, "--since", "yesterday"}},
		{rekey.ErrInput, []string{"prove", "--dir", dir}},
		{rekey.ErrInput, []string{"prove", "--dir", dir, "--record", "1", "--check", here}},
		{rekey.ErrInput, []string{"prove", "--dir", dir, "--check", here}},
		{rekey.ErrInput, []string{"export", "--dir", dir}},
		{rekey.ErrInput, []string{"export", "--dir", dir, "--out", here}},
		{rekey.ErrVerify, []string{"verify", "--dir", dir, "--checkpoint", here}},
	} {
		if _, _, err := runLog(t, test.args...); !errors.Is(err, test.kind) {
			t.Errorf("log %v: %v, want %v", test.args, err, test.kind)
		}
	}
}
