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
		id.Odd("oem-name", fmt.Sprintf("It speaks Hikvision's protocol, but its model name %s is not one of Hikvision's and it names no maker; go by the brand on its label.", id.Model))
	}
}

// factoryState notes that no password was ever set.
func factoryState(id *rekey.Identity) {
	id.Init = rekey.InitFactory
	id.Odd("factory-state", "It has not been activated, so it has no password yet: give it one at once, before somebody else on the network does.")
}

func knows(id *rekey.Identity, what string) bool {
	for _, f := range id.Learnt {
		if f.What == what {
			return true
		}
	}
	return false
}
