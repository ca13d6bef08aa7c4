// Package label prints the sticker of a recorder: Device ID and its QR code,
// serial, model and MAC address, as SVG and as PDF of the sticker's size. All of
// it is public; the Device ID proves nothing.
package label

import (
	"fmt"

	"rekey/internal/recorder"
)

// Label is what stands on the sticker.
type Label struct {
	Vendor   string `json:"vendor"`
	Model    string `json:"model"`
	DeviceID string `json:"device_id"` // also the text of the QR code
	Serial   string `json:"serial"`    // not the Device ID
	MAC      string `json:"mac"`
}

// Of is the label of a recorder.
func Of(i recorder.Info) Label {
	return Label{Vendor: i.Vendor, Model: i.Model, DeviceID: i.DeviceID, Serial: i.Serial, MAC: i.MAC}
}

// The sticker, in millimetres.
const (
	width, height = 100.0, 50.0
	qrLeft, qrTop = 61.0, 4.0
	qrSide        = 35.0
)

type face int

const (
	regular face = iota
	bold
	code // of one width
)

// line is one line of text; x and y are its left end on the baseline.
type line struct {
	x, y, size float64
	face       face
	text       string
}

// lines are all text of the sticker.
func (l Label) lines() []line {
	const left, right = 5.0, 64.3
	return []line{
		{left, 9, 5, bold, l.Vendor + " " + l.Model},
		{left, 14.5, 2.8, regular, "Security recorder"},
		{left, 22, 2.8, regular, "Device ID (support asks for this)"},
		{left, 28.5, 6, code, l.DeviceID},
		{left, 35, 2.8, regular, "Serial number"},
		{left, 39, 3.6, code, l.Serial},
		{left, 43.6, 2.8, regular, "MAC"},
		{left + 8, 43.6, 3.2, code, l.MAC},
		{right, 43.6, 2.8, regular, "Scan for the Device ID"},
	}
}

// drawn is the label's QR code, or why there is none.
func (l Label) drawn() (QR, error) {
	q, err := NewQR(l.DeviceID)
	if err != nil {
		return q, fmt.Errorf("draw the QR code of the Device ID: %w", err)
	}
	return q, nil
}
