package say

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"rekey"
	"rekey/seclog"
)

// Kind is what a record of the security log is about.
type Kind string

// The kinds.
const (
	Logins   Kind = "logins"
	Refused  Kind = "refused"
	Recovery Kind = "recovery"
	Changes  Kind = "changes"
	Running  Kind = "running"
)

// Kinds are all kinds, in the order of the pages.
func Kinds() []Kind { return []Kind{Logins, Refused, Recovery, Changes, Running} }

// KindTitle is the kind on a button.
func KindTitle(k Kind) string {
	switch k {
	case Logins:
		return "Log-ins"
	case Refused:
		return "Refused"
	case Recovery:
		return "Recovery"
	case Changes:
		return "Changes"
	case Running:
		return "On and off"
	}
	return string(k)
}

// KindOf tells what a record is about. What was refused is of that kind whatever
// it was.
func KindOf(r seclog.Record) Kind {
	first, _, _ := strings.Cut(r.Event, ".")
	switch {
	case strings.HasSuffix(r.Event, ".refused"), slices.Contains([]string{"answer.wrong", "answer.dup", "account.locked", "client.mistake"}, r.Event):
		return Refused
	case slices.Contains([]string{"login", "2fa.asked", "2fa.sheet.used", "sessions.revoked"}, r.Event), first == "phone":
		return Logins
	case slices.Contains([]string{"challenge", "answer", "grant", "button", "activation", "guard", "review", "footage", "unseal", "seal"}, first):
		return Recovery
	case strings.HasPrefix(r.Event, "user.code"), strings.HasPrefix(r.Event, "cloud.challenge"):
		return Recovery
	case slices.Contains([]string{"boot", "shutdown", "log", "recorder", "clock", "power"}, first):
		return Running
	}
	return Changes
}

// sentences say the events that the box and its doors record; OBJECT stands for
// the object, RESULT for the result. "event result" says an event that ended so.
var sentences = map[string]string{
	"log.created":                "The security log was begun.",
	"boot":                       "The recorder was switched on.",
	"shutdown":                   "The recorder was switched off.",
	"provision":                  "The recorder was enrolled at a support desk.",
	"setup.done":                 "The first set-up was made.",
	"login":                      "User OBJECT logged in.",
	"login.refused":              "A log-in as OBJECT was refused.",
	"account.locked":             "User OBJECT was locked after too many wrong tries.",
	"password.set":               "A new password was set for user OBJECT.",
	"onvif.password.set":         "A new password for ONVIF was set for user OBJECT.",
	"sessions.revoked":           "All sessions of OBJECT were closed.",
	"user.add":                   "User OBJECT was added.",
	"user.add invited":           "User OBJECT was added, with an activation code.",
	"user.modify":                "Group, memo or rights of user OBJECT were changed.",
	"user.delete":                "User OBJECT was deleted.",
	"onvif.user.add":             "User OBJECT was added for ONVIF.",
	"onvif.user.delete":          "User OBJECT was deleted for ONVIF.",
	"user.code":                  "An activation code was made for user OBJECT, who forgot the password or is new.",
	"user.code.used":             "The right activation code was typed for user OBJECT.",
	"user.code.refused":          "A wrong activation code was typed for user OBJECT.",
	"user.code.over":             "The activation code of user OBJECT is no longer valid.",
	"notices.seen":               "User OBJECT was told what others had changed.",
	"recordings.taken":           "Recordings were downloaded by the web page: OBJECT.",
	"phone.pair":                 "A phone of user OBJECT stays logged in from now on.",
	"phone.unpair":               "A phone of user OBJECT was logged out.",
	"settings.set":               "The settings OBJECT were changed.",
	"service.on":                 "The service OBJECT was switched on.",
	"service.off":                "The service OBJECT was switched off.",
	"recorder.made":              "The recorder was made.",
	"challenge.shown":            "Forgot password: a code was shown for user OBJECT.",
	"challenge.expired":          "Forgot password: the code for user OBJECT is no longer valid.",
	"challenge.burned":           "Forgot password: the code for user OBJECT was used up by wrong answers.",
	"challenge.refused":          "Somebody on the network asked for what only the recorder's own screen gives, and was refused: OBJECT.",
	"answer.wrong":               "Forgot password: a wrong temporary password was typed for user OBJECT.",
	"answer.dup":                 "Forgot password: the same wrong temporary password was typed again for user OBJECT.",
	"answer.ok":                  "Forgot password: the right temporary password was typed for user OBJECT.",
	"answer.refused":             "Forgot password: a temporary password was typed for user OBJECT although none was waited for.",
	"grant.lost":                 "Forgot password: no new password was set in time for user OBJECT.",
	"support.mode":               "Temporary passwords were switched on or off.",
	"review.opened":              "The recorder has to be looked through, because the password of user OBJECT was set with a temporary one.",
	"review.opened button reset": "The recorder has to be looked through, because it was reset by the button.",
	"review.item":                "Looking through the recorder: OBJECT was marked as RESULT.",
	"review.done":                "The recorder was looked through.",
	"guard.events_missing":       "Events of Forgot password are missing from this log: the power went at that moment, or the log was cut.",
	"button.warn":                "The button was held, too short for a reset.",
	"button.reset":               "The button was held: the recorder was reset.",
	"button.cancel":              "The button was held too long: nothing was reset.",
	"button.armed":               "The button was held: it waits for the second press.",
	"setup.refused":              "A first set-up was refused: the recorder waits for its owner.",
	"activation.locked":          "The recorder was reset by the button and waits for its owner (activation lock).",
	"activation.released":        "The activation lock was released.",
	"activation.refused":         "A try to release the activation lock was refused.",
	"footage.sealed":             "The recordings were sealed by the reset.",
	"footage.unsealed":           "Sealed recordings were opened.",
	"footage.refused":            "A try to open sealed recordings was refused.",
	"footage.erased":             "All recordings were erased.",
	"backup.start":               "A backup to OBJECT was begun.",
	"backup.manifest":            "The list of the files of the backup OBJECT was signed.",
	"backup.done":                "The backup to OBJECT was made.",
	"backup.failed":              "The backup to OBJECT failed: RESULT.",
	"backup.cancelled":           "The backup to OBJECT was broken off.",
	"backup.skipped":             "Recordings were erased without a backup.",
	"right.refused":              "Something was tried without the right to it, and refused: OBJECT.",
	"support.desk":               "Who gives temporary passwords was set to: OBJECT.",
	"seat.refused":               "A wrong seat token was typed.",
	"2fa.offered":                "A key for an authenticator was shown to user OBJECT.",
	"2fa.on":                     "The second factor of user OBJECT was switched on.",
	"2fa.off":                    "The second factor of user OBJECT was switched off.",
	"2fa.asked":                  "User OBJECT typed the right password and was asked for a code.",
	"2fa.refused":                "A code of user OBJECT was refused.",
	"2fa.sheet":                  "A new recovery sheet was made for user OBJECT.",
	"2fa.sheet.used":             "User OBJECT used a code of the recovery sheet.",
	"cloud.pair":                 "A link with the cloud OBJECT was begun; it waits for its owner.",
	"cloud.link":                 "The recorder was linked with the cloud OBJECT.",
	"cloud.unlink":               "The link with the cloud OBJECT was ended.",
	"client.mistake":             "A program that logs in as OBJECT did something careless: RESULT.",
	"access.refused":             "After a log-in with a temporary password or an activation code something other than the new password was tried, and refused.",
}

