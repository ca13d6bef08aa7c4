package discover

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"rekey"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 4, 17, 0, 0, 0, 0, time.UTC)
	a := rekey.Identity{
		Family: "dahua", Serial: "AB1", Model: "N841", Resets: []string{"e-mail"}, Oddities: []rekey.Oddity{{ID: "oem-name"}},
		Interfaces: []rekey.Interface{{Kind: rekey.InterfaceCGI, Port: 80}, {Kind: rekey.InterfaceCGI, Port: 443, TLS: true}},
		Learnt:     []rekey.Fact{{What: "serial", From: "realm"}, {What: "model", From: "CGI"}, {What: "moved", From: "redirect"}},
	}
	b := rekey.Identity{
		Serial: "AB1", Model: "N842", Init: rekey.InitDone, UUID: "u", Built: day, Generation: "2", Channels: 8, Lock: &rekey.LockState{TriesLeft: 3},
		Resets: []string{"e-mail", "questions"}, Oddities: []rekey.Oddity{{ID: "oem-name", Words: "other"}, {ID: "no-encryption"}},
		Interfaces: []rekey.Interface{{Kind: rekey.InterfaceCGI, Port: 81}, {Kind: rekey.InterfaceONVIF, Port: 80}},
		Learnt:     []rekey.Fact{{What: "serial", From: "DHIP"}, {What: "model", From: "DHIP"}, {What: "init", From: "DHIP"}, {What: "moved", From: "redirect"}, {What: "built", From: "DHIP"}},
	}
	want := rekey.Identity{
		Family: "dahua", Serial: "AB1", Model: "N841", Init: rekey.InitDone, UUID: "u", Built: day, Generation: "2", Channels: 8, Lock: b.Lock,
		Resets: []string{"e-mail", "questions"}, Oddities: []rekey.Oddity{{ID: "oem-name"}, {ID: "no-encryption"}},
		Interfaces: []rekey.Interface{{Kind: rekey.InterfaceCGI, Port: 80}, {Kind: rekey.InterfaceCGI, Port: 443, TLS: true}, {Kind: rekey.InterfaceONVIF, Port: 80}},
		Learnt: []rekey.Fact{
			{What: "serial", From: "realm"}, {What: "model", From: "CGI"}, {What: "moved", From: "redirect"},
			{What: "serial", From: "DHIP"}, {What: "init", From: "DHIP"}, {What: "built", From: "DHIP"},
		},
	}
	if got := Merge(a, b); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	if len(a.Learnt) != 3 || len(a.Oddities) != 1 || len(b.Learnt) != 5 {
		t.Error("what was merged is changed")
	}
}

// Every field that is merged has a source, also where its prober forgot to say.
func TestEveryFieldIsCredited(t *testing.T) {
	t.Parallel()
	id := rekey.Identity{
		Family: "f", Vendor: "v", Model: "m", Class: "c", Name: "n", Serial: "s", DeviceID: "d", MAC: "m", Realm: "r", Firmware: "f", Channels: 1, UUID: "u",
		Built: time.Now(), Init: rekey.InitDone, Resets: []string{"x"}, Generation: "2", Lock: &rekey.LockState{}, Learnt: []rekey.Fact{{What: "model", From: "known"}},
	}
	// Of the 20 fields Oddities and Interfaces speak for themselves, and Learnt is this.
	got := credited(id, "DHIP").Learnt
	if fields := reflect.TypeFor[rekey.Identity]().NumField(); len(got) != fields-3 || got[0].From != "known" || got[1].From != "DHIP" {
		t.Errorf("%d sources of %d fields: %+v", len(got), fields, got)
	}
	if merged := Merge(rekey.Identity{}, credited(id, "DHIP")); len(merged.Learnt) != len(got) {
		t.Errorf("a merge loses sources: %+v", merged.Learnt)
	}
	if empty := credited(rekey.Identity{Init: rekey.InitUnknown}, "DHIP"); len(empty.Learnt) != 0 {
		t.Errorf("%+v", empty)
	}
}

// A recorder that said by DHIP that it resets no password was still told to offer
// the codes that DevInit named; one that had its first set-up meanwhile was still
// called in factory state; and one that ONVIF found first stayed of no family.
func TestMergeBelievesTheSurerWord(t *testing.T) {
	t.Parallel()
	web := rekey.Identity{Family: "dahua", Init: rekey.InitDone, Resets: []string{"e-mail"}, Learnt: []rekey.Fact{{What: "resets", From: "web"}}}
	dhip := rekey.Identity{Family: "dahua", Init: rekey.InitFactory, Oddities: []rekey.Oddity{{ID: "reset-off"}, {ID: "factory-state"}}}
	for _, got := range []rekey.Identity{Merge(web, dhip), Merge(Merge(rekey.Identity{Family: "onvif", Init: rekey.InitDone, Learnt: []rekey.Fact{{What: "family", From: "onvif"}}}, web), dhip)} {
		if got.Family != "dahua" || len(got.Resets) != 0 || len(got.Oddities) != 1 || got.Oddities[0].ID != "reset-off" {
			t.Errorf("%+v", got)
		}
		if slices.ContainsFunc(got.Learnt, func(f rekey.Fact) bool { return f.From == "onvif" }) {
			t.Errorf("the family is still learnt by onvif: %+v", got.Learnt)
		}
	}
}
