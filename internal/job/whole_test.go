package job

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/harden"
	"rekey/internal/vault"
)

func TestPrimaryIsWhereALoginIsMade(t *testing.T) {
	t.Parallel()
	d := func(kind rekey.InterfaceKind, tls bool) rekey.Interface { return rekey.Interface{Kind: kind, TLS: tls} }
	for name, c := range map[string]struct {
		doors []rekey.Interface
		want  string
	}{
		"encrypted before plain": {[]rekey.Interface{d(rekey.InterfaceRPC2, false), d(rekey.InterfaceRPC2, true)}, "rpc2 over TLS"},
		"web page before CGI":    {[]rekey.Interface{d(rekey.InterfaceCGI, true), d(rekey.InterfaceRPC2, false)}, "rpc2"},
		"CGI alone":              {[]rekey.Interface{d(rekey.InterfaceRTSP, false), d(rekey.InterfaceCGI, false)}, "cgi"},
		"Hikvision":              {[]rekey.Interface{d(rekey.InterfaceSDK, false), d(rekey.InterfaceONVIF, false), d(rekey.InterfaceISAPI, true)}, "isapi over TLS"},
		"ONVIF":                  {[]rekey.Interface{d(rekey.InterfaceRTSP, true), d(rekey.InterfaceONVIF, false)}, "onvif"},
		"nothing to log in at":   {[]rekey.Interface{d(rekey.InterfaceSDK, false), d(rekey.InterfaceRTSP, true), d(rekey.InterfaceSeat, false), d(rekey.InterfaceWeb, false)}, ""},
	} {
		got, err := primary(rekey.Identity{Interfaces: c.doors})
		if (err == nil) != (c.want != "") || (err == nil && got.String() != c.want) {
			t.Errorf("%s: %v, %v; want %q", name, got, err, c.want)
		}
	}
}

// TestMatrix changes the password of recorders whose doors differ, and holds the
// matrix to what the recorder thinks.
func TestMatrix(t *testing.T) {
	t.Parallel()
	onvif, sdk := rekey.InterfaceONVIF, rekey.InterfaceSDK
	for name, c := range map[string]struct {
		change  func(*lab)
		want    string // door new/old
		own     string
		fails   error
		most    int // wrong tries that stood at most
		ownSets int
	}{
		"all well": {func(*lab) {}, "rpc2 opens/dead, cgi opens/dead, rtsp opens/dead", "", nil, 1, 0},
		"a door that nobody can try": {func(b *lab) { b.doors = append(b.doors, b.door(sdk, false), b.door(rekey.InterfaceSeat, false)) },
			"rpc2 opens/dead, cgi opens/dead, rtsp opens/dead, sdk not tried/not tried, local seat not tried/not tried", "", nil, 1, 0},
		"ONVIF with the same accounts": {func(b *lab) { b.doors = append(b.doors, b.door(onvif, false)) },
			"rpc2 opens/dead, cgi opens/dead, rtsp opens/dead, onvif opens/dead", "onvif shared", nil, 1, 1},
		"ONVIF with its own": {func(b *lab) {
			b.doors = append(b.doors, b.door(onvif, false))
			b.own = map[string]string{"admin": labOld}
		}, "rpc2 opens/dead, cgi opens/dead, rtsp opens/dead, onvif opens/dead", "onvif set", nil, 1, 1},
		"ONVIF drifted": {func(b *lab) {
			b.doors = slices.Insert(b.doors, 0, b.door(onvif, false))
			b.own = map[string]string{"admin": "Another-one-5"}
		}, "onvif refused/dead, rpc2 opens/dead, cgi opens/dead, rtsp opens/dead", "onvif not set", rekey.ErrVerify, 2, 1},
		"ONVIF without the account": {func(b *lab) {
			b.doors = append(b.doors, b.door(onvif, false))
			b.own = map[string]string{"viewer": labOld}
		}, "rpc2 opens/dead, cgi opens/dead, rtsp opens/dead, onvif refused/dead", "onvif no such account", rekey.ErrVerify, 2, 1},
		"a door out of order": {func(b *lab) { b.deaf = []rekey.InterfaceKind{rekey.InterfaceCGI} },
			"rpc2 opens/dead, cgi refused/dead, rtsp opens/dead", "", nil, 2, 0},
		"a door that is gone": {func(b *lab) { b.doors[1].Port = 1 },
			"rpc2 opens/dead, cgi not tried/not tried, rtsp opens/dead", "", rekey.ErrVerify, 1, 0},
		"three tries only": {func(b *lab) { b.limit = 3 }, "rpc2 opens/dead, cgi opens/dead, rtsp opens/dead", "", nil, 1, 0},
		"two tries only":   {func(b *lab) { b.limit = 2 }, "rpc2 opens/not tried, cgi opens/not tried, rtsp opens/not tried", "", nil, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newLab(t)
			c.change(b)
			r, told := b.runner(t)
			rep, err := r.Reset(context.Background(), b.request())
			if !errors.Is(err, c.fails) || rep.Outcome != rekey.Changed || rep.Ended.IsZero() {
				t.Fatalf("outcome %s, ended %v, %v; want it changed, with %v", rep.Outcome, rep.Ended, err, c.fails)
			}
			if got := matrix(rep.Proofs); got != c.want {
				t.Errorf("the matrix is\n%s, want\n%s", got, c.want)
			}
			own := ""
			for _, o := range rep.Own {
				own = string(o.Interface) + " " + string(o.Word)
			}
			if own != c.own || b.ownSets != c.ownSets {
				t.Errorf("own accounts %q after %d sets; want %q", own, b.ownSets, c.own)
			}
			if b.most > c.most || b.wrong != 0 {
				t.Errorf("%d wrong tries stood at once and %d stand now; want %d and none", b.most, b.wrong, c.most)
			}
			if count(*told, "is kept for you") == 0 {
				t.Error("nobody was told what a try costs")
			}
		})
	}
}

