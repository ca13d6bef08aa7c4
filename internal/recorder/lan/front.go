package lan

import (
	"context"
	"html/template"
	"io"
	"net/http"

	"github.com/a-h/templ"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// frontBody tells who comes with a browser what this is. There is no login form:
// nothing on this page would be worth one.
var frontBody = template.Must(template.New("front").Parse(`<h1>WEB SERVICE</h1>
<p>This is the recorder <strong>{{.Name}}</strong> (model {{.Model}}).</p>
{{if .Initialised}}<p>Programs log in here with an account of the recorder.</p>
{{else}}<p>It has not been set up yet. Set it up at the recorder itself, with its monitor and mouse.</p>
{{end}}<h2>Forgotten password</h2>
<p>Help with a lost password is given at the recorder itself, at its monitor and mouse, never over the network.</p>
`))

type frontView struct {
	Name        string `json:"name"`
	Model       string `json:"model"`
	Initialised bool   `json:"initialised"`
}

func (l *lan) front(w http.ResponseWriter, r *http.Request) {
	if wantsChallenge(r.URL.Path) {
		l.refuseChallenge(r.Context(), r.URL.Path, client(r, recorder.Client{Via: rekey.InterfaceCGI, Type: "Web"}))
	}
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	info := l.box.Info()
	view := frontView{Name: info.Name, Model: info.Model, Initialised: l.box.Initialised()}
	body := templ.ComponentFunc(func(_ context.Context, w io.Writer) error { return frontBody.Execute(w, view) })
	web.Respond(w, r, http.StatusOK, view, web.Site{Name: info.Vendor + " " + info.Model}.Page("WEB SERVICE", body))
}
