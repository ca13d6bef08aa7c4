package label

import (
	"fmt"
	"strings"

	qrcode "github.com/skip2/go-qrcode"
)

// QR is a QR code as dark bars, one module high, on a white square of Size
// modules, white border included.
type QR struct {
	Size int
	Bars []Bar
}

// Bar is a row of dark modules: its left end, its row from the top, its length.
type Bar struct{ X, Y, Length int }

// NewQR draws a text with error correction M.
func NewQR(text string) (QR, error) {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return QR{}, err
	}
	rows := q.Bitmap()
	drawn := QR{Size: len(rows)}
	for y, row := range rows {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				drawn.Bars = append(drawn.Bars, Bar{from, y, x - from})
			}
		}
	}
	return drawn, nil
}

// Path is the code as the d of one SVG path, a module a unit.
func (q QR) Path() string {
	var b strings.Builder
	for _, bar := range q.Bars {
		fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", bar.X, bar.Y, bar.Length, bar.Length)
	}
	return b.String()
}
