package rekeytest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/dahua"
	"rekey/internal/discover"
	"rekey/internal/footage"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/internal/transport"
)

// BenchmarkExport exports footage over a session of the driver, hashed, synced
// and with its manifest, and in the same run has curl fetch the same files.
func BenchmarkExport(b *testing.B) {
	admin := rekey.Login{Account: "admin", Password: rekey.NewSecret("Old-Pass1")}
	ready := withLongClips(b, admin)
	for _, door := range []string{ready.HTTP, ready.HTTPS} {
		scheme, address, _ := strings.Cut(strings.TrimSuffix(door, "/"), "://")
		b.Run("loopback/"+scheme, func(b *testing.B) { againstCurl(b, ready, scheme+"://"+address, admin) })
		b.Run("gigabit/"+scheme, func(b *testing.B) {
			againstCurl(b, ready, scheme+"://"+throughGigabit(b, address), admin)
		})
	}
}

func againstCurl(b *testing.B, ready appliance.Ready, base string, admin rekey.Login) {
	src, all := openSource(b, ready, base, admin)
	var ours, begin, curls time.Duration
	for b.Loop() {
		dir := b.TempDir()
		ours += timed(func() { begin += exportAll(b, src, filepath.Join(dir, "export"), len(all)) })
		curls += timed(func() { curl(b, base, admin, filepath.Join(dir, "curl"), all) })
		must(b, os.RemoveAll(dir)) // what curl left unsynced is not written to the disk meanwhile
	}
	mb := float64(b.N) * megabytes(all)
	b.ReportMetric(0, "ns/op") // would be both together
	b.ReportMetric(mb/ours.Seconds(), "export-MB/s")
	b.ReportMetric(mb/curls.Seconds(), "curl-MB/s")
	b.ReportMetric(sha256Speed(), "sha256-MB/s")
	b.ReportMetric(float64(begin.Milliseconds())/float64(b.N), "first-MB-ms/op")
	b.ReportMetric(curls.Seconds()/ours.Seconds(), "of-curl-speed")
	b.ReportMetric(ours.Seconds()/curls.Seconds(), "x-bare")
}

// withLongClips runs a recorder with 9 recordings of 35 minutes, 34 MB each.
func withLongClips(b *testing.B, admin rekey.Login) appliance.Ready {
	dir := b.TempDir()
	cheap := &argon.Cost{Passes: 1, KiB: 64, Threads: 1}
	spec := clips.Spec{Channels: 3, Days: 1, ClipSeconds: 2100, Now: time.Now()}
	_, err := appliance.Make(dir, recorder.Config{AdminPassword: admin.Password, Argon: cheap}, spec)
	must(b, err)
	r, err := appliance.Start(b.Context(), dir, appliance.Options{Log: quiet(), Box: recorder.Options{Argon: cheap}})
	must(b, err)
	b.Cleanup(func() { must(b, r.Close()) })
	return r.Ready()
}

// openSource finds the recorder as the verbs do, logs in and lists what there is.
func openSource(b *testing.B, ready appliance.Ready, base string, l rekey.Login) (footage.Source, []rekey.Recording) {
	at, err := rekey.ParseTarget(base)
	must(b, err)
	probe, err := netip.ParseAddrPort(ready.Discovery)
	must(b, err)
	d := dahua.New(quiet())
	id, err := discover.Identify(b.Context(), at, []discover.Identifier{d}, nil, []discover.Prober{dahua.Prober{UDPPort: int(probe.Port())}})
	must(b, err)
	s, err := d.Open(b.Context(), id, l, &Book{})
	must(b, err)
	b.Cleanup(func() { _ = s.Close(b.Context()) })
	src, err := footage.From(s)
	must(b, err)
	var all []rekey.Recording
	span := time.Now()
	must(b, src.Recordings(b.Context(), span.AddDate(0, 0, -9), span.AddDate(0, 0, 9), func(r rekey.Recording) error {
		all = append(all, r)
		return nil
	}))
	return src, all
}

// exportAll also tells how long the list, the settings and the first megabyte took.
func exportAll(b *testing.B, src footage.Source, dir string, files int) (begin time.Duration) {
	start := time.Now()
	m, err := footage.Export(b.Context(), src, dir, footage.Options{Progress: func(footage.Progress) {
		if begin == 0 {
			begin = time.Since(start)
		}
	}})
	must(b, err)
	if len(m.Files) != files {
		b.Fatalf("%d files exported, %d listed", len(m.Files), files)
	}
	return begin
}

// curl fetches all recordings in one process and over kept connections. The
// login goes in by stdin, as everything does that argv is too short or too public for.
func curl(b *testing.B, base string, l rekey.Login, dir string, all []rekey.Recording) {
	must(b, os.Mkdir(dir, 0o700))
	var config bytes.Buffer
	fmt.Fprintf(&config, "silent\nshow-error\nfail\ngloboff\ninsecure\ndigest\nuser = %s\n", strconv.Quote(l.Account+":"+l.Password.Reveal()))
	for i, r := range all {
		fmt.Fprintf(&config, "url = %q\noutput = %q\n", base+"/cgi-bin/RPC_Loadfile"+transport.EscapePath(r.Path), fileOf(dir, i))
	}
	cmd := exec.CommandContext(b.Context(), "curl", "--config", "-")
	cmd.Stdin, cmd.Stderr = &config, os.Stderr
	must(b, cmd.Run())
	for i, r := range all {
		info, err := os.Stat(fileOf(dir, i))
		must(b, err)
		if info.Size() != r.Size {
			b.Fatalf("curl fetched %d bytes of %d", info.Size(), r.Size)
		}
	}
}

func fileOf(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("%03d.mp4", i)) }

func megabytes(all []rekey.Recording) float64 {
	var sum int64
	for _, r := range all {
		sum += r.Size
	}
	return float64(sum) / 1e6
}

// sha256Speed is what one core hashes in a second, in megabytes.
func sha256Speed() float64 {
	const size = 64 << 20
	data := make([]byte, size)
	return size / 1e6 / timed(func() { sha256.Sum256(data) }).Seconds()
}

func timed(work func()) time.Duration {
	start := time.Now()
	work()
	return time.Since(start)
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
