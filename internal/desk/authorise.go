package desk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"rekey"
	"rekey/seclog"
)

// Role is what an agent may do.
type Role string

// The roles. RoleOperator is whoever runs rekey on the desk's own machine; no
// agent can be given it.
const (
	RoleAgent         Role = "agent"         // works cases
	RoleApprover      Role = "approver"      // approves other people's cases
	RoleSupervisor    Role = "supervisor"    // both, and closes anybody's case
	RoleAuditor       Role = "auditor"       // reads and verifies, nothing else
	RoleAdministrator Role = "administrator" // agents and recorders, no cases
	RoleOperator      Role = "operator"
)

// Agent is somebody who acts at the desk.
type Agent struct {
	Name       string    `json:"name"`
	Role       Role      `json:"role"`
	DisabledAt time.Time `json:"disabled_at,omitzero"` // since then they cannot log in

	epoch int64 // of their sessions
}

func (a Agent) disabled() bool { return !a.DisabledAt.IsZero() }

// Operator is whoever runs rekey on the desk's own machine.
func Operator() Agent { return Agent{Name: operatorName, Role: RoleOperator} }

const operatorName = "operator"

// Act is one thing that can be done at the desk; it is also the name of the
// event in the security log.
type Act string

// The acts.
const (
	ActAgentAdd       Act = "agent.add"
	ActAgentDisable   Act = "agent.disable"
	ActAgentEnable    Act = "agent.enable"
	ActAgentPassword  Act = "agent.password"
	ActAgentList      Act = "agent.list"
	ActRecorderEnrol  Act = "recorder.enrol"
	ActRecorderUpdate Act = "recorder.update"
	ActRecorderList   Act = "recorder.list"
	ActRecorderRead   Act = "recorder.read"
	ActCaseOpen       Act = "case.open"
	ActCaseList       Act = "case.list"
	ActCaseRead       Act = "case.read"
	ActCaseClose      Act = "case.close"
	ActEvidenceAdd    Act = "evidence.add"
	ActCaseApprove    Act = "case.approve"
	ActReveal         Act = "challenge.answer"
	ActLogVerify      Act = "log.verify"
	ActLogOut         Act = "agent.logout"
)

// grant says who may do an act.
type grant struct {
	roles  []Role
	own    []Role // these roles only on a case that they opened themselves
	others bool   // never on a case that one opened oneself
}

// grants is the whole of who may do what.
func grants() map[Act]grant {
	everyone := []Role{RoleAgent, RoleApprover, RoleSupervisor, RoleAuditor, RoleAdministrator}
	keeps := []Role{RoleAdministrator, RoleOperator}
	cases := []Role{RoleAgent, RoleApprover, RoleSupervisor, RoleAuditor}
	works := []Role{RoleAgent, RoleSupervisor}
	return map[Act]grant{
		ActAgentAdd:       {roles: keeps},
		ActAgentDisable:   {roles: keeps},
		ActAgentEnable:    {roles: keeps},
		ActAgentPassword:  {roles: keeps},
		ActAgentList:      {roles: keeps},
		ActRecorderEnrol:  {roles: keeps},
		ActRecorderUpdate: {roles: keeps},
		ActRecorderList:   {roles: everyone},
		ActRecorderRead:   {roles: append(everyone, RoleOperator)},
		ActCaseOpen:       {roles: works},
		ActCaseList:       {roles: cases},
		ActCaseRead:       {roles: cases},
		ActCaseClose:      {roles: works, own: []Role{RoleAgent}},
		ActEvidenceAdd:    {roles: works, own: works},
		ActCaseApprove:    {roles: []Role{RoleApprover, RoleSupervisor}, others: true},
		ActReveal:         {roles: works, own: works},
		ActLogVerify:      {roles: []Role{RoleAuditor, RoleSupervisor, RoleAdministrator, RoleOperator}},
		ActLogOut:         {roles: everyone},
	}
}

// may reports whether the role may do the act at all.
func (a Agent) may(act Act) bool { return slices.Contains(grants()[act].roles, a.Role) }

// target is what an act is done to.
type target struct {
	object string // a Device ID, an agent, "security log"
	number int64  // the case, where it is about one
	detail map[string]string
}

// perform is the one gate: whatever is done at the desk goes through it. It
// looks up whether who may do the act, records that, and only when the record
// is in a signed checkpoint runs fn. A refusal is recorded and returned, and so
// is an error of fn.
func (d *Desk) perform(ctx context.Context, who Agent, act Act, t target, fn func() error) error {
	allowed := d.authorise(ctx, who, act, t.number)
	result := "allowed"
	if allowed != nil {
		result = "refused"
		t.detail = map[string]string{"reason": reason(allowed)}
	}
	if err := d.note(ctx, who, string(act), t, result); err != nil {
		return err
	}
	if allowed != nil {
		return allowed
	}
	err := fn()
	if err != nil {
		t.detail = map[string]string{"reason": reason(err)}
		err = errors.Join(err, d.note(context.WithoutCancel(ctx), who, string(act), t, "failed"))
	}
	return err
}

// note writes one record of the security log.
func (d *Desk) note(ctx context.Context, who Agent, event string, t target, result string) error {
	rec := seclog.Record{Actor: who.Name, Event: event, Object: clip(t.object), Result: result, Detail: t.detail}
	if t.number != 0 {
		rec.Case = strconv.FormatInt(t.number, 10)
	}
	if err := d.log.append(ctx, rec); err != nil {
		return fmt.Errorf("nothing is done without a record of it: %w", err)
	}
	return nil
}

// clip bounds what somebody typed before it is recorded.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

func (d *Desk) authorise(ctx context.Context, who Agent, act Act, number int64) error {
	g := grants()[act]
	if !who.may(act) {
		return refuse(rekey.ErrDenied, "the role %s may not do this (%s)", who.Role, act)
	}
	own := slices.Contains(g.own, who.Role)
	if number == 0 || (!own && !g.others) {
		return nil
	}
	opener, err := d.opener(ctx, number)
	switch {
	case err != nil:
		return err
	case own && opener != "" && opener != who.Name:
		return refuse(rekey.ErrDenied, "case %d is worked by %s; only they can go on with it", number, opener)
	case g.others && opener == who.Name:
		return refuse(rekey.ErrDenied, "case %d is your own; somebody else must approve it", number)
	}
	return nil
}

// opener is who opened the case, or empty where there is no such case.
func (d *Desk) opener(ctx context.Context, number int64) (name string, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT opened_by FROM cases WHERE number = $1`, number).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return name, err
}
