package job

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rekey"
)

// TestStaleClients: who comes with the old password is named once, and once when
// silent; rekey's own tries are nobody's.
func TestStaleClients(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.log = []rekey.LoginRecord{{Time: b.wall.Add(-time.Hour), Account: "admin", Address: "192.0.2.66"}}
	b.onLook = func(look int) {
		switch look {
		case 1, 2:
			b.stranger("192.0.2.9", time.Duration(look)*10*time.Second)
		case 3:
			b.log = append(b.log, rekey.LoginRecord{Time: b.wall.Add(time.Minute), Account: "guest", Address: "192.0.2.10"})
		}
	}
	r, told := b.runner(t)
	req := b.request()
	req.Watch = 12 * time.Second // looks two seconds apart; silent is who did not come for six
	rep, err := r.Reset(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Stale) != 1 {
		t.Fatalf("stale clients: %+v", rep.Stale)
	}
	c := rep.Stale[0]
	if c.Account != "admin" || c.Address != "192.0.2.9" || c.Client != "NVR" || c.Tries != 2 || !c.Silent || c.Last.Sub(c.First) != 10*time.Second {
		t.Errorf("the client is %+v", c)
	}
	if n, m := count(*told, "still comes with the old password: \"admin\" from 192.0.2.9 (NVR)"), count(*told, "has fallen silent"); n != 1 || m != 1 {
		t.Errorf("it was named %d times, and said to be silent %d times", n, m)
	}
	if len(rep.Notes) != 0 {
		t.Errorf("notes: %v", rep.Notes)
	}
}

func TestWatchOnceAndNever(t *testing.T) {
	t.Parallel()
	for watch, looks := range map[time.Duration]int{0: 1, -1: 0} {
		b := newLab(t)
		b.onLook = func(int) { b.stranger("192.0.2.9", time.Minute) }
		r, _ := b.runner(t)
		req := b.request()
		req.Watch = watch
		rep, err := r.Reset(context.Background(), req)
		if err != nil || b.looks != looks || len(rep.Stale) != looks {
			t.Errorf("watch %s: %d looks, %d clients, %v", watch, b.looks, len(rep.Stale), err)
		}
		for _, c := range rep.Stale {
			if c.Silent {
				t.Error("one look cannot tell that a client is silent")
			}
		}
	}
}

// A client that locks the account again is named, with what to do.
func TestStaleClientLocksTheAccount(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.onLook = func(int) {
		for n := range 5 {
			b.stranger("192.0.2.9", time.Duration(n+5)*time.Second)
		}
	}
	r, told := b.runner(t)
	rep, err := r.Reset(context.Background(), b.request())
	if err != nil || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "192.0.2.9 (NVR), 5 times") || !strings.Contains(rep.Notes[0], "30m0s") {
		t.Errorf("%v: %v", rep.Notes, err)
	}
	if count(*told, "most likely locked now") == 0 {
		t.Error("it was not told while it happened")
	}
}

// Locked in the middle of the proofs: nothing more is sent, and whoever did it
// is named.
func TestLockedWhileProving(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, _ := b.runner(t)
	r.At = func(point string) {
		if point == "proved rpc2" {
			b.set(func() {
				b.wrong = b.limit
				for n := range 5 {
					b.stranger("192.0.2.9", time.Duration(n+20)*time.Second)
				}
			})
		}
	}
	rep, err := r.Reset(context.Background(), b.request())
	if !errors.Is(err, rekey.ErrVerify) || rep.Outcome != rekey.Changed || matrix(rep.Proofs) != "rpc2 opens/dead, cgi not tried/not tried, rtsp not tried/not tried" {
		t.Fatalf("%s, %s: %v", rep.Outcome, matrix(rep.Proofs), err)
	}
	if len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "192.0.2.9 (NVR), 5 times") {
		t.Errorf("notes: %v", rep.Notes)
	}
}

// A watch that was broken off is done again by resume, one that ended is not.
func TestWatchIsResumed(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	ctx, cancel := context.WithCancel(context.Background())
	b.onLook = func(int) { cancel() }
	r, _ := b.runner(t)
	req := b.request()
	req.Watch = time.Hour
	rep, err := r.Reset(ctx, req)
	if !errors.Is(err, context.Canceled) || rep.Outcome != rekey.Changed || !rep.Ended.IsZero() {
		t.Fatalf("cancelled: %s, %v", rep.Outcome, err)
	}
	looked := b.looks
	b.onLook = func(look int) {
		b.stranger("192.0.2.9", time.Minute)
		if look == looked+1 {
			panic("killed while watching")
		}
	}
	dies(t, func() { _, _ = r.Resume(context.Background(), rep.Run, ResumeOptions{}) })
	b.mu.Unlock() // the panic left it locked
	b.onLook = func(int) { b.stranger("192.0.2.9", time.Minute) }
	j, err := openJournal(r.runsDir(), rep.Run)
	if err != nil {
		t.Fatal(err)
	}
	j.Begun.Watch = 0 // an hour is long
	if err := errors.Join(j.append(line{Time: r.Now(), Begun: &j.Begun}), j.close()); err != nil {
		t.Fatal(err)
	}
	killedAt(r, "watched")
	dies(t, func() { _, _ = r.Resume(context.Background(), rep.Run, ResumeOptions{}) })
	looked = b.looks
	if rep := resumeOnly(t, r, b); b.looks != looked || len(rep.Stale) != 1 || rep.Stale[0].Tries != 2 {
		t.Errorf("%d looks more, stale %+v", b.looks-looked, rep.Stale)
	}
}

