package web

import (
	"fmt"
	"net/http"
	"runtime/debug"
)

// maxBody is the most that a form or a JSON body may hold.
const maxBody = 1 << 20

// policy forbids everything that does not come from this origin, and anything
// inline. data: is for the small pictures inside Pico's stylesheet (ticks,
// arrows of fields), which count as images.
const policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Secure puts the protections around a whole front: headers against inline
// code, framing, sniffing and caching; refusal of cross-origin requests that
// could change something; a limit on bodies; a panic ends as a 500 that tells
// nothing.
func Secure(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(denyCrossOrigin))
	inner := guard.Handler(http.MaxBytesHandler(next, maxBody))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		// Not no-referrer: with that a browser sends "Origin: null" with its own
		// forms, and over plain HTTP the cross-origin guard has nothing else to go by.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		defer recovered(w, r)
		inner.ServeHTTP(w, r)
	})
}

func denyCrossOrigin(w http.ResponseWriter, r *http.Request) {
	logger(r).Warn("cross-origin request refused", "method", r.Method, "path", r.URL.Path)
	writeProblem(w, r, Problem{
		Status: http.StatusForbidden,
		Code:   "cross_origin",
		Detail: "this request came from another site; open the page itself and send the form from there",
	})
}

// recovered answers a panic. When an answer has begun, the 500 cannot be sent
// any more and net/http drops it.
func recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic value the same way
		panic(v)
	}
	logger(r).Error("panic", "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	writeProblem(w, r, internalProblem)
}