func matrix(proofs []Proof) string {
	var all []string
	for _, p := range proofs {
		all = append(all, string(p.Interface.Kind)+" "+string(p.New)+"/"+string(p.Old))
	}
	return strings.Join(all, ", ")
}

// Killed before or after the change of ONVIF's own list, a run does not send it
// a second time; the proof at the door says how it is.
func TestOwnListIsSetOnce(t *testing.T) {
	t.Parallel()
	for point, c := range map[string]struct {
		sets int
		want string
	}{"bringing": {0, "onvif not tried/opens"}, "brought": {1, "onvif opens/dead"}} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newLab(t)
			b.doors, b.own = append(b.doors, b.door(rekey.InterfaceONVIF, false)), map[string]string{"admin": labOld}
			r, _ := b.runner(t)
			killedAt(r, point)
			dies(t, func() { _, _ = r.Reset(context.Background(), b.request()) })
			rep := resumeOnly(t, r, b)
			if b.ownSets != c.sets || !strings.HasSuffix(matrix(rep.Proofs), c.want) {
				t.Errorf("%d sets, %s; want %d and %s", b.ownSets, matrix(rep.Proofs), c.sets, c.want)
			}
			if len(rep.Own) != 1 || rep.Own[0].Word != OwnUnknown || rep.Own[0].Note == "" {
				t.Errorf("the report says %+v", rep.Own)
			}
		})
	}
}

// A driver that cannot set ONVIF's own list says that it has none, and the door
// shows that it does.
func TestDoorShowsAListOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.doors, b.own, b.noSet = append(b.doors, b.door(rekey.InterfaceONVIF, false)), map[string]string{"admin": labOld}, true
	r, _ := b.runner(t)
	rep, err := r.Reset(context.Background(), b.request())
	if !errors.Is(err, rekey.ErrVerify) || !strings.Contains(err.Error(), "accounts of its own") || len(rep.Own) != 1 || rep.Own[0].Word != OwnNotSet {
		t.Errorf("%+v: %v", rep.Own, err)
	}
	if !slices.ContainsFunc(rep.Findings, func(f harden.Finding) bool { return f.ID == harden.SeparateAccounts && f.Subject == "onvif" }) {
		t.Errorf("no finding tells of it: %+v", rep.Findings)
	}
}

// resumeOnly goes on with the one open run.
func resumeOnly(t *testing.T, r *Runner, b *lab) Report {
	t.Helper()
	r.At = nil
	runs, err := r.OpenRuns()
	if err != nil || len(runs) != 1 {
		t.Fatalf("open runs %v, %v", runs, err)
	}
	rep, err := r.Resume(context.Background(), runs[0], ResumeOptions{})
	if err != nil && !errors.Is(err, rekey.ErrVerify) {
		t.Fatal(err)
	}
	if b.wrong != 0 {
		t.Errorf("%d wrong tries stand after resume", b.wrong)
	}
	return rep
}

