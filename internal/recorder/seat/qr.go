package seat

import (
	"fmt"

	"rekey/internal/recorder/label"
)

// picture is a QR code as one SVG path of unit squares, white border included.
type picture struct {
	size int
	path string
}

func qrPicture(text string) (picture, error) {
	q, err := label.NewQR(text)
	return picture{q.Size, q.Path()}, err
}

func (p picture) viewBox() string { return fmt.Sprintf("0 0 %d %d", p.size, p.size) }
