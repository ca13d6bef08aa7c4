package seat

import (
	"github.com/a-h/templ"

	"rekey/internal/recorder/label"
)

// picture is a QR code on a screen.
type picture = label.QR

func qrPicture(text string) (picture, error) { return label.NewQR(text) }

func qrImage(p picture, says string) templ.Component { return p.Picture(says) }
