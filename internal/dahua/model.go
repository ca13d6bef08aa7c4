package dahua

import (
	"fmt"
	"regexp"
	"strings"

	"rekey"
)

// note adds where something was learnt.
func note(id *rekey.Identity, what, from string) {
	id.Learnt = append(id.Learnt, rekey.Fact{What: what, From: from})
}

var (
	numeric = regexp.MustCompile(`^[0-9]+$`)
	// anyKind is what whole classes of devices call themselves.
	anyKind = regexp.MustCompile(`(?i)^(ip ?camera|ipc|nvr|dvr|xvr|hcvr|hvr)$`)
	// anyMaker stands for the maker on boxes that are sold under many names.
	anyMaker = regexp.MustCompile(`(?i)^(general|private|oem|neutral|common|none)$`)
)

// readModel takes the model out of what a recorder gives as its type, or out of
// its updateSerial where the type is missing, a number (31 on recorders), or
// the name of a kind.
func readModel(id *rekey.Identity, from, kind, updateSerial string) {
	switch {
	case kind == "":
		id.Odd("no-type", "It tells no type; where no model is shown here, read it off the label.")
	case numeric.MatchString(kind):
		id.Odd("numeric-type", fmt.Sprintf("It gives the number %.8s as its type, as recorders of this family do; where no model is shown here, read it off the label.", kind))
	case anyKind.MatchString(kind):
		id.Odd("no-type", fmt.Sprintf("It calls itself %q and tells no type; where no model is shown here, read it off the label.", kind))
	default:
		id.Model = kind
		note(id, "model", from)
		return
	}
	if updateSerial == "" || numeric.MatchString(updateSerial) {
		return
	}
	id.Model = updateSerial
	note(id, "model", from+", updateSerial")
	id.Odd("model-in-update-serial", "It tells its model only as the name that firmware updates go by, which may be that of a sister model; compare it with the label.")
}

// brands are the makers' names as they write them themselves.
var brands = []string{"Lorex", "Amcrest", "Dahua", "Intelbras"}

// readMaker takes the maker's name. The vendor is the brand; the manufacturer
// is asked where the brand says nothing.
func readMaker(id *rekey.Identity, from, vendor, manufacturer string) {
	switch {
	case vendor != "" && !anyMaker.MatchString(vendor):
		id.Vendor = brand(vendor)
		note(id, "vendor", from)
		return
	case manufacturer != "" && !anyMaker.MatchString(manufacturer):
		id.Vendor = brand(manufacturer)
		note(id, "vendor", from+", manufacturer")
	}
	if given := vendor + manufacturer; vendor != "" || (given != "" && id.Vendor == "") {
		if vendor == "" {
			vendor = manufacturer
		}
		id.Odd("oem-name", fmt.Sprintf("It names its maker %q, as boxes do that are sold under many names; go by the name on its label.", vendor))
	}
}

func brand(name string) string {
	for _, b := range brands {
		if strings.EqualFold(b, name) {
			return b
		}
	}
	return name
}
