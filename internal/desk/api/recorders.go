package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// Owner is who owns a recorder, in POST /recorders and in
// POST /recorders/{id}/owner. What is empty stays as it is.
type Owner struct {
	Name      string    `json:"name,omitempty" example:"Petra Example" maxLength:"200"`
	Since     time.Time `json:"since,omitzero" example:"2025-01-01T00:00:00Z"`
	Addresses []string  `json:"addresses,omitempty" doc:"mailto:NAME@HOST or tel:+NUMBER; they take the place of all that are registered." example:"[\"mailto:petra@example.org\"]" maxItems:"20" nullable:"false"`
}

func (o Owner) owner() desk.Owner {
	return desk.Owner{Name: o.Name, Since: o.Since, Addresses: o.Addresses}
}

// Enrol is the body of POST /recorders.
type Enrol struct {
	Enrolment json.RawMessage `json:"enrolment" doc:"The enrolment file of the recorder, as its maker's program wrote it: a JSON object."`
	Owner     Owner           `json:"owner,omitzero"`
}

// SetOwner is the body of POST /recorders/{id}/owner.
type SetOwner struct {
	Owner
	StepUp Proof `json:"step_up,omitzero" doc:"Begun for the Device ID, the word owner, the name, the day of since in UTC, and the addresses as they are sent, a line each; what is left out is an empty line."`
}

// Stolen is the body of POST /recorders/{id}/stolen.
type Stolen struct {
	Stolen bool  `json:"stolen" doc:"While it is reported stolen there is no answer."`
	StepUp Proof `json:"step_up,omitzero" doc:"To take it back: begun for the Device ID and, on the next line, the word found. To report it takes none."`
}

// Phrases is the body of POST /recorders/{id}/phrases. An empty one is removed.
type Phrases struct {
	Support string `json:"support" doc:"The owner's support phrase (E3)." maxLength:"200"`
	Duress  string `json:"duress,omitempty" doc:"What the owner says instead when somebody forces them." maxLength:"200"`
	StepUp  Proof  `json:"step_up,omitzero" doc:"Begun for the Device ID, the word phrases, the support phrase and the duress word as they are sent, a line each; what is left out is an empty line."`
}

// Thaw is the body of POST /recorders/{id}/thaw and POST /cases/{number}/thaw.
type Thaw struct {
	Why    string `json:"why" example:"called the owner at the registered number; it was a mistake" maxLength:"2000"`
	StepUp Proof  `json:"step_up,omitzero" doc:"Begun for the Device ID, or for the case's number in digits."`
}

// Recorders is the answer of GET /recorders.
type Recorders struct {
	Recorders []desk.Recorder `json:"recorders"`
}

// Device is the path of a recorder.
type Device struct {
	ID string `path:"id" doc:"Device ID, as on the label." example:"V7KX-4YBM-0P97" maxLength:"40"`
}

func (d Device) id() (recovery.DeviceID, error) { return parseID(d.ID) }

func parseID(typed string) (recovery.DeviceID, error) {
	id, err := recovery.ParseDeviceID(typed)
	if err != nil {
		return id, fmt.Errorf("%w: %w", rekey.ErrInput, err)
	}
	return id, nil
}

func (s *server) recorderRoutes() {
	add(s, route{id: "listRecorders", method: http.MethodGet, path: "/recorders", tag: tagRecorders, act: desk.ActRecorderList,
		summary: "Search recorders", about: "By Device ID, serial number, model or owner's name; newest first."},
		func(ctx context.Context, c *call, in *struct {
			Text string `query:"text" maxLength:"200"`
		}) (Recorders, error) {
			all, err := s.desk.SearchRecorders(ctx, c.who, in.Text)
			return Recorders{some(all)}, err
		})
	add(s, route{id: "enrolRecorder", method: http.MethodPost, path: "/recorders", tag: tagRecorders, act: desk.ActRecorderEnrol, status: http.StatusCreated, keyed: true,
		summary: "Take a recorder and its key into the registry", about: "The maker compares the test answer with its own: then both have one key. It opens no account."},
		func(ctx context.Context, c *call, in *struct{ Body Enrol }) (desk.Enrolled, error) {
			return s.desk.Enrol(ctx, c.who, in.Body.Enrolment, in.Body.Owner.owner())
		})
	add(s, route{id: "getRecorder", method: http.MethodGet, path: "/recorders/{id}", tag: tagRecorders, act: desk.ActRecorderRead,
		summary: "One recorder, with the answers that were issued for it"},
		func(ctx context.Context, c *call, in *Device) (desk.Recorder, error) {
			id, err := in.id()
			if err != nil {
				return desk.Recorder{}, err
			}
			return s.desk.Recorder(ctx, c.who, id)
		})
	s.registrationRoutes()
}

func (s *server) registrationRoutes() {
	s.update("setOwner", "/recorders/{id}/owner", "Change the owner, or how they are reached", "It comes from the sale or the registration, never from a caller.")
	addQuiet(s, s.updateRoute("setStolen", "/recorders/{id}/stolen", "Report a recorder stolen, or take that back", "To report it is the act recorder.stolen, for the same roles and scopes, and takes no step-up."),
		func(ctx context.Context, c *call, in *struct {
			Device
			Body Stolen
		}) error {
			return s.withID(in.Device, func(id recovery.DeviceID) error {
				return s.desk.SetStolen(ctx, c.who, id, in.Body.Stolen, in.Body.StepUp)
			})
		})
	addQuiet(s, s.updateRoute("setPhrases", "/recorders/{id}/phrases", "Register the owner's support phrase and duress word", "They come with the registration, never from a caller, and are kept as hashes."),
		func(ctx context.Context, c *call, in *struct {
			Device
			Body Phrases
		}) error {
			p := desk.Phrases{Support: rekey.NewSecret(in.Body.Support), Duress: rekey.NewSecret(in.Body.Duress)}
			return s.withID(in.Device, func(id recovery.DeviceID) error { return s.desk.SetPhrases(ctx, c.who, id, p, in.Body.StepUp) })
		})
	add(s, route{id: "thawRecorder", method: http.MethodPost, path: "/recorders/{id}/thaw", tag: tagRecorders, act: desk.ActRecorderThaw, keyed: true,
		summary: "Let a frozen recorder go on, where its case is closed"},
		func(ctx context.Context, c *call, in *struct {
			Device
			Body Thaw
		}) (desk.Recorder, error) {
			id, err := in.id()
			if err != nil {
				return desk.Recorder{}, err
			}
			return s.desk.ThawRecorder(ctx, c.who, id, in.Body.Why, in.Body.StepUp)
		})
}

func (s *server) updateRoute(id, path, summary, about string) route {
	return route{id: id, method: http.MethodPost, path: path, tag: tagRecorders, act: desk.ActRecorderUpdate, status: http.StatusNoContent, keyed: true, summary: summary, about: about}
}

func (s *server) update(id, path, summary, about string) {
	addQuiet(s, s.updateRoute(id, path, summary, about), func(ctx context.Context, c *call, in *struct {
		Device
		Body SetOwner
	}) error {
		return s.withID(in.Device, func(id recovery.DeviceID) error {
			return s.desk.SetOwner(ctx, c.who, id, in.Body.owner(), in.Body.StepUp)
		})
	})
}

func (s *server) withID(d Device, do func(recovery.DeviceID) error) error {
	id, err := d.id()
	if err != nil {
		return err
	}
	return do(id)
}
