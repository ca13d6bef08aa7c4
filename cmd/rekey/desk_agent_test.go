package main

import (
	"errors"
	"strings"
	"testing"

	"rekey"
)

// TestAgentsFromAnyMachine: an administrator adds and changes agents over the API,
// each change with a touch of the passkey; an agent may look, and no more.
func TestAgentsFromAnyMachine(t *testing.T) {
	t.Parallel()
	d := newDeskFolder(t)
	d.serve()
	root, ann := d.joined("administrator"), d.joined("ann")
	for _, step := range []struct {
		args []string
		has  string
	}{
		{[]string{"add", "dora", "--role", "supervisor", "--link-file", d.file("link-dora", "")}, `"role":"supervisor"`},
		{[]string{"role", "dora", "approver"}, `"role":"approver"`},
		{[]string{"sso", "dora", "dora@example.org"}, `"dora@example.org"`},
		{[]string{"disable", "dora"}, `"disabled_at":`},
		{[]string{"enable", "dora"}, `"name":"dora"`},
		{[]string{"invite", "dora", "--fresh", "--link-file", d.file("link-dora", "")}, `"name":"dora"`},
		{[]string{"list"}, `"name":"dora","role":"approver"`},
	} {
		if out, err := root.try(append([]string{"agent"}, step.args...)...); err != nil || !strings.Contains(out, step.has) {
			t.Errorf("%v: %v: %q is not in %s", step.args, err, step.has, out)
		}
	}
	if dora := d.joined("dora"); dora.name != "dora" {
		t.Error("the link that was drawn lets nobody in")
	}
	if out, err := ann.try("agent", "list"); err != nil || !strings.Contains(out, "dora") {
		t.Errorf("an agent lists the agents: %v: %s", err, out)
	}
	if _, err := ann.try("agent", "role", "ann", "administrator"); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("an agent makes herself administrator: %v", err)
	}
	if _, err := root.try("agent", "list", "--dir", d.dir); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("both as the operator and over the API: %v", err)
	}
}
