package front

import (
	"rekey/internal/desk/staff"
)

// account is what somebody sees of themselves: their passkeys, and where they
// are logged in.
func (f *front) account(c *call) (reply, error) {
	open, err := f.desk.Sessions(c.r.Context(), c.who, c.who.Name, c.r)
	if err != nil {
		return reply{}, err
	}
	keys, err := f.desk.Staff().PasskeysOf(c.r.Context(), c.who.Name) // of the same page, which is on record by now
	if err != nil {
		return reply{}, err
	}
	return reply{title: "Your account", page: accountPage(c.who, keys, open)}, nil
}

func (f *front) endSession(c *call) (reply, error) {
	err := f.desk.EndSession(c.r.Context(), c.who, c.who.Name, c.r.PathValue("id"))
	return reply{location: "/account"}, err
}

func (f *front) logOut(c *call) (reply, error) {
	err := f.desk.LogOut(c.w, c.r, c.who)
	return reply{location: "/login"}, err
}

// lonely tells that somebody has one passkey alone: they are locked out when it breaks.
func lonely(keys []staff.Passkey) bool { return len(keys) == 1 }
