package front_test

import (
	"strings"
	"testing"

	"rekey/internal/desk"
)

// TestJoinAndLogIn: a one-time link registers one passkey, which is then the
// whole log-in; the link is worth nothing after that.
func TestJoinAndLogIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	link, _, err := h.desk.Invite(t.Context(), desk.Operator(), "ann", false, desk.StepUp{})
	if err != nil {
		t.Fatal(err)
	}
	ann := h.stranger()
	ann.Open(h.base + "/cases/1")
	if ann.Path() != "/login" {
		t.Fatalf("without a session one is at %s", ann.Path())
	}
	ann.look("login")
	ann.Tick("#log-in button")
	ann.AwaitText("Nothing was done")

	ann.Open(link.Reveal())
	if hash := ann.Eval("location.hash"); hash != "" {
		t.Error("the token stays in the address")
	}
	ann.look("join")
	ann.Tick("#join button")
	ann.Await("#joined")
	ann.Wants("The passkey of ann is registered")
	ann.look("joined")
	ann.Press("Log in")
	ann.Press("Log in with a passkey")
	ann.Wants("Your open cases")
	ann.Open(h.base + "/account")
	ann.Wants("My passkey", "(this one)", "You have one passkey")
	ann.look("account")
	ann.Press("Log out")
	ann.Wants("Log in to the support desk")

	other := h.stranger()
	other.Open(link.Reveal())
	other.Tick("#join button")
	other.Until(`document.querySelector("#join .waiting.bad")`)
	if strings.Contains(other.Text("main"), "is registered.") {
		t.Error("a used link registers another passkey")
	}
}
