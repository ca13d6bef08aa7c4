package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"rekey/internal/desk"
)

// Span is a span of time in a query.
type Span struct {
	Since time.Time `query:"since" required:"true" example:"2026-03-01T00:00:00Z"`
	Until time.Time `query:"until" required:"true" example:"2026-03-31T00:00:00Z"`
}

// Alarms is the answer of GET /alarms.
type Alarms struct {
	Alarms []desk.Alarm `json:"alarms"`
}

// Settle is the body of POST /alarms/{id}.
type Settle struct {
	Note string `json:"note" doc:"What was found." maxLength:"4000"`
}

func (s *server) figureRoutes() {
	add(s, route{id: "getFigures", method: http.MethodGet, path: "/figures", tag: tagFigures, act: desk.ActFigures,
		summary: "Figures of a span of time", about: "At most 92 days."},
		func(ctx context.Context, c *call, in *Span) (desk.Figures, error) {
			return s.desk.Figures(ctx, c.who, in.Since, in.Until)
		})
	add(s, route{id: "listAlarms", method: http.MethodGet, path: "/alarms", tag: tagFigures, act: desk.ActAlarmList,
		summary: "List alarms", about: "Newest first."},
		func(ctx context.Context, c *call, in *struct {
			Open bool `query:"open" doc:"Only those that nobody settled."`
		}) (Alarms, error) {
			all, err := s.desk.Alarms(ctx, c.who, in.Open)
			return Alarms{some(all)}, err
		})
	add(s, route{id: "settleAlarm", method: http.MethodPost, path: "/alarms/{id}", tag: tagFigures, act: desk.ActAlarmSettle, keyed: true,
		summary: "Say what was found about an alarm"},
		func(ctx context.Context, c *call, in *struct {
			ID   int64 `path:"id" minimum:"1"`
			Body Settle
		}) (desk.Alarm, error) {
			return s.desk.SettleAlarm(ctx, c.who, in.ID, in.Body.Note)
		})
	s.export()
}

func (s *server) logRoutes() {
	add(s, route{id: "reconcile", method: http.MethodGet, path: "/reconcile", tag: tagFigures, act: desk.ActReconcile,
		summary: "Compare uses of recorders' keys with the answers that were issued"},
		func(ctx context.Context, c *call, in *Span) (desk.Reconciled, error) {
			return s.desk.Reconcile(ctx, c.who, in.Since, in.Until)
		})
	add(s, route{id: "verifyLog", method: http.MethodGet, path: "/log", tag: tagFigures, act: desk.ActLogVerify,
		summary: "Check the whole security log", about: "A log that does not verify is a report with a problem, not a refusal."},
		func(ctx context.Context, c *call, _ *struct{}) (desk.LogReport, error) {
			return s.desk.VerifyLog(ctx, c.who)
		})
	s.news()
}

// exportQuery is the query of GET /export.
type exportQuery struct {
	Format string `query:"format" enum:"csv,json" default:"csv"`
	Span
}

// export streams: a month of a big desk is large.
func (s *server) export() {
	rt := route{id: "export", method: http.MethodGet, path: "/export", tag: tagFigures, act: desk.ActExport,
		summary: "Cases and answers of a span of time", about: "As CSV, or as JSON lines. No names, numbers or addresses of callers and owners."}
	op := s.operation(rt)
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	op.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{"text/csv": text, "application/x-ndjson": text}}
	huma.Register(s.huma, op, func(ctx context.Context, in *exportQuery) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(huma.Context) { s.writeExport(ctx, callOf(ctx), in) }}, nil
	})
}

func (s *server) writeExport(ctx context.Context, c *call, in *exportQuery) {
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson"}[in.Format]
	out := &stream{w: c.w, kind: kind, name: "rekey-desk." + in.Format}
	err := s.desk.Export(ctx, c.who, out, in.Format, in.Since, in.Until)
	switch {
	case err == nil:
		out.begin() // also where it is empty
	case !out.begun:
		s.refuse(c.w, c.r, err)
	default:
		s.desk.Log().Error("export broke off", "error", err)
		panic(http.ErrAbortHandler) // so that nobody takes half of it for the whole
	}
}
