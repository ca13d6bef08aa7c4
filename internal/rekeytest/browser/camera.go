package browser

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// StartWithCamera runs a Chromium whose camera sees one picture for ever, and
// whose user allows every page to use it that may ask.
func StartWithCamera(t testing.TB, seen image.Image) *Browser {
	t.Helper()
	var frame bytes.Buffer
	if err := jpeg.Encode(&frame, seen, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	film := filepath.Join(t.TempDir(), "camera.mjpeg")
	if err := os.WriteFile(film, bytes.Repeat(frame.Bytes(), 10), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t,
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", film),
	)
}
