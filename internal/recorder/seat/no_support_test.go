package seat

import (
	"slices"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/recorder"
)

// TestForgotWhileSupportIsOff: where nobody gives out temporary passwords the page
// sends nobody to a telephone and has no button for a challenge.
func TestForgotWhileSupportIsOff(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	by := recorder.StepUp{Password: rekey.NewSecret(lostPassword)}
	p := n.owner(t)
	for _, c := range []struct {
		to  recorder.Support
		off bool
	}{{recorder.SupportMaker, false}, {recorder.SupportOff, true}, {recorder.SupportMaker, false}} {
		if err := n.box.SetSupport("admin", c.to, by, recorder.AtSeat()); err != nil {
			t.Fatal(err)
		}
		p.json = true
		if v := read[ForgotView](p.get("/recovery").want(200, "forgot")); v.Off != c.off || v.Open {
			t.Errorf("%s: %+v", c.to, v)
		}
		p.json = false
		html := p.get("/recovery").got.body
		for _, text := range []string{"Get a challenge", "Call support"} {
			if strings.Contains(html, text) == c.off {
				t.Errorf("%s: the page says %q: %v", c.to, text, !c.off)
			}
		}
		if strings.Contains(html, "What remains") != c.off {
			t.Errorf("%s: what remains is told wrongly", c.to)
		}
	}
}

// TestMenuAgreesWithItsPages: on every generation of the screen a page of the
// settings is under the heading that its own way names, and under no other.
func TestMenuAgreesWithItsPages(t *testing.T) {
	t.Parallel()
	for _, face := range []recorder.Face{recorder.FaceN841, recorder.FaceBaseline2, recorder.FaceNewScreen} {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			n := benchOf(t, recorder.Config{Face: face, AdminPassword: rekey.NewSecret(lostPassword)})
			p := n.admin(t, lostPassword)
			menu := read[MenuView](p.get("/menu").want(200, "menu"))
			way := read[ServicesView](p.get(servicesPath).want(200, "services")).Path
			at := slices.IndexFunc(menu.Sections, func(s Section) bool {
				return slices.ContainsFunc(s.Tiles, func(t Tile) bool { return t.Href == servicesPath })
			})
			if at < 0 {
				t.Fatalf("no way to the services: %+v", menu.Sections)
			}
			users := menu.Sections[0].Title
			if under := menu.Sections[at].Title; (under == users) != (len(way) == 3) || len(way) == 3 && way[1] != under {
				t.Errorf("the services are under %q, their page says %q", under, way)
			}
		})
	}
}
