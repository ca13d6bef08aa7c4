package front

import (
	"strings"
	"time"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/desk"
	"rekey/recovery"
)

func (f *front) recorders(c *call) (reply, error) {
	text := strings.TrimSpace(c.r.URL.Query().Get("text"))
	all, err := f.desk.SearchRecorders(c.r.Context(), c.who, text)
	return reply{title: "Recorders", page: recordersPage(text, all)}, err
}

func (f *front) recorder(c *call) (reply, error) {
	id, err := recovery.ParseDeviceID(c.r.PathValue("id"))
	if err != nil {
		return reply{}, refuse(rekey.ErrInput, "%v", err)
	}
	v, err := f.findRecorder(c, finding{now: f.desk.Now(), typed: id.String()}, id)
	if err != nil {
		return reply{}, err
	}
	if v.recorder == nil {
		return reply{}, refuse(rekey.ErrNotFound, "%s", v.problem)
	}
	return reply{title: "Recorder " + id.String(), page: recorderPage(c.who, v)}, nil
}

// firstTries are the ways that a caller can go without the desk, the gentlest
// first, by the catalogue's words for the model. What needs tools or erases is
// not among them.
func firstTries(model string) (title string, known bool, ways []catalog.Offer) {
	m, known := catalog.Lookup(model)
	for _, offer := range catalog.Choose(m, known, catalog.Situation{}).Offers {
		switch offer.ID {
		case rekey.WayTemporaryPassword:
			return m.Title, known, ways
		case rekey.WayHardwareReset:
			continue
		}
		ways = append(ways, offer)
	}
	return m.Title, known, ways
}

// warnings are what an agent must know of a recorder before anything else.
func warnings(r *desk.Recorder, now time.Time) (all []string) {
	if r.Stolen {
		all = append(all, "Reported stolen. There is no answer for this recorder. Stay friendly, open a case all the same, and tell your supervisor.")
	}
	if !r.FrozenAt.IsZero() {
		all = append(all, "Frozen since "+when(r.FrozenAt)+" by "+dash(r.FrozenBy)+": "+dash(r.FrozenWhy)+". There is no answer until a supervisor thaws it.")
	}
	if !r.OwnedSince.IsZero() && now.Sub(r.OwnedSince) < 30*24*time.Hour {
		all = append(all, "The owner changed less than 30 days ago: documents, and a second person, are needed.")
	}
	return all
}
