package front

import (
	"bytes"
	"image"
	_ "image/jpeg" // what cameras and telephones send
	_ "image/png"  // what screens send
	"io"
	"mime"
	"net/http"
	"net/url"

	"rekey"
	"rekey/internal/scan"
)

// What bounds the work of one picture, and of all at a time. scan.js makes
// pictures small before it sends them; a photograph of a million pixels takes
// a tenth of a second a look, and there are two.
const (
	scansAtOnce = 2
	mostPixels  = 6_000_000
)

// scanned is what a picture says.
type scanned struct {
	Text string `json:"text"` // of the QR code; empty where there is none to be read
}

// scan reads the QR code in a picture: from scan.js as the body, answered in
// JSON, or uploaded in a form, after which the page goes on to where the form
// says. It looks nothing up and keeps nothing.
func (f *front) scan(c *call) (reply, error) {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		return reply{}, refuse(rekey.ErrInput, "a picture is expected, PNG or JPEG")
	}
	if kind != "multipart/form-data" {
		text, err := f.read(c.r, c.r.Body)
		return reply{view: scanned{text}}, err
	}
	file, _, err := c.r.FormFile("picture")
	if err != nil {
		return reply{}, badForm(err)
	}
	defer func() { _ = file.Close() }()
	text, err := f.read(c.r, file)
	if err == nil && text == "" {
		err = refuse(rekey.ErrInput, "no QR code can be read in this picture; take it again, closer and in better light")
	}
	return reply{location: inside(c.field("to")) + url.QueryEscape(text)}, err
}

// read waits for its turn, or until whoever asked has gone.
func (f *front) read(r *http.Request, picture io.Reader) (string, error) {
	select {
	case f.scans <- struct{}{}:
		defer func() { <-f.scans }()
	case <-r.Context().Done():
		return "", r.Context().Err()
	}
	return readQR(picture)
}

// readQR is the text of the QR code in a PNG or JPEG, or empty.
func readQR(picture io.Reader) (text string, err error) {
	data, err := io.ReadAll(picture)
	if err != nil {
		return "", badForm(err)
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return "", refuse(rekey.ErrInput, "this is no picture that can be read; PNG or JPEG is expected")
	}
	if size.Width < 1 || size.Height < 1 || size.Width > mostPixels/size.Height {
		return "", refuse(rekey.ErrInput, "the picture is too large: %d x %d; send a smaller one", size.Width, size.Height)
	}
	drawn, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return "", refuse(rekey.ErrInput, "this picture is broken; send it again")
	}
	return scan.QR(drawn), nil
}
