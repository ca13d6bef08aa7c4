package front

import (
	"strings"

	"rekey"
	"rekey/recovery"
)

// marked says of each group of a code that is being typed whether it can be
// right, with a word for each symbol. It comes from the check symbols alone,
// which everybody can compute: nothing is looked up and nothing is spent.
type marked struct {
	Groups []string   `json:"groups"` // right, mistyped or unfinished
	Words  [][]string `json:"words"`
	Extra  int        `json:"extra"` // symbols more than the code has
}

func (f *front) marks(c *call) (reply, error) {
	form := recovery.FormChallenge
	switch c.field("form") {
	case "challenge":
	case "device":
		form = recovery.FormDeviceID
	default:
		return reply{}, refuse(rekey.ErrInput, "form: expected challenge or device")
	}
	return reply{view: mark(form, clip(c.field("typed")))}, nil
}

func mark(form recovery.Form, typed string) marked {
	words := recovery.Spell(typed)
	v := marked{Extra: max(0, len(words)-4*form.Groups())}
	for i, state := range form.GroupStates(typed) {
		v.Groups = append(v.Groups, [...]string{recovery.GroupOpen: "unfinished", recovery.GroupRight: "right", recovery.GroupWrong: "mistyped"}[state])
		from, to := min(4*i, len(words)), min(4*i+4, len(words))
		v.Words = append(v.Words, words[from:to])
	}
	return v
}

// alphabet is every symbol of a code once.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// spelling are the words for symbols, as marks.js reads them: an agent may type
// what the caller says, word for word. Beside the words of the alphabet stand
// other spellings of them, but for those that a group can read: the fourth of a
// challenge may be XRAY.
func spelling() string {
	var all strings.Builder
	for i, word := range recovery.Spell(alphabet) {
		all.WriteString(strings.ToLower(word) + "=" + alphabet[i:i+1] + " ")
	}
	all.WriteString("alpha=A juliet=J niner=9")
	return all.String()
}
