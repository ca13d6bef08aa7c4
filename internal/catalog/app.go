package catalog

import (
	"slices"
	"strings"

	"rekey"
)

// App is an app of a maker. Which one a person uses tells more of the way back
// in than the model does.
type App struct {
	ID        string         `json:"id"`
	Title     string         `json:"title"`
	Makers    []string       `json:"makers"`
	LooksLike Fact[string]   `json:"looks_like"` // how to tell that one has this app; may be unknown
	Catch     Fact[string]   `json:"catch"`      // what people trip over
	MenuPath  Fact[[]string] `json:"menu_path"`  // on the recorders of this app; may be unknown
	// Ways are gentlest first. Their texts may hold what differs from model to
	// model as a placeholder, like {menu}; Choose fills it in.
	Ways []Way `json:"ways"`
}

// Apps returns the apps of a maker, or all for the empty one.
func Apps(maker string) []App {
	var out []App
	for _, a := range load().appsOf(maker) {
		out = append(out, a.clone())
	}
	return out
}

// FindApp returns the app with this id.
func FindApp(id string) (App, bool) {
	a, ok := load().app(id)
	return a.clone(), ok
}

func (d *data) appsOf(maker string) []App {
	var out []App
	for _, a := range d.apps {
		if a.fits(maker) {
			out = append(out, a)
		}
	}
	return out
}

func (d *data) app(id string) (App, bool) {
	for _, a := range d.apps {
		if a.ID == id {
			return a, true
		}
	}
	return App{}, false
}

// fits reports whether the app is one of the maker's; a recorder of no known
// maker may have any.
func (a App) fits(maker string) bool {
	return maker == "" || slices.ContainsFunc(a.Makers, func(m string) bool { return strings.EqualFold(m, maker) })
}

// over returns the ways of a model for somebody with this app: the app's stand
// for the model's of the same kind, and another app's way is not open. Website
// and support's temporary password stay where the app has none of its own.
func (a App) over(ways []Way) []Way {
	has := func(kind rekey.WayID) bool {
		return slices.ContainsFunc(a.Ways, func(w Way) bool { return w.ID == kind })
	}
	out := slices.Clone(a.Ways)
	for _, w := range ways {
		if w.ID != rekey.WayVendorApp && !has(w.ID) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b Way) int { return order(a.ID) - order(b.ID) })
	return out
}

func (a App) clone() App {
	a.Makers = slices.Clone(a.Makers)
	a.LooksLike, a.Catch, a.MenuPath = a.LooksLike.clone(), a.Catch.clone(), a.MenuPath.clone()
	a.MenuPath.Value = slices.Clone(a.MenuPath.Value)
	a.Ways = cloned(a.Ways)
	return a
}
