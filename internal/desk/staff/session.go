package staff

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"rekey"
	"rekey/internal/web"
)

const (
	sessionCookie = "rekey-desk"
	browserCookie = "rekey-desk-browser"

	sessionIdle = 15 * time.Minute
	sessionMax  = 12 * time.Hour
	browserLife = 400 * 24 * time.Hour // the longest that browsers keep a cookie

	// maxSessionsOf bounds the sessions of one agent; another one ends the one
	// that has not been used for the longest time.
	maxSessionsOf = 20
)

// session is who is logged in, and where. The agent is looked up at every
// request, so that a change of the role counts at once; of another epoch than
// the agent's it is over.
type session struct {
	name      string
	epoch     int64
	browser   browser
	userAgent string
	from      netip.Addr
}

// begin records a log-in and begins the session.
func (s *Staff) begin(w http.ResponseWriter, r *http.Request, row agentRow, at browser, how map[string]string) (Agent, error) {
	from := web.Sender(r)
	how["browser"], how["browser_since"] = at.hash[:BrowserLetters], at.since.Format(time.RFC3339)
	how["from"] = from.String()
	if err := s.o.Log.Note(r.Context(), row.Name, "agent.login", row.Name, "ok", how); err != nil {
		return Agent{}, err
	}
	s.makeRoom(row.Name)
	err := s.sessions.Start(w, r, session{row.Name, row.epoch, at, r.UserAgent(), from})
	row.Browser, row.BrowserSince, row.From = at.hash, at.since, from
	return row.Agent, err
}

func (s *Staff) makeRoom(name string) {
	mine := slices.DeleteFunc(s.sessions.List(), func(l web.Live[session]) bool { return l.Value.name != name })
	slices.SortFunc(mine, func(a, b web.Live[session]) int { return a.Used.Compare(b.Used) })
	for i := 0; i <= len(mine)-maxSessionsOf; i++ {
		s.sessions.EndID(mine[i].ID)
	}
}

func (s *Staff) endSessions(name string) {
	s.sessions.EndWhere(func(v session) bool { return v.name == name })
}

// Who is the agent of the request: of its session, or of its API key
// (Authorization: Bearer). The error wraps web.ErrNoSession; a key that is not
// known may also get *ThrottledError. A session's cookie that comes from
// another browser or network ends the session, which is recorded.
func (s *Staff) Who(r *http.Request) (Agent, error) { return s.who(r, s.sessions.Get) }

// Still is Who for answers that go on with nobody there, such as live news: it
// does not count as use of the session.
func (s *Staff) Still(r *http.Request) (Agent, error) { return s.who(r, s.sessions.Look) }

func (s *Staff) who(r *http.Request, look func(*http.Request) (session, bool)) (Agent, error) {
	from := web.Sender(r)
	if secret := r.Header.Get("Authorization"); secret != "" {
		return s.program(r.Context(), secret, from)
	}
	v, ok := look(r)
	if !ok {
		return Agent{}, web.ErrNoSession
	}
	if elsewhere := v.elsewhere(r, s.browserOf(r).hash); elsewhere != "" {
		return Agent{}, s.misplaced(r, v, elsewhere)
	}
	row, err := s.agent(r.Context(), v.name)
	switch {
	case errors.Is(err, rekey.ErrNotFound):
		return Agent{}, web.ErrNoSession
	case err != nil:
		return Agent{}, err
	case !row.DisabledAt.IsZero() || row.epoch != v.epoch:
		return Agent{}, web.ErrNoSession
	}
	row.Browser, row.BrowserSince, row.From = v.browser.hash, v.browser.since, from
	return row.Agent, nil
}

// elsewhere tells by what a request shows that it does not come from where the
// session was begun; empty = it does.
func (v session) elsewhere(r *http.Request, browser string) string {
	switch {
	case browser != v.browser.hash:
		return "browser"
	case r.UserAgent() != v.userAgent:
		return "user agent"
	case network(web.Sender(r)) != network(v.from):
		return "network"
	}
	return ""
}

func (s *Staff) misplaced(r *http.Request, v session, what string) error {
	id, ok := s.sessions.ID(r)
	if !ok || !s.sessions.EndID(id) {
		return web.ErrNoSession
	}
	detail := map[string]string{"reason": "another " + what, "from": web.Sender(r).String()}
	if err := s.o.Log.Note(context.WithoutCancel(r.Context()), "", "session.misplaced", v.name, "refused", detail); err != nil {
		return err
	}
	return web.ErrNoSession
}

// network is as far as an agent moves within a session: IPv4 /24, IPv6 /48. This
// machine is one, by whichever address.
func network(a netip.Addr) netip.Prefix {
	bits := 48
	switch {
	case a.IsLoopback():
		return netip.PrefixFrom(netip.IPv6Loopback(), 128)
	case a.Is4():
		bits = 24
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// overTLS tells whether browsers come over TLS: by the desk's URL, as the last
// part of the way, from a proxy, may be without.
func (s *Staff) overTLS() bool { return strings.HasPrefix(s.url, "https:") }

func (s *Staff) cookieName(name string) string {
	if s.overTLS() {
		return "__Host-" + name
	}
	return name
}

func (s *Staff) hostCookie(name, value string, life time.Duration, site http.SameSite) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // G124: Secure follows TLS; over plain HTTP a browser would not keep a Secure cookie
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, SameSite: site, Secure: s.overTLS(),
	}
}

// LogOut ends the request's session.
func (s *Staff) LogOut(w http.ResponseWriter, r *http.Request) { s.sessions.End(w, r) }

// Session is one session of an agent, told without its secret.
type Session struct {
	ID      string     `json:"id"`
	Agent   string     `json:"agent"`
	Began   time.Time  `json:"began"`
	UsedAt  time.Time  `json:"used_at"`
	From    netip.Addr `json:"from"`
	Browser string     `json:"browser"` // such as "Firefox on Linux"
	Current bool       `json:"current,omitempty"`
}

// Sessions are an agent's sessions at this process, by when they began; empty =
// everybody's. r is the request that asks; it may be nil.
func (s *Staff) Sessions(name string, r *http.Request) []Session {
	var current string
	if r != nil {
		current, _ = s.sessions.ID(r)
	}
	all := []Session{}
	for _, l := range s.sessions.List() {
		if name == "" || l.Value.name == name {
			all = append(all, Session{l.ID, l.Value.name, l.Began, l.Used, l.Value.from, browserWords(l.Value.userAgent), l.ID == current})
		}
	}
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(a.Began.Compare(b.Began), strings.Compare(a.ID, b.ID))
	})
	return all
}

// EndSession ends one session of an agent. The error wraps rekey.ErrNotFound.
func (s *Staff) EndSession(name, id string) error {
	for _, l := range s.sessions.List() {
		if l.ID == id && l.Value.name == name && s.sessions.EndID(id) {
			return nil
		}
	}
	return refuse(rekey.ErrNotFound, "%s has no such session; it is over already", clip(name))
}
