package catalog

import (
	"slices"
	"strings"
	"time"

	"rekey"
)

// Advisory is what a maker or an authority published about firmware that lets
// strangers at accounts. It tells what to do, never how it is exploited.
type Advisory struct {
	ID         string          `json:"id"`
	Title      string          `json:"title"`
	CVE        []string        `json:"cve"`
	Makers     []string        `json:"makers"`
	Match      []string        `json:"match"`       // prefixes of model names; none = all of the makers
	Classes    []string        `json:"classes"`     // NVR, DVR, IPC; none = all
	FixedBuilt string          `json:"fixed_built"` // YYYY-MM-DD: firmware built on or after it is fixed; empty: not published
	Means      string          `json:"means"`
	Do         string          `json:"do"`
	Certainty  rekey.Certainty `json:"certainty"`
	Sources    []string        `json:"sources"`
}

// Verdict is what an advisory means for one recorder.
type Verdict string

// The verdicts. What is fixed is not told at all.
const (
	Applies    Verdict = "applies"
	CannotTell Verdict = "cannot tell"
)

// Notice is an advisory that concerns a recorder, or may.
type Notice struct {
	Advisory
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why"`
}

// Advisories returns the advisories for a recorder by maker, model, class and
// the day its firmware was built. Those that its firmware has fixed are left out.
func Advisories(id rekey.Identity) []Notice { return load().notices(id) }

func (d *data) notices(id rekey.Identity) []Notice {
	if strings.Trim(id.Model, "0123456789") == "" {
		id.Model = "" // a type number names no model
	}
	m, known := d.find(id)
	maker := id.Vendor
	if !d.advises(maker) { // an OEM name, or none
		maker = ""
		if known {
			maker = m.Maker
		}
	}
	class := id.Class
	if class == "" && known {
		class = m.Facts["class"].Value
	}
	var out []Notice
	for _, a := range d.advisories {
		if n, ok := a.on(id, maker, class); ok {
			out = append(out, n.clone())
		}
	}
	return out
}

// advises reports whether the word names a maker that the catalogue knows.
func (d *data) advises(maker string) bool {
	return d.isMaker(maker) || slices.ContainsFunc(d.advisories, func(a Advisory) bool { return a.of(maker) })
}

func (a Advisory) of(maker string) bool {
	return slices.ContainsFunc(a.Makers, func(m string) bool { return sameMaker(m, maker) })
}

// on judges one advisory; false means that it does not concern the recorder.
func (a Advisory) on(id rekey.Identity, maker, class string) (Notice, bool) {
	fixed, _ := time.Parse(time.DateOnly, a.FixedBuilt)
	n := Notice{Advisory: a, Verdict: CannotTell}
	switch {
	case maker != "" && !a.of(maker):
		return n, false
	case maker == "" && !a.of(id.Family):
		return n, false
	case len(a.Match) > 0 && id.Model != "" && !a.matches(id.Model):
		return n, false
	case len(a.Classes) > 0 && class != "" && !a.covers(class):
		return n, false
	case !id.Built.IsZero() && !fixed.IsZero() && !id.Built.Before(fixed):
		return n, false
	case maker == "":
		n.Why = "the recorder does not say who made it; it speaks like one of " + strings.Join(a.Makers, ", ")
	case len(a.Match) > 0 && id.Model == "":
		n.Why = "the model is not known"
	case len(a.Classes) > 0 && class == "":
		n.Why = "it is not known whether this is one of " + strings.Join(a.Classes, ", ")
	case fixed.IsZero():
		n.Why = "no build date is published from which on firmware is fixed"
	case id.Built.IsZero():
		n.Why = "the day the firmware was built is not known; built on or after " + a.FixedBuilt + " it is fixed"
	default:
		n.Verdict, n.Why = Applies, "the firmware was built on "+id.Built.Format(time.DateOnly)+"; it is fixed from "+a.FixedBuilt+" on"
	}
	return n, true
}

func (a Advisory) matches(model string) bool {
	for _, k := range keys(model) {
		if slices.ContainsFunc(a.Match, func(p string) bool { return strings.HasPrefix(k, key(p)) }) {
			return true
		}
	}
	return false
}

// analogue are Dahua's names for its DVRs.
var analogue = strings.NewReplacer("HCVR", "DVR", "XVR", "DVR")

// covers reports whether the class, as a recorder or a fact names it, is one of the advisory's.
func (a Advisory) covers(class string) bool {
	class = analogue.Replace(strings.ToUpper(class))
	return slices.ContainsFunc(a.Classes, func(c string) bool { return strings.Contains(class, strings.ToUpper(c)) })
}

func (n Notice) clone() Notice {
	n.CVE, n.Makers, n.Match = slices.Clone(n.CVE), slices.Clone(n.Makers), slices.Clone(n.Match)
	n.Classes, n.Sources = slices.Clone(n.Classes), slices.Clone(n.Sources)
	return n
}