// A recorder that takes the change and does nothing: the run ends, unchanged,
// and says so, also where it was killed in the middle.
func TestTookItAndDidNothing(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"", "changing", "set"} {
		t.Run("killed at "+point, func(t *testing.T) {
			t.Parallel()
			b := newLab(t)
			b.ignore = true
			r, _ := b.runner(t)
			var rep Report
			var err error
			if point == "" {
				rep, err = r.Reset(context.Background(), b.request())
			} else {
				killedAt(r, point)
				dies(t, func() { _, _ = r.Reset(context.Background(), b.request()) })
				runs, _ := r.OpenRuns()
				r.At = nil
				rep, err = r.Resume(context.Background(), runs[0], ResumeOptions{})
			}
			if rep.Outcome != rekey.Unchanged || rep.Ended.IsZero() || !errors.Is(err, rekey.ErrVerify) || !strings.Contains(err.Error(), "did nothing") {
				t.Fatalf("outcome %s, ended %v: %v", rep.Outcome, rep.Ended, err)
			}
			if b.wrong != 0 || b.most > 1 {
				t.Errorf("%d wrong tries stand, %d stood at once", b.wrong, b.most)
			}
			all, err := r.Vault.OfAccount(context.Background(), "S"+strings.TrimPrefix(b.id.Serial, "S"), "admin")
			if err != nil || len(all) != 1 || all[0].State != vault.Former {
				t.Errorf("the vault holds %+v, %v; want the new password withdrawn", all, err)
			}
			if open, err := r.OpenRuns(); err != nil || len(open) != 0 {
				t.Errorf("open runs %v, %v", open, err)
			}
		})
	}
}

// Where nobody knows the old password the same is unknown, and stays open.
func TestTookItAndNobodyKnows(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.ignore = true
	r, _ := b.runner(t)
	req := b.request()
	req.Login = rekey.Login{Account: "second", Password: rekey.NewSecret("Second-one-88")}
	rep, err := r.Reset(context.Background(), req)
	if rep.Outcome != rekey.Unknown || !errors.Is(err, rekey.ErrUnknown) {
		t.Fatalf("outcome %s: %v", rep.Outcome, err)
	}
	b.set(func() { b.ignore = false })
	if rep = resumeOnly(t, r, b); rep.Outcome != rekey.Changed || b.most > 1 {
		t.Errorf("resumed: %s, %d wrong tries stood at once", rep.Outcome, b.most)
	}
}

// TestPasswordRules: the recorder's own rule counts for a wanted password, and a
// made one fits the catalogue's besides.
func TestPasswordRules(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.rule = &rekey.PasswordRule{Min: 16}
	r, _ := b.runner(t)
	req := b.request()
	if _, err := r.Plan(context.Background(), req); !errors.Is(err, rekey.ErrInput) || !strings.Contains(err.Error(), "16") {
		t.Errorf("shorter than the recorder wants: %v", err)
	}
	req.New = rekey.NewSecret("short")
	before := b.sent
	if _, err := r.Plan(context.Background(), req); !errors.Is(err, rekey.ErrInput) || b.sent != before {
		t.Errorf("what the catalogue surely refuses: %v, and %d logins were sent", err, b.sent-before)
	}
	b.rule = &rekey.PasswordRule{Min: 4, Max: 12, Classes: 4, Forbidden: "_"}
	req.New = rekey.Secret{}
	rep, err := r.Reset(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	made, err := r.Vault.Reveal(context.Background(), rep.VaultID)
	if err != nil {
		t.Fatal(err)
	}
	model, _ := catalog.Find(b.id)
	if err := errors.Join(catalog.CheckPassword(*b.rule, "admin", made), catalog.CheckPassword(model.Rule(), "admin", made)); err != nil {
		t.Errorf("the made password breaks a rule: %v", err)
	}
}

func TestRulesTogether(t *testing.T) {
	t.Parallel()
	known := rekey.PasswordRule{Min: 8, Max: 16, Classes: 2, Forbidden: "&"}
	for name, c := range map[string]struct{ told, wanted, made rekey.PasswordRule }{
		"the minimum alone": {rekey.PasswordRule{Min: 10}, rekey.PasswordRule{Min: 10, Max: 16, Forbidden: "&"}, rekey.PasswordRule{Min: 10, Max: 16, Classes: 2, Forbidden: "&&"}},
		"longer than known": {rekey.PasswordRule{Min: 20}, rekey.PasswordRule{Min: 20, Max: 20, Forbidden: "&"}, rekey.PasswordRule{Min: 20, Max: 20, Forbidden: "&"}},
		"six digits":        {rekey.PasswordRule{Min: 6, Max: 6, DigitsOnly: true}, rekey.PasswordRule{Min: 6, Max: 6, DigitsOnly: true, Forbidden: "&"}, rekey.PasswordRule{Min: 6, Max: 6, DigitsOnly: true, Forbidden: "&"}},
		"nothing":           {rekey.PasswordRule{}, rekey.PasswordRule{Min: 8, Max: 16, Forbidden: "&"}, rekey.PasswordRule{Min: 8, Max: 16, Classes: 2, Forbidden: "&&"}},
	} {
		wanted := overlay(c.told, known)
		if made := strictest(wanted, known); wanted != c.wanted || made != c.made {
			t.Errorf("%s: wanted %+v, made %+v", name, wanted, made)
		}
	}
}
