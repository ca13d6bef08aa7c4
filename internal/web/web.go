// Package web is what the web fronts share: the layout of a page and its
// styles, forms, sessions, the headers that every answer carries, the answer in
// JSON or as a page, and the one map from the kinds of failure to HTTP.
//
// The pages work without JavaScript; a front may bring a script of its own that
// makes them nicer. A front puts its mux
// together as Logged(log, Secure(mux)), mounts Static at /static/, answers with
// Respond and refuses with Fail.
package web

//go:generate go tool templ generate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// Respond answers with view as JSON when the request prefers application/json,
// else with the page. Either is rendered whole before the first byte is sent,
// so that a fault while rendering is a clean 500.
func Respond(w http.ResponseWriter, r *http.Request, status int, view any, page templ.Component) {
	w.Header().Add("Vary", "Accept")
	var body bytes.Buffer
	var err error
	if PrefersJSON(r) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		err = json.NewEncoder(&body).Encode(view)
	} else {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		err = page.Render(r.Context(), &body)
	}
	if err != nil {
		Fail(w, r, fmt.Errorf("render %s: %w", r.URL.Path, err))
		return
	}
	w.WriteHeader(status)
	if _, err := w.Write(body.Bytes()); err != nil {
		logger(r).Debug("client went away", "path", r.URL.Path, "error", err)
	}
}

// PrefersJSON reports whether the request asks for JSON rather than a page:
// application/json or application/problem+json stands before, or with a higher
// weight than, text/html. No Accept header or */* asks for the page.
func PrefersJSON(r *http.Request) bool {
	const most = 32 // media ranges looked at
	jsonQ, htmlQ := 0.0, 0.0
	for i, part := range strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",") {
		if i == most {
			break
		}
		media, params, _ := strings.Cut(part, ";")
		// What stands earlier wins among equals.
		q := weight(params) - float64(i)*1e-6
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "application/json", "application/problem+json":
			jsonQ = max(jsonQ, q)
		case "text/html", "application/xhtml+xml":
			htmlQ = max(htmlQ, q)
		}
	}
	return jsonQ > htmlQ
}

// weight reads q of RFC 9110 section 12.4.2; nonsense weighs nothing.
func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}

type loggerKey struct{}

// Logged hands the log to Secure and Fail of every request below it.
func Logged(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), loggerKey{}, log)))
	})
}

func logger(r *http.Request) *slog.Logger {
	if log, ok := r.Context().Value(loggerKey{}).(*slog.Logger); ok && log != nil {
		return log
	}
	return slog.New(slog.DiscardHandler)
}
