package live

import (
	"embed"
	"net/http"

	"rekey/internal/web"
)

//go:embed static
var files embed.FS

// Style is the path of the stylesheet that View goes with.
const Style = "/static/live.css"

// Static serves it.
func Static() http.Handler { return web.StaticOf(files) }
