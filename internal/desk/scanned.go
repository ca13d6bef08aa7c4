package desk

import (
	"net/http"
	"strings"

	"rekey"
	"rekey/internal/web"
	"rekey/recovery"
)

// scanned is the text of a recorder's QR code, as a telephone that followed it
// brings it here.
type scanned struct {
	Text string `json:"text"`
}

// readOut is the page behind a recorder's QR code. A telephone opens it, and so
// does whatever makes previews of links, so it does nothing: it asks for no
// log-in, looks nothing up and records nothing. It gives the caller the text
// that the agent asks for, which came with the request.
func readOut(w http.ResponseWriter, r *http.Request) {
	text := strings.ToUpper("https://" + r.Host + "/R/" + r.PathValue("payload"))
	if _, err := recovery.ParseQR(text); err != nil {
		web.Fail(w, r, refuse(rekey.ErrInput, "this is not the whole text of a recorder's QR code; please scan it again"))
		return
	}
	web.Respond(w, r, http.StatusOK, scanned{text}, frame(Agent{}, "").Page("Your recorder's code", scannedPage(text)))
}
