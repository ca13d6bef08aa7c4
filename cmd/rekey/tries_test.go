package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rekey/internal/rekeytest"
	"rekey/seclog"
)

// Wrong tries are counted here where they hurt: at the recorder, in its own
// security log. It locks an account at the fifth.

// ended is how one run of the program ended.
type ended struct {
	code      int
	out, talk string
}

// run runs rekey as a person without a terminal would, and holds what it says
// to the rules for every failure.
func (s *stage) run(args ...string) ended {
	s.t.Helper()
	cmd := exec.Command("rekey", args...)
	cmd.Env = append(os.Environ(), "REKEY_STATE="+s.state)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	e := ended{code: codeOf(cmd.Run()), out: out.String(), talk: talk.String()}
	if e.code != 0 {
		if err := oneClearLine(e.talk); err != nil {
			s.t.Errorf("rekey %s: %v", args[0], err)
		}
	}
	if err := tellsNoSecret(e.out+e.talk, filepath.Join(s.dir, "secrets")); err != nil {
		s.t.Errorf("rekey %s: %v", args[0], err)
	}
	return e
}

// wants holds an end to its exit code and to words of what was said.
func (e ended) wants(t *testing.T, what string, code int, words ...string) {
	t.Helper()
	if e.code != code {
		t.Errorf("%s: exit code %d, want %d: %s", what, e.code, code, lastLine(e.talk))
	}
	for _, w := range words {
		if !strings.Contains(lastLine(e.talk), w) {
			t.Errorf("%s: %q is not said in: %s", what, w, lastLine(e.talk))
		}
	}
}

