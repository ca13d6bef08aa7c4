package front_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey/internal/desk"
)

// TestAuditor reads what the log proves, finds records, compares a checkpoint
// that was kept, and changes nothing.
func TestAuditor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	h.answered(b)
	for range 50 { // more than one page of records
		if _, err := h.desk.SearchRecorders(t.Context(), desk.Operator(), ""); err != nil {
			t.Fatal(err)
		}
	}
	otto := h.person("otto")
	otto.Wants("The log verifies", "What this log proves", "What it cannot prove", "Answers, one by one", "complete", b.id.String())
	otto.Tick("details.answered summary")
	otto.Wants("evidence is given", "the answer is issued", "covered by the signed checkpoint")
	otto.look("log")

	otto.Press("Records")
	otto.Wants("Records", "agent.login", "Older records")
	otto.look("log-records")
	otto.Press("Older records")
	otto.Wants("Newest")
	otto.Open(h.base + "/log/records")
	otto.Type("#event", "code.reveal")
	otto.Press("Show")
	otto.Wants("An answer is about to be worked out", b.id.String())
	otto.wantsNot("agent.login")
	otto.Open(h.base + "/log/records?case=x")
	otto.Wants("Case: expected a number such as 7")

	otto.Open(h.base + "/log/checkpoint")
	kept := otto.Value("#checkpoint-now")
	otto.look("log-checkpoint")
	h.openCase(h.enrol(petra()), "+493012399")
	otto.Eval(`(() => { document.getElementById("checkpoint").value = ` + "`" + kept + "`" + `; return ""; })()`)
	otto.Press("Check")
	otto.Wants("begins with the very")
	otto.look("log-compared")
	otto.attach("#file", kept)
	otto.Press("Check")
	otto.Wants("begins with the very")
	otto.attach("#file", strings.Replace(kept, "\n", "\n1", 1))
	otto.Press("Check")
	otto.Wants("That is no checkpoint that this log has signed")
	otto.Press("Check")
	otto.Wants("Paste the earlier checkpoint")

	otto.Press("Keys and answers")
	otto.Wants("All agree", "1 in the database, 1 in the log")
	otto.look("reconcile")
	otto.Press("Who may do what")
	otto.Wants("case.approve", "fresh passkey", "never who had a part in the case", "programs with recorders.enrol")
	otto.look("rights")

	old := filepath.Join(t.TempDir(), "log")
	if err := os.CopyFS(old, os.DirFS(filepath.Join(h.dir, desk.LogDir))); err != nil {
		t.Fatal(err)
	}
	otto.Open(h.base + "/log/checkpoint")
	later := otto.Value("#checkpoint-now")
	h.restore(old)
	otto.Eval(`(() => { document.getElementById("checkpoint").value = ` + "`" + later + "`" + `; return ""; })()`)
	otto.Press("Check")
	otto.Wants("does not begin with the records of the earlier checkpoint")
	otto.picture("log-put-back")
}

// restore puts an old copy of the log back, as somebody at the machine might.
func (h *house) restore(old string) {
	h.t.Helper()
	dir := filepath.Join(h.dir, desk.LogDir)
	for _, from := range []string{old} {
		entries, err := os.ReadDir(from)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(from, e.Name()))
			if err != nil {
				h.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, e.Name()), data, 0o600); err != nil {
				h.t.Fatal(err)
			}
		}
	}
}

// answered leads one case to its answer, by ann's browser.
func (h *house) answered(b *box) {
	h.t.Helper()
	ann := h.person("ann")
	ann.strike(b.id.String())
	ann.enter()
	ann.strike("+493012345")
	ann.enter()
	ann.enter()
	ann.Wants("Please read it to me")
	ann.strike(h.codeRead())
	ann.enter()
	ch := b.challenge(h.t)
	ann.Type("#qr", b.qr(h.t, h, ch))
	ann.enter()
	ann.AwaitText("All groups check")
	ann.enter()
	ann.Wants(b.answer(h.t, ch)[0])
}
