package seat

import (
	"fmt"
	"strings"

	qrcode "github.com/skip2/go-qrcode"
)

// picture is a QR code as one SVG path of unit squares, white border included.
type picture struct {
	size int
	path string
}

func qrPicture(text string) (picture, error) {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return picture{}, err
	}
	rows := q.Bitmap()
	var b strings.Builder
	for y, row := range rows {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	return picture{len(rows), b.String()}, nil
}

func (p picture) viewBox() string { return fmt.Sprintf("0 0 %d %d", p.size, p.size) }
