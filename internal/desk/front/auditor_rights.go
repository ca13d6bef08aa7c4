package front

import (
	"strings"
	"time"

	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

func (f *front) rights(*call) (reply, error) {
	return reply{title: "Rights", page: rightsPage(desk.Rights())}, nil
}

// rightColumns are the roles of the table of rights, in its order.
func rightColumns() []staff.Role { return append(staff.Roles(), staff.RoleOperator, "owner") }

// rightMark is a cell of the table of rights, for a person who sees it or hears it.
func rightMark(r desk.Right, role staff.Role) string {
	for _, may := range r.Roles {
		if may != role {
			continue
		}
		for _, own := range r.Own {
			if own == role {
				return "own"
			}
		}
		return "yes"
	}
	return ""
}

// conditions are what an act asks beside the role.
func conditions(r desk.Right) string {
	var all []string
	if r.StepUp {
		all = append(all, "fresh passkey")
	}
	if r.Never {
		all = append(all, "never who had a part in the case")
	}
	if len(r.Anyone) > 0 {
		var roles []string
		for _, role := range r.Anyone {
			roles = append(roles, string(role))
		}
		all = append(all, "of others only "+strings.Join(roles, " and "))
	}
	if len(r.Scopes) > 0 {
		var scopes []string
		for _, s := range r.Scopes {
			scopes = append(scopes, string(s))
		}
		words := "programs with " + strings.Join(scopes, " or ")
		if r.StepUp {
			words += ", by their key alone"
		}
		all = append(all, words)
	}
	if r.Reads {
		all = append(all, "changes nothing")
	}
	return strings.Join(all, "; ")
}

func (f *front) reconcile(c *call) (reply, error) {
	s := spanOf(c.r.URL.Query(), time.Now())
	v, err := f.desk.Reconcile(c.r.Context(), c.who, s.Since, s.Until)
	return reply{title: "Keys and answers", page: reconcilePage(s, v, told(err))}, err
}
