package catalog

import (
	"strings"
	"testing"
	"testing/fstest"

	"rekey"
)

// The data that is built in must be whole; all other tests rest on it.
func TestDataIsWhole(t *testing.T) {
	t.Parallel()
	if _, err := read(files); err != nil {
		t.Fatal(err)
	}
}

// Each change breaks one rule of the schema. What is said of it must name the
// file, the entry and what is wrong.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	const (
		sources, procedures, acme = "data/sources/all.json", "data/procedures/all.json", "data/families/acme.json"
		unknown, apps, advisories = "data/families/unknown.json", "data/apps.json", "data/advisories.json"
	)
	for name, c := range map[string]struct{ file, old, changed, entry, want string }{
		"source of no kind":        {sources, `"manual"`, `"rumour"`, "MANUAL", "kind"},
		"source without address":   {sources, `"https://example.org/app"`, `""`, "APP", "address"},
		"source twice":             {sources, `"APP": {`, `"MANUAL": {`, "", "MANUAL is there twice"},
		"source uncited":           {sources, `"MANUAL": {`, `"LOST": {"kind": "manual", "title": "x", "address": "x"}, "MANUAL": {`, "LOST", "cited by nothing"},
		"two values":               {sources, "\n}\n", "\n}\n{}\n", "", "more than one"},
		"broken off":               {acme, `"maker": "Acme",`, `"maker": `, "", "invalid character"},
		"unknown field of family":  {acme, `"maker"`, `"colour": 1, "maker"`, "", "colour"},
		"unknown field of model":   {acme, `"id": "A1",`, `"id": "A1", "colour": 1,`, "A1", "colour"},
		"unknown field of fact":    {acme, `"value": "DVR",`, `"value": "DVR", "colour": 1,`, "A1", "colour"},
		"field twice":              {acme, `"id": "A1",`, `"id": "A0", "id": "A1",`, "", "id is there twice"},
		"fact without source":      {acme, `"DVR", "certainty": "verified", "sources": ["MANUAL"]`, `"DVR", "certainty": "verified", "sources": []`, "A1", "facts.class: no source"},
		"fact of unlisted source":  {acme, `"DVR", "certainty": "verified", "sources": ["MANUAL"]`, `"DVR", "certainty": "verified", "sources": ["NOWHERE"]`, "A1", "NOWHERE"},
		"source cited twice":       {acme, `"DVR", "certainty": "verified", "sources": ["MANUAL"]`, `"DVR", "certainty": "verified", "sources": ["MANUAL", "MANUAL"]`, "A1", "cited twice"},
		"fact without certainty":   {acme, `"DVR", "certainty": "verified",`, `"DVR",`, "A1", "facts.class: certainty"},
		"odd certainty":            {acme, `"DVR", "certainty": "verified"`, `"DVR", "certainty": "sure"`, "A1", `certainty "sure"`},
		"empty fact":               {acme, `"value": "DVR"`, `"value": " "`, "A1", "facts.class: no value"},
		"placeholder in fact":      {acme, `"value": "DVR"`, `"value": "{model}"`, "A1", "placeholder"},
		"unknown fact":             {acme, `"class": {"value": "DVR"`, `"colour": {"value": "DVR"`, "A1", "facts.colour"},
		"own word, verified":       {acme, `"unverified", "sources": ["REKEY"], "note"`, `"verified", "sources": ["REKEY"], "note"`, "base", "not verified"},
		"third party, verified":    {acme, `"unverified", "sources": ["TALK"]`, `"verified", "sources": ["TALK", "REKEY"]`, "base", "menu_path: not verified"},
		"note without source":      {acme, `"value": "of its own", "certainty": "verified", "sources": ["MANUAL"]`, `"value": "of its own", "certainty": "verified", "sources": []`, "A1", "notes: no source"},
		"family without maker":     {acme, `"maker": "Acme"`, `"maker": ""`, "", "maker"},
		"model without match":      {acme, `["A1", "A-100"]`, `[]`, "A1", "match"},
		"model without title":      {acme, `"title": "Acme A1"`, `"title": ""`, "A1", "title"},
		"base with a name":         {acme, `"base": {`, `"base": {"id": "X",`, "base", "no id"},
		"lower-case match":         {acme, `["A1", `, `["a1", `, "A1", "upper case"},
		"match twice":              {acme, `["A15"]`, `["A15", "A100"]`, "A15", "claimed by A1"},
		"model twice":              {acme, `"id": "A15"`, `"id": "A1"`, "A1", "claimed"},
		"family twice":             {unknown, `"family": "unknown"`, `"family": "acme-one"`, "base", "claimed"},
		"no base for any":          {unknown, `"generic_for": ""`, `"generic_for": "x"`, "", "any recorder"},
		"empty menu":               {acme, `["Own", "Menu"]`, `["Own", ""]`, "A1", "menu_path"},
		"odd rule":                 {acme, `"min": 8`, `"min": 80`, "base", "length"},
		"lock after one try":       {acme, `"tries": 3`, `"tries": 1`, "base", "lock_policy"},
		"lock after too many":      {acme, `"tries": 3`, `"tries": 21`, "base", "lock_policy"},
		"lock for no time":         {acme, `"minutes": 30`, `"minutes": 0`, "base", "lock_policy"},
		"no lock at all":           {unknown, `"lock_policy": {"value": {"tries": 3, "minutes": 30, "power_cycle": false}, "certainty": "unverified", "sources": ["REKEY"]},`, ``, "base", "lock_policy"},
		"unknown app":              {acme, `["acme-two"]`, `["acme-three"]`, "A15", "acme-three"},
		"app of another maker":     {apps, `"title": "Acme Two", "makers": ["Acme"]`, `"title": "Acme Two", "makers": ["Other"]`, "A15", "acme-two"},
		"unknown procedure":        {acme, `"use": "shop"`, `"use": "magic"`, "base", "ways.magic"},
		"ways out of order":        {acme, `{"use": "old", "certainty": "verified", "sources": ["MANUAL"]},`, `{"use": "phone", "certainty": "verified", "sources": ["MANUAL"]}, {"use": "old", "certainty": "verified", "sources": ["MANUAL"]},`, "base", "ways.old: out of order"},
		"two of a kind":            {acme, `"use": "shop"`, `"use": "mail"`, "base", "ways.mail: out of order"},
		"way without source":       {acme, `{"use": "shop", "certainty": "verified", "sources": ["APP"]}`, `{"use": "shop", "certainty": "verified", "sources": []}`, "base", "ways.shop: no source"},
		"menu of a base unsaid":    {acme, `"menu_path": {"value": ["Menu", "User"], "certainty": "unverified", "sources": ["TALK"]},`, ``, "A15", "{menu} stands for nothing"},
		"account unsaid":           {acme, `"default_account"`, `"oem"`, "A1", "{account} stands for nothing"},
		"procedure twice":          {procedures, `"mail": {`, `"old": {`, "", "old is there twice"},
		"procedure unused":         {procedures, `"old": {`, `"lost": {"kind": "known-password", "title": "x", "requires": ["password"], "needs": ["x"], "cost": "x", "time": "x", "tries": 1, "keeps_footage": true, "certainty": "inferred", "sources": ["TALK"]}, "old": {`, "lost", "used by nothing"},
		"unknown way":              {procedures, `"vendor-app"`, `"magic"`, "mail", "kind"},
		"unknown thing":            {procedures, `["app", "e-mail"]`, `["app", "luck"]`, "mail", "luck"},
		"thing missing":            {procedures, `["app", "e-mail"]`, `["e-mail"]`, "mail", "requires"},
		"tries unsaid":             {procedures, `"tries": 1, "hands": [],`, `"hands": [],`, "old", "tries"},
		"too many tries":           {procedures, `"tries": 1, "hands": ["Call`, `"tries": 2, "hands": ["Call`, "phone", "tries"},
		"login that costs nothing": {procedures, `"tries": 1, "hands": ["Call`, `"tries": 0, "hands": ["Call`, "phone", "log in, but tries is 0"},
		"one login too many":       {procedures, `["Call.", `, `["Call.", "Log in and look.", `, "phone", "2 of them log in"},
		"default without warning":  {acme, `"class": {"value": "DVR"`, `"default_password": {"value": "none; 1234 on old ones", "certainty": "verified", "sources": ["MANUAL"]}, "class": {"value": "DVR"`, "A1", "costs a login try"},
		"button with a try":        {procedures, `"tries": 0, "hands": ["Save`, `"tries": 1, "hands": ["Save`, "button", "tries"},
		"no cost":                  {procedures, `"cost": "nothing"`, `"cost": ""`, "old", "cost"},
		"hands missing":            {procedures, `["Press Forgot."]`, `[]`, "mail", "hands"},
		"empty hand":               {procedures, `["Press Forgot."]`, `["Press Forgot.", ""]`, "mail", "empty line"},
		"unknown placeholder":      {procedures, `"Press Forgot."`, `"Press {button}."`, "mail", "{button}"},
		"stray brace":              {procedures, `"Press Forgot."`, `"Press }."`, "mail", "}"},
		"no footage gate":          {procedures, `"Save the footage first.", `, ``, "button", "Save the footage"},
		"footage unsaid":           {procedures, `"lose-settings", "lose-footage"`, `"lose-settings"`, "button", "footage"},
		"settings unsaid":          {procedures, `"lose-settings", "lose-footage"`, `"lose-footage"`, "button", "lose-settings"},
		"gentle way that erases":   {procedures, `["Press Forgot."], "keeps_footage": true`, `["Press Forgot."], "risks": ["lose-footage"], "keeps_footage": false`, "mail", "nothing else"},
		"unknown risk":             {procedures, `"lose-settings", "lose-footage"`, `"lose-settings", "lose-footage", "lose-face"`, "button", "lose-face"},
		"procedure uncited":        {procedures, `"certainty": "inferred", "sources": ["APP"]`, `"certainty": "inferred", "sources": []`, "mail", "no source"},
		"app twice":                {apps, `"id": "acme-two"`, `"id": "acme-one"`, "acme-one", "twice"},
		"app without catch":        {apps, `"value": "owner only"`, `"value": ""`, "acme-one", "catch"},
		"app without maker":        {apps, `"title": "Acme One", "makers": ["Acme"]`, `"title": "Acme One", "makers": []`, "acme-one", "makers"},
		"advisory twice":           {advisories, `"id": "old"`, `"id": "hole"`, "hole", "twice"},
		"odd CVE":                  {advisories, `"CVE-2021-33044"`, `"CVE-33044"`, "hole", "CVE-33044"},
		"odd date":                 {advisories, `"2021-08-30"`, `"30.8.2021"`, "hole", "fixed_built"},
		"nothing to do":            {advisories, `"do": "update"`, `"do": ""`, "hole", "do are needed"},
		"advisory uncited":         {advisories, `"inferred", "sources": ["TALK"]`, `"inferred", "sources": []`, "old", "no source"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(fixture(t, c.file, c.old, c.changed))
			if err == nil {
				t.Fatal("it was taken")
			}
			said := false
			for line := range strings.Lines(err.Error()) {
				said = said || (strings.Contains(line, "data/") && strings.Contains(line, c.entry) && strings.Contains(line, c.want))
			}
			if !said {
				t.Errorf("got %v, want a line with file, %q and %q", err, c.entry, c.want)
			}
		})
	}
}

