package main

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptrace"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/job"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/seclog"
)

// BenchmarkReset does the whole main job with a known password, and in the same
// run adds up how long its requests to the recorder took: the ratio is what
// the promise costs. Of that the security log and the login budget are told apart.
func BenchmarkReset(b *testing.B) {
	o, target := operatorOf(b)
	r, err := o.runner()
	must(b, err)
	var wire, book, budget stopwatch
	r.Log = timedLog{r.Log, &book}
	r.Drivers = func(accepted []rekey.Risk) []rekey.Driver {
		return []rekey.Driver{timedDriver{o.drivers(accepted)[0], &wire, &budget}}
	}
	req := job.Request{
		Target: target, Account: "admin", Login: rekey.Login{Account: "admin", Password: rekey.NewSecret("Old-Pass1")},
		Footage: job.Footage{Dir: filepath.Join(o.state, "footage")},
	}
	ctx := watchHTTP(b.Context(), &wire)
	for b.Loop() {
		rep, err := r.Reset(ctx, req)
		must(b, err)
		if rep.Outcome != rekey.Changed || len(rep.Proofs) != 5 || rep.Footage.Files != 3 || wire.running() {
			b.Fatalf("%s after %d proofs, %d recordings saved; a request has no end: %v", rep.Outcome, len(rep.Proofs), rep.Footage.Files, wire.running())
		}
		b.StopTimer()
		req.Login.Password, err = r.Vault.Reveal(b.Context(), rep.VaultID)
		must(b, err)
		must(b, os.RemoveAll(req.Footage.Dir)) // the next run saves it again
		b.StartTimer()
	}
	perOp := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 / float64(b.N) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(perOp(b.Elapsed()), "reset-ms/op")
	b.ReportMetric(perOp(wire.total()), "requests-ms/op")
	b.ReportMetric(perOp(book.total()), "log-ms/op")
	b.ReportMetric(perOp(budget.total()), "budget-ms/op")
	b.ReportMetric(float64(b.Elapsed())/float64(wire.total()), "x-bare")
}

// operatorOf is the operator's side as the verbs wire it, and a recorder with
// three short recordings. The recorder hashes passwords cheaply: what it costs
// there is not to hide what rekey costs.
func operatorOf(b *testing.B) (*operator, rekey.Target) {
	dir, password := b.TempDir(), rekey.NewSecret("Old-Pass1")
	_, err := appliance.Make(dir, recorder.Config{AdminPassword: password, Argon: cheap()}, clips.Spec{Channels: 1, Days: 1, ClipSeconds: 2, Now: time.Now()})
	must(b, err)
	box, err := appliance.Start(b.Context(), dir, appliance.Options{Log: slog.New(slog.DiscardHandler), Box: recorder.Options{Argon: cheap()}})
	must(b, err)
	b.Cleanup(func() { must(b, box.Close()) })
	target, err := rekey.ParseTarget(box.Ready().HTTPS)
	must(b, err)
	discovery, err := netip.ParseAddrPort(box.Ready().Discovery)
	must(b, err)
	return &operator{state: b.TempDir(), discovery: discovery.Port(), out: io.Discard, talk: io.Discard}, target
}

// stopwatch adds up spans of time; those that overlap count each for itself.
type stopwatch struct {
	mu   sync.Mutex
	open int
	sum  time.Duration // of the ends less that of the beginnings
}

var began = time.Now()

func (w *stopwatch) step(open int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open += open
	w.sum -= time.Duration(open) * time.Since(began)
}

func (w *stopwatch) start()               { w.step(+1) }
func (w *stopwatch) stop()                { w.step(-1) }
func (w *stopwatch) running() bool        { return w.open != 0 }
func (w *stopwatch) total() time.Duration { return w.sum }

// watchHTTP times every HTTP request under the context, from asking for a
// connection, with TCP and TLS, to the first byte of the answer.
func watchHTTP(ctx context.Context, w *stopwatch) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(string) { w.start() },
		GotFirstResponseByte: w.stop,
	})
}

// timedDriver times the checks of the stream, which are no HTTP, and the budget.
type timedDriver struct {
	rekey.Driver
	wire, budget *stopwatch
}

func (d timedDriver) Open(ctx context.Context, id rekey.Identity, l rekey.Login, t rekey.Tries) (rekey.Session, error) {
	return d.Driver.Open(ctx, id, l, timedTries{t, d.budget, nil})
}

func (d timedDriver) Check(ctx context.Context, at rekey.Interface, l rekey.Login, t rekey.Tries) error {
	if at.Kind != rekey.InterfaceRTSP {
		return d.Driver.Check(ctx, at, l, timedTries{t, d.budget, nil})
	}
	d.wire.start()
	defer d.wire.stop()
	return d.Driver.Check(ctx, at, l, timedTries{t, d.budget, d.wire})
}

// timedTries times the budget, and stops the clock of a request meanwhile.
type timedTries struct {
	rekey.Tries
	budget, pause *stopwatch
}

func (t timedTries) Spend(account string) error {
	defer t.aside()()
	return t.Tries.Spend(account)
}

func (t timedTries) Settle(account string, result error) error {
	defer t.aside()()
	return t.Tries.Settle(account, result)
}

func (t timedTries) aside() (back func()) {
	t.budget.start()
	if t.pause == nil {
		return t.budget.stop
	}
	t.pause.stop()
	return func() {
		t.budget.stop()
		t.pause.start()
	}
}

// timedLog times the security log.
type timedLog struct {
	job.Log
	watch *stopwatch
}

func (l timedLog) Append(ctx context.Context, r seclog.Record) (seclog.Entry, error) {
	l.watch.start()
	defer l.watch.stop()
	return l.Log.Append(ctx, r)
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
