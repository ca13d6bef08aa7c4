package page

import (
	"fmt"
	"net/http"
	"slices"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
)

// ServicesView is Settings > Services, for admins.
type ServicesView struct {
	Page     string        `json:"page"` // "services"
	Services []ServiceView `json:"services"`
}

// ServiceView is one service.
type ServiceView struct {
	Name  string `json:"name"` // of its settings
	Group string `json:"group"`
	Title string `json:"title"`
	Text  string `json:"text"`
	Why   string `json:"why"`  // what is recommended
	Best  bool   `json:"best"` // recommended: on
	On    bool   `json:"on"`

	key string
}

func (v ServiceView) state() string {
	text := onOff(v.On)
	if v.On != v.Best {
		text += ", against the advice"
	}
	return text
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (v ServiceView) verb() string {
	if v.On {
		return "Switch off"
	}
	return "Switch on"
}

// offered are the services that this recorder's settings have.
func (p *page) offered() []ServiceView {
	var all []ServiceView
	for _, one := range say.Services() {
		table, ok := p.box.Table(one.Table)
		if ok && table[one.Key] != "" {
			all = append(all, ServiceView{Name: one.Table, Group: one.Group, Title: one.Title, Text: one.What, Why: one.Why, Best: one.Best, On: table[one.Key] == "true", key: one.Key})
		}
	}
	return all
}

// in are the services below one heading.
func (v ServicesView) in(group string) []ServiceView {
	return slices.DeleteFunc(slices.Clone(v.Services), func(s ServiceView) bool { return s.Group != group })
}

func (p *page) services(w http.ResponseWriter, r *http.Request, s *session) {
	v := ServicesView{Page: "services", Services: p.offered()}
	p.respond(w, r, http.StatusOK, v, "Services", s, servicesBody(v))
}

// serviceAct switches a service to what it is not.
func (p *page) serviceAct(r *http.Request, s *session) (act, error) {
	all := p.offered()
	at := slices.IndexFunc(all, func(v ServiceView) bool { return v.Name == r.PathValue("name") })
	if at < 0 {
		return act{}, fmt.Errorf("%w: the recorder has no such service", rekey.ErrNotFound)
	}
	v := all[at]
	return act{
		to:    onOff(!v.On),
		title: v.verb() + ": " + v.Title, button: v.verb(), back: "/settings/services", text: v.Text + " " + v.Why,
		do: func(w http.ResponseWriter, r *http.Request, by recorder.StepUp) error {
			switch r.PostForm.Get("to") {
			case onOff(!v.On):
			case onOff(v.On): // it is so already: the button was pressed twice
				http.Redirect(w, r, "/settings/services", http.StatusSeeOther)
				return nil
			default:
				return &say.BadForm{Text: "Say whether to switch it on or off."}
			}
			if err := p.stepUp(s.account, by, client(r)); err != nil {
				return err
			}
			if err := p.box.SetTable(s.account, v.Name, map[string]string{v.key: fmt.Sprint(!v.On)}, client(r)); err != nil {
				return err
			}
			http.Redirect(w, r, "/settings/services", http.StatusSeeOther)
			return nil
		},
	}, nil
}
