package desk

import (
	"slices"
	"strings"
	"time"

	"rekey/internal/desk/staff"
)

// RoleProof is the object that a proof of presence is begun for (see BeginStepUp)
// to add an agent or to change their role: whoever sits in between cannot keep the
// touch and put another role in its place. So are SSOProof and KeyProof.
func RoleProof(name string, role staff.Role) string { return lines(name, string(role)) }

// SSOProof is the object for an agent's address at the identity provider.
func SSOProof(name, email string) string { return lines(name, email) }

// KeyProof is the object for an API key: its name, its scopes sorted with a blank
// between, and the day of its end (UTC).
func KeyProof(name string, scopes []staff.Scope, until time.Time) string {
	return lines(name, scopeWords(scopes), until.UTC().Format(time.DateOnly))
}

// lines are values of which none has a line end: names, roles, scopes and addresses
// that hold one are refused by the act itself.
func lines(values ...string) string { return strings.Join(values, "\n") }

// scopeWords are the scopes, sorted.
func scopeWords(scopes []staff.Scope) string {
	words := make([]string, 0, len(scopes))
	for _, s := range scopes {
		words = append(words, string(s))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}
