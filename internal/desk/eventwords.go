package desk

// EventWords says in plain words what an event of the security log is; of an
// event that the desk does not write it is the event's name.
func EventWords(event string) string {
	if words := eventWords()[event]; words != "" {
		return words
	}
	return event
}

// eventWords are the words of every event.
func eventWords() map[string]string {
	return map[string]string{ //nolint:gosec // words for people, no credentials
		"log.created":   "the security log was begun",
		"log.recovered": "the security log was put in order after the machine stopped in the middle of a record",

		string(ActAgentAdd):     "a new agent is made",
		string(ActAgentRole):    "an agent gets another role",
		string(ActAgentDisable): "an agent's rights are taken away",
		string(ActAgentEnable):  "an agent gets their rights back",
		string(ActAgentInvite):  "a one-time link is drawn, which registers a passkey of an agent",
		string(ActAgentSSO):     "it is set who an agent is at the identity provider",
		string(ActAgentList):    "the list of agents is read",
		string(ActLogOut):       "an agent logs out",
		string(ActSessionList):  "sessions are looked at",
		string(ActSessionEnd):   "a session is ended",
		string(ActKeyMake):      "a key for a program is drawn",
		string(ActKeyRevoke):    "a program's key is ended",
		string(ActKeyList):      "the list of programs' keys is read",
		string(ActHookAdd):      "an address for events is registered",
		string(ActHookRemove):   "an address for events is removed",
		string(ActHookList):     "the list of addresses for events is read",
		"agent.login":           "somebody logs in",
		"passkey.add":           "a passkey is registered",
		"passkey.copied":        "a passkey showed signs of being copied",
		"session.misplaced":     "a session was used from another browser or network than it began at",
		string(ActStepUp):       "somebody begins to prove with their passkey that they are there, for the act that is named",

		string(ActRecorderEnrol):  "a recorder and its key are taken into the registry",
		string(ActRecorderUpdate): "a recorder's owner, addresses, phrases or mark as stolen are changed",
		string(ActRecorderStolen): "a recorder is reported stolen: no answer while the mark stands",
		string(ActRecorderList):   "the list of recorders is read",
		string(ActRecorderRead):   "a recorder's entry is read",
		string(ActRecorderThaw):   "a recorder that was frozen goes on",
		string(ActDealerAdd):      "a dealer is registered as vetted",
		string(ActDealerEnd):      "a dealer's account is ended",
		string(ActDealerList):     "the list of dealers is read",

		string(ActCaseOpen):     "somebody opens a case for a caller",
		"case.opened":           "the case has its number",
		string(ActCaseList):     "the list of cases is read",
		string(ActCaseRead):     "a case is read",
		string(ActCaseNote):     "a note is written about a case",
		string(ActCaseHandOver): "a case is given to somebody else",
		string(ActCasePause):    "a case is put aside",
		string(ActCaseResume):   "a case is taken up again",
		string(ActCaseFreeze):   "a case and its recorder are frozen: no answer until somebody else has looked",
		string(ActCaseThaw):     "a frozen case goes on",
		string(ActCaseClose):    "a case is ended",
		string(ActEvidenceAdd):  "evidence is given that the caller is the owner",
		string(ActCodeSend):     "a number is sent to a registered address of the owner",
		string(ActAddressShow):  "a registered telephone number is shown in full, to call it back",
		string(ActSendTo):       "it is chosen where the owner's half goes",
		string(ActCaseApprove):  "a second person approves a case or turns it down",
		string(ActReveal):       "a challenge is entered, to get the answer",
		eventReveal:             "an answer is about to be worked out, and the limits for it are spent",
		eventKeyUse:             "a key is used, to check a QR code or to work out an answer",
		"half.sent":             "the owner's half of an answer is handed to the mail server or the SMS provider",
		"limit.refused":         "there was no answer because a limit was reached",
		"notify.over":           "a message is handed to the mail server or the SMS provider",
		"notify.given up":       "a message could not be delivered and is given up",

		string(ActOwnerRead):    "the owner looks at the case by the link in a message",
		string(ActOwnerConfirm): "the owner confirms a registered address by the link in a message",
		string(ActOwnerHalf):    "the owner looks at their half of the answer",
		string(ActOwnerNotMe):   "the owner says that it was not them who called",

		string(ActFigures):     "the figures are read",
		string(ActExport):      "cases are exported",
		string(ActAlarmList):   "the alarms are read",
		string(ActAlarmSettle): "an alarm is settled with a note",
		string(ActReconcile):   "answers, their records and the uses of keys are compared",
		string(ActLogVerify):   "the security log is read or checked",
		string(ActWatch):       "somebody watches for changes",
		"alarm.raised":         "the desk raises an alarm",
		"clock.jump":           "the desk's clock was set",
	}
}
