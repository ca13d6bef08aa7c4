package cloud

import (
	"fmt"

	"rekey/recovery"
)

// Message is one e-mail. The subject is of our own words alone; what comes from
// outside, such as a recorder's name, stands in the text only.
type Message struct {
	Subject string
	Text    string
}

const noReply = "\n-- \nThis message was sent by a program; nobody reads an answer.\n"

func confirmMessage(code string) Message {
	return Message{"Your code for the recorder cloud", fmt.Sprintf(`Somebody asked for an account of the recorder cloud for this address,
or for a new password of the account it has. If that was you, type
this code in the page where you asked, within 30 minutes:

    %s

If it was not you, do nothing: without the code nothing changes. Never
tell the code to anybody.
`, code) + noReply}
}

func passwordMessage(l Link, account string, answer recovery.Answer) Message {
	return Message{"Temporary password for your recorder " + l.DeviceID.String(), fmt.Sprintf(`You asked for a temporary password for the user %s of your recorder

    %s (%s), Device ID %s

It is:

    %s

Type it at the recorder's own screen, where it shows the challenge
that you typed. It works there once, until the challenge runs out
(10 minutes), and opens one thing: setting a new password.

If it was not you who asked, somebody knows the password of your cloud
account: set a new one, and look who stands at the recorder. Never tell
the temporary password to anybody; support does not ask for it.
`, account, l.Name, l.Model, l.DeviceID, answer.Reveal()) + noReply}
}

func noticeMessage(l Link, what string) Message {
	return Message{"Notice about your recorder " + l.DeviceID.String(), fmt.Sprintf(`Your recorder

    %s (%s), Device ID %s

What happened:
it %s.

If you expected this, there is nothing to do. If not, log in to the
recorder cloud, set a new password, and look at who may use the
recorder.
`, l.Name, l.Model, l.DeviceID, what) + noReply}
}
