package desk_test

import (
	"slices"
	"strings"
	"testing"

	"rekey/internal/desk"
)

// TestOwnerHearsWhetherItWasUsed: the owner's link says of a closed case whether a
// new password was set.
func TestOwnerHearsWhetherItWasUsed(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	_, c := p.answeredCase("+493012345")
	p.flush()
	token := p.token(p.mail.Of("notice.open")[0])
	if v, err := p.desk.OwnerRead(t.Context(), token); err != nil || v.PasswordSet != "" {
		t.Errorf("before the end: %q, %v", v.PasswordSet, err)
	}
	if _, err := p.desk.CloseCase(t.Context(), ann(), c.Number, desk.Ending{Outcome: "not solved", PasswordSet: "no"}); err != nil {
		t.Fatal(err)
	}
	if v, err := p.desk.OwnerRead(t.Context(), token); err != nil || v.PasswordSet != "no" || !v.Answered || !v.Closed {
		t.Errorf("after the end: %+v, %v", v, err)
	}
}

// TestLogWithoutAnswers says so, and counts nothing of none.
func TestLogWithoutAnswers(t *testing.T) {
	t.Parallel()
	r := newPlace(t).report()
	if !slices.Contains(r.Proves, "No answer was issued.") || strings.Contains(strings.Join(r.Proves, "\n"), "second person") {
		t.Errorf("%q", r.Proves)
	}
}
