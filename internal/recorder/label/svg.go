package label

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

var svgFaces = map[face]string{
	regular: `font-family="Helvetica, Arial, sans-serif"`,
	bold:    `font-family="Helvetica, Arial, sans-serif" font-weight="bold"`,
	code:    `font-family="Courier New, Courier, monospace" font-weight="bold"`,
}

// SVG is the sticker at its size on paper, black on white.
func (l Label) SVG() ([]byte, error) {
	q, err := l.drawn()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%gmm" height="%gmm" viewBox="0 0 %g %g" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>Label of recorder %s</title>\n", escaped(l.DeviceID))
	fmt.Fprintf(&b, `<rect x=".25" y=".25" width="%g" height="%g" rx="2" fill="#fff" stroke="#000" stroke-width=".3"/>`+"\n", width-.5, height-.5)
	for _, t := range l.lines() {
		fmt.Fprintf(&b, `<text x="%g" y="%g" font-size="%g" %s>%s</text>`+"\n", t.x, t.y, t.size, svgFaces[t.face], escaped(t.text))
	}
	fmt.Fprintf(&b, `<path transform="translate(%g %g) scale(%.6f)" shape-rendering="crispEdges" d="%s"/>`+"\n</svg>\n", qrLeft, qrTop, qrSide/float64(q.Size), q.Path())
	return b.Bytes(), nil
}

func escaped(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return b.String()
}
