package front

import (
	"strings"
	"testing"

	"rekey/internal/desk"
)

// TestOwnerReadsHowItEnded: the page says that a new password is set only where the
// caller said so, and of a temporary password that nobody used not that it is dead.
func TestOwnerReadsHowItEnded(t *testing.T) {
	t.Parallel()
	const set, dead = "You set a new password", "does not work any more"
	for _, tt := range []struct {
		name     string
		v        desk.OwnerView
		has, not []string
	}{
		{"a new password", desk.OwnerView{Closed: true, Answered: true, PasswordSet: "yes"}, []string{set, dead}, nil},
		{"none", desk.OwnerView{Closed: true, Answered: true, PasswordSet: "no"}, []string{"We do not know of a new password", "ten minutes at most"}, []string{set, dead}},
		{"nobody knows", desk.OwnerView{Closed: true, Answered: true, PasswordSet: "unknown"}, []string{"We do not know of a new password"}, []string{set, dead}},
		{"no answer", desk.OwnerView{Closed: true, PasswordSet: "no"}, []string{"No temporary password was given out"}, []string{set, dead, "ten minutes"}},
	} {
		text := ownerNow(tt.v)
		for _, s := range ownerSteps(tt.v) {
			if !s.Done {
				t.Errorf("%s: of a closed case %q is not done", tt.name, s.Text)
			}
			text += "\n" + s.Text
		}
		for _, want := range tt.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in:\n%s", tt.name, want, text)
			}
		}
		for _, bad := range tt.not {
			if strings.Contains(text, bad) {
				t.Errorf("%s: %q is in:\n%s", tt.name, bad, text)
			}
		}
	}
}
