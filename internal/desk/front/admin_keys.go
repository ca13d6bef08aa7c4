package front

import (
	"strings"
	"time"

	"rekey"
	"rekey/internal/desk/staff"
)

func (f *front) keys(c *call) (reply, error) { return f.keysPage(c, nil) }

func (f *front) keysPage(c *call, failed error) (reply, error) {
	all, err := f.desk.Keys(c.r.Context(), c.who)
	if err != nil {
		return reply{}, err
	}
	return reply{title: "API keys", page: keysPage(c.who, all, keyTyped{c.field("name"), c.field("until"), c.scopes()}, told(failed))}, failed
}

// keyTyped is what stood in the form of a new key.
type keyTyped struct {
	Name, Until string
	Scopes      []staff.Scope
}

// scopes are the boxes that are ticked.
func (c *call) scopes() (all []staff.Scope) {
	for _, s := range c.r.PostForm["scope"] {
		all = append(all, staff.Scope(s))
	}
	return all
}

func (f *front) makeKey(c *call) (reply, error) {
	name := c.field("name")
	day, err := time.Parse(dateLayout, c.field("until"))
	if err != nil {
		return f.keysPage(c, refuse(rekey.ErrInput, "counts until: expected a date such as 2027-11-01"))
	}
	until := day.Add(24*time.Hour - time.Second) // still on that day, as the proof was begun for it
	proof, err := c.stepUp()
	var key rekey.Secret
	if err == nil {
		key, err = f.desk.MakeKey(c.r.Context(), c.who, name, c.scopes(), until, proof)
	}
	if err != nil {
		return f.keysPage(c, err)
	}
	return reply{title: "API key " + name, page: oncePage(toldOnce{
		Title: "API key " + name, Label: "Key", Secret: key.Reveal(), Back: "/keys",
		Says: "It counts until " + when(until) + ", for: " + scopeList(c.scopes()) + ". Put it where the program keeps its secrets, never into a script or an address. The program sends it with each call:",
		Code: "Authorization: Bearer <the key>",
	})}, nil
}

func (f *front) revokeKey(c *call) (reply, error) {
	if err := f.desk.RevokeKey(c.r.Context(), c.who, c.r.PathValue("name")); err != nil {
		return f.keysPage(c, err)
	}
	return reply{location: "/keys"}, nil
}

func scopeList(all []staff.Scope) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = scopeWords(s)
	}
	return strings.Join(words, "; ")
}

func scopeWords(s staff.Scope) string {
	switch s {
	case staff.ScopeEnrol:
		return "enrol recorders (a production line)"
	case staff.ScopeRecorders:
		return "read recorders"
	case staff.ScopeOwners:
		return "set owners, addresses and stolen marks (a registration system)"
	case staff.ScopeCases:
		return "read cases"
	case staff.ScopeOpenCases:
		return "open cases and write notes (a CRM)"
	case staff.ScopeFigures:
		return "read figures and exports"
	case staff.ScopeLog:
		return "check and read the security log"
	}
	return string(s)
}
