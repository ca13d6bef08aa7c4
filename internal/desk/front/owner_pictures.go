package front

import (
	"fmt"
	"strings"

	"rekey"
	"rekey/internal/catalog"
)

// screen is a drawing of what a recorder shows, with the one thing to press or
// to fill in marked. It is drawn from the catalogue's words, not copied from a
// maker's picture: entries that nobody needs are bars without a name.
type screen struct {
	Title   string
	Rows    []row
	Caption string // what to do, in words: the drawing says nothing more
}

// row is one line of a drawn screen.
type row struct {
	Kind  string // "entry", "field", "tick" or "button"; empty = a bar without a name
	Text  string
	Value string // of a field
	Press bool   // the one to press or to fill in
}

func entry(text string) row        { return row{Kind: "entry", Text: text} }
func press(kind, text string) row  { return row{Kind: kind, Text: text, Press: true} }
func fill(label, value string) row { return row{Kind: "field", Text: label, Value: value, Press: true} }

// alt is the drawing in words.
func (s screen) alt() string {
	var named, pressed []string
	for _, r := range s.Rows {
		switch {
		case r.Press && r.Kind == "field":
			pressed = append(pressed, "the field "+r.Text+" with "+r.Value)
		case r.Press && r.Kind == "tick":
			pressed = append(pressed, r.Text+", ticked")
		case r.Press:
			pressed = append(pressed, r.Text)
		case r.Kind != "":
			named = append(named, r.Text)
		}
	}
	text := "Drawing of the screen " + s.Title + ". Marked: " + strings.Join(pressed, "; ") + "."
	if len(named) > 0 {
		text += " Beside it: " + strings.Join(named, "; ") + "."
	}
	return text
}

// guide is what an owner does at the recorder, in order.
type guide struct {
	Path    string // the menu path in one line; empty where the catalogue has none
	Sure    bool   // the path was read of this very model
	Screens []screen
}

// guideFor is the way through a model's screens for an account and a purpose.
func guideFor(model, account, purpose string) guide {
	g := guide{Screens: callScreens()}
	if purpose != "password" {
		g.Screens[0].Title = "Waiting recorder"
		g.Screens[0].Rows = []row{{}, press("button", startWords(purpose)), {}}
		g.Screens[0].Caption = "Press " + startWords(purpose) + ", but only when the agent asks you to."
		return g
	}
	m, known := catalog.Lookup(model)
	path := m.MenuPath.Value
	g.Path, g.Sure = strings.Join(path, " > "), known && m.MenuPath.Certainty == rekey.Verified
	g.Screens = append(g.Screens, menuScreens(path)...)
	g.Screens = append(g.Screens, passwordScreens(path, account)...)
	return g
}

func startWords(purpose string) string {
	if purpose == "unseal" {
		return "Open sealed recordings"
	}
	return "Show the challenge"
}

// callScreens are those until the temporary password is typed.
func callScreens() []screen {
	return []screen{
		{"Locked screen", []row{entry("Main Menu"), press("button", "Forgot password"), entry("Info")},
			"Press Forgot password and then Get a challenge, but only when the agent asks you to."},
		{"Challenge", []row{press("field", "Five groups of four"), {}, entry("10 minutes")},
			"Read the five groups to the agent, letter by letter. The challenge is no secret. It counts for 10 minutes, as long as the recorder stays switched on."},
		{"Temporary password", []row{fill("Groups 1 and 2", "from the agent"), fill("Groups 3 and 4", "from this page"), press("button", "OK")},
			"Type all four groups and press OK. If a group is mistyped the recorder says which one; that costs nothing."},
	}
}

// menuScreens are the levels of the menu, each with the entry that leads on. The
// recorder opens the last one by itself after a temporary password; the levels
// are for who has to go there by hand.
func menuScreens(path []string) []screen {
	var all []screen
	for i := 1; i < len(path); i++ {
		rows := make([]row, 4)
		rows[(i-1)%3] = press("entry", path[i])
		all = append(all, screen{path[i-1], rows, fmt.Sprintf("In %s choose %s.", path[i-1], path[i])})
	}
	return all
}

func passwordScreens(path []string, account string) []screen {
	list := "Users"
	if len(path) > 0 {
		list = path[len(path)-1]
	}
	return []screen{
		{list, []row{press("button", "Edit "+account), {}, {}},
			"Beside " + account + " press Edit. Some recorders draw a pencil instead."},
		{"Edit " + account, []row{
			press("tick", "Password"),
			fill("Old Password", "the temporary one"),
			fill("New Password", "your own"),
			fill("Confirm Password", "the same again"),
			press("button", "OK")},
			"Tick Password (some recorders say Modify Password). Old Password is the temporary one, all four groups. Then type a new password twice: one that only you know. Press OK."},
	}
}
