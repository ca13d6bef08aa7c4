package desk

import (
	"slices"

	"rekey/internal/desk/staff"
)

// Agent is somebody, or some program, who acts at the desk.
type Agent = staff.Agent

// Operator is whoever runs rekey on the desk's own machine.
func Operator() Agent { return Agent{Name: operatorName, Role: staff.RoleOperator} }

// The names that no agent can have.
const (
	operatorName = "operator"
	ownerName    = "owner" // of a recorder, by a link
	systemName   = "desk"
)

// roleOwner is the owner of a recorder, who came by a link. They are no agent.
const roleOwner staff.Role = "owner"

func owner() Agent  { return Agent{Name: ownerName, Role: roleOwner} }
func system() Agent { return Agent{Name: systemName, Role: staff.RoleSystem} }

// Act is one thing that can be done at the desk; it is also the name of the
// event in the security log.
type Act string

// The acts.
const (
	ActAgentAdd     Act = "agent.add"
	ActAgentRole    Act = "agent.role"
	ActAgentDisable Act = "agent.disable"
	ActAgentEnable  Act = "agent.enable"
	ActAgentInvite  Act = "agent.invite"
	ActAgentSSO     Act = "agent.sso"
	ActAgentList    Act = "agent.list"
	ActLogOut       Act = "agent.logout"
	ActSessionList  Act = "session.list"
	ActSessionEnd   Act = "session.end"
	ActKeyMake      Act = "key.make"
	ActKeyRevoke    Act = "key.revoke"
	ActKeyList      Act = "key.list"
	ActHookAdd      Act = "hook.add"
	ActHookRemove   Act = "hook.remove"
	ActHookList     Act = "hook.list"

	ActRecorderEnrol  Act = "recorder.enrol"
	ActRecorderUpdate Act = "recorder.update" // owner, addresses, phrases, found again
	ActRecorderStolen Act = "recorder.stolen" // reported so
	ActRecorderList   Act = "recorder.list"
	ActRecorderRead   Act = "recorder.read"
	ActRecorderThaw   Act = "recorder.thaw"
	ActDealerAdd      Act = "dealer.add"
	ActDealerEnd      Act = "dealer.end"
	ActDealerList     Act = "dealer.list"

	ActCaseOpen     Act = "case.open"
	ActCaseList     Act = "case.list"
	ActCaseRead     Act = "case.read"
	ActCaseNote     Act = "case.note"
	ActCaseHandOver Act = "case.handover"
	ActCasePause    Act = "case.pause"
	ActCaseResume   Act = "case.resume"
	ActCaseFreeze   Act = "case.freeze"
	ActCaseThaw     Act = "case.thaw"
	ActCaseClose    Act = "case.close"
	ActEvidenceAdd  Act = "evidence.add"
	ActCodeSend     Act = "code.send"    // to a registered address
	ActAddressShow  Act = "address.show" // a registered number in full, to call back
	ActSendTo       Act = "case.sendto"  // where the owner's half goes
	ActCaseApprove  Act = "case.approve"
	ActReveal       Act = "challenge.answer"

	ActFigures     Act = "figures.read"
	ActExport      Act = "export"
	ActAlarmList   Act = "alarm.list"
	ActAlarmSettle Act = "alarm.settle"
	ActReconcile   Act = "reconcile"
	ActLogVerify   Act = "log.verify"
	ActWatch       Act = "watch" // live news of what changed

	ActOwnerRead    Act = "owner.read"
	ActOwnerConfirm Act = "owner.confirm"
	ActOwnerHalf    Act = "owner.half"
	ActOwnerNotMe   Act = "notme"

	// ActStepUp begins a proof of presence. It is allowed to whom its object, another act, is.
	ActStepUp Act = "stepup.begin"
)

// grant says who may do an act.
type grant struct {
	roles  []staff.Role
	scopes []staff.Scope // programs with one of these may, too
	own    []staff.Role  // these roles only on a case that they work now
	anyone []staff.Role  // these roles also on sessions of others
	never  []part        // not on a case in which one has this part
	stepUp bool          // a fresh proof of presence is needed, of who has a passkey
	timed  bool          // not while the clock is behind the last record
	reads  bool          // it changes nothing that others watch
}

