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
)

// BenchmarkReset does the whole main job with a known password, and in the same
// run adds up how long its HTTP requests took on the wire: the ratio is what
// the promise costs. What no request is counted for, streams and discovery
// among it, counts as cost.
func BenchmarkReset(b *testing.B) {
	o, target := operatorOf(b)
	r, err := o.runner(nil)
	must(b, err)
	req := job.Request{
		Target: target, Account: "admin", Login: rekey.Login{Account: "admin", Password: rekey.NewSecret("Old-Pass1")},
		Footage: job.Footage{Dir: filepath.Join(o.state, "footage")},
	}
	var wire requests
	ctx := wire.watch(b.Context())
	for b.Loop() {
		rep, err := r.Reset(ctx, req)
		must(b, err)
		if rep.Outcome != rekey.Changed || len(rep.Proofs) != 5 || rep.Footage.Files != 3 {
			b.Fatalf("%s after %d proofs, %d recordings saved", rep.Outcome, len(rep.Proofs), rep.Footage.Files)
		}
		b.StopTimer()
		req.Login.Password, err = r.Vault.Reveal(b.Context(), rep.VaultID)
		must(b, err)
		must(b, os.RemoveAll(req.Footage.Dir)) // the next run saves it again
		b.StartTimer()
	}
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 / float64(b.N) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(per(b.Elapsed()), "reset-ms/op")
	b.ReportMetric(per(wire.took), "requests-ms/op")
	b.ReportMetric(float64(wire.count)/float64(b.N), "requests/op")
	b.ReportMetric(per(bareFsync(b)*time.Duration(b.N)), "fsync-ms")
	b.ReportMetric(float64(b.Elapsed())/float64(wire.took), "x-bare")
}

// operatorOf is the operator's side as the verbs wire it, and a recorder with
// three short recordings. The recorder hashes passwords cheaply: what it costs
// there is not to hide what rekey costs.
func operatorOf(b *testing.B) (*operator, rekey.Target) {
	dir, password := b.TempDir(), rekey.NewSecret("Old-Pass1")
	cheap := &recorder.Argon{Time: 1, Memory: 64, Threads: 1}
	_, err := appliance.Make(dir, recorder.Config{AdminPassword: password, Argon: cheap}, clips.Spec{Channels: 1, Days: 1, ClipSeconds: 2, Now: time.Now()})
	must(b, err)
	box, err := appliance.Start(b.Context(), dir, appliance.Options{Log: slog.New(slog.DiscardHandler), Box: recorder.Options{Argon: cheap}})
	must(b, err)
	b.Cleanup(func() { must(b, box.Close()) })
	target, err := rekey.ParseTarget(box.Ready().HTTPS)
	must(b, err)
	discovery, err := netip.ParseAddrPort(box.Ready().Discovery)
	must(b, err)
	return &operator{state: b.TempDir(), discovery: discovery.Port(), out: io.Discard, talk: io.Discard}, target
}

// requests adds up the HTTP requests made under a context, each from asking
// for a connection to the first byte of the answer, as if one came after the other.
type requests struct {
	mu    sync.Mutex
	count int
	took  time.Duration
}

func (r *requests) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{})
}

// bareFsync is how long one short append with fsync takes on this disk.
func bareFsync(b *testing.B) time.Duration {
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	must(b, err)
	defer f.Close()
	const times = 100
	start := time.Now()
	for range times {
		_, err := f.WriteString("the length of a record of the security log, more or less\n")
		must(b, err)
		must(b, f.Sync())
	}
	return time.Since(start) / times
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
