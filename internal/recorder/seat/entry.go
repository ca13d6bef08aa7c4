package seat

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"rekey"
	"rekey/internal/web"
)

// triesPerMinute is how often a seat token may be typed.
const triesPerMinute = 10

// EntryView is the page that asks for the seat token: POST /enter, field token.
type EntryView struct {
	Page  string `json:"page"` // "enter"
	Error string `json:"error,omitempty"`
}

func (s *seat) showEntry(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.entered.Get(r); ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	s.respondEntry(w, r, http.StatusOK, "")
}

func (s *seat) enter(w http.ResponseWriter, r *http.Request) {
	if !parseForm(w, r) {
		return
	}
	if !s.tries.AllowN(s.box.Now(), 1) {
		w.Header().Set("Retry-After", "60")
		s.respondEntry(w, r, http.StatusTooManyRequests, "Too many tries. Wait a minute, then type the seat token again.")
		return
	}
	if !s.rightToken(secret(r, "token")) {
		if err := s.box.Record("seat.refused", "local seat", "seat token", "wrong", nil); err != nil {
			web.Fail(w, r, err)
			return
		}
		s.respondEntry(w, r, http.StatusForbidden, "That is not the seat token. It is printed where the recorder was started.")
		return
	}
	if err := s.entered.Start(w, r, struct{}{}); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *seat) rightToken(typed rekey.Secret) bool {
	plain := strings.NewReplacer("-", "", " ", "").Replace
	want := plain(s.o.Token.Reveal())
	got := strings.ToUpper(plain(typed.Reveal()))
	return want != "" && rekey.NewSecret(got).Equal(rekey.NewSecret(strings.ToUpper(want)))
}

func (s *seat) respondEntry(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	v := EntryView{Page: "enter", Error: wrong}
	web.Respond(w, r, status, v, s.site().Page("Seat token", entryBody(v)))
}

// ownHost refuses requests whose Host is not the address that they came in at:
// a web page elsewhere could otherwise give its own name this address (DNS
// rebinding) and then be of our origin. localhost is right where the address is
// a loopback one.
func ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && namesAddress(r.Host, at) {
			next.ServeHTTP(w, r)
			return
		}
		web.Fail(w, r, fmt.Errorf("%w: the local seat answers only to its own address", rekey.ErrDenied))
	})
}

func namesAddress(host string, at *net.TCPAddr) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), "80"
	}
	if port != fmt.Sprint(at.Port) {
		return false
	}
	if strings.EqualFold(name, "localhost") {
		return at.IP.IsLoopback()
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.Equal(at.IP)
}
