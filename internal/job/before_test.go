package job

import (
	"context"
	"errors"
	"slices"
	"testing"

	"rekey"
)

// What the change will want accepted is told before hours of footage are saved.
func TestRisksOfTheChangeAreToldBeforeIt(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.risks = []rekey.Risk{rekey.RiskClearPassword}
	r, _ := b.runner(t)
	p, err := r.Plan(context.Background(), b.request())
	if err != nil || !slices.Contains(p.Risks, rekey.RiskClearPassword) {
		t.Errorf("the plan's risks %v: %v", p.Risks, err)
	}
	rep, err := r.Reset(context.Background(), b.request())
	if !errors.Is(err, rekey.ErrRisk) || rep.Run != "" || b.sets != 0 {
		t.Errorf("run %q, %d changes sent: %v", rep.Run, b.sets, err)
	}
	req := b.request()
	req.Accept = append(req.Accept, rekey.RiskClearPassword)
	if rep, err := r.Reset(context.Background(), req); err != nil || rep.Outcome != rekey.Changed {
		t.Errorf("%s: %v", rep.Outcome, err)
	}
}

// Nothing is changed while firmware is written, whether it began before the plan
// or while the footage was saved.
func TestNothingIsChangedDuringAnUpgrade(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"", "intended"} {
		b := newLab(t)
		b.upgrading = point == ""
		r, _ := b.runner(t)
		r.At = func(at string) {
			if at == point {
				b.set(func() { b.upgrading = true })
			}
		}
		rep, err := r.Reset(context.Background(), b.request())
		open, openErr := r.OpenRuns()
		if !errors.Is(err, rekey.ErrConflict) || rep.Outcome == rekey.Changed || b.sets != 0 || len(open) != 0 || openErr != nil {
			t.Errorf("at %q: %s, %d changes sent, %d runs open: %v, %v", point, rep.Outcome, b.sets, len(open), err, openErr)
		}
	}
}

// A door that refuses the new password is a failure as long as nobody showed that
// it refuses the old one as well.
func TestShutDoorWantsTheOldPassword(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.deaf = []rekey.InterfaceKind{rekey.InterfaceCGI}
	r, _ := b.runner(t)
	req := b.request()
	req.Login = rekey.Login{Account: "second", Password: rekey.NewSecret("Second-one-88")}
	rep, err := r.Reset(context.Background(), req)
	if !errors.Is(err, rekey.ErrVerify) || rep.Outcome != rekey.Changed {
		t.Fatalf("%s: %v", rep.Outcome, err)
	}
	if got := matrix(rep.Proofs); got != "rpc2 opens/not tried, cgi refused/not tried, rtsp opens/not tried" {
		t.Error(got)
	}
}
