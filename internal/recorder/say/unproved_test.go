package say

import (
	"testing"

	"rekey/seclog"
)

// TestUnproved: of a log-in that was refused, only the name that was typed is
// known; the pages do not say that it was by that user.
func TestUnproved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		event, actor string
		want         bool
	}{
		{"login.refused", "admin", true},
		{"user.code.refused", "admin", true},
		{"login", "admin", false},
		{"2fa.refused", "admin", false}, // the password was right
		{"account.locked", "recorder", false},
	} {
		if got := Unproved(seclog.Record{Event: c.event, Actor: c.actor, Object: "admin"}); got != c.want {
			t.Errorf("%s by %s: %v", c.event, c.actor, got)
		}
	}
}

// TestNothingLeftOut: a backup that is whole has no line about what is missing.
func TestNothingLeftOut(t *testing.T) {
	t.Parallel()
	for left, want := range map[string]string{"0": "", "2": "Files left out: 2"} {
		if got := More(seclog.Record{Event: "backup.manifest", Detail: map[string]string{"left_out": left}}); got != want {
			t.Errorf("%s left out: %q", left, got)
		}
	}
}

// TestChallengeSentence: what is asked for over the LAN is a method or a path,
// and no user.
func TestChallengeSentence(t *testing.T) {
	t.Parallel()
	got := Sentence(seclog.Record{Event: "challenge.refused", Object: "/recovery"})
	if want := `Somebody on the network asked for what only the recorder's own screen gives, and was refused: "/recovery".`; got != want {
		t.Errorf("%s", got)
	}
}
