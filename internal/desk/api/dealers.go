package api

import (
	"context"
	"net/http"
	"time"

	"rekey/internal/desk"
)

// AddDealer is the body of POST /dealers.
type AddDealer struct {
	Name    string    `json:"name" doc:"Of the account." example:"alarm-smith" maxLength:"100"`
	Company string    `json:"company" example:"Alarm Smith Ltd" maxLength:"200"`
	Phone   string    `json:"phone" doc:"Registered number." example:"+49 30 7654321" maxLength:"50"`
	Until   time.Time `json:"until" doc:"The vetting counts until then." example:"2027-01-01T00:00:00Z"`
	StepUp  Proof     `json:"step_up,omitzero" doc:"Begun for the name."`
}

// Dealers is the answer of GET /dealers.
type Dealers struct {
	Dealers []desk.Dealer `json:"dealers"`
}

func (s *server) dealerRoutes() {
	add(s, route{id: "listDealers", method: http.MethodGet, path: "/dealers", tag: tagRecorders, act: desk.ActDealerList,
		summary: "List vetted dealers and installers"},
		func(ctx context.Context, c *call, _ *struct{}) (Dealers, error) {
			all, err := s.desk.Dealers(ctx, c.who)
			return Dealers{some(all)}, err
		})
	add(s, route{id: "addDealer", method: http.MethodPost, path: "/dealers", tag: tagRecorders, act: desk.ActDealerAdd, status: http.StatusCreated, keyed: true,
		summary: "Register a vetted dealer, or renew the vetting"},
		func(ctx context.Context, c *call, in *struct{ Body AddDealer }) (desk.Dealer, error) {
			d := desk.Dealer{Name: in.Body.Name, Company: in.Body.Company, Phone: in.Body.Phone, Until: in.Body.Until}
			return d, s.desk.AddDealer(ctx, c.who, d, in.Body.StepUp)
		})
	addQuiet(s, route{id: "endDealer", method: http.MethodDelete, path: "/dealers/{name}", tag: tagRecorders, act: desk.ActDealerEnd,
		summary: "End a dealer's account"},
		func(ctx context.Context, c *call, in *Named) error { return s.desk.EndDealer(ctx, c.who, in.Name) })
}