func lastLine(s string) string {
	s = strings.TrimSuffix(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// secret writes a password into a file that only rekey reads.
func (s *stage) secret(name, text string) string {
	s.t.Helper()
	file := filepath.Join(s.dir, "secrets", name)
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, []byte(text+"\n"), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return file
}

// at addresses the stage's recorder.
func (s *stage) at(verb string, flags ...string) []string {
	return append([]string{verb, s.target, "--discovery-port", s.discovery}, flags...)
}

// records reads a security log as everybody can, by rekey log show.
func (s *stage) records(dir string, event string) (all []seclog.Record) {
	s.t.Helper()
	shown := runHere(s.t.Context(), "log", "show", "--json", "--dir", dir, "--event", event)
	if shown.code != 0 {
		s.t.Fatalf("log show: %s", shown.talk)
	}
	for dec := json.NewDecoder(strings.NewReader(shown.out)); dec.More(); {
		var r seclog.Record
		if err := dec.Decode(&r); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func (s *stage) boxLog() string { return filepath.Join(s.box, "log") }

// wrongTries is how many wrong passwords the recorder has seen.
func (s *stage) wrongTries() (n int) {
	s.t.Helper()
	for _, r := range s.records(s.boxLog(), "login.refused") {
		if r.Result == "wrong" {
			n++
		}
	}
	return n
}

// sent is all that ever knocked at the recorder with a password.
func (s *stage) sent() int {
	s.t.Helper()
	return len(s.records(s.boxLog(), "login")) + len(s.records(s.boxLog(), "login.refused"))
}

// TestWrongPasswordIsTriedOnce goes all the way from the first wrong password
// to the lock.
func TestWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	wrong := s.secret("wrong", "Wrong-guess-99")
	verbs := [][]string{
		s.at("reset", "--password-file", wrong, "--yes", "--watch", "0"),
		s.at("plan", "--password-file", wrong),
		s.at("backup", "--password-file", wrong),
		s.at("check", "--password-file", wrong, "--fix"),
	}
	for n, args := range verbs {
		left := []string{"4", "3", "2", "1"}[n]
		s.run(args...).wants(t, args[0], 3, "login refused", left+" tries left", "does not try again")
		if got := s.wrongTries(); got != n+1 {
			t.Fatalf("after %s the recorder has seen %d wrong tries, want %d", args[0], got, n+1)
		}
	}

	// One try is left, and it is the person's: whoever runs it, nothing is sent.
	for _, args := range verbs {
		s.run(args...).wants(t, args[0]+" with one try left", 5, "login budget spent", "--accept-risk lock-account")
	}
	if got := s.sent(); got != len(verbs) {
		t.Fatalf("%d logins reached the recorder, want the %d from before", got, len(verbs))
	}

	// The person takes the risk by its name: that is the one that locks.
	s.run(s.at("plan", "--password-file", wrong, "--accept-risk", "lock-account")...).wants(t, "the last try", 4, "account locked", "30m0s more", "wait")
	if locks := s.records(s.boxLog(), "account.locked"); s.wrongTries() != 5 || len(locks) != 1 {
		t.Errorf("%d wrong tries and %d locks at the recorder, want 5 and 1", s.wrongTries(), len(locks))
	}
	// rekey knows of the lock: even the right password stays at home, as a try would prolong it.
	s.run(s.at("plan", "--password-file", s.passwordFile, "--accept-risk", "lock-account")...).wants(t, "while it is locked", 4, "account locked until")
	if got := s.sent(); got != 5 {
		t.Errorf("%d logins reached the recorder, want 5", got)
	}
	s.changedNothing()
}

// changedNothing: the recorder has its old password still and the vault is empty.
func (s *stage) changedNothing() {
	s.t.Helper()
	if changes := s.records(s.boxLog(), "password.*"); len(changes) != 0 {
		s.t.Errorf("the recorder's log tells of %d changed passwords", len(changes))
	}
	if listed := runHere(s.t.Context(), "vault", "list", "--all", "--json", "--state", s.state); listed.out != "" {
		s.t.Errorf("the vault holds something: %s", listed.out)
	}
}

// TestSomebodyElseLockedIt: rekey finds the account locked, says for how long,
// and has then no need to ask again.
func TestSomebodyElseLockedIt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	stranger := &stage{t: t, dir: s.dir, box: s.box, state: filepath.Join(s.dir, "stranger"), target: s.target, discovery: s.discovery}
	wrong := s.secret("wrong", "Wrong-guess-99")
	for range 5 {
		stranger.run(stranger.at("plan", "--password-file", wrong, "--accept-risk", "lock-account")...)
	}
	if got := s.wrongTries(); got != 5 {
		t.Fatalf("%d wrong tries, want 5", got)
	}
	right := s.at("plan", "--password-file", s.passwordFile)
	s.run(right...).wants(t, "a locked account", 4, "account locked", "s more", "wait, without any other login")
	s.run(right...).wants(t, "a lock that rekey knows of", 4, "account locked until", "wait, without any other login")
	if locked := s.records(s.boxLog(), "login.refused"); len(locked) > 6 {
		t.Errorf("%d refusals at the recorder, want no more than the 5 wrong ones and one that met the lock", len(locked))
	}
	s.changedNothing()
}

// TestRightPasswordGivesTheTriesBack: at the recorder and in rekey's own book.
func TestRightPasswordGivesTheTriesBack(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	wrong := s.at("plan", "--password-file", s.secret("wrong", "Wrong-guess-99"))
	right := s.at("plan", "--password-file", s.passwordFile)
	for round := range 3 {
		s.run(wrong...).wants(t, "wrong", 3, "4 tries left")
		s.run(wrong...).wants(t, "wrong", 3, "3 tries left")
		s.run(right...).wants(t, "right", 0)
		if got := s.wrongTries(); got != 2*(round+1) {
			t.Errorf("round %d: %d wrong tries at the recorder", round, got)
		}
	}
}

// TestDryRunChangesNothing: one login, the right one, and the plan.
func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	before := s.settled()
	dry := s.run(append(s.reset(), "--dry-run")...)
	dry.wants(t, "reset --dry-run", 0)
	if !strings.Contains(dry.out, "save all recordings") || !strings.Contains(dry.out, "set it on the recorder") {
		t.Errorf("that is no plan: %s", dry.out)
	}
	if changed := differ(before, s.settled()); len(changed) > 0 {
		t.Errorf("changed at the recorder: %v", changed)
	}
	if logins := s.records(s.boxLog(), "login"); len(logins) != 1 || s.wrongTries() != 0 {
		t.Errorf("%d logins and %d wrong tries, want the one that identifies the person", len(logins), s.wrongTries())
	}
	if runs, err := os.ReadDir(filepath.Join(s.state, "runs")); len(runs) != 0 {
		t.Errorf("%d runs were begun: %v", len(runs), err)
	}
	if _, err := os.Stat(filepath.Join(s.state, "footage")); err == nil {
		t.Error("footage was saved")
	}
	s.changedNothing()
}

// settled is all that the recorder keeps, but of its state the accounts and the
// settings alone: each login is counted there, too.
func (s *stage) settled() map[string]string {
	s.t.Helper()
	all, err := everyFile(s.box)
	if err != nil {
		s.t.Fatal(err)
	}
	var state map[string]json.RawMessage
	raw, err := os.ReadFile(filepath.Join(s.box, "state.json"))
	if err == nil {
		err = json.Unmarshal(raw, &state)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	all["state.json"] = string(state["accounts"]) + string(state["settings"])
	return all
}

// TestRefusalsInOtherWords: firmwares refuse in many ways. Each ends the run
// after the one try, with the recorder's meaning told.
func TestRefusalsInOtherWords(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, c := range map[string]struct {
		says  rekeytest.Says
		code  int
		words []string
	}{
		"wrong, and tries left":      {rekeytest.Says{Status: 200, Body: `{"result":false,"error":{"code":268632085},"params":{"remainLoginTimes":2,"remainLockSecond":0},"id":1}`}, 3, []string{"2 tries left"}},
		"wrong, and nothing said":    {rekeytest.Says{Status: 200, Body: `{"result":false,"error":{"code":268632085,"message":"no"},"id":1}`}, 3, []string{"does not say"}},
		"locked by this try":         {rekeytest.Says{Status: 200, Body: `{"result":false,"error":{"code":268632085},"params":{"remainLoginTimes":0,"remainLockSecond":900},"id":1}`}, 4, []string{"15m0s"}},
		"locked before":              {rekeytest.Says{Status: 200, Body: `{"result":false,"error":{"code":268632081},"params":{"remainLockSecond":60},"id":1}`}, 4, []string{"1m0s"}},
		"this address is banned":     {rekeytest.Says{Status: 200, Body: `{"result":false,"error":{"code":268632073,"message":"In the black list!"},"id":1}`}, 4, nil},
		"HTTP 401":                   {rekeytest.Says{Status: 401, Body: "Invalid Authority!"}, 3, nil},
		"HTTP 403 with a lock":       {rekeytest.Says{Status: 403, Body: `{"ErrorCode":268632081,"Result":false,"RmLock":1800,"RmLogin":0}`}, 4, []string{"30m0s"}},
		"HTTP 403 with tries left":   {rekeytest.Says{Status: 403, Body: `{"ErrorCode":268632085,"Result":false,"RmLock":0,"RmLogin":3}`}, 3, []string{"3 tries left"}},
		"HTTP 403 and nothing said":  {rekeytest.Says{Status: 403, Body: "Forbidden"}, 4, []string{"wait 30 minutes"}},
		"too many people logged in":  {rekeytest.Says{Status: 200, Body: `{"result":false,"error":{"code":486,"message":"session limit"},"id":1}`}, 15, []string{"log out other users"}},
		"not set up yet after all":   {rekeytest.Says{Status: 200, Body: `{"result":false,"error":{"code":268632086},"id":1}`}, 15, []string{"first set-up"}},
		"no right to log in by this": {rekeytest.Says{Status: 200, Body: `{"result":false,"error":{"code":285278249,"message":"Authority:check failure."},"id":1}`}, 3, nil},
	} {
		b := rekeytest.NewBroken(t, s.listen.HTTP)
		b.Answer("global.login", 2, c.says)
		here := &stage{t: t, dir: s.dir, box: s.box, state: filepath.Join(t.TempDir(), "state"), target: hostOf(b.URL), discovery: s.discovery, passwordFile: s.passwordFile}
		here.run(here.reset()...).wants(t, name, c.code, c.words...)
		here.changedNothing()
		logins := 0
		for _, asked := range b.Asked() {
			if asked == "global.login" {
				logins++
			}
		}
		if logins != 2 { // the two steps of one login
			t.Errorf("%s: %d calls of global.login, want 2", name, logins)
		}
	}
	if got := s.records(s.boxLog(), "login"); len(got) != 0 {
		t.Errorf("%d logins came through", len(got))
	}
}
