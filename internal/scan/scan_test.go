package scan

import (
	"encoding/base32"
	"fmt"
	"image"
	"image/draw"
	"math/rand/v2"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/skip2/go-qrcode"
)

// painted is a text as a QR code on white, side pixels a module.
func painted(t testing.TB, text string, side int) image.Image {
	t.Helper()
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		t.Fatal(err)
	}
	rows := code.Bitmap()
	picture := image.NewGray(image.Rect(0, 0, len(rows)*side, len(rows)*side))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	for y, row := range rows {
		for x, dark := range row {
			if dark {
				draw.Draw(picture, image.Rect(x*side, y*side, (x+1)*side, (y+1)*side), image.Black, image.Point{}, draw.Src)
			}
		}
	}
	return picture
}

// key is what an authenticator scans, with a secret that is not one.
func key(random *rand.Rand) string {
	secret := make([]byte, 20)
	for i := range secret {
		secret[i] = byte(random.Uint32())
	}
	return fmt.Sprintf("otpauth://totp/NVR:admin@DEPR-Z93V-3BDZ?secret=%s&issuer=NVR&algorithm=SHA1&digits=6&period=30", base32.StdEncoding.EncodeToString(secret))
}

// TestCodesThatLookLikeTheirCorners: of 200 codes the library alone cannot read
// some, so that a scan in a hundred failed; here all are read.
func TestCodesThatLookLikeTheirCorners(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same codes each time
	hard := 0
	for range 200 {
		text := key(random)
		picture := painted(t, text, 4)
		if bits, err := gozxing.NewBinaryBitmapFromImage(picture); err != nil || read(bits) != text {
			hard++
		}
		if got := QR(picture); got != text {
			t.Errorf("%s is read as %q", text, got)
		}
	}
	if hard == 0 {
		t.Error("the library reads all of them: the second look is needed no more")
	}
	t.Logf("%d of 200 needed the second look", hard)
}

// TestNoCode: a picture without one is no fault, whatever its size.
func TestNoCode(t *testing.T) {
	t.Parallel()
	noise := image.NewGray(image.Rect(0, 0, 90, 90))
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same noise each time
	for i := range noise.Pix {
		noise.Pix[i] = byte(random.Uint32())
	}
	for name, picture := range map[string]image.Image{
		"nothing": image.NewGray(image.Rectangle{}), "a dot": image.NewGray(image.Rect(0, 0, 1, 1)),
		"a line": image.NewGray(image.Rect(0, 0, 300, 1)), "noise": noise,
	} {
		if got := QR(picture); got != "" {
			t.Errorf("%s is read as %q", name, got)
		}
	}
}