// Whoever adds a model says where every fact was read.
func TestNewEntryNeedsASource(t *testing.T) {
	t.Parallel()
	const entry = `"models": [{"id": "A2", "title": "Acme A2", "match": ["A2"], "facts": {"channels": {"value": "8", "certainty": "verified", "sources": [%]}}},`
	for sources, want := range map[string]string{``: "data/families/acme.json: A2: facts.channels: no source", `"MANUAL"`: ""} {
		_, err := read(fixture(t, "data/families/acme.json", `"models": [`, strings.Replace(entry, "%", sources, 1)))
		switch {
		case want == "" && err != nil:
			t.Errorf("with a source: %v", err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The files are part of the program, but people write them: whatever they hold
// is either a whole catalogue, with an answer for everything, or refused.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"data/families/acme.json", "data/procedures/all.json", "data/apps.json", "data/advisories.json", "data/sources/all.json"} {
		f.Add(name, small[name])
	}
	f.Add("data/families/acme.json", `{"family":"x","title":"x","maker":"x","generic_for":"","base":{},"models":[{},null]}`)
	f.Add("data/procedures/all.json", `{"old":null,"mail":{"kind":"hardware-reset"}}`)
	f.Fuzz(func(t *testing.T, name, text string) {
		from := fixture(t, "", "", "")
		if _, ok := from[name]; !ok {
			return
		}
		from[name] = &fstest.MapFile{Data: []byte(text)}
		d, err := read(from)
		if err != nil {
			return
		}
		for _, m := range d.models {
			if a := d.choose(m, true, Situation{Have: []Thing{HaveAtTheBox}}); len(a.Steps) == 0 || len(a.Sources) == 0 {
				t.Errorf("%s: no steps or no sources", m.ID)
			}
		}
		if m, _ := d.find(rekey.Identity{}); m.PasswordRule.Value.Min < 1 {
			t.Error("the generic model has no password rule")
		}
	})
}
