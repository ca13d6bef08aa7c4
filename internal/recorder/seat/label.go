package seat

import (
	"net/http"
	"strconv"

	"rekey/internal/recorder/label"
	"rekey/internal/web"
)

// LabelView is the label to print; it is also there as /label.svg and /label.pdf.
type LabelView struct {
	Page string `json:"page"` // "label"
	label.Label
}

func (s *seat) label(w http.ResponseWriter, r *http.Request) {
	v := LabelView{Page: "label", Label: label.Of(s.box.Info())}
	web.Respond(w, r, http.StatusOK, v, s.site(backToInfo, backToScreen).Page("Label", labelBody(v)))
}

var backToInfo = web.Link{Text: "Info", Href: "/info"}

func (s *seat) labelSVG(w http.ResponseWriter, r *http.Request) {
	document, err := label.Of(s.box.Info()).SVG()
	sendFile(w, r, "image/svg+xml", "", document, err)
}

func (s *seat) labelPDF(w http.ResponseWriter, r *http.Request) {
	document, err := label.Of(s.box.Info()).PDF()
	sendFile(w, r, "application/pdf", "label-"+s.box.Info().DeviceID+".pdf", document, err)
}

// sendFile answers with a document; one that has a name is for keeping.
func sendFile(w http.ResponseWriter, r *http.Request, kind, name string, document []byte, err error) {
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(document)))
	if name != "" {
		w.Header().Set("Content-Disposition", `inline; filename="`+name+`"`)
	}
	_, _ = w.Write(document) // a client that went away
}