// Sentence says one record. It falls back to the record's own words for an event
// that it does not know. What others typed into it is shown harmlessly.
func Sentence(r seclog.Record) string {
	text, ok := sentences[r.Event+" "+r.Result]
	if !ok {
		text, ok = sentences[r.Event]
	}
	if !ok {
		return strings.TrimSpace(Plain(r.Event) + " " + Plain(r.Object))
	}
	text = strings.NewReplacer("OBJECT", Quoted(objectName(r)), "RESULT", Plain(r.Result)).Replace(text)
	if why, ok := strings.CutPrefix(r.Detail["second_factor"], "not asked: "); ok {
		text = strings.TrimSuffix(text, ".") + " without a code, as " + Plain(why) + "."
	}
	if why := r.Detail["reason"]; why != "" {
		text += " The reason given: " + Quoted(why) + "."
	}
	return text
}

// objectName is the object as the pages call it.
func objectName(r seclog.Record) string {
	if !ofSettings(r) {
		return r.Object
	}
	switch r.Object {
	case "PwdReset":
		return "Recovery by a support desk"
	case "AutoUpgrade":
		return "Automatic update"
	}
	if at := slices.IndexFunc(Services(), func(s Service) bool { return s.Table == r.Object }); at >= 0 {
		return Services()[at].Title
	}
	return r.Object
}

func ofSettings(r seclog.Record) bool {
	return strings.HasPrefix(r.Event, "service.") || r.Event == "settings.set"
}

// Unproved tells whether a record's actor is only the name that was typed: of a
// log-in that was refused nobody knows whose it was.
func Unproved(r seclog.Record) bool {
	return r.Actor == r.Object && slices.Contains([]string{"login.refused", "user.code.refused"}, r.Event)
}

// Where says from where something was done, to follow the actor: " at the
// recorder", " from 192.0.2.20 (rtsp)".
func Where(r seclog.Record) string {
	address, via := r.Detail["address"], r.Detail["via"]
	switch {
	case via == string(rekey.InterfaceSeat), address == "local":
		return " at the recorder"
	case address == "":
		return ""
	case via == "":
		return " from " + Plain(address)
	}
	return " from " + Plain(address) + " (" + Plain(via) + ")"
}

// More says what else a record tells that a person may want to know: which
// settings were changed, which phone. It is empty for most.
func More(r seclog.Record) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(r.Detail)) {
		if setting, ok := strings.CutPrefix(key, "set "); ok && r.Event == "settings.set" {
			all = append(all, Plain(setting)+" = "+Plain(r.Detail[key]))
		}
	}
	for _, told := range []struct{ key, before string }{
		{"phone", "Phone: "}, {"rights", "Rights: "}, {"way", "Way: "}, {"left_out", "Files left out: "}, {"refusals_left_out", "Refusals not recorded one by one: "},
	} {
		if text := r.Detail[told.key]; text != "" && text != "0" {
			all = append(all, told.before+Plain(text))
		}
	}
	return strings.Join(all, "; ")
}

// Quoted shows text that somebody else chose, in quotes: control characters,
// line ends and what turns the direction of writing are spelled out.
func Quoted(s string) string { return isolated(strconv.Quote(s)) }

// Plain is Quoted without the quotes where nothing in it has to be spelled out.
func Plain(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return isolated(quoted)
	}
	return isolated(s)
}

// isolated keeps writing from right to left from moving the words around it.
func isolated(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxLatin1 }) {
		return "\u2068" + s + "\u2069" // first strong isolate
	}
	return s
}
