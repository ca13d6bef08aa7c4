package hikvision

import (
	"fmt"
	"regexp"
	"strings"

	"rekey"
)

// ownModel is a model name of Hikvision's own.
var ownModel = regexp.MustCompile(`(?i)^i?DS-`)

// readBrand takes the maker's name, and tells where a box has none and a model
// name that is not Hikvision's: the firmware is sold under many brands.
func readBrand(id *rekey.Identity, maker string) {
	switch {
	case strings.EqualFold(maker, "hikvision"):
		id.Vendor = "Hikvision"
	case maker != "":
		id.Vendor = maker
	case id.Model != "" && !ownModel.MatchString(id.Model):
		note(id, "oem-name", fmt.Sprintf("It speaks Hikvision's protocol, but its model name %s is not one of Hikvision's and it names no maker; go by the brand on its label.", id.Model))
	}
}

// factoryState notes that no password was ever set.
func factoryState(id *rekey.Identity) {
	id.Init = rekey.InitFactory
	note(id, "factory-state", "It has not been activated, so it has no password yet: give it one at once, before somebody else on the network does.")
}

// note adds an oddity once.
func note(id *rekey.Identity, oddity, words string) {
	for _, o := range id.Oddities {
		if o.ID == oddity {
			return
		}
	}
	id.Oddities = append(id.Oddities, rekey.Oddity{ID: oddity, Words: words})
}

// learn notes for all that is known where it came from.
func learn(id *rekey.Identity, from string) {
	for _, f := range []struct {
		what  string
		known bool
	}{
		{"family", id.Family != ""}, {"vendor", id.Vendor != ""}, {"model", id.Model != ""}, {"class", id.Class != ""},
		{"name", id.Name != ""}, {"serial", id.Serial != ""}, {"mac", id.MAC != ""}, {"firmware", id.Firmware != ""},
		{"built", !id.Built.IsZero()}, {"channels", id.Channels != 0}, {"init", id.Init != rekey.InitUnknown}, {"resets", len(id.Resets) > 0},
		{"lock", id.Lock != nil},
	} {
		if f.known && !knows(id, f.what) {
			id.Learnt = append(id.Learnt, rekey.Fact{What: f.what, From: from})
		}
	}
}

func knows(id *rekey.Identity, what string) bool {
	for _, f := range id.Learnt {
		if f.What == what {
			return true
		}
	}
	return false
}
