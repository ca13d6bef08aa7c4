// Package api is the desk's JSON API, OpenAPI 3.1 under /api/v1. Every call is
// one method of package desk, which authorises and records it.
//
// An agent's session comes with a cookie, a program's key with Authorization:
// Bearer. Refusals are RFC 9457 problems with the codes of package web, and
// repeat nothing of what was sent: it may be a secret. A request with an
// Idempotency-Key acts once, however often it is sent.
//
// The handler wants package web's Secure around it, as package front puts it:
// that is the guard against requests of other sites, and the headers.
package api

import (
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"rekey/internal/desk"
)

// Path is where the API begins.
const Path = "/api/v1"

// mostBody is the most that a request may hold.
const mostBody = 1 << 20

// server is the API of one desk.
type server struct {
	desk    *desk.Desk
	mux     *http.ServeMux
	huma    huma.API
	limits  *limits
	streams *streams
}

// Handler is the API, for requests under /api/v1/.
func Handler(d *desk.Desk) http.Handler {
	s := newServer(d)
	document, err := s.document()
	if err != nil {
		panic(err) // the document is made of the program's own types
	}
	s.mux.HandleFunc("GET "+Path+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document)
	})
	s.mux.HandleFunc(Path+"/", s.noSuchPath)
	return noStore(s.mux)
}

// Document is the OpenAPI document, as JSON. It is the same for every desk.
func Document() ([]byte, error) { return newServer(nil).document() }

func newServer(d *desk.Desk) *server {
	s := &server{desk: d, mux: http.NewServeMux(), limits: newLimits(d.Now), streams: newStreams()}
	s.huma = huma.NewAPI(s.config(), adapter{s})
	s.loginRoutes()
	s.agentRoutes()
	s.keyRoutes()
	s.recorderRoutes()
	s.dealerRoutes()
	s.caseRoutes()
	s.careRoutes()
	s.evidenceRoutes()
	s.figureRoutes()
	s.logRoutes()
	// huma names its own form of an error, which this API never sends.
	delete(s.huma.OpenAPI().Components.Schemas.Map(), "ErrorModel")
	delete(s.huma.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
	return s
}

func (s *server) document() ([]byte, error) {
	b, err := json.MarshalIndent(s.huma.OpenAPI(), "", "  ")
	return append(b, '\n'), err
}

func noStore(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
