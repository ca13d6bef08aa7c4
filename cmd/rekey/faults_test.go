package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/dahua"
	"rekey/internal/footage"
	"rekey/internal/job"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/internal/rekeytest"
	"rekey/internal/vault"
)

// The line to the recorder breaks, or the recorder answers nonsense, at each
// request of a reset in turn. What rekey reports is never wrong; and when the
// line is whole again, 'rekey resume' leaves exactly one password that works:
// the one that the vault calls current.

// brokenLine is one recorder behind a line that breaks, through many resets.
type brokenLine struct {
	t        *testing.T
	box      *appliance.Running
	line     *rekeytest.Broken
	password rekey.Secret // the one that works now
	state    string       // a new operator each time
	flags    []string
	runs     int
}

func newBrokenLine(t *testing.T, flags ...string) *brokenLine {
	t.Helper()
	cheap := &recorder.Argon{Time: 1, Memory: 64, Threads: 1}
	b := &brokenLine{t: t, password: rekey.NewSecret("Lost-and-found-7"), flags: flags}
	dir := filepath.Join(t.TempDir(), "box")
	_, err := appliance.Make(dir, recorder.Config{AdminPassword: b.password, Argon: cheap}, clips.Spec{Channels: 1, Days: 1, ClipSeconds: 1, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if b.box, err = appliance.Start(t.Context(), dir, appliance.Options{Box: recorder.Options{Argon: cheap}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.box.Close(); err != nil {
			t.Error(err)
		}
	})
	b.line = rekeytest.NewBroken(t, b.box.Ready().HTTP)
	return b
}

// rekey runs the program in this process.
func (b *brokenLine) rekey(args ...string) ended {
	return runHere(b.t.Context(), append(args, "--json", "--state", b.state, "--discovery-port", portOf(b.box.Ready().Discovery))...)
}

func runHere(ctx context.Context, args ...string) ended {
	var out, talk bytes.Buffer
	cmd := newRootCommand(nil)
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&talk)
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(&talk, "rekey:", oneLine(err))
	}
	return ended{exitCode(err), out.String(), talk.String()}
}

// report is the last report of a run, if there was a run.
func (e ended) report() (r job.Report, ok bool) {
	for line := range strings.Lines(e.out) {
		if strings.Contains(line, `"message_type":"report"`) {
			ok = json.Unmarshal([]byte(line), &r) == nil
		}
	}
	return r, ok
}

// reset runs one reset with the fault at that request, holds the report to the
// truth, resumes over a whole line, and holds the end to the promise.
// It returns what was asked of the recorder until the fault and after it.
func (b *brokenLine) reset(at int, fault rekeytest.Fault) (asked []string) {
	b.t.Helper()
	what := fmt.Sprintf("%s at request %d", fault, at)
	b.runs++
	b.state = filepath.Join(b.t.TempDir(), fmt.Sprint("state", b.runs))
	file := b.state + ".password"
	if err := os.WriteFile(file, []byte(b.password.Reveal()), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.line.Break(at, fault)
	broke := b.rekey(append([]string{"reset", hostOf(b.line.URL), "--password-file", file, "--yes"}, b.flags...)...)
	asked = b.line.Asked()
	if at > 0 && at <= len(asked) {
		what += ", " + asked[at-1]
	}
	b.line.Break(0, "")
	b.truth(what, broke)
	resumed := ended{}
	if broke.code != 0 {
		if resumed = b.rekey("resume"); resumed.code != 0 {
			b.t.Fatalf("%s: ended with %d: %s\nresume ended with %d: %s", what, broke.code, lastLine(broke.talk), resumed.code, lastLine(resumed.talk))
		}
		b.truth(what+", resumed", resumed)
	}
	b.promise(what, broke, resumed)
	return asked
}

// truth holds a reported outcome to what the recorder thinks.
func (b *brokenLine) truth(what string, e ended) {
	b.t.Helper()
	r, ran := e.report()
	old := b.works(b.password)
	switch {
	case !ran && !old, ran && r.Outcome == rekey.Unchanged && !old:
		b.t.Errorf("%s: reported as unchanged (%d), and the old password is dead: %s", what, e.code, lastLine(e.talk))
	case ran && r.Outcome == rekey.Changed && old:
		b.t.Errorf("%s: reported as changed, and the old password still opens it", what)
	}
	if e.code == 0 && ran && r.Outcome != rekey.Changed {
		b.t.Errorf("%s: all is said to be well, and the outcome is %q", what, r.Outcome)
	}
}

// works asks the box itself.
func (b *brokenLine) works(password rekey.Secret) bool {
	b.t.Helper()
	_, err := b.box.Box.Password("admin", password, recorder.Client{Via: rekey.InterfaceSeat, Address: "local", Type: "GUI"})
	if err != nil && !errors.Is(err, rekey.ErrDenied) {
		b.t.Fatal(err)
	}
	return err == nil
}

// promise: exactly one password works, and it is the vault's current one where
// a run got so far, on every interface.
func (b *brokenLine) promise(what string, broke, resumed ended) {
	b.t.Helper()
	_, began := broke.report()
	current, all := b.vaulted()
	if current.IsZero() {
		if began {
			b.t.Fatalf("%s: a run was begun and resumed, and the vault has no current password: %s", what, lastLine(broke.talk))
		}
		current = b.password // no run was begun: the old one it is
	}
	working := 0
	for _, p := range append(all, b.password) {
		if b.works(p) {
			working++
		}
	}
	if working != 1 || !b.works(current) {
		b.t.Fatalf("%s: %d passwords open the recorder; broke %d: %s; resumed %d: %s", what, working, broke.code, lastLine(broke.talk), resumed.code, lastLine(resumed.talk))
	}
	driver := dahua.New(slog.New(slog.DiscardHandler))
	for kind, base := range map[rekey.InterfaceKind]string{rekey.InterfaceRPC2: b.box.Ready().HTTP, rekey.InterfaceCGI: b.box.Ready().HTTP, rekey.InterfaceRTSP: b.box.Ready().RTSP} {
		t, err := rekey.ParseTarget(hostOf(base))
		if err != nil {
			b.t.Fatal(err)
		}
		i := rekey.Interface{Kind: kind, Host: t.Host, Port: t.Port}
		if err := driver.Check(b.t.Context(), i, rekey.Login{Account: "admin", Password: current}, freeTries{}); err != nil {
			b.t.Errorf("%s: the vault's password at %s: %v", what, kind, err)
		}
	}
	b.password = current
}

// vaulted are the passwords in the vault of this operator, and the current one.
func (b *brokenLine) vaulted() (current rekey.Secret, all []rekey.Secret) {
	b.t.Helper()
	dir := filepath.Join(b.state, "vault")
	key, err := vault.KeyFileFor(dir, filepath.Join(b.state, "vault.key"))
	if err != nil {
		b.t.Fatal(err)
	}
	v, err := vault.Open(dir, key)
	if err != nil {
		b.t.Fatal(err)
	}
	entries, err := v.List(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		p, err := v.Reveal(b.t.Context(), e.ID)
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, p)
		if e.State == vault.Current {
			current = p
		}
	}
	return current, all
}

