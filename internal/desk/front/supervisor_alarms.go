package front

import (
	"strconv"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// watchful is what a supervisor looks after: alarms, and what is frozen.
type watchful struct {
	Open    []desk.Alarm
	Settled []desk.Alarm
	Frozen  []desk.Case
}

func (f *front) alarms(c *call) (reply, error) { return f.alarmsPage(c, nil) }

func (f *front) alarmsPage(c *call, failed error) (reply, error) {
	all, err := f.desk.Alarms(c.r.Context(), c.who, false)
	if err != nil {
		return reply{}, err
	}
	var v watchful
	for _, a := range all {
		if a.SettledAt.IsZero() {
			v.Open = append(v.Open, a)
		} else {
			v.Settled = append(v.Settled, a)
		}
	}
	if desk.May(c.who, desk.ActCaseList) {
		v.Frozen, err = f.desk.SearchCases(c.r.Context(), c.who, desk.Search{Stage: desk.StageFrozen, Most: 100})
		if err != nil {
			return reply{}, err
		}
	}
	return reply{title: "Alarms", page: alarmsPage(c.who, v, told(failed))}, failed
}

func (f *front) settleAlarm(c *call) (reply, error) {
	id, err := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	if err != nil {
		return reply{}, refuse(rekey.ErrNotFound, "there is no alarm %q", clip(c.r.PathValue("id")))
	}
	if _, err := f.desk.SettleAlarm(c.r.Context(), c.who, id, c.field("note")); err != nil {
		return f.alarmsPage(c, err)
	}
	return reply{location: "/alarms"}, nil
}

func (f *front) thawFrozen(c *call) (reply, error) {
	number, err := c.number()
	if err != nil {
		return reply{}, err
	}
	proof, err := c.stepUp()
	if err == nil {
		_, err = f.desk.Thaw(c.r.Context(), c.who, number, c.field("why"), proof)
	}
	if err != nil {
		return f.alarmsPage(c, err)
	}
	return reply{location: caseURL(number)}, nil
}

func (f *front) thawRecorder(c *call) (reply, error) {
	id, err := recovery.ParseDeviceID(c.r.PathValue("id"))
	if err != nil {
		return reply{}, refuse(rekey.ErrNotFound, "there is no recorder %q", clip(c.r.PathValue("id")))
	}
	proof, err := c.stepUp()
	if err == nil {
		_, err = f.desk.ThawRecorder(c.r.Context(), c.who, id, c.field("why"), proof)
	}
	if err != nil {
		return f.alarmsPage(c, err)
	}
	return reply{location: "/recorders/" + id.String()}, nil
}

// alarmTitle is a kind of alarm in words.
func alarmTitle(kind string) string {
	titles := map[string]string{
		"volume":      "Far more answers than usual",
		"keys":        "Uses of keys and answers differ",
		"caller":      "Many refusals of one caller",
		"notme":       "An owner said: not me",
		"duress":      "Duress word",
		"clock":       "The clock jumped",
		"browser":     "Two people at one browser",
		"undelivered": "An owner's half was not delivered",
	}
	return orElse(titles[kind], kind)
}

// alarmAdvice is what to do about a kind of alarm.
func alarmAdvice(kind string) string {
	advice := map[string]string{
		"volume":      "Look at the figures by agent. If nobody can explain it, end the sessions of who issues them.",
		"keys":        "Compare the log with the answers. A key that was used without an answer means somebody worked around the desk: tell whoever runs it.",
		"caller":      "Read the cases of this caller. Somebody may be trying, or an owner may need a call back.",
		"notme":       "Call the owner at the registered number. Ask nothing that a stranger could know, and thaw only after that.",
		"duress":      "The caller may be under threat. The agent knows nothing of it: say nothing on the telephone, and follow your plan for it.",
		"clock":       "Nothing is revealed while the clock is behind. Have the clock of the machine put right.",
		"browser":     "Two people used one browser in one case. Speak with both.",
		"undelivered": "The mail server or the SMS provider refused. The limits stay spent; the case takes a new challenge.",
	}
	return advice[kind]
}
