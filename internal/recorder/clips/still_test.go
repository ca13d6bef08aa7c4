package clips

import (
	"image"
	"testing"
	"time"
)

// TestDraw: a picture on a canvas is sample for sample what the encoder films,
// moves with the frames, goes on without a jump, and leaves its neighbours alone.
func TestDraw(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 9, 9, 10, 30, 42, 0, time.UTC)
	at = at.Truncate(4 * time.Second)
	canvas := image.NewYCbCr(image.Rect(0, 0, 2*Width, 2*Height), image.YCbCrSubsampleRatio420)
	Draw(canvas, image.Pt(Width, Height), 3, at.Add(3*FrameDuration))
	film := draw(3, at, 3)
	for i, tile := range film.tiles {
		x, y := Width+i%columns*mbSize, Height+i/columns*mbSize
		want := tile.appendSamples(nil, film.ink)
		for n := range mbSize * mbSize {
			if got := canvas.Y[canvas.YOffset(x+n%mbSize, y+n/mbSize)]; got != want[n] {
				t.Fatalf("tile %d, pixel %d: luma %d, filmed %d", i, n, got, want[n])
			}
		}
		if got := canvas.YCbCrAt(x+15, y+15); got.Cb != film.ink.cb || got.Cr != film.ink.cr {
			t.Fatalf("tile %d has the colour %v", i, got)
		}
	}
	for y := range 2 * Height {
		for x := range 2 * Width {
			if (x < Width || y < Height) && canvas.Y[canvas.YOffset(x, y)] != 0 {
				t.Fatalf("painted outside, at %d %d", x, y)
			}
		}
	}
	bar := func(frame int) int {
		c := image.NewYCbCr(image.Rect(0, 0, Width, Height), image.YCbCrSubsampleRatio420)
		Draw(c, image.Point{}, 1, at.Add(time.Duration(frame)*FrameDuration))
		for x := range Width {
			if c.Y[c.YOffset(x, Height-1)] == light {
				return x
			}
		}
		return -1
	}
	for frame := range 45 {
		if got, want := bar(frame), frame%20*barStep; got != want {
			t.Errorf("frame %d: the bar begins at %d, want %d", frame, got, want)
		}
	}
}

// TestDrawDark: every letter of the words has a shape.
func TestDrawDark(t *testing.T) {
	t.Parallel()
	c := image.NewYCbCr(image.Rect(0, 0, Width, Height), image.YCbCrSubsampleRatio420)
	DrawDark(c, image.Point{}, 12)
	for row, words := range map[int]string{0: "CH 12", 2: "NO VIDEO"} {
		for col, letter := range words {
			lit := 0
			for n := range mbSize * mbSize {
				if c.Y[c.YOffset(col*mbSize+n%mbSize, row*mbSize+n/mbSize)] == light {
					lit++
				}
			}
			if (lit > 0) != (letter != ' ') {
				t.Errorf("%q has %d light pixels", letter, lit)
			}
		}
	}
}
