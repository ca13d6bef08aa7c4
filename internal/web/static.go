package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// Pico CSS 2.1.1, from npm @picocss/pico, MIT (pico.LICENSE.md beside it), and
// our own few rules.
//
//go:embed static
var files embed.FS

type asset struct {
	data []byte
	etag string
}

// Static serves the styles that the fronts share; see StaticOf.
func Static() http.Handler { return StaticOf(files) }

// StaticOf serves the files of a front's own folder static under /static/. A
// browser keeps them and asks each time whether they have changed. There is no
// listing.
func StaticOf(files fs.FS) http.Handler {
	assets := map[string]asset{}
	names, err := fs.Glob(files, "static/*")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err) // the file is inside this program
		}
		sum := sha256.Sum256(data)
		assets["/"+name] = asset{data, `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets[r.URL.Path]
		if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", a.etag)
		http.ServeContent(w, r, path.Base(r.URL.Path), time.Time{}, bytes.NewReader(a.data))
	})
}
