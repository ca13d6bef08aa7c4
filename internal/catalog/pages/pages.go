// Package pages writes the catalogue as web pages that a support desk can
// publish: a list to search, and one sheet a model to print. Each page is one
// file that needs no other: no server, no network, no script but the search's.
package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/durable"
)

var (
	//go:embed style.css
	style string
	//go:embed search.js
	search string
)

// Write writes index.html and one page a model into dir, which is made when
// missing, and returns how many files it wrote. Files of the same names are
// replaced; others are left alone.
func Write(ctx context.Context, dir string) (int, error) {
	models := catalog.Models()
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- to be published
		return 0, fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	n := 0
	put := func(name string, page templ.Component) error {
		var b bytes.Buffer
		if err := page.Render(ctx, &b); err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
		if err := durable.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
		}
		n++
		return nil
	}
	for _, m := range models {
		if err := put(fileOf(m), sheet(tell(m))); err != nil {
			return n, err
		}
	}
	return n, put("index.html", index(byMaker(models)))
}

// fileOf is the name of a model's page.
func fileOf(m catalog.Model) string { return strings.ToLower(m.ID) + ".html" }

// group is the models of one maker, in the catalogue's order: what holds for
// any of them stands last.
type group struct {
	Maker  string
	Models []catalog.Model
}

func byMaker(models []catalog.Model) (groups []group) {
	for _, m := range models {
		at := slices.IndexFunc(groups, func(g group) bool { return g.Maker == m.Maker })
		if at < 0 {
			at = len(groups)
			groups = append(groups, group{Maker: m.Maker})
		}
		groups[at].Models = append(groups[at].Models, m)
	}
	return groups
}

// policy lets the page use its own style and script and nothing else.
func policy() string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", digest(style), digest(search))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func inline(tag, text string) templ.Component {
	return templ.Raw("<" + tag + ">" + text + "</" + tag + ">")
}
