package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// deskVerbTypes is the message_type that each verb of the desk prints with --json;
// export prints lines of its own. serve's is checked where it is served.
func deskVerbTypes() map[string]string {
	return map[string]string{
		"init": "desk", "enroll": "enrolled", "recorder": "recorder", "recorder show": "recorder", "serve": "serving", "verify": "log", "figures": "figures", "export": "",
		"agent add": "agent link", "agent list": "agent", "agent role": "agent", "agent disable": "agent", "agent enable": "agent", "agent sso": "agent", "agent invite": "link",
		"key add": "api_key", "key list": "api_key", "key revoke": "ended", "hook add": "hook", "hook list": "hook", "hook remove": "ended",
		"dealer add": "dealer", "dealer list": "dealer", "dealer end": "ended", "join": "joined", "approve": "case", "reveal": "reveal",
		"case open": "case", "case list": "case", "case show": "case", "case code": "case", "case evidence": "case", "case note": "case", "case handover": "case",
		"case pause": "case", "case resume": "case", "case send-to": "case", "case freeze": "case", "case thaw": "case", "case close": "case", "case address": "address",
	}
}

// TestDeskVerbsInJSON: each verb prints what docs/output.md says of it, one object a
// line; a new verb must be named here and there.
func TestDeskVerbsInJSON(t *testing.T) {
	t.Parallel()
	types := deskVerbTypes()
	var all []string
	walkVerbs(newDeskCommand(), "", &all)
	for _, verb := range all {
		if _, known := types[verb]; !known {
			t.Errorf("desk %s: say here and in docs/output.md what it prints with --json", verb)
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "output.md"))
	if err != nil {
		t.Fatal(err)
	}
	for verb, printed := range types {
		if !slices.Contains(all, verb) {
			t.Errorf("there is no verb desk %s", verb)
		}
		for _, kind := range strings.Fields(printed) {
			if !strings.Contains(string(text), "| `"+kind+"` | ") {
				t.Errorf("docs/output.md lacks the message %q of desk %s", kind, verb)
			}
		}
	}

	d := newDeskFolder(t)
	prints := func(verb, out string, err error) {
		t.Helper()
		var kinds []string
		for line := range strings.Lines(out) {
			var m struct {
				Type    string `json:"message_type"`
				Version int    `json:"version"`
			}
			if err := json.Unmarshal([]byte(line), &m); err != nil || m.Type != "" && m.Version == 0 {
				t.Errorf("desk %s: %v: %s", verb, err, line)
			}
			kinds = append(kinds, m.Type)
		}
		if got := strings.Join(slices.Compact(kinds), " "); err != nil || got != types[verb] {
			t.Errorf("desk %s: %v: printed %q, want %q", verb, err, got, types[verb])
		}
	}
	operator := func(verb string, args ...string) {
		t.Helper()
		out, err := d.run(append(append(strings.Fields(verb), args...), "--json")...)
		prints(verb, out, err)
	}
	d.serve()
	id, _ := d.enrol()
	operator("agent add", "sue", "--role", "supervisor", "--link-file", d.file("link-sue", ""))
	operator("agent list")
	operator("agent sso", "carol", "carol@example.org")
	operator("agent disable", "carol")
	operator("agent enable", "carol")
	operator("agent role", "carol", "agent")
	operator("agent invite", "carol", "--link-file", d.file("link-carol", ""))
	operator("recorder", id.String())
	operator("key add", "line-1", "--scope", "recorders.read", "--key-file", d.file("key", ""))
	operator("key list")
	operator("key revoke", "line-1")
	operator("hook add", "https://hooks.example.com/rekey", "--secret-file", d.file("hook", ""))
	operator("hook list")
	operator("hook remove", "1")
	operator("dealer add", "smith", "--company", "Smith Alarms", "--phone", "+49 30 7654321")
	operator("dealer list")
	operator("dealer end", "smith")

	ann, sue := d.joined("ann"), d.joined("sue")
	agent := func(v verbs, verb string, args ...string) {
		t.Helper()
		out, err := v.try(append(strings.Fields(verb), args...)...)
		prints(verb, out, err)
	}
	agent(ann, "case open", id.String(), "--caller", "withheld")
	agent(ann, "case list")
	agent(ann, "case show", "1")
	agent(ann, "case note", "1", "calls from the shop")
	agent(ann, "case send-to", "1", "0")
	agent(ann, "case address", "1", "0")
	agent(ann, "case pause", "1", "--why", "looks for the sheet")
	agent(ann, "case resume", "1")
	agent(ann, "case handover", "1", "carol")
	agent(ann, "case freeze", "1", "--why", "a voice in the background")
	agent(sue, "case thaw", "1", "--why", "called the owner back")
	agent(sue, "case close", "1", "--outcome", "given up")
	agent(sue, "recorder show", id.String())
	operator("figures")
	operator("verify")
	operator("export")
}

// walkVerbs are the verbs that do something, by their paths.
func walkVerbs(cmd *cobra.Command, path string, all *[]string) {
	for _, sub := range cmd.Commands() {
		name := strings.TrimSpace(path + " " + sub.Name())
		if !sub.HasSubCommands() || strings.Contains(sub.Use, "DEVICE_ID") {
			*all = append(*all, name)
		}
		walkVerbs(sub, name, all)
	}
}
