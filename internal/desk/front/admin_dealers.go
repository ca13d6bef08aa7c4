package front

import (
	"time"

	"rekey"
	"rekey/internal/desk"
)

func (f *front) dealers(c *call) (reply, error) { return f.dealersPage(c, nil) }

func (f *front) dealersPage(c *call, failed error) (reply, error) {
	all, err := f.desk.Dealers(c.r.Context(), c.who)
	if err != nil {
		return reply{}, err
	}
	typed := dealerTyped{c.field("name"), c.field("company"), c.field("phone"), c.field("until")}
	return reply{title: "Dealers", page: dealersPage(c.who, all, typed, told(failed))}, failed
}

// dealerTyped is what stood in the form of a dealer.
type dealerTyped struct{ Name, Company, Phone, Until string }

func (f *front) addDealer(c *call) (reply, error) {
	until, err := time.Parse(dateLayout, c.field("until"))
	if err != nil {
		return f.dealersPage(c, refuse(rekey.ErrInput, "vetted until: expected a date such as 2027-11-01"))
	}
	proof, err := c.stepUp()
	if err == nil {
		err = f.desk.AddDealer(c.r.Context(), c.who, desk.Dealer{
			Name: c.field("name"), Company: c.field("company"), Phone: c.field("phone"), Until: until.Add(24 * time.Hour),
		}, proof)
	}
	if err != nil {
		return f.dealersPage(c, err)
	}
	return reply{location: "/dealers"}, nil
}

func (f *front) endDealer(c *call) (reply, error) {
	if err := f.desk.EndDealer(c.r.Context(), c.who, c.r.PathValue("name")); err != nil {
		return f.dealersPage(c, err)
	}
	return reply{location: "/dealers"}, nil
}
