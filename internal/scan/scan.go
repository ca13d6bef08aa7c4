// Package scan reads QR codes in pictures: photographs that people send, and what
// a screen shows.
package scan

import (
	"image"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// QR is the text of the QR code in a picture, or empty where none can be read. The
// picture is a stranger's: what makes the reader panic holds none.
//
// About one code in a hundred holds modules that look like its corners, and the
// reader goes wrong on it, in this position and not in another. So the picture is
// read once more, turned by a quarter, as who holds a telephone would do.
func QR(picture image.Image) (text string) {
	defer func() {
		if recover() != nil {
			text = ""
		}
	}()
	bits, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		return ""
	}
	if text = read(bits); text != "" {
		return text
	}
	turned, err := bits.RotateCounterClockwise()
	if err != nil {
		return ""
	}
	return read(turned)
}

func read(bits *gozxing.BinaryBitmap) string {
	got, err := qrcode.NewQRCodeReader().Decode(bits, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	if err != nil {
		return ""
	}
	return got.GetText()
}
