package front_test

import (
	"strings"
	"testing"

	"rekey/internal/desk/front"
	"rekey/recovery"
)

// TestNoWordIsAGroup: what can be a group of a code is never read as the word for
// one symbol. The fourth group of a challenge may be XRAY, and could not be typed.
func TestNoWordIsAGroup(t *testing.T) {
	t.Parallel()
	fits := func(word string) bool {
		for _, form := range []recovery.Form{recovery.FormChallenge, recovery.FormAnswer, recovery.FormDeviceID} {
			for g := range form.Groups() {
				if form.GroupStates(strings.Repeat("0000-", g) + word)[g] == recovery.GroupRight {
					return true
				}
			}
		}
		return false
	}
	if !fits("XRAY") {
		t.Fatal("XRAY is a group of a challenge")
	}
	for _, pair := range strings.Fields(front.Spelling()) {
		word, _, _ := strings.Cut(strings.ToUpper(pair), "=")
		if len(word) == 4 && !strings.ContainsAny(word, "ILOU") && fits(word) {
			t.Errorf("%s may be a group", word)
		}
	}
}
