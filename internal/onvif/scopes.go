package onvif

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// scopePrefix is of the scopes that ONVIF defines; makers add others below it.
const scopePrefix = "onvif://www.onvif.org/"

// mostScopes is far more than devices have.
const mostScopes = 64

// brands stand in the name scope, before or in place of a name.
var brands = []string{"Lorex", "Dahua", "Amcrest", "Hikvision", "HiLook", "Annke", "Reolink", "Hanwha", "Uniview", "Swann", "IntelBras", "Axis", "Bosch", "Milesight", "Tiandy", "Vivotek"}

var (
	numeric     = regexp.MustCompile(`^[0-9]+$`)
	hardwareMAC = regexp.MustCompile(`(?i)^([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})$`)
)

// readScopes takes what the scopes tell: hardware, name, location, profiles and
// what makers put beside them. It returns the ONVIF profiles that are claimed,
// and reports whether any scope is ONVIF's.
func readScopes(id *rekey.Identity, scopes []string) (profiles []string, isONVIF bool) {
	var factory, operational bool
	for _, scope := range scopes {
		if len(scope) < len(scopePrefix) || !strings.EqualFold(scope[:len(scopePrefix)], scopePrefix) {
			continue
		}
		isONVIF = true
		category, value, _ := strings.Cut(scope[len(scopePrefix):], "/")
		value = decode(value)
		if value == "" {
			continue
		}
		switch strings.ToLower(category) {
		case "hardware":
			readHardware(id, value)
		case "name":
			readName(id, value)
		case "manufacturer", "mfr", "vendor":
			take(&id.Vendor, value)
		case "mac", "macaddress":
			if m := hardwareMAC.FindStringSubmatch(value); m != nil {
				take(&id.MAC, strings.ToLower(strings.Join(m[1:], ":")))
			}
		case "profile":
			profile, state, _ := strings.Cut(value, "/")
			factory = factory || strings.EqualFold(state, "FactoryDefault")
			operational = operational || strings.EqualFold(state, "Operational")
			if profile = strings.ToUpper(profile); profile == "STREAMING" {
				profile = "S" // its older name
			}
			if len(profile) == 1 && !slices.Contains(profiles, profile) {
				profiles = append(profiles, profile)
			}
		}
	}
	readState(id, factory, operational)
	slices.Sort(profiles)
	return profiles, isONVIF
}

// readState takes the state of Profile Q. Who claims both states tells neither.
func readState(id *rekey.Identity, factory, operational bool) {
	switch {
	case factory && !operational:
		id.Init = rekey.InitFactory
		id.Odd("factory-state", "It says that it is in its factory state: give it a password at once, before somebody else on the network does.")
	case operational && !factory:
		id.Init = rekey.InitDone
	}
}

// readHardware takes the model. Some put only a kind there, or a type number.
func readHardware(id *rekey.Identity, value string) {
	switch {
	case numeric.MatchString(value):
		id.Odd("numeric-type", "It gives a type number in place of its model; read the model on its label or its Info page.")
	case strings.EqualFold(value, "NVR"), strings.EqualFold(value, "DVR"), strings.EqualFold(value, "XVR"), strings.EqualFold(value, "IPC"):
		take(&id.Class, strings.ToUpper(value))
	default:
		take(&id.Model, value)
	}
}

// readName tells the maker's brand from what the owner calls the recorder.
func readName(id *rekey.Identity, value string) {
	first, rest, _ := strings.Cut(value, " ")
	for _, brand := range brands {
		if strings.EqualFold(first, brand) {
			take(&id.Vendor, brand)
			if rest == "" {
				return
			}
		}
	}
	take(&id.Name, value)
}

// decode undoes percent-encoding, where it is one.
func decode(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	return transport.Printable(s)
}

func take(into *string, value string) {
	if *into == "" {
		*into = value
	}
}
