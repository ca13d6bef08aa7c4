package clips

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// BenchmarkReadAtRest reads a clip of 32 MB as a download does, from memory, and
// in the same run its plain form.
func BenchmarkReadAtRest(b *testing.B) {
	const size = 32 << 20
	text, file, c := atRest(b, size)
	buf := make([]byte, 32<<10)
	var ours, bare time.Duration
	b.SetBytes(size)
	for b.Loop() {
		begin := time.Now()
		r, err := newReader(inMemory{bytes.NewReader(file)}, c, testKey, testKey)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf); err != nil || n != size {
			b.Fatal(n, err)
		}
		ours += time.Since(begin)
		begin = time.Now()
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{bytes.NewReader(text)}, buf); err != nil {
			b.Fatal(err)
		}
		bare += time.Since(begin)
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/(size>>20)/1000, "us/MB")
	b.ReportMetric(ours.Seconds()/bare.Seconds(), "x-bare")
}
