package onvif

import (
	"regexp"
	"time"

	"rekey"
)

// readInformation takes GetDeviceInformation.
func readInformation(id *rekey.Identity, told *element) {
	fresh := rekey.Identity{
		Vendor: told.line("Manufacturer"), Serial: told.line("SerialNumber"), Init: rekey.InitUnknown,
	}
	fresh.Firmware, fresh.Built = splitFirmware(told.line("FirmwareVersion"))
	if model := told.line("Model"); model != "" {
		readHardware(&fresh, model)
	}
	fill(id, fresh, "ONVIF GetDeviceInformation")
}

// buildDate stands behind the version on many: "V5.5.82 build 190909",
// "4.001.0000005.0, Build Date 2020-11-17".
var buildDate = regexp.MustCompile(`(?i)[ ,;(]*build[ :]*(?:date)?[ :]*([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{6})\b.*$`)

// splitFirmware parts the version from the day it was built.
func splitFirmware(s string) (version string, built time.Time) {
	m := buildDate.FindStringSubmatchIndex(s)
	if m == nil {
		return s, built
	}
	form := time.DateOnly
	if m[3]-m[2] == 6 {
		form = "060102"
	}
	built, err := time.Parse(form, s[m[2]:m[3]])
	if err != nil {
		return s, time.Time{}
	}
	return s[:m[0]], built
}

// fill takes over what id does not know yet, and notes where it was learnt.
func fill(id *rekey.Identity, fresh rekey.Identity, from string) {
	add := rekey.Identity{Init: rekey.InitUnknown}
	for _, f := range []struct{ into, add, value *string }{
		{&id.Vendor, &add.Vendor, &fresh.Vendor}, {&id.Model, &add.Model, &fresh.Model}, {&id.Class, &add.Class, &fresh.Class},
		{&id.Name, &add.Name, &fresh.Name}, {&id.Serial, &add.Serial, &fresh.Serial}, {&id.MAC, &add.MAC, &fresh.MAC},
		{&id.Firmware, &add.Firmware, &fresh.Firmware},
	} {
		if *f.into == "" {
			*f.into, *f.add = *f.value, *f.value
		}
	}
	if id.Built.IsZero() {
		id.Built, add.Built = fresh.Built, fresh.Built
	}
	if id.Init == rekey.InitUnknown {
		id.Init, add.Init = fresh.Init, fresh.Init
	}
	add.Credit(from)
	id.Learnt = append(id.Learnt, add.Learnt...)
	for _, o := range fresh.Oddities {
		id.Odd(o.ID, o.Words)
	}
}
