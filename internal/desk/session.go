package desk

import (
	"errors"
	"net/http"
	"net/netip"

	"rekey"
	"rekey/internal/web"
)

// session is who is logged in. The agent is looked up at every request, so that
// a change of the role counts at once, and a session ends when the agent is
// disabled or gets a new password: the epoch is another one then.
type session struct {
	name  string
	epoch int64
}

// who is the agent of the request's session, or web.ErrNoSession.
func (d *Desk) who(r *http.Request) (Agent, error) {
	s, ok := d.sessions.Get(r)
	if !ok {
		return Agent{}, web.ErrNoSession
	}
	who, _, err := d.agent(r.Context(), s.name)
	switch {
	case errors.Is(err, rekey.ErrNotFound):
		return Agent{}, web.ErrNoSession
	case err != nil:
		return Agent{}, err
	case who.disabled() || who.epoch != s.epoch:
		return Agent{}, web.ErrNoSession
	}
	return who, nil
}

// Credentials are what an agent logs in with.
type Credentials struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

func (f *front) logIn(w http.ResponseWriter, r *http.Request) (Agent, error) {
	var in Credentials
	if err := decode(r, &in); err != nil {
		return Agent{}, err
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return Agent{}, err
	}
	who, err := f.desk.LogIn(r.Context(), in.Name, rekey.NewSecret(in.Password), from.Addr())
	if err != nil {
		return Agent{}, err
	}
	return who, f.desk.sessions.Start(w, r, session{who.Name, who.epoch})
}

func (f *front) apiLogIn(w http.ResponseWriter, r *http.Request) {
	who, err := f.logIn(w, r)
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	web.Respond(w, r, http.StatusCreated, who, nil)
}

func (f *front) pageLogIn(w http.ResponseWriter, r *http.Request) {
	if _, err := f.logIn(w, r); err != nil {
		p := web.ProblemOf(err)
		web.Respond(w, r, p.Status, p, frame(Agent{}, "").Page("Log in", loginPage(p.Detail)))
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (f *front) showLogIn(w http.ResponseWriter, r *http.Request) {
	web.Respond(w, r, http.StatusOK, struct{}{}, frame(Agent{}, "").Page("Log in", loginPage("")))
}

func (f *front) logOut(c *call) (reply, error) {
	err := f.desk.perform(c.r.Context(), c.who, ActLogOut, target{object: c.who.Name}, func() error {
		f.desk.sessions.End(c.w, c.r)
		return nil
	})
	return reply{location: "/login"}, err
}
