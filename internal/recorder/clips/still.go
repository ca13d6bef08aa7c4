package clips

import (
	"fmt"
	"image"
	"time"
)

// Width and Height are those of every picture, in pixels.
const (
	Width  = columns * mbSize
	Height = rows * mbSize
)

// Draw paints the picture of a channel at a recorder's wall-clock time, as a
// Camera that runs all the time shows it, at a point of a 4:2:0 canvas. The
// point must be even and the picture must fit.
func Draw(onto *image.YCbCr, at image.Point, channel int, now time.Time) {
	const round = columns * mbSize / barStep * FrameDuration // the bar's way across
	start := now.Truncate(round)
	draw(channel, start, int(now.Sub(start)/FrameDuration)).paint(onto, at)
}

// DrawDark paints what a recorder shows for a camera that it cannot reach.
func DrawDark(onto *image.YCbCr, at image.Point, channel int) {
	p := picture{ink: ink{128, 128}}
	p.write(0, fmt.Sprintf("CH %02d", channel))
	p.write(2, "NO VIDEO")
	p.paint(onto, at)
}

func (p picture) paint(onto *image.YCbCr, at image.Point) {
	var samples []byte
	for i, t := range p.tiles {
		samples = t.appendSamples(samples[:0], p.ink)
		x, y := at.X+i%columns*mbSize, at.Y+i/columns*mbSize
		luma, chroma := samples[:mbSize*mbSize], samples[mbSize*mbSize:]
		for row := range mbSize {
			copy(onto.Y[onto.YOffset(x, y+row):], luma[row*mbSize:][:mbSize])
		}
		const half = mbSize / 2
		for row := range half {
			to := onto.COffset(x, y+2*row)
			copy(onto.Cb[to:], chroma[row*half:][:half])
			copy(onto.Cr[to:], chroma[half*half+row*half:][:half])
		}
	}
}
