package desk

import (
	"fmt"
	"strings"
	"unicode"

	"rekey/internal/desk/courier"
	"rekey/recovery"
)

// What the desk writes to owners. A subject is of our own words alone; what
// comes from outside, such as a model's name, stands in the text only, on one
// line. No message holds a secret but the number and the half that it is for.
// A text message is kept under 300 characters.

const neverAsks = "Support never asks for your password."

// headline says what happened, in a sentence, and what it means for the owner.
func headline(kind string) (subject, what, means string) {
	switch kind {
	case tellApprove:
		return "Your recorder: a colleague has approved the request",
			"a second person at support has approved the request for a temporary password",
			"Support may now give an answer to who called."
	case tellReveal:
		return "Your recorder: a temporary password was issued",
			"a temporary password for your recorder was issued",
			"It works once, for ten minutes, at the recorder's own screen. Whoever\ntypes it there can do what is named above."
	case tellUse:
		return "Your recorder: the new password was set",
			"support was told that a new password was set at your recorder",
			"The old password no longer works. If you have not set the new one\nyourself, somebody else has."
	}
	return "Your recorder: somebody asks support for a temporary password",
		"somebody called support and asks for a temporary password for your recorder",
		"Nothing has changed at your recorder so far."
}

// ownerNotice is a notice to one address.
func ownerNotice(c *Case, l link, kind string) courier.Message {
	subject, what, means := headline(kind)
	m := courier.Message{Case: c.Number, Kind: noticeKind(kind), To: l.to, Subject: subject}
	if l.isTel() {
		m.Text = fmt.Sprintf("Recorder %s, case %d: %s. Not you? Open the link and press the button: %s %s", maskID(c.DeviceID), c.Number, what, l.url, neverAsks)
		return m
	}
	m.Text = fmt.Sprintf(`%s.

%s
%s

If that was you, there is nothing to do. Here you can follow the case:

    %s

If it was NOT you, open the same link and press "That was not me".
Nobody gets an answer for your recorder then until support has looked
at it.
`, upper(what), about(c), means, l.url) + footer
	return m
}

// formerNotice is a notice to an address that was registered until lately.
func formerNotice(c *Case, l link, kind string) courier.Message {
	m := ownerNotice(c, l, kind)
	m.Kind = "former." + kind
	if l.isTel() {
		m.Text = fmt.Sprintf("Recorder %s, case %d: %s. This was the owner's number until lately. Not right? Open the link: %s %s", maskID(c.DeviceID), c.Number, what(kind), l.url, neverAsks)
		return m
	}
	m.Text = "This address was registered for the recorder below until less than 30\ndays ago, and then removed. If you still own the recorder, that was not\nright: open the link and press \"That was not me\".\n\n" + m.Text
	return m
}

func what(kind string) string {
	_, what, _ := headline(kind)
	return what
}

// codeNotice carries the number that proves that an address is in the owner's hands.
func codeNotice(c *Case, l link, code string) courier.Message {
	spaced := code[:4] + " " + code[4:]
	m := courier.Message{Case: c.Number, Kind: "code", To: l.to, Subject: "Your number for the recorder's support"}
	if l.isTel() {
		m.Text = fmt.Sprintf("%s is your number for support, case %d. Read it out only if YOU called us. It counts for 10 minutes. Not you? %s %s", spaced, c.Number, l.url, neverAsks)
		return m
	}
	m.Text = fmt.Sprintf(`Your number for support is

    %s

Read it to support if you have called them about your recorder just now.
It counts for ten minutes. Instead of reading it out you can open this
link and confirm there that you called:

    %s

%s
If you have NOT called support, tell the number to nobody, open the link
and press "That was not me".
`, spaced, l.url, about(c)) + footer
	return m
}

// halfNotice carries groups 3 and 4 of the answer.
func halfNotice(c *Case, l link, half string) courier.Message {
	m := courier.Message{Case: c.Number, Kind: "half", To: l.to, Subject: "Your half of the temporary password"}
	if l.isTel() {
		m.Text = fmt.Sprintf("%s are groups 3 and 4 of the temporary password, case %d. Type them at the recorder within 10 minutes; tell them to nobody, support neither. Not you? %s %s", half, c.Number, l.url, neverAsks)
		return m
	}
	m.Text = fmt.Sprintf(`Groups 3 and 4 of the temporary password for your recorder are

    %s

Support tells you groups 1 and 2 on the telephone. Type all four at the
recorder's own screen, within ten minutes, where it shows the challenge.

%s
Tell your half to nobody: support does not need it. What to do next at
the recorder stands here:

    %s

If you have NOT asked for it, open the link and press "That was not me".
`, half, about(c), l.url) + footer
	return m
}

// about names the case, for a person who has more than one recorder.
func about(c *Case) string {
	return fmt.Sprintf(`    Recorder  %s, Device ID %s
    User      %s
    Wish      %s
    Asked     %s
    Case      %d
`, oneLine(c.Model), maskID(c.DeviceID), oneLine(c.Account), c.purpose, c.OpenedAt.Format("2 January 2006, 15:04 UTC"), c.Number)
}

const footer = "\n" + neverAsks + " It asks for nothing but the\nnumber that it sends you, and never for your half of a temporary\npassword.\n-- \nThis message was sent by a program; nobody reads an answer.\n"

func (l link) isTel() bool { return strings.HasPrefix(l.to, "tel:") }

// maskID leaves the end of a Device ID, by which its owner knows it.
func maskID(id recovery.DeviceID) string {
	s := id.String()
	return "..." + s[strings.LastIndexByte(s, '-')+1:]
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// oneLine makes of a text from outside one short line that nobody can take for ours.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return clip(strings.Join(strings.Fields(s), " "))
}
