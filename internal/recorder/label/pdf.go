package label

import (
	"bytes"
	"fmt"
	"strings"
)

// point is a millimetre in the unit of PDF, 1/72 inch.
const point = 72 / 25.4

// Fonts that every PDF reader has of its own (ISO 32000-1 section 9.6.2.2).
var pdfFonts = []struct {
	face face
	name string
}{{regular, "Helvetica"}, {bold, "Helvetica-Bold"}, {code, "Courier-Bold"}}

// PDF is the sticker as a document of one page of its size (ISO 32000-1, version
// 1.4), with the text as text and the QR code as rectangles. The same label
// gives the same bytes.
func (l Label) PDF() ([]byte, error) {
	q, err := l.drawn()
	if err != nil {
		return nil, err
	}
	page := l.content(q)
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R /Lang (en) /ViewerPreferences << /DisplayDocTitle true >> >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.2f %.2f] /Contents 4 0 R /Resources << /Font << %s>> >> >>", width*point, height*point, fontNames()),
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(page), page),
		"<< /Title " + literal("Label of recorder "+l.DeviceID) + " /Producer (rekey) >>",
	}
	for _, f := range pdfFonts {
		objects = append(objects, "<< /Type /Font /Subtype /Type1 /BaseFont /"+f.name+" /Encoding /WinAnsiEncoding >>")
	}
	return document(objects), nil
}

const firstFont = 6 // number of its object

func fontNames() string {
	var b strings.Builder
	for i, f := range pdfFonts {
		fmt.Fprintf(&b, "/F%d %d 0 R ", f.face, firstFont+i)
	}
	return b.String()
}

// content draws the page. PDF counts from below.
func (l Label) content(q QR) string {
	var b strings.Builder
	for _, t := range l.lines() {
		fmt.Fprintf(&b, "BT /F%d %.2f Tf %.2f %.2f Td %s Tj ET\n", t.face, t.size*point, t.x*point, (height-t.y)*point, literal(t.text))
	}
	module := qrSide * point / float64(q.Size)
	for _, bar := range q.Bars {
		x, y := qrLeft*point+float64(bar.X)*module, (height-qrTop)*point-float64(bar.Y+1)*module
		fmt.Fprintf(&b, "%.3f %.3f %.3f %.3f re\n", x, y, float64(bar.Length)*module, module)
	}
	return b.String() + "f"
}

// literal is a string of a PDF. Labels are plain ASCII; anything else becomes a
// question mark.
func literal(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < ' ' || r > '~':
			b.WriteByte('?')
		case strings.ContainsRune(`()\`, r):
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return "(" + b.String() + ")"
}

// document writes the objects, which are numbered from 1, with the table of
// where they begin: 1 is the catalog, 5 the document's information.
func document(objects []string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table)
	return b.Bytes()
}
