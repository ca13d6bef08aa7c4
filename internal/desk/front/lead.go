package front

// leadRoutes are the pages of supervisors, auditors and administrators.
func (f *front) leadRoutes() map[string]handler {
	return map[string]handler{
		"GET /approvals":           f.approvals,
		"POST /approvals/{number}": f.approve,
		"GET /figures":             f.figures,
		"GET /alarms":              f.alarms,
		"POST /alarms/{id}":        f.settleAlarm,
		"POST /frozen/{number}":    f.thawFrozen,
		"GET /team":                f.team,
		"POST /team/{number}":      f.teamHandOver,
		"POST /team/sessions":      f.teamEndSession,

		// A form that was refused leaves its own address in the browser.
		"GET /approvals/{number}": at("/approvals"),
		"GET /alarms/{id}":        at("/alarms"),
		"GET /frozen/{number}":    at("/alarms"),
		"GET /team/{number}":      at("/team"),

		"GET /log":             f.log,
		"GET /log/records":     f.logRecords,
		"GET /log/checkpoint":  f.checkpoint,
		"POST /log/checkpoint": f.compareLog,

		"GET /rights":    f.rights,
		"GET /reconcile": f.reconcile,

		"GET /agents":                 f.agents,
		"POST /agents":                f.addAgent,
		"GET /agents/{name}":          f.agent,
		"POST /agents/{name}/invite":  f.invite,
		"POST /agents/{name}/role":    f.agentAct(f.setRole),
		"POST /agents/{name}/sso":     f.agentAct(f.setSSO),
		"POST /agents/{name}/disable": f.agentAct(f.disable),
		"POST /agents/{name}/enable":  f.agentAct(f.enable),

		"GET /keys":                 f.keys,
		"POST /keys":                f.makeKey,
		"POST /keys/{name}/revoke":  f.revokeKey,
		"GET /hooks":                f.hooks,
		"POST /hooks":               f.addHook,
		"POST /hooks/{id}/remove":   f.removeHook,
		"GET /dealers":              f.dealers,
		"POST /dealers":             f.addDealer,
		"POST /dealers/{name}/end":  f.endDealer,
		"GET /enrol":                f.enrolForm,
		"POST /enrol":               f.enrol,
		"GET /recorders/{id}/owner": f.recorderOwner,

		"POST /recorders/{id}/owner":   f.recorderAct(f.setOwner),
		"POST /recorders/{id}/stolen":  f.recorderAct(f.setStolen),
		"POST /recorders/{id}/phrases": f.recorderAct(f.setPhrases),
		"POST /recorders/{id}/thaw":    f.thawRecorder,
	}
}

// at leads to the page that has the form.
func at(page string) handler {
	return func(*call) (reply, error) { return reply{location: page}, nil }
}
