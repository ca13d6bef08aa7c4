package cloud

import (
	"fmt"

	"rekey/internal/mail"
	"rekey/recovery"
)

const noReply = "\n-- \nThis message was sent by a program; nobody reads an answer.\n"

func confirmMessage(code string) mail.Message {
	return mail.Message{Subject: "Your code for the recorder cloud", Text: fmt.Sprintf(`Somebody asked for an account of the recorder cloud for this address,
or for a new password of the account it has. If that was you, type
this code in the page where you asked, within 30 minutes:

    %s

If it was not you, do nothing: without the code nothing changes. Never
tell the code to anybody.
`, code) + noReply}
}

// notMine is how a message ends that an attacker may have caused. Without a link
// the owner has to go the longer way.
func notMine(link string) string {
	if link == "" {
		return "If it was not you, log in to the recorder cloud, set a new password,\nand look at who may use the recorder.\n"
	}
	return "If it was not you, open this link and press the button there. Nobody\ngets into your account then until you have set a new password:\n\n    " + link + "\n"
}

func passwordMessage(l Link, account string, answer recovery.Answer, notMe string) mail.Message {
	return mail.Message{Subject: "Temporary password for your recorder " + l.DeviceID.String(), Text: fmt.Sprintf(`You asked for a temporary password for the user %s of your recorder

    %s (%s), Device ID %s

It is:

    %s

Type it at the recorder's own screen, where it shows the challenge
that you typed. It works there once, until the challenge runs out
(10 minutes), and opens one thing: setting a new password.

Never tell the temporary password to anybody; support does not ask for
it. %s`, account, l.Name, l.Model, l.DeviceID, answer.Reveal(), notMine(notMe)) + noReply}
}

func releaseMessage(l Link, answer recovery.Answer, notMe string) mail.Message {
	return mail.Message{Subject: "Release of your recorder " + l.DeviceID.String(), Text: fmt.Sprintf(`You asked to release your recorder

    %s (%s), Device ID %s

which was reset by its button and is locked. The temporary password is:

    %s

Type it at the recorder's own screen, where it shows the challenge
that you typed. It works there once, until the challenge runs out
(10 minutes), and opens one thing: whoever stands there can set the
recorder up as a new one. Its recordings stay sealed.

Never tell the temporary password to anybody; support does not ask for
it. %s`, l.Name, l.Model, l.DeviceID, answer.Reveal(), notMine(notMe)) + noReply}
}

func offerMessage(code string) mail.Message {
	return mail.Message{Subject: "Your code for a second factor", Text: fmt.Sprintf(`Somebody wants to switch on a second factor for your account at the
recorder cloud. If that was you, type this code in the page where you
asked, within 30 minutes:

    %s

If it was not you, somebody knows your password: set a new one. Never
tell the code to anybody.
`, code) + noReply}
}

func accountMessage(what, notMe string) mail.Message {
	return mail.Message{Subject: "Notice about your account at the recorder cloud", Text: fmt.Sprintf(`What happened with your account:
%s.

If you expected this, there is nothing to do. %s`, what, notMine(notMe)) + noReply}
}

func noticeMessage(l Link, what, notMe string) mail.Message {
	return mail.Message{Subject: "Notice about your recorder " + l.DeviceID.String(), Text: fmt.Sprintf(`Your recorder

    %s (%s), Device ID %s

What happened:
it %s.

If you expected this, there is nothing to do. %s`, l.Name, l.Model, l.DeviceID, what, notMine(notMe)) + noReply}
}
