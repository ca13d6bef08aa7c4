package rekeytest

import (
	"slices"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/dahua"
)

// What a recorder is costs few questions, none of which begins a login.
func TestIdentifyAsksLittle(t *testing.T) {
	t.Parallel()
	_, r := running(t)
	line := NewBroken(t, r.Ready().HTTP)
	id, err := dahua.New(quiet()).Identify(t.Context(), target(t, line.URL))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/cgi-bin/magicBox.cgi", "DevInit.getStatus", "Security.getEncryptInfo", "/"}
	if asked := line.Asked(); !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	if id.Init != rekey.InitDone || !strings.Contains(id.Generation, "baseline 2") || id.Lock != nil {
		t.Errorf("%+v", id)
	}
}
