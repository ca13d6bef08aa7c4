package label

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rekey/internal/scan"
)

var sticker = Label{Vendor: "Lorex", Model: "N841", DeviceID: "7M2K-9QXD-41ZT", Serial: "ND0123456789ABC", MAC: "02:00:5e:00:53:01"}

// scanned is what a telephone reads from dark rectangles on white paper, 10
// pixels a unit.
func scanned(t *testing.T, w, h float64, dark []rectangle) string {
	t.Helper()
	const scale = 10
	paper := image.NewGray(image.Rect(0, 0, int(w*scale), int(h*scale)))
	draw.Draw(paper, paper.Bounds(), image.White, image.Point{}, draw.Src)
	for _, r := range dark {
		box := image.Rect(int(r.x*scale+.5), int(r.y*scale+.5), int((r.x+r.w)*scale+.5), int((r.y+r.h)*scale+.5))
		if !box.In(paper.Bounds()) {
			t.Fatalf("%v is outside the paper", r)
		}
		draw.Draw(paper, box, image.NewUniform(color.Black), image.Point{}, draw.Src)
	}
	return scan.QR(paper)
}

type rectangle struct{ x, y, w, h float64 }

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var (
	svgBar  = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	svgText = regexp.MustCompile(`<text [^>]*>([^<]*)</text>`)
	pdfBar  = regexp.MustCompile(`(?m)^([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re$`)
	pdfText = regexp.MustCompile(`(?m)^BT /F\d [\d.]+ Tf ([\d.]+) ([\d.]+) Td \(((?:[^()\\]|\\.)*)\) Tj ET$`)
)

func TestSVG(t *testing.T) {
	t.Parallel()
	svg, err := sticker.SVG()
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
	var dark []rectangle
	for _, m := range svgBar.FindAllStringSubmatch(string(svg), -1) {
		if m[3] != m[4] {
			t.Errorf("%s does not close", m[0])
		}
		dark = append(dark, rectangle{number(t, m[1]), number(t, m[2]), number(t, m[3]), 1})
	}
	if got := scanned(t, 29, 29, dark); got != sticker.DeviceID {
		t.Errorf("the QR code reads %q", got)
	}
	var texts []string
	for _, m := range svgText.FindAllStringSubmatch(string(svg), -1) {
		texts = append(texts, m[1])
	}
	holdsAll(t, texts)
}

func holdsAll(t *testing.T, texts []string) {
	t.Helper()
	all := strings.Join(texts, "\n")
	for _, want := range []string{sticker.Vendor + " " + sticker.Model, sticker.DeviceID, sticker.Serial, sticker.MAC} {
		if !strings.Contains(all, want) {
			t.Errorf("the label does not show %q but %q", want, all)
		}
	}
}

func TestPDF(t *testing.T) {
	t.Parallel()
	pdf, err := sticker.PDF()
	if err != nil {
		t.Fatal(err)
	}
	page := stream(t, objectsOf(t, pdf)[4])
	rest := page
	var dark []rectangle
	for _, m := range pdfBar.FindAllStringSubmatch(page, -1) {
		r := rectangle{number(t, m[1]), 0, number(t, m[3]), number(t, m[4])}
		r.y = height*point - number(t, m[2]) - r.h // from above
		dark = append(dark, r)
		rest = strings.Replace(rest, m[0]+"\n", "", 1)
	}
	if got := scanned(t, width*point, height*point, dark); got != sticker.DeviceID {
		t.Errorf("the QR code reads %q", got)
	}
	var texts []string
	for _, m := range pdfText.FindAllStringSubmatch(page, -1) {
		if x, y := number(t, m[1]), number(t, m[2]); x > width*point || y > height*point {
			t.Errorf("%q is off the page", m[3])
		}
		texts = append(texts, m[3])
		rest = strings.Replace(rest, m[0]+"\n", "", 1)
	}
	holdsAll(t, texts)
	if rest != "f" {
		t.Errorf("the page also holds %q", rest)
	}
}

var (
	entry    = regexp.MustCompile(`^(\d{10}) 00000 n $`)
	anObject = regexp.MustCompile(`(?s)^(\d+) 0 obj\n(.*?)\nendobj\n`)
	aStream  = regexp.MustCompile(`(?s)^<< /Length (\d+) >>\nstream\n(.*)\nendstream$`)
	ref      = regexp.MustCompile(`(\d+) 0 R`)
)

// objectsOf reads a PDF as strictly as a reader that repairs nothing: from the
// end, by the table of offsets, with not a byte between the objects.
func objectsOf(t *testing.T, pdf []byte) map[int]string {
	t.Helper()
	text := string(pdf)
	head := "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
	end := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindStringSubmatch(text)
	if !strings.HasPrefix(text, head) || end == nil {
		t.Fatal("no head, or no end")
	}
	from := int(number(t, end[1]))
	lines := strings.Split(text[from:], "\n")
	count := int(number(t, strings.TrimPrefix(lines[1], "0 ")))
	if lines[0] != "xref" || lines[2] != "0000000000 65535 f " || lines[3+count-1] != "trailer" || lines[3+count] != fmt.Sprintf("<< /Size %d /Root 1 0 R /Info 5 0 R >>", count) {
		t.Fatalf("the table is wrong: %q", lines)
	}
	objects := map[int]string{}
	next := len(head)
	for i := 1; i < count; i++ {
		m := entry.FindStringSubmatch(lines[2+i])
		if m == nil || int(number(t, m[1])) != next {
			t.Fatalf("entry %d is %q; the object begins at %d", i, lines[2+i], next)
		}
		o := anObject.FindStringSubmatch(text[next:])
		if o == nil || o[1] != strconv.Itoa(i) {
			t.Fatalf("no object %d at %d", i, next)
		}
		objects[i] = o[2]
		next += len(o[0])
	}
	if next != from {
		t.Fatalf("the objects end at %d, the table begins at %d", next, from)
	}
	for i, o := range objects {
		for _, m := range ref.FindAllStringSubmatch(o, -1) {
			if objects[int(number(t, m[1]))] == "" {
				t.Errorf("object %d names %s, which is not there", i, m[0])
			}
		}
	}
	return objects
}

func stream(t *testing.T, object string) string {
	t.Helper()
	m := aStream.FindStringSubmatch(object)
	if m == nil || int(number(t, m[1])) != len(m[2]) {
		t.Fatalf("the page's stream has another length than it says: %.60q", object)
	}
	return m[2]
}

// TestAnyText: whatever a recorder is called, the documents stay whole and the
// text stays text.
func TestAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		l := sticker
		l.Model = rapid.String().Draw(r, "model")
		pdf, err := l.PDF()
		if err != nil {
			t.Fatal(err)
		}
		if got := len(pdfText.FindAllString(stream(t, objectsOf(t, pdf)[4]), -1)); got != len(l.lines()) {
			t.Fatalf("%q: %d lines of text", l.Model, got)
		}
		svg, err := l.SVG()
		if err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(svg, new(struct{})); err != nil {
			t.Fatalf("%q: %v", l.Model, err)
		}
	})
}

func TestNoDeviceID(t *testing.T) {
	t.Parallel()
	if _, err := (Label{}).PDF(); err == nil {
		t.Error("a PDF without a Device ID")
	}
	if _, err := (Label{}).SVG(); err == nil {
		t.Error("an SVG without a Device ID")
	}
}