// grants is the whole of who may do what.
func grants() map[Act]grant {
	const (
		agent, approver, supervisor = staff.RoleAgent, staff.RoleApprover, staff.RoleSupervisor
		auditor, administrator      = staff.RoleAuditor, staff.RoleAdministrator
		operator                    = staff.RoleOperator
	)
	of := func(roles ...staff.Role) []staff.Role { return roles }
	by := func(scopes ...staff.Scope) []staff.Scope { return scopes }
	everyone := of(agent, approver, supervisor, auditor, administrator)
	keeps := of(administrator, operator)
	cases := of(agent, approver, supervisor, auditor)
	callers := of(agent, supervisor)
	reads := append(of(operator), everyone...)
	leads := of(supervisor, auditor, administrator, operator)
	owner := of(roleOwner)
	return map[Act]grant{
		ActAgentAdd:     {roles: keeps, stepUp: true},
		ActAgentRole:    {roles: keeps, stepUp: true},
		ActAgentDisable: {roles: keeps},
		ActAgentEnable:  {roles: keeps, stepUp: true},
		ActAgentInvite:  {roles: keeps, stepUp: true},
		ActAgentSSO:     {roles: keeps, stepUp: true},
		ActAgentList:    {roles: of(administrator, operator, supervisor, auditor, agent, approver), reads: true}, // to hand a case over
		ActLogOut:       {roles: everyone, reads: true},
		ActSessionList:  {roles: everyone, anyone: of(administrator, supervisor), reads: true},
		ActSessionEnd:   {roles: everyone, anyone: of(administrator, supervisor)},
		ActKeyMake:      {roles: keeps, stepUp: true},
		ActKeyRevoke:    {roles: keeps},
		ActKeyList:      {roles: of(administrator, operator, auditor), reads: true},
		ActHookAdd:      {roles: keeps, stepUp: true},
		ActHookRemove:   {roles: keeps},
		ActHookList:     {roles: of(administrator, operator, auditor), reads: true},

		ActRecorderEnrol:  {roles: keeps, scopes: by(staff.ScopeEnrol)},
		ActRecorderUpdate: {roles: keeps, scopes: by(staff.ScopeOwners), stepUp: true},
		// To report a recorder stolen takes no touch, as to freeze or to disable takes none:
		// it only stops answers, and it must be quick. To take that back takes one.
		ActRecorderStolen: {roles: keeps, scopes: by(staff.ScopeOwners)},
		ActRecorderList:   {roles: reads, scopes: by(staff.ScopeRecorders), reads: true},
		ActRecorderRead:   {roles: reads, scopes: by(staff.ScopeRecorders), reads: true},
		ActRecorderThaw:   {roles: of(supervisor), stepUp: true},
		ActDealerAdd:      {roles: keeps, stepUp: true},
		ActDealerEnd:      {roles: keeps},
		ActDealerList:     {roles: reads, reads: true},

		ActCaseOpen:     {roles: callers, scopes: by(staff.ScopeOpenCases)},
		ActCaseList:     {roles: cases, scopes: by(staff.ScopeCases, staff.ScopeOpenCases), reads: true},
		ActCaseRead:     {roles: cases, scopes: by(staff.ScopeCases, staff.ScopeOpenCases), reads: true},
		ActCaseNote:     {roles: of(agent, approver, supervisor), scopes: by(staff.ScopeOpenCases)},
		ActCaseHandOver: {roles: callers, own: of(agent)},
		ActCasePause:    {roles: callers, own: of(agent)},
		ActCaseResume:   {roles: callers, own: of(agent)},
		ActCaseFreeze:   {roles: of(agent, approver, supervisor)},
		ActCaseThaw:     {roles: of(supervisor), never: []part{works, approves}, stepUp: true},
		ActCaseClose:    {roles: callers, own: of(agent)},
		ActEvidenceAdd:  {roles: callers, own: callers},
		ActCodeSend:     {roles: callers, own: callers},
		ActAddressShow:  {roles: callers, own: callers, reads: true},
		ActSendTo:       {roles: callers, own: callers},
		ActCaseApprove:  {roles: of(approver, supervisor), never: []part{works}, stepUp: true, timed: true},
		ActReveal:       {roles: callers, own: callers, stepUp: true, timed: true},

		ActFigures:     {roles: leads, scopes: by(staff.ScopeFigures), reads: true},
		ActExport:      {roles: of(supervisor, auditor, operator), scopes: by(staff.ScopeFigures), reads: true},
		ActAlarmList:   {roles: leads, reads: true},
		ActAlarmSettle: {roles: of(supervisor)},
		ActReconcile:   {roles: leads, reads: true},
		ActLogVerify:   {roles: leads, scopes: by(staff.ScopeLog), reads: true},
		ActWatch:       {roles: everyone, reads: true},

		ActOwnerRead:    {roles: owner, reads: true},
		ActOwnerConfirm: {roles: owner},
		ActOwnerHalf:    {roles: owner, reads: true},
		ActOwnerNotMe:   {roles: owner},

		ActStepUp: {reads: true},
	}
}

// May tells whether somebody may do an act at all.
func May(who Agent, act Act) bool {
	g := grants()[act]
	if who.Role == staff.RoleProgram {
		return slices.ContainsFunc(who.Scopes, func(s staff.Scope) bool { return slices.Contains(g.scopes, s) })
	}
	return slices.Contains(g.roles, who.Role)
}

// NeedsStepUp tells whether an act needs a fresh proof of presence.
func NeedsStepUp(act Act) bool { return grants()[act].stepUp }
