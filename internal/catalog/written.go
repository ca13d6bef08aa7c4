package catalog

import "rekey"

// familyFile is one file under data/families.
type familyFile struct {
	Family string `json:"family"`
	Title  string `json:"title"`
	Maker  string `json:"maker"`
	// GenericFor is the protocol family whose unknown models get the base; the
	// empty one is for recorders of unknown protocol.
	GenericFor *string `json:"generic_for"`
	Base       entry   `json:"base"`
	Models     []entry `json:"models"`

	at place
}

// entry is a model as it is written: what it lacks, it takes from the base.
type entry struct {
	ID           string                    `json:"id"`
	Title        string                    `json:"title"`
	Match        []string                  `json:"match"`
	Facts        map[string]Fact[string]   `json:"facts"`
	MenuPath     *Fact[[]string]           `json:"menu_path"`
	PasswordRule *Fact[rekey.PasswordRule] `json:"password_rule"`
	LockPolicy   *Fact[Lock]               `json:"lock_policy"`
	Apps         *Fact[[]string]           `json:"apps"`
	Ways         []use                     `json:"ways"`
	Notes        []Fact[string]            `json:"notes"`

	at place
}

// procedure is a way as people walk it, shared by models. Its texts may hold
// the placeholders of fill.go.
type procedure struct {
	Kind      rekey.WayID     `json:"kind"`
	Title     string          `json:"title"`
	Requires  []Thing         `json:"requires"`
	Needs     []string        `json:"needs"`
	Ready     []string        `json:"ready"`
	Cost      string          `json:"cost"`
	Time      string          `json:"time"`
	Tries     int             `json:"tries"`
	Hands     []string        `json:"hands"`
	Pitfalls  []string        `json:"pitfalls"`
	Cannot    []string        `json:"cannot_promise"`
	Risks     []rekey.Risk    `json:"risks"`
	Keeps     bool            `json:"keeps_footage"`
	Certainty rekey.Certainty `json:"certainty"`
	Sources   []string        `json:"sources"`
}

// use says that a procedure is a way of a model or app, and how sure that is.
type use struct {
	Use       string          `json:"use"`
	Certainty rekey.Certainty `json:"certainty"`
	Sources   []string        `json:"sources"`
	Pitfalls  []string        `json:"pitfalls"`
	Ready     []string        `json:"ready"`
	Note      string          `json:"note"`
}
