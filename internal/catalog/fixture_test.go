package catalog

import (
	"strings"
	"testing"
	"testing/fstest"
)

// small is a whole catalogue, small enough to break in every way.
var small = map[string]string{
	"data/sources/all.json": `{
  "MANUAL": {"kind": "manual", "title": "the manual", "address": "https://example.org/manual"},
  "APP": {"kind": "vendor", "title": "the app's help", "address": "https://example.org/app"},
  "TALK": {"kind": "third-party", "title": "a talk", "address": "https://example.org/talk"},
  "REKEY": {"kind": "rekey", "title": "own choice", "address": "docs"}
}
`,
	"data/procedures/all.json": `{
  "old": {"kind": "known-password", "title": "Change it", "requires": ["password"], "needs": ["the password"], "cost": "nothing", "time": "a minute",
    "tries": 1, "hands": [], "keeps_footage": true, "certainty": "verified", "sources": ["MANUAL"]},
  "mail": {"kind": "vendor-app", "title": "Ask the maker's app", "requires": ["app", "e-mail"], "needs": ["the app"], "cost": "the old password", "time": "minutes",
    "tries": 0, "hands": ["Press Forgot."], "keeps_footage": true, "certainty": "inferred", "sources": ["APP"]},
  "shop": {"kind": "vendor-website", "title": "Ask the website", "requires": ["website-account"], "needs": ["the website"], "cost": "the old password", "time": "a day",
    "tries": 0, "hands": ["Press Request."], "keeps_footage": true, "certainty": "verified", "sources": ["APP"]},
  "phone": {"kind": "temporary-password", "title": "Call", "requires": ["at-the-box", "device-id"], "needs": ["a phone"], "ready": ["the Device ID of {model}"], "cost": "the old password", "time": "an hour",
    "tries": 1, "hands": ["Call.", "Log in as {account}, log in as told.", "{menu}: wait {minutes} minutes where it is locked."], "pitfalls": ["none"],
    "keeps_footage": true, "certainty": "verified", "sources": ["MANUAL"]},
  "button": {"kind": "hardware-reset", "title": "Press", "requires": ["at-the-box"], "needs": ["a pin"], "cost": "all", "time": "10 seconds",
    "tries": 0, "hands": ["Save the footage first.", "Press.", "Set up."], "risks": ["lose-settings", "lose-footage"], "keeps_footage": false, "certainty": "unverified", "sources": ["TALK", "REKEY"]}
}
`,
	"data/families/acme.json": `{
  "family": "acme-one",
  "title": "Acme recorders",
  "maker": "Acme",
  "generic_for": "acmetalk",
  "base": {
    "facts": {
      "class": {"value": "NVR", "certainty": "verified", "sources": ["MANUAL"]},
      "default_account": {"value": "admin", "certainty": "verified", "sources": ["MANUAL"]}
    },
    "menu_path": {"value": ["Menu", "User"], "certainty": "unverified", "sources": ["TALK"]},
    "password_rule": {"value": {"min": 8, "max": 32, "classes": 2, "forbidden": "& ", "digits_only": false}, "certainty": "unverified", "sources": ["REKEY"], "note": "strict"},
    "lock_policy": {"value": {"tries": 3, "minutes": 30, "power_cycle": true}, "certainty": "unverified", "sources": ["REKEY"], "note": "strict"},
    "ways": [
      {"use": "old", "certainty": "verified", "sources": ["MANUAL"]},
      {"use": "mail", "certainty": "verified", "sources": ["APP"]},
      {"use": "shop", "certainty": "verified", "sources": ["APP"]},
      {"use": "phone", "certainty": "verified", "sources": ["MANUAL"]},
      {"use": "button", "certainty": "unverified", "sources": ["TALK"]}
    ],
    "notes": [{"value": "of the base", "certainty": "verified", "sources": ["MANUAL"]}]
  },
  "models": [
    {
      "id": "A1",
      "title": "Acme A1",
      "match": ["A1", "A-100"],
      "facts": {"class": {"value": "DVR", "certainty": "verified", "sources": ["MANUAL"]}},
      "menu_path": {"value": ["Own", "Menu"], "certainty": "verified", "sources": ["MANUAL"]},
      "notes": [{"value": "of its own", "certainty": "verified", "sources": ["MANUAL"]}]
    },
    {
      "id": "A15",
      "title": "Acme A15",
      "match": ["A15"],
      "facts": {
        "protocol": {"value": "othertalk", "certainty": "verified", "sources": ["MANUAL"]},
        "device_id_means": {"value": "a number that the owner sets", "certainty": "verified", "sources": ["MANUAL"]}
      },
      "apps": {"value": ["acme-two"], "certainty": "verified", "sources": ["MANUAL"]},
      "ways": [
        {"use": "phone", "certainty": "verified", "sources": ["APP"], "ready": ["more"], "pitfalls": ["{menu} moved"], "note": "for now"},
        {"use": "button", "certainty": "verified", "sources": ["MANUAL"]}
      ]
    }
  ]
}
`,
	"data/families/unknown.json": `{
  "family": "unknown",
  "title": "Any recorder",
  "maker": "",
  "generic_for": "",
  "base": {
    "facts": {"default_account": {"value": "admin", "certainty": "unverified", "sources": ["REKEY"]}},
    "menu_path": {"value": ["Menu"], "certainty": "unverified", "sources": ["REKEY"]},
    "password_rule": {"value": {"min": 8, "max": 16, "classes": 3, "forbidden": "", "digits_only": false}, "certainty": "unverified", "sources": ["REKEY"]},
    "lock_policy": {"value": {"tries": 3, "minutes": 30, "power_cycle": false}, "certainty": "unverified", "sources": ["REKEY"]},
    "ways": [{"use": "mail", "certainty": "unverified", "sources": ["REKEY"]}, {"use": "button", "certainty": "unverified", "sources": ["REKEY"]}]
  },
  "models": []
}
`,
	"data/apps.json": `{
  "apps": [
    {"id": "acme-one", "title": "Acme One", "makers": ["Acme"], "catch": {"value": "owner only", "certainty": "verified", "sources": ["APP"]},
      "ways": [{"use": "mail", "certainty": "verified", "sources": ["APP"]}]},
    {"id": "acme-two", "title": "Acme Two", "makers": ["Acme"],
      "looks_like": {"value": "it is blue", "certainty": "verified", "sources": ["APP"]},
      "catch": {"value": "slow", "certainty": "verified", "sources": ["APP"]},
      "menu_path": {"value": ["Blue", "Menu"], "certainty": "verified", "sources": ["APP"]},
      "ways": [{"use": "shop", "certainty": "verified", "sources": ["APP"]}]}
  ]
}
`,
	"data/advisories.json": `{
  "advisories": [
    {"id": "hole", "title": "A hole", "cve": ["CVE-2021-33044"], "makers": ["Acme"], "match": ["A1"], "classes": ["DVR"], "fixed_built": "2021-08-30",
      "means": "strangers may log in", "do": "update", "certainty": "verified", "sources": ["MANUAL"]},
    {"id": "old", "title": "Old firmware", "cve": [], "makers": ["Acme"], "match": [],
      "means": "it is old", "do": "look", "certainty": "inferred", "sources": ["TALK"]}
  ]
}
`,
}

// fixture is the small catalogue with one text in one file changed.
func fixture(t testing.TB, file, old, changed string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for name, text := range small {
		if name == file {
			now := strings.Replace(text, old, changed, 1)
			if now == text {
				t.Fatalf("%s holds no %q to change", file, old)
			}
			text = now
		}
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// smallData is the small catalogue, read.
func smallData(t testing.TB) *data {
	t.Helper()
	d, err := read(fixture(t, "", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
