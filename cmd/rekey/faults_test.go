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
	"strconv"
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
	dir      string
	box      *appliance.Running
	line     *rekeytest.Broken
	password rekey.Secret // the one that works now
	state    string       // a new operator each time
	flags    []string
	runs     int
	ended    ended // the last reset
}

func newBrokenLine(t *testing.T, flags ...string) *brokenLine {
	t.Helper()
	b := &brokenLine{t: t, password: rekey.NewSecret("Lost-and-found-7"), flags: flags}
	b.dir = filepath.Join(t.TempDir(), "box")
	_, err := appliance.Make(b.dir, recorder.Config{AdminPassword: b.password, Argon: cheap()}, clips.Spec{Channels: 1, Days: 1, ClipSeconds: 1, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if b.box, err = appliance.Start(t.Context(), b.dir, appliance.Options{Box: recorder.Options{Argon: cheap()}}); err != nil {
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

func runHere(ctx context.Context, args ...string) ended { return runAt(ctx, nil, args...) }

// runAt calls at, where it is not nil, at each point of a run.
func runAt(ctx context.Context, at func(point string), args ...string) ended {
	var out, talk bytes.Buffer
	cmd := newRootCommand(at)
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
	b.operator()
	b.line.Break(at, fault)
	broke := b.try()
	b.ended, asked = broke, b.line.Asked()
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
		if _, ran := resumed.report(); ran { // else nothing was open any more
			b.truth(what+", resumed", resumed)
		}
	}
	b.promise(what, broke, resumed)
	return asked
}

// try is the reset itself.
func (b *brokenLine) try() ended {
	return b.rekey(append([]string{"reset", hostOf(b.line.URL), "--password-file", b.state + ".password", "--yes", "--watch", "0"}, b.flags...)...)
}

// again runs the last reset again, for the same operator, over a whole line.
func (b *brokenLine) again() ended {
	b.t.Helper()
	end := b.try()
	b.promise("once more", end, end)
	return end
}

// operator begins with an empty state folder and the password in a file.
func (b *brokenLine) operator() {
	b.t.Helper()
	b.runs++
	b.state = filepath.Join(b.t.TempDir(), fmt.Sprint("state", b.runs))
	if err := os.WriteFile(b.state+".password", []byte(b.password.Reveal()), 0o600); err != nil {
		b.t.Fatal(err)
	}
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
	_, err := b.box.Box().Password("admin", password, recorder.Client{Via: rekey.InterfaceSeat, Address: "local", Type: "GUI"})
	if err != nil && !errors.Is(err, rekey.ErrDenied) {
		b.t.Fatal(err)
	}
	return err == nil
}

// promise: exactly one password works, and it is the vault's current one where
// a run got so far, on every interface.
func (b *brokenLine) promise(what string, broke, resumed ended) {
	b.t.Helper()
	current, all := b.vaulted()
	if current.IsZero() {
		if r, began := broke.report(); began && r.Outcome != rekey.Unchanged {
			b.t.Fatalf("%s: the outcome was %s, and the vault has no current password: %s", what, r.Outcome, lastLine(broke.talk))
		}
		current = b.password // nothing was changed: the old one it is
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

// atEach calls break for each request of a whole reset, but for those in the
// middle of a row of equal ones.
func (b *brokenLine) atEach(each func(at int, name string)) {
	b.t.Helper()
	whole := b.reset(0, "")
	for n, name := range whole {
		if n > 0 && n < len(whole)-1 && whole[n-1] == name && whole[n+1] == name {
			continue
		}
		each(n+1, name)
	}
}

// TestLineBreaksAtEachRequest takes each request of a reset in turn. Those that
// log in or change something are lost, or their answer is, or one of the other
// faults befalls them; the change itself suffers all, any other request one.
func TestLineBreaksAtEachRequest(t *testing.T) {
	t.Parallel()
	const parts = 3 // side by side, every third request each
	for part := range parts {
		t.Run(strconv.Itoa(part), func(t *testing.T) {
			t.Parallel()
			b := newBrokenLine(t, "--no-footage", "--accept-risk", "skip-footage")
			b.atEach(func(at int, name string) {
				if at%parts == part {
					b.suffers(at, name)
				}
			})
		})
	}
}

// suffers lets the faults befall one request that are due to it.
func (b *brokenLine) suffers(at int, name string) {
	b.t.Helper()
	others := []rekeytest.Fault{rekeytest.Truncate, rekeytest.Twice, rekeytest.WrongType, rekeytest.Garbage, rekeytest.Huge}
	faults := []rekeytest.Fault{rekeytest.DropBefore, rekeytest.DropAfter}
	switch {
	case name == "Security.modifyPasswordPlain":
		faults = append(faults, others...)
	case name == "global.login" || strings.HasPrefix(name, "Security."):
		faults = append(faults, others[at%len(others)])
	default:
		faults = append(faults, others...)[at%7:][:1]
	}
	for _, fault := range faults {
		if !b.befalls(at, fault) {
			b.t.Errorf("request %d (%s) never came", at, name)
		}
	}
}

// befalls breaks that request of a reset. How many pages the recorder's own log
// takes differs by one from run to run, so the last requests of the run that was
// counted need not come in each: then it is tried again, unless whole runs do
// without it, too.
func (b *brokenLine) befalls(at int, fault rekeytest.Fault) bool {
	b.t.Helper()
	for range 5 {
		if len(b.reset(at, fault)) >= at || len(b.reset(0, "")) < at {
			return true
		}
	}
	return false
}

// TestLineBreaksWhileFootageIsSaved: what was broken off is fetched again, and
// nothing is missing in the end.
func TestLineBreaksWhileFootageIsSaved(t *testing.T) {
	t.Parallel()
	b := newBrokenLine(t)
	clips := countClips(t, b.dir)
	faults := []rekeytest.Fault{rekeytest.DropAfter, rekeytest.Truncate, rekeytest.WrongType, rekeytest.DropBefore, rekeytest.Garbage, rekeytest.Huge}
	changed := false
	b.atEach(func(at int, name string) {
		if changed = changed || name == "Security.getEncryptInfo"; changed || at <= 5 { // the login before, the change after
			return
		}
		b.reset(at, faults[at%len(faults)])
		if b.ended.code != 0 { // nothing was changed; once more, and what was saved is kept
			b.again().wants(t, "again", 0)
		}
		dir := filepath.Join(b.state, "footage", b.box.Info.DeviceID)
		if _, err := footage.Verify(t.Context(), dir); err != nil {
			t.Errorf("request %d (%s): %v", at, name, err)
		}
		if m, err := footage.ReadManifest(dir); err != nil || len(m.Files) != clips {
			t.Errorf("request %d (%s): %d recordings of %d: %v", at, name, len(m.Files), clips, err)
		}
	})
}

// TestLineStalls: no answer comes, and nobody says so. rekey waits as long as
// its limits allow, then says what is known.
func TestLineStalls(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"DevInit.getStatus": 0, "global.login": 7, "Security.modifyPasswordPlain": 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrokenLine(t, "--no-footage", "--accept-risk", "skip-footage")
			at := slices.Index(b.reset(0, ""), name) + 1
			if name == "global.login" {
				at++ // the second step, which carries the password
			}
			b.reset(at, rekeytest.Stall)
			b.ended.wants(t, name, want)
		})
	}
}

// TestLostAnswerWhereThreeTriesLock: at a recorder that locks at three, the old
// password proved dead and a lost answer leave one try. The old password gets
// none of it; the new one, proved before, does, and clears the count.
func TestLostAnswerWhereThreeTriesLock(t *testing.T) {
	t.Parallel()
	b := newBrokenLine(t, "--no-footage", "--accept-risk", "skip-footage")
	if err := b.box.Box().SetTable("admin", "General", map[string]string{"LockLoginTimes": "3"}, recorder.Client{}); err != nil {
		t.Fatal(err)
	}
	b.operator()
	b.line.Answer("global.login", 10, rekeytest.Says{Status: 502, Body: "bad gateway"}) // the new password, right after the old one
	end := b.try()
	end.wants(t, "a lost answer", 12, "could not be tried on rpc2")
	r, _ := end.report()
	lost := 0
	for _, p := range r.Proofs {
		if p.New == job.NotTried && !p.NoDriver {
			lost++
		}
	}
	if proved := opened(r.Proofs); r.Outcome != rekey.Changed || lost != 1 || proved < 5 {
		t.Errorf("outcome %s, %d doors lost, %d proved: %+v", r.Outcome, lost, proved, r.Proofs)
	}
	b.promise("the last try", end, end)
}
