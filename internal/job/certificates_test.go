package job

import (
	"context"
	"errors"
	"strings"
	"testing"

	"rekey"
)

// shows puts an encrypted door with that certificate before the others.
func (b *lab) shows(sum string) {
	b.set(func() {
		d := b.door(rekey.InterfaceRPC2, true)
		d.CertSHA256 = sum
		b.id.Interfaces = []rekey.Interface{d, b.door(rekey.InterfaceCGI, false)}
		b.doors = []rekey.Interface{d, b.door(rekey.InterfaceCGI, false)}
	})
}

// Another certificate than the one under which a login succeeded stops every
// run before a password is sent, until it is accepted by name.
func TestAnotherCertificate(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, _ := b.runner(t)
	ctx := context.Background()
	b.shows("aaaa")
	if _, err := r.Plan(ctx, b.request()); err != nil {
		t.Fatal(err)
	}
	b.shows("bbbb")
	req, sent := b.request(), b.sent
	for name, do := range map[string]func() error{
		"plan":     func() error { _, err := r.Plan(ctx, req); return err },
		"reset":    func() error { _, err := r.Reset(ctx, req); return err },
		"check":    func() error { _, err := r.Check(ctx, req); return err },
		"channels": func() error { _, err := r.Channels(ctx, req); return err },
	} {
		err := do()
		if !errors.Is(err, rekey.ErrRisk) {
			t.Fatalf("%s: %v", name, err)
		}
		for _, word := range []string{"aaaa", "bbbb", "--accept-risk new-certificate"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q is not said in: %v", name, word, err)
			}
		}
	}
	if b.sent != sent {
		t.Fatalf("%d logins were sent to it", b.sent-sent)
	}
	accepting := req
	accepting.Accept = append(accepting.Accept, rekey.RiskNewCertificate)
	p, err := r.Plan(ctx, accepting)
	if err != nil || p.Risks[len(p.Risks)-1] != rekey.RiskNewCertificate {
		t.Fatalf("accepted by name: risks %v, %v", p.Risks, err)
	}
	if _, err := r.Plan(ctx, req); err != nil {
		t.Errorf("the new one was not remembered: %v", err)
	}
	b.shows("aaaa")
	if _, err := r.Plan(ctx, req); !errors.Is(err, rekey.ErrRisk) {
		t.Errorf("the former one is expected no more: %v", err)
	}
}

// A certificate under which the login failed is not remembered.
func TestCertificateOfAFailedLogin(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, _ := b.runner(t)
	b.shows("aaaa")
	req := b.request()
	req.Login.Password = rekey.NewSecret("Wrong-guess-99")
	if _, err := r.Plan(context.Background(), req); !errors.Is(err, rekey.ErrDenied) {
		t.Fatal(err)
	}
	b.shows("bbbb")
	if _, err := r.Plan(context.Background(), b.request()); err != nil {
		t.Error(err)
	}
}

// Resume holds the recorder to the certificate of the plan, and to the one that
// was accepted since; what was accepted when the run began is not enough.
func TestResumeMeetsAnotherCertificate(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, _ := b.runner(t)
	ctx := context.Background()
	b.shows("aaaa")
	if _, err := r.Plan(ctx, b.request()); err != nil {
		t.Fatal(err)
	}
	b.shows("bbbb")
	req := b.request()
	req.Accept = append(req.Accept, rekey.RiskNewCertificate)
	killedAt(r, "begun")
	dies(t, func() { _, _ = r.Reset(ctx, req) })
	r.At = nil
	runs, err := r.OpenRuns()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v, %v", runs, err)
	}
	b.shows("cccc")
	sent := b.sent
	if _, err := r.Resume(ctx, runs[0], ResumeOptions{}); !errors.Is(err, rekey.ErrRisk) || !strings.Contains(err.Error(), "cccc") || b.sent != sent {
		t.Fatalf("a third certificate: %v, and %d logins were sent", err, b.sent-sent)
	}
	b.shows("bbbb")
	if rep, err := r.Resume(ctx, runs[0], ResumeOptions{}); err != nil || rep.Outcome != rekey.Changed {
		t.Errorf("the plan's certificate: %s, %v", rep.Outcome, err)
	}
}

func TestEncryptionThatWentAway(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, _ := b.runner(t)
	b.shows("aaaa")
	if _, err := r.Plan(context.Background(), b.request()); err != nil {
		t.Fatal(err)
	}
	b.set(func() { b.id.Interfaces = []rekey.Interface{b.door(rekey.InterfaceCGI, false)} })
	p, err := r.Plan(context.Background(), b.request())
	if err != nil || !strings.Contains(strings.Join(p.Notes, "\n"), "no encrypted door is seen") {
		t.Errorf("%v, %v", p.Notes, err)
	}
}

// TestTrusted: which certificate a door may show.
func TestTrusted(t *testing.T) {
	t.Parallel()
	door := func(port int, sum string) rekey.Interface {
		return rekey.Interface{Kind: rekey.InterfaceRPC2, Port: port, TLS: true, CertSHA256: sum}
	}
	plan := &journal{}
	plan.Begun.Plan.Recorder.Interfaces = []rekey.Interface{door(443, "planned")}
	for name, c := range map[string]struct {
		journal *journal
		accept  []rekey.Risk
		shown   rekey.Interface
		held    string
		fails   bool
	}{
		"the remembered one":        {nil, nil, door(443, "before"), "before", false},
		"another one":               {nil, nil, door(443, "other"), "", true},
		"another one, accepted":     {nil, []rekey.Risk{rekey.RiskNewCertificate}, door(443, "other"), "other", false},
		"none seen yet":             {nil, nil, door(443, ""), "before", false},
		"none seen yet, accepted":   {nil, []rekey.Risk{rekey.RiskNewCertificate}, door(443, ""), "", false},
		"a port that is new":        {nil, nil, door(8443, "other"), "other", false},
		"the plan's":                {plan, nil, door(443, "planned"), "planned", false},
		"the remembered, on resume": {plan, nil, door(443, "before"), "before", false},
		"neither":                   {plan, nil, door(443, "other"), "", true},
		"not encrypted":             {nil, nil, rekey.Interface{Port: 443}, "", false},
	} {
		u := &run{j: c.journal, prints: map[string]string{"443": "before"}, req: Request{Accept: c.accept}}
		held, err := u.trusted(c.shown)
		if errors.Is(err, rekey.ErrRisk) != c.fails || (!c.fails && held.CertSHA256 != c.held) {
			t.Errorf("%s: held to %q, %v", name, held.CertSHA256, err)
		}
	}
}
