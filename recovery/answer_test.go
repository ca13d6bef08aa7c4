package recovery

import (
	"bytes"
	"crypto/rand"
	"testing"
	"testing/iotest"
)

func TestDrawAnswer(t *testing.T) {
	t.Parallel()
	drawn, err := DrawAnswer(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0}))
	if err != nil {
		t.Fatal(err)
	}
	if want := answerOf(bytes.Repeat([]byte{0xff}, 8)); !drawn.Equal(want) {
		t.Error("not all 60 bits are taken")
	}
	seen := map[string]bool{}
	for range 200 {
		a, err := DrawAnswer(iotest.OneByteReader(rand.Reader))
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseAnswer(a.Reveal())
		if err != nil || !back.Equal(a) || seen[a.Reveal()] {
			t.Fatalf("a drawn code is no answer, or was drawn before: %v", err)
		}
		seen[a.Reveal()] = true
	}
	if _, err := DrawAnswer(bytes.NewReader(make([]byte, 7))); err == nil {
		t.Error("drawn from too little")
	}
}
