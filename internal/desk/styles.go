package desk

import (
	_ "embed" // the stylesheet
	"net/http"
)

//go:embed desk.css
var stylesheet []byte

// styles serves the desk's own rules; a browser asks each time for what has changed.
func styles(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(stylesheet)
}
