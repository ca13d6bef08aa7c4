package recovery_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"
	"time"

	"rekey/recovery"
)

// BenchmarkAnswer makes one answer of suite 1, as the desk does.
func BenchmarkAnswer(b *testing.B) {
	keys, id, c := mustKeys(b, vectorKey()), mustID(b, "V7KX-4YBM-0P97"), vectorChallenge()
	ratioToHMAC(b, func() {
		if _, err := keys.Answer(id, "admin", c); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkCheckCode does all that a recorder does for one typed code, saving
// aside: make the expected answer, read the typed one, compare in constant time.
func BenchmarkCheckCode(b *testing.B) {
	keys, id, c := mustKeys(b, vectorKey()), mustID(b, "V7KX-4YBM-0P97"), vectorChallenge()
	ratioToHMAC(b, func() {
		want, err := keys.Answer(id, "admin", c)
		if err != nil {
			b.Fatal(err)
		}
		got, err := recovery.ParseAnswer("o5d8 4way 9mwg zxdl")
		if err != nil || !got.Equal(want) {
			b.Fatal("the right answer does not fit")
		}
	})
}

// ratioToHMAC times work and, in the same run, as many bare HMAC-SHA256 over
// 64 bytes, and reports how many of these one piece of work costs.
func ratioToHMAC(b *testing.B, work func()) {
	b.ReportAllocs()
	for b.Loop() {
		work()
	}
	took := b.Elapsed()
	b.StopTimer()
	key, msg := vectorKey(), make([]byte, 64)
	start := time.Now()
	for range b.N {
		mac := hmac.New(sha256.New, key)
		mac.Write(msg)
		mac.Sum(nil)
	}
	b.ReportMetric(float64(took)/float64(time.Since(start)), "x-bare")
}
