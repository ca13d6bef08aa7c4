package recovery_test

import (
	"errors"
	"strings"
	"testing"

	"rekey/recovery"
)

func vectorQR(t testing.TB) recovery.QR {
	return recovery.QR{Desk: "desk.local", DeviceID: mustID(t, "V7KX-4YBM-0P97"), Challenge: vectorChallenge()}
}

func signed(t testing.TB, q recovery.QR) string {
	t.Helper()
	q, err := mustKeys(t, vectorKey()).SignQR(q)
	if err != nil {
		t.Fatal(err)
	}
	s, err := q.Text()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The lengths decide the size of the QR code (section 3.8); a desk of ten
// characters gives the document's figures.
func TestQRLengths(t *testing.T) {
	t.Parallel()
	plain := vectorQR(t)
	logged := plain
	logged.Log = &recovery.LogHead{Size: 1234, Root: [32]byte{1, 2, 3}}
	sk := deskKey(t)
	enc, _, err := recovery.RecorderAnswer(sk.PublicKey(), plain.DeviceID, "admin", suite2Challenge())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := recovery.QR{Desk: "desk.local", DeviceID: plain.DeviceID, Challenge: suite2Challenge(), Enc: enc}.Text()
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]struct {
		text string
		want int
	}{"suite 1": {signed(t, plain), 75}, "with the log": {signed(t, logged), 133}, "suite 2": {sealed, 101}} {
		if len(v.text) != v.want {
			t.Errorf("%s: %d characters, want %d: %s", name, len(v.text), v.want, v.text)
		}
		if strings.Trim(v.text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:") != "" {
			t.Errorf("%s leaves the alphanumeric mode: %s", name, v.text)
		}
		q, err := recovery.ParseQR(v.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if back, err := q.Text(); err != nil || back != v.text {
			t.Errorf("%s: comes back as %s, %v", name, back, err)
		}
	}
	if want := "HTTPS://DESK.LOCAL/R/1.V7K4YB0P9.4000YGV5GYMWQV0."; !strings.HasPrefix(signed(t, plain), want) {
		t.Errorf("text %s, want %s...", signed(t, plain), want)
	}
}

func TestQRVerify(t *testing.T) {
	t.Parallel()
	q := vectorQR(t)
	q.Log = &recovery.LogHead{Size: 7, Root: [32]byte{9}}
	s := signed(t, q)
	keys := mustKeys(t, vectorKey())
	got, err := recovery.ParseQR(strings.ToLower(s))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.VerifyQR(got); err != nil {
		t.Errorf("in lower case: %v", err)
	}
	if got.DeviceID != q.DeviceID || got.Challenge != q.Challenge || *got.Log != *q.Log {
		t.Errorf("read %+v, want %+v", got, q)
	}
	if err := mustKeys(t, make([]byte, 32)).VerifyQR(got); !errors.Is(err, recovery.ErrQRForged) {
		t.Errorf("another recorder's key: %v", err)
	}
	changed := 0
	for i := len("HTTPS://"); i < len(s); i++ {
		for _, r := range "05AZ" {
			bad, err := recovery.ParseQR(s[:i] + string(r) + s[i+1:])
			if err != nil || s[i] == byte(r) {
				continue
			}
			changed++
			if err := keys.VerifyQR(bad); !errors.Is(err, recovery.ErrQRForged) {
				t.Errorf("changed at %d: %v", i, err)
			}
		}
	}
	if changed < 50 {
		t.Errorf("only %d changed texts were readable", changed)
	}
}

func TestQRRefuses(t *testing.T) {
	t.Parallel()
	good := signed(t, vectorQR(t))
	for _, bad := range []string{
		"", "hello", "http" + good[5:], strings.Replace(good, "/R/", "/Q/", 1), strings.Replace(good, "/R/1.", "/R/2.", 1),
		good + "A", good[:len(good)-1], good[:len(good)-1] + "1", good + ".", strings.Replace(good, ".V7K4", ".V7KO", 1), strings.Replace(good, ".4000", ".0000", 1),
		strings.Replace(good, "DESK.LOCAL", "DESK LOCAL", 1), strings.Replace(good, "DESK.LOCAL", "", 1), strings.Replace(good, "DESK.LOCAL", "A@B", 1),
		strings.Replace(good, "DESK.LOCAL", "DESK:0", 1), strings.Replace(good, "DESK.LOCAL", "DESK:99999", 1), strings.Repeat("A", 1<<20),
		strings.Replace(good, ".4000YGV5GYMWQV0.", ".4000YGV5GYMWQV0.01."+strings.Repeat("0", 52)+".", 1),
		strings.Replace(good, ".4000YGV5GYMWQV0.", ".4000YGV5GYMWQV0.1."+strings.Repeat("Z", 52)+".", 1),
	} {
		if _, err := recovery.ParseQR(bad); !errors.Is(err, recovery.ErrQRText) {
			t.Errorf("ParseQR(%.90q) = %v, want ErrQRText", bad, err)
		}
	}
	for name, change := range map[string]func(*recovery.QR){
		"desk":   func(q *recovery.QR) { q.Desk = "a/b" },
		"id":     func(q *recovery.QR) { q.DeviceID = recovery.DeviceID{} },
		"suite":  func(q *recovery.QR) { q.Challenge.Suite = 4 },
		"log":    func(q *recovery.QR) { q.Log = &recovery.LogHead{Size: -1} },
		"suite2": func(q *recovery.QR) { q.Challenge.Suite = recovery.SuiteHPKE },
	} {
		q := vectorQR(t)
		change(&q)
		if _, err := mustKeys(t, vectorKey()).SignQR(q); err == nil {
			t.Errorf("signed a text with a bad %s", name)
		}
		if _, err := q.Text(); err == nil {
			t.Errorf("wrote a text with a bad %s", name)
		}
	}
}
