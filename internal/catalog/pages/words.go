package pages

import (
	"fmt"
	"strings"

	"rekey"
	"rekey/internal/catalog"
)

// heading is what a maker's list is called; the generic entries have no maker.
func heading(maker string) string {
	if maker == "" {
		return "Any other recorder"
	}
	return maker
}

func counted(m catalog.Model) string {
	n := m.Count()
	return fmt.Sprintf("Known of it: %d facts read in a source, %d inferred from its series or relatives, %d unverified.", n[rekey.Verified], n[rekey.Inferred], n[rekey.Unverified])
}

// command is what rekey is asked to do for a way that needs no hands.
func command(w catalog.Way) string {
	if w.ID == rekey.WayAnotherAdmin {
		return "rekey reset HOST --login NAME"
	}
	return "rekey reset HOST"
}

// byHand is the same way without rekey.
func byHand(m catalog.Model, w catalog.Way) string {
	menu := "its page for accounts"
	if len(m.MenuPath.Value) > 0 {
		menu = menuOf(m)
	}
	if w.ID == rekey.WayAnotherAdmin {
		return "log in at the recorder as the other administrator, open " + menu + ", choose the account, new password, confirm, OK."
	}
	return "log in at the recorder, open " + menu + ", old password, new password, confirm, OK."
}

// menuOf is the path on the model's screen.
func menuOf(m catalog.Model) string {
	if len(m.MenuPath.Value) == 0 {
		return "not published"
	}
	return strings.Join(m.MenuPath.Value, " > ")
}

// appsOf are the apps that the model is known to go with.
func appsOf(m catalog.Model) string {
	var titles []string
	for _, id := range m.Apps.Value {
		if a, ok := catalog.FindApp(id); ok {
			titles = append(titles, a.Title)
		}
	}
	return or(strings.Join(titles, ", "), "none")
}

// or is the text, or what stands for it where there is none.
func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
