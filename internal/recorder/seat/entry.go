package seat

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"rekey"
	"rekey/internal/web"
)

// triesPerMinute is how often a seat token may be typed.
const triesPerMinute = 10

// Entry is who stands in front of the box: whoever has typed the seat token. It
// lasts as long as the process, over every boot of the box, since who stands
// there does not walk away when the power goes; log-ins are of one boot. The
// next process draws another token, so that one that was overheard is worth
// nothing then.
type Entry struct {
	token   rekey.Secret
	now     func() time.Time
	entered *web.Sessions[struct{}]
	tries   *rate.Limiter
}

// NewEntry makes the entry of one recorder. token is what NewToken gave; now is
// the recorder's wall clock.
func NewEntry(token rekey.Secret, now func() time.Time) *Entry {
	return &Entry{
		token:   token,
		now:     now,
		entered: web.NewSessions[struct{}](web.SessionOptions{Name: "rekey_seat", Idle: seatIdle, Max: seatMax, Now: now}),
		tries:   rate.NewLimiter(rate.Every(time.Minute/triesPerMinute), triesPerMinute),
	}
}

// Token is what a person types.
func (e *Entry) Token() rekey.Secret { return e.token }

// Entered tells whether the token was typed in the request's browser. It does
// not count as use: it is for answers that go on with nobody there.
func (e *Entry) Entered(r *http.Request) bool { return e.entered.Open(r) }

// Behind lets in who has typed the seat token.
func (e *Entry) Behind(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := e.entered.Get(r); ok {
			next.ServeHTTP(w, r)
			return
		}
		turnAway(w, r, "/enter", fmt.Errorf("%w: type the seat token first, at /enter", rekey.ErrDenied))
	})
}

// EntryView is the page that asks for the seat token: POST /enter, field token.
type EntryView struct {
	Page  string `json:"page"` // "enter"
	Error string `json:"error,omitempty"`
}

// Page is /enter. The name stands above it; refused puts a wrong token on
// record and is nil while there is no power to do so.
func (e *Entry) Page(name func() string, refused func() error) http.Handler {
	p := entryPage{e, name, refused}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /enter", p.show)
	mux.HandleFunc("POST /enter", p.enter)
	return mux
}

type entryPage struct {
	*Entry
	name    func() string
	refused func() error
}

func (p entryPage) show(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.entered.Get(r); ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p.respond(w, r, http.StatusOK, "")
}

func (p entryPage) enter(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	if !p.tries.AllowN(p.now(), 1) {
		w.Header().Set("Retry-After", "60")
		p.respond(w, r, http.StatusTooManyRequests, "Too many tries. Wait a minute, then type the seat token again.")
		return
	}
	if !p.right(web.FormSecret(r, "token")) {
		if p.refused != nil {
			if err := p.refused(); err != nil {
				web.Fail(w, r, err)
				return
			}
		}
		p.respond(w, r, http.StatusForbidden, "That is not the seat token. It is printed where the recorder was started.")
		return
	}
	if err := p.entered.Start(w, r, struct{}{}); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (e *Entry) right(typed rekey.Secret) bool {
	plain := strings.NewReplacer("-", "", " ", "").Replace
	want := plain(e.token.Reveal())
	got := strings.ToUpper(plain(typed.Reveal()))
	return want != "" && rekey.NewSecret(got).Equal(rekey.NewSecret(strings.ToUpper(want)))
}

func (p entryPage) respond(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	v := EntryView{Page: "enter", Error: wrong}
	web.Respond(w, r, status, v, Frame(p.name()).Page("Seat token", entryBody(v)))
}

// OwnHost refuses requests whose Host is not the address that they came in at:
// a web page elsewhere could otherwise give its own name this address (DNS
// rebinding) and then be of our origin. localhost is right where the address is
// a loopback one.
func OwnHost(next http.Handler) http.Handler {
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
