package say

import (
	"strings"
	"testing"
	"unicode"

	"rekey/seclog"
)

// TestNamesCannotForgeRecords: what strangers type into a name stays inside its
// quotes, on its line and in its direction.
func TestNamesCannotForgeRecords(t *testing.T) {
	t.Parallel()
	for _, hostile := range []string{
		"admin\" logged in.\nUser \"boss",
		"a\r\n2026-01-01 User admin logged in.",
		"\x1b[2J\x1b[31mred", "a\x00b", "\u202egnp.exe", "\u2066x\u2069", "\u200b\u200d", "\xff\xfe",
		"\u2028\u2029", "<script>alert(1)</script>", "OBJECT", "RESULT", strings.Repeat("a", 100),
	} {
		for _, r := range []seclog.Record{
			{Event: "login.refused", Object: hostile, Actor: hostile},
			{Event: "review.item", Object: "users", Result: hostile},
			{Event: hostile, Object: hostile},
			{Event: "login", Object: "ann", Detail: map[string]string{"second_factor": "not asked: " + hostile}},
			{Event: "settings.set", Object: "General", Detail: map[string]string{"set MachineName": hostile, "set " + hostile: "x", "address": hostile, "via": hostile, "reason": hostile, "phone": hostile}},
		} {
			for _, text := range []string{Sentence(r), Plain(r.Actor), Quoted(r.Object), Where(r), More(r)} {
				bare := strings.NewReplacer("\u2068", "", "\u2069", "").Replace(text)
				if strings.ContainsFunc(bare, func(c rune) bool { return !unicode.IsPrint(c) }) || strings.Contains(bare, "\u202e") {
					t.Errorf("%q is shown as %q", hostile, text)
				}
				if strings.Count(text, "\u2068") != strings.Count(text, "\u2069") {
					t.Errorf("%q: isolates do not match in %q", hostile, text)
				}
			}
		}
		if got := Sentence(seclog.Record{Event: "login.refused", Object: hostile}); strings.Count(strings.ReplaceAll(got, `\"`, ""), `"`) != 2 {
			t.Errorf("%q gets out of its quotes: %s", hostile, got)
		}
	}
	if got := Sentence(seclog.Record{Event: "login", Object: "ann"}); got != `User "ann" logged in.` {
		t.Errorf("an ordinary name: %s", got)
	}
	if got := Plain("Jörg"); got != "Jörg" {
		t.Errorf("an ordinary name: %q", got)
	}
	if got := Plain("דנה"); got != "\u2068דנה\u2069" {
		t.Errorf("a name from right to left: %q", got)
	}
}

func TestMoreAndWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r                 seclog.Record
		text, more, where string
	}{
		{seclog.Record{Event: "service.off", Object: "T2UServer", Detail: map[string]string{"set Enable": "false", "address": "local"}},
			`The service "Remote access by the maker's servers (P2P)" was switched off.`, "", " at the recorder"},
		{seclog.Record{Event: "2fa.off", Object: "ann", Detail: map[string]string{"reason": "telephone lost", "address": "192.0.2.20", "via": "web"}},
			`The second factor of user "ann" was switched off. The reason given: "telephone lost".`, "", " from 192.0.2.20 (web)"},
		{seclog.Record{Event: "settings.set", Object: "General", Detail: map[string]string{"set LockLoginTimes": "3", "set LockLoginEnable": "true", "via": "local seat"}},
			`The settings "General" were changed.`, "LockLoginEnable = true; LockLoginTimes = 3", " at the recorder"},
		{seclog.Record{Event: "boot", Object: "V7KX"}, "The recorder was switched on.", "", ""},
	} {
		if text, more, where := Sentence(c.r), More(c.r), Where(c.r); text != c.text || more != c.more || where != c.where {
			t.Errorf("%s: %q, %q, %q", c.r.Event, text, more, where)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]Kind{
		"login": Logins, "login.refused": Refused, "account.locked": Refused, "answer.wrong": Refused, "answer.ok": Recovery, "user.code": Recovery, "user.code.refused": Refused,
		"button.reset": Recovery, "password.set": Changes, "user.add": Changes, "service.off": Changes, "boot": Running, "footage.refused": Refused, "footage.erased": Recovery, "2fa.off": Changes,
	} {
		if got := KindOf(seclog.Record{Event: event}); got != want {
			t.Errorf("%s is of kind %s, want %s", event, got, want)
		}
	}
	for _, k := range Kinds() {
		if KindTitle(k) == string(k) {
			t.Errorf("the kind %s has no title", k)
		}
	}
}