// whereOutcomesAreMade are the requests at which every fault is tried: the
// change itself, and the logins before and after it.
var whereOutcomesAreMade = []string{"global.login", "Security.getEncryptInfo", "Security.modifyPasswordPlain", "/cgi-bin/global.cgi"}

// TestLineBreaksAtEachRequest takes each request of a reset in turn: it is
// lost, its answer is lost, or one of the other faults befalls it.
func TestLineBreaksAtEachRequest(t *testing.T) {
	t.Parallel()
	b := newBrokenLine(t, "--no-footage", "--accept-risk", "skip-footage")
	others := []rekeytest.Fault{rekeytest.Truncate, rekeytest.Twice, rekeytest.WrongType, rekeytest.Garbage, rekeytest.Huge}
	whole := b.reset(0, "")
	for n, name := range whole {
		faults := []rekeytest.Fault{rekeytest.DropBefore, rekeytest.DropAfter, others[n%len(others)]}
		if slices.Contains(whereOutcomesAreMade, name) {
			faults = append(faults[:2], others...)
		}
		for _, fault := range faults {
			if asked := b.reset(n+1, fault); len(asked) <= n {
				t.Errorf("request %d (%s) never came", n+1, name)
			}
		}
	}
}

// TestLineBreaksWhileFootageIsSaved: what was broken off is fetched again, and
// nothing is missing in the end.
func TestLineBreaksWhileFootageIsSaved(t *testing.T) {
	t.Parallel()
	b := newBrokenLine(t)
	whole := b.reset(0, "")
	faults := []rekeytest.Fault{rekeytest.DropAfter, rekeytest.Truncate, rekeytest.WrongType, rekeytest.DropBefore, rekeytest.Garbage, rekeytest.Huge}
	for n := slices.Index(whole, "configManager.getConfig"); whole[n] != "Security.getEncryptInfo"; n++ {
		b.reset(n+1, faults[n%len(faults)])
		dir := filepath.Join(b.state, "footage", b.box.Info.DeviceID)
		if _, err := footage.Verify(t.Context(), dir); err != nil {
			t.Errorf("request %d (%s): %v", n+1, whole[n], err)
		}
		if m, err := footage.ReadManifest(dir); err != nil || len(m.Files) != 6 {
			t.Errorf("request %d (%s): %d recordings: %v", n+1, whole[n], len(m.Files), err)
		}
	}
}

func TestMeasure(t *testing.T) {
	b := newBrokenLine(t)
	for n, a := range b.reset(0, "") {
		t.Log(n+1, a)
	}
	dir := filepath.Join(b.state, "footage", b.box.Info.DeviceID)
	m, err := footage.ReadManifest(dir)
	t.Log(len(m.Files), err)
}