func TestOwnTriesAreNobodys(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	line := func(seconds int, ok bool) rekey.LoginRecord {
		return rekey.LoginRecord{Time: at.Add(time.Duration(seconds) * time.Second), Account: "admin", OK: ok}
	}
	for name, c := range map[string]struct {
		records []rekey.LoginRecord
		own     []time.Time
		left    int
	}{
		"none of its own":           {[]rekey.LoginRecord{line(0, false), line(1, false)}, nil, 2},
		"each accounts for one":     {[]rekey.LoginRecord{line(0, false), line(1, false)}, []time.Time{at}, 1},
		"both":                      {[]rekey.LoginRecord{line(0, false), line(1, false)}, []time.Time{at, at}, 0},
		"too far off":               {[]rekey.LoginRecord{line(10, false)}, []time.Time{at}, 1},
		"a good login is no wonder": {[]rekey.LoginRecord{line(0, true)}, []time.Time{at}, 1},
	} {
		if left := without(c.records, c.own); len(left) != c.left {
			t.Errorf("%s: %d are left, want %d", name, len(left), c.left)
		}
	}
}

func TestWhoIsLoggedIn(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.users = []rekey.ActiveUser{{Account: "admin", Address: "192.0.2.1", Client: "CGI"}, {Account: "second", Address: "192.0.2.9", Client: "Web3.0"}, {Account: "admin", Address: "Local", Client: "GUI"}}
	r, told := b.runner(t)
	p, err := r.Plan(context.Background(), b.request())
	if err != nil || len(p.LoggedIn) != 3 {
		t.Fatalf("%+v, %v", p.LoggedIn, err)
	}
	notes := strings.Join(p.Notes, "\n")
	for _, want := range []string{`"second" from 192.0.2.9 (Web3.0); stop it before the change`, `"admin" from Local (GUI); stop it before the change, or give it the new password`, `rekey may spend 4 tries on "admin"; 1 is kept for you`} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not said in the notes:\n%s", want, notes)
		}
	}
	if _, err := r.Reset(context.Background(), b.request()); err != nil {
		t.Fatal(err)
	}
	if n := count(*told, "logged in right now"); n != 2 {
		t.Errorf("%d were told of right before the change, want 2", n)
	}
}

func TestCamerasThatWentDark(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.channels = []rekey.Channel{{Number: 1, Name: "Door", Account: "admin", Online: true}, {Number: 2, Online: true}, {Number: 3, Why: "wrong password"}, {Number: 4, Online: true}}
	r, told := b.runner(t)
	r.At = func(point string) {
		if point == "set" {
			b.set(func() {
				b.channels = []rekey.Channel{{Number: 1, Name: "Door", Account: "admin", Why: "wrong password"}, {Number: 2, Online: true}, {Number: 3, Online: true}}
			})
		}
	}
	rep, err := r.Reset(context.Background(), b.request())
	if err != nil || len(rep.Channels) != 3 {
		t.Fatalf("%+v, %v", rep.Channels, err)
	}
	dark, back, gone := rep.Channels[0], rep.Channels[1], rep.Channels[2]
	if dark.Number != 1 || !dark.Before || dark.After || dark.Why != "wrong password" || dark.Account != "admin" || !back.After || back.Before || gone.Number != 4 || gone.After {
		t.Errorf("changes: %+v", rep.Channels)
	}
	if count(*told, "rekey cameras "+b.target().String()+" --set 1") != 1 {
		t.Error("nobody was told what to do about the dark camera")
	}
	req := b.request()
	req.Login.Password = rekey.NewSecret(labNew)
	for _, c := range []struct {
		channel int
		login   rekey.Login
		fails   error
	}{
		{0, rekey.Login{Account: "admin", Password: rekey.NewSecret("x")}, rekey.ErrInput},
		{1, rekey.Login{Account: "admin"}, rekey.ErrInput},
		{9, rekey.Login{Account: "admin", Password: rekey.NewSecret("x")}, rekey.ErrNotFound},
		{1, rekey.Login{Account: "admin", Password: rekey.NewSecret("x")}, nil},
	} {
		ch, err := r.SetChannelLogin(context.Background(), req, c.channel, c.login)
		if !errors.Is(err, c.fails) || ch.Online != (c.fails == nil) {
			t.Errorf("channel %d: %+v, %v; want %v", c.channel, ch, err, c.fails)
		}
	}
	if all, err := r.Channels(context.Background(), req); err != nil || len(all) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
}
