package onvif

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"rekey"
)

// TestSafeDoorRefusesOnce: the HTTPS door beside it refuses the password; it gets
// none again, however often a change is asked for.
func TestSafeDoorRefusesOnce(t *testing.T) {
	t.Parallel()
	safe, p := &peer{}, &peer{}
	door := safe.start(t, true).Interfaces[0]
	safe.users[0].password = "another-Pass1"
	p.answers = map[string]http.HandlerFunc{"GetNetworkProtocols": p.says("GetNetworkProtocols",
		fmt.Sprintf(`<odd:NetworkProtocols><sch:Name>HTTPS</sch:Name><sch:Enabled>true</sch:Enabled><sch:Port>%d</sch:Port></odd:NetworkProtocols>`, door.Port))}
	s, b := opened(t, p, false, AcceptClearPassword())
	for range 3 {
		if err := s.SetPassword(t.Context(), secret(testPassword), secret(newPassword)); !errors.Is(err, rekey.ErrDenied) {
			t.Error(err)
		}
	}
	if tries, _ := safe.counts(); tries != 1 || p.times("SetUser") != 0 || b.spent != 2 || len(b.refused) != 1 {
		t.Errorf("%d tries at the safe door, %+v", tries, b)
	}
}

// TestFaultsCostNoTry: what is refused to a login that holds is no try of it,
// with a new challenge either.
func TestFaultsCostNoTry(t *testing.T) {
	t.Parallel()
	p := &peer{wantDigest: true}
	p.answers = map[string]http.HandlerFunc{"GetUsers": func(w http.ResponseWriter, r *http.Request) { p.fault(w, 500, "x", "Receiver", "ActionNotSupported") }}
	s, b := opened(t, p, true)
	s.main.fresh = time.Now().Add(-time.Hour)
	for range 3 {
		if _, err := s.Accounts(t.Context()); !errors.Is(err, rekey.ErrUnsupported) {
			t.Error(err)
		}
	}
	if b.spent != 1 || b.given != 1 {
		t.Errorf("%+v", b)
	}
}
