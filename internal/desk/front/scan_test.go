package front_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"rekey/internal/desk/front"
	"rekey/internal/rekeytest/browser"
)

// pictureOf is a photograph of a QR code, with room around it.
func pictureOf(t testing.TB, text string) image.Image {
	t.Helper()
	code, err := qrcode.NewQRCodeWriter().Encode(text, gozxing.BarcodeFormat_QR_CODE, 360, 360, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := image.NewRGBA(image.Rect(0, 0, 640, 480))
	draw.Draw(seen, seen.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(seen, code.Bounds().Add(image.Pt(140, 60)), code, image.Point{}, draw.Src)
	return seen
}

func pngOf(t testing.TB, seen image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, seen); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// choose puts a picture into the field for one, as a person picks a file.
func (p *person) choose(css string, picture []byte) {
	p.t.Helper()
	p.Eval(fmt.Sprintf(`(() => {
		const bytes = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0));
		const all = new DataTransfer();
		all.items.add(new File([bytes], "code.png", {type: "image/png"}));
		const field = document.querySelector(%q);
		field.files = all.files;
		field.dispatchEvent(new Event("change", {bubbles: true}));
		return "";
	})()`, base64.StdEncoding.EncodeToString(picture), css))
}

// TestScanOfAPicture: a picture of the recorder's QR code leads to the recorder,
// and its text is the first evidence of the case.
func TestScanOfAPicture(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	ann := h.person("ann")
	ann.Tick("details.scan summary")
	ann.choose("#picture-find", pngOf(t, image.NewGray(image.Rect(0, 0, 300, 300))))
	ann.AwaitText("No QR code can be read in this picture")
	ann.look("scan")
	ann.choose("#picture-find", pngOf(t, pictureOf(t, b.qr(t, h, b.challenge(t)))))
	ann.Await("#open-case")
	ann.Wants("goes into the case as evidence E1")
	ann.Type("#caller", "+493012345")
	ann.Go()
	ann.Wants("Case 1", "E1 Recorder's QR code", "Control of a registered address")

	plain := h.person("bob")
	plain.WithoutScript()
	plain.Open(h.base + "/?find=" + b.id.String())
	plain.Type("#caller", "withheld")
	plain.Press("Open case")
	plain.Wants("Case 2", "Send a number to p***@example.org")
	plain.Press("Send a number to p***@example.org")
	plain.Type("#code", h.codeRead())
	plain.Press("Check the number")
	plain.Wants("confirmed")
}

// TestScanByCamera: the camera sees the QR code, and the recorder is found.
func TestScanByCamera(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	chromium := browser.StartWithCamera(t, pictureOf(t, b.id.String()))
	ann := &person{Tab: chromium.Tab(t), t: t, h: h}
	ann.passkey = ann.Passkeys()
	ann.comeIn("ann")
	ann.Tick("details.scan summary")
	ann.Tick("details.scan .camera button")
	ann.Await("#open-case")
	ann.Wants(b.id.String(), "N841")
}

// FuzzReadQR: whatever somebody sends for a picture, the desk stays up.
func FuzzReadQR(f *testing.F) {
	f.Add(pngOf(f, pictureOf(f, "V7KX-4YBM-0P8F")))
	f.Add([]byte("GIF89a"))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, picture []byte) {
		text, err := front.ReadQR(bytes.NewReader(picture))
		if err != nil && text != "" {
			t.Error("a text beside an error")
		}
	})
}

// TestReadQR: what is no picture, or too large a one, is refused before it is drawn.
func TestReadQR(t *testing.T) {
	t.Parallel()
	text, err := front.ReadQR(bytes.NewReader(pngOf(t, pictureOf(t, "HELLO"))))
	if err != nil || text != "HELLO" {
		t.Errorf("%q, %v", text, err)
	}
	for name, c := range map[string]struct {
		picture []byte
		want    string
	}{
		"no picture": {[]byte("hello"), "no picture"},
		"too large":  {pngOf(t, image.NewGray(image.Rect(0, 0, 4000, 4000))), "too large"},
		"broken":     {pngOf(t, pictureOf(t, "HELLO"))[:200], "broken"},
	} {
		if _, err := front.ReadQR(bytes.NewReader(c.picture)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
