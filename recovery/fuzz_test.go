package recovery_test

import (
	"errors"
	"strings"
	"testing"

	"rekey/recovery"
)

func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{"05D8-4WAY-9MWG-ZXD1", "o5d8 4way.9mwg zxdl", "", "é", "05D8-4WAY-9MWG", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		recovery.FormAnswer.GroupStates(s)
		a, err := recovery.ParseAnswer(s)
		if err != nil {
			mistyped(t, err)
			return
		}
		back, err := recovery.ParseAnswer(a.Reveal())
		if err != nil || !back.Equal(a) {
			t.Errorf("%q does not come back: %v", s, err)
		}
	})
}

func FuzzParseChallenge(f *testing.F) {
	for _, s := range []string{"400R-0YG6-V5GS-YMWC-QV05", "500T0YG6V5GSYMWCQV05", "0000-0000-0000-0000-0000", "400r 0yg6"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := recovery.ParseChallenge(s)
		if err != nil {
			if !errors.Is(err, recovery.ErrReserved) {
				mistyped(t, err)
			}
			return
		}
		back, err := recovery.ParseChallenge(c.String())
		if err != nil || back != c || c.Validate() != nil {
			t.Errorf("%q does not come back: %v", s, err)
		}
	})
}

func FuzzParseDeviceID(f *testing.F) {
	for _, s := range []string{"V7KX-4YBM-0P97", "v7kx4ybmop97", "V7KX-4YBM-0P8F", "V7KX"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := recovery.ParseDeviceID(s)
		if err != nil {
			mistyped(t, err)
			return
		}
		if back, err := recovery.ParseDeviceID(id.String()); err != nil || back != id || len(id.Data()) != 9 {
			t.Errorf("%q does not come back: %v", s, err)
		}
	})
}

func FuzzParseQR(f *testing.F) {
	q := vectorQR(f)
	f.Add(signed(f, q))
	q.Log = &recovery.LogHead{Size: 1 << 40, Root: [32]byte{31: 1}}
	f.Add(signed(f, q))
	sealed, err := recovery.QR{Desk: "d:8443", DeviceID: q.DeviceID, Challenge: suite2Challenge(), Enc: make([]byte, 32)}.Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add("https://x/r/1.a.b.c")
	f.Fuzz(func(t *testing.T, s string) {
		q, err := recovery.ParseQR(s)
		if err != nil {
			if !errors.Is(err, recovery.ErrQRText) {
				t.Errorf("%q: %v, want an ErrQRText", s, err)
			}
			return
		}
		if back, err := q.Text(); err != nil || !strings.EqualFold(back, s) {
			t.Errorf("%q comes back as %q, %v", s, back, err)
		}
	})
}

func mistyped(t *testing.T, err error) {
	t.Helper()
	var m *recovery.MistypedError
	if !errors.As(err, &m) || m.Error() == "" {
		t.Errorf("%v, want a MistypedError", err)
	}
}
