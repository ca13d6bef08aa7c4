package catalog

import "slices"

// Thing is something that a person may still have.
type Thing string

// The things that decide which ways are open.
const (
	HavePassword        Thing = "password"
	HaveAnotherAdmin    Thing = "another-admin"
	HaveSecurityAnswers Thing = "security-answers"
	HaveRecoveryFile    Thing = "recovery-file"
	HaveApp             Thing = "app"
	HaveEmail           Thing = "e-mail"
	HaveWebsiteAccount  Thing = "website-account"
	HaveDeviceID        Thing = "device-id"
	HaveAtTheBox        Thing = "at-the-box"
)

// Things returns all things, in the order in which to ask for them.
func Things() []Thing {
	return []Thing{
		HavePassword, HaveAnotherAdmin, HaveSecurityAnswers, HaveRecoveryFile, HaveApp,
		HaveEmail, HaveWebsiteAccount, HaveDeviceID, HaveAtTheBox,
	}
}

// Words says what the thing is, as in "you need ...".
func (t Thing) Words() string {
	switch t {
	case HavePassword:
		return "the password that still works, or a copy that one of your own apps or video programs stores"
	case HaveAnotherAdmin:
		return "the login of another administrator"
	case HaveSecurityAnswers:
		return "the answers given at the first set-up"
	case HaveRecoveryFile:
		return "the recovery file that the recorder gave out earlier"
	case HaveApp:
		return "the maker's app, signed in as the owner, with this recorder in it"
	case HaveEmail:
		return "the mailbox that was named for this recorder or its app account"
	case HaveWebsiteAccount:
		return "an account on the maker's website"
	case HaveDeviceID:
		return "the Device ID, or the serial number where the maker asks for that"
	case HaveAtTheBox:
		return "somebody at the recorder, with a monitor and a mouse where it takes them"
	}
	return string(t)
}

// lacking returns what of the wanted things a person has not. Whoever is at the
// recorder can read its Device ID. Nil means that nobody said: then nothing is lacking.
func lacking(wanted, have []Thing) []Thing {
	if have == nil {
		return nil
	}
	var out []Thing
	for _, t := range wanted {
		read := t == HaveDeviceID && slices.Contains(have, HaveAtTheBox)
		if !read && !slices.Contains(have, t) {
			out = append(out, t)
		}
	}
	return out
}
