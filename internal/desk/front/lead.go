package front

import "rekey/internal/desk"

// leadRoutes are the pages of supervisors, auditors and administrators.
func (f *front) leadRoutes() map[string]route {
	return map[string]route{
		"GET /approvals":           {desk.ActCaseApprove, f.approvals},
		"POST /approvals/{number}": {desk.ActCaseApprove, f.approve},
		"GET /figures":             {desk.ActFigures, f.figures},
		"GET /alarms":              {desk.ActAlarmList, f.alarms},
		"POST /alarms/{id}":        {desk.ActAlarmSettle, f.settleAlarm},
		"POST /frozen/{number}":    {desk.ActCaseThaw, f.thawFrozen},
		"GET /team":                {desk.ActSessionList, f.team},
		"POST /team/{number}":      {desk.ActCaseHandOver, f.teamHandOver},
		"POST /team/sessions":      {desk.ActSessionEnd, f.teamEndSession},

		// A form that was refused leaves its own address in the browser.
		"GET /approvals/{number}": {desk.ActCaseApprove, at("/approvals")},
		"GET /alarms/{id}":        {desk.ActAlarmList, at("/alarms")},
		"GET /frozen/{number}":    {desk.ActAlarmList, at("/alarms")},
		"GET /team/{number}":      {desk.ActSessionList, at("/team")},

		"GET /log":             {desk.ActLogVerify, f.log},
		"GET /log/records":     {desk.ActLogVerify, f.logRecords},
		"GET /log/checkpoint":  {desk.ActLogVerify, f.checkpoint},
		"POST /log/checkpoint": {desk.ActLogVerify, f.compareLog},

		"GET /rights":    {desk.ActLogVerify, f.rights},
		"GET /reconcile": {desk.ActReconcile, f.reconcile},

		// All may list agents, to hand a case over; these pages are for who keeps them.
		"GET /agents":                 {desk.ActAgentAdd, f.agents},
		"POST /agents":                {desk.ActAgentAdd, f.addAgent},
		"GET /agents/{name}":          {desk.ActAgentAdd, f.agent},
		"POST /agents/{name}/invite":  {desk.ActAgentInvite, f.invite},
		"POST /agents/{name}/role":    {desk.ActAgentRole, f.agentAct(f.setRole)},
		"POST /agents/{name}/sso":     {desk.ActAgentSSO, f.agentAct(f.setSSO)},
		"POST /agents/{name}/disable": {desk.ActAgentDisable, f.agentAct(f.disable)},
		"POST /agents/{name}/enable":  {desk.ActAgentEnable, f.agentAct(f.enable)},

		"GET /keys":                 {desk.ActKeyList, f.keys},
		"POST /keys":                {desk.ActKeyMake, f.makeKey},
		"POST /keys/{name}/revoke":  {desk.ActKeyRevoke, f.revokeKey},
		"GET /hooks":                {desk.ActHookList, f.hooks},
		"POST /hooks":               {desk.ActHookAdd, f.addHook},
		"POST /hooks/{id}/remove":   {desk.ActHookRemove, f.removeHook},
		"GET /dealers":              {desk.ActDealerList, f.dealers},
		"POST /dealers":             {desk.ActDealerAdd, f.addDealer},
		"POST /dealers/{name}/end":  {desk.ActDealerEnd, f.endDealer},
		"GET /enrol":                {desk.ActRecorderEnrol, f.enrolForm},
		"POST /enrol":               {desk.ActRecorderEnrol, f.enrol},
		"GET /recorders/{id}/owner": {desk.ActRecorderUpdate, f.recorderOwner},

		"POST /recorders/{id}/owner":   {desk.ActRecorderUpdate, f.recorderAct(f.setOwner)},
		"POST /recorders/{id}/stolen":  {desk.ActRecorderUpdate, f.recorderAct(f.setStolen)},
		"POST /recorders/{id}/phrases": {desk.ActRecorderUpdate, f.recorderAct(f.setPhrases)},
		"POST /recorders/{id}/thaw":    {desk.ActRecorderThaw, f.thawRecorder},
	}
}

// at leads to the page that has the form.
func at(page string) handler {
	return func(*call) (reply, error) { return reply{location: page}, nil }
}
