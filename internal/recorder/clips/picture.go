package clips

import (
	"fmt"
	"time"
)

// tile is what one macroblock shows: a character, or a piece of the moving bar
// from column left to column right. Equal tiles have equal samples.
type tile struct {
	char        byte
	left, right int8
}

// ink is the colour of a channel, so that channels are told apart at a glance.
type ink struct{ cb, cr byte }

// picture is one frame: text in three rows, the moving bar in the others.
type picture struct {
	ink   ink
	tiles [columns * rows]tile
}

// Luma levels, inside the video range.
const (
	dark  = 48
	light = 208
)

const (
	textRows = 3
	barWidth = mbSize
	barStep  = mbSize / 2
)

// draw makes the picture of a channel at a recorder's wall-clock time: the
// channel, the date, the time, and the bar where it stands in that frame.
func draw(channel int, start time.Time, frame int) picture {
	p := picture{ink: inkOf(channel)}
	at := start.Add(time.Duration(frame) * time.Second / framesPerSecond)
	p.write(0, fmt.Sprintf("CH %02d", channel))
	p.write(1, at.Format("2006-01-02"))
	p.write(2, at.Format("15:04:05"))
	x := frame * barStep % (columns * mbSize)
	for row := textRows; row < rows; row++ {
		for col := range columns {
			p.tiles[row*columns+col] = barTile(x - col*mbSize)
		}
	}
	return p
}

func (p *picture) write(row int, text string) {
	for i := 0; i < len(text) && i < columns; i++ {
		p.tiles[row*columns+i].char = text[i]
	}
}

// barTile cuts the bar, which begins at x counted from the tile, to the tile.
func barTile(x int) tile {
	left, right := max(x, 0), min(x+barWidth, mbSize)
	if left >= right {
		return tile{}
	}
	return tile{left: int8(left), right: int8(right)} //nolint:gosec // 0 to 16
}

func inkOf(channel int) ink {
	inks := [...]ink{{160, 100}, {100, 160}, {100, 100}, {170, 150}, {90, 128}, {128, 90}, {150, 170}, {170, 128}}
	return inks[(channel-1)%len(inks)]
}

// appendSamples draws the tile: luma rows, then Cb, then Cr at half size.
func (t tile) appendSamples(out []byte, k ink) []byte {
	glyph := font[t.char]
	for y := range mbSize {
		for x := range mbSize {
			level := byte(dark)
			if t.lit(glyph, x, y) {
				level = light
			}
			out = append(out, level)
		}
	}
	for range mbSize * mbSize / 4 {
		out = append(out, k.cb)
	}
	for range mbSize * mbSize / 4 {
		out = append(out, k.cr)
	}
	return out
}

// lit tells whether a pixel is light. Glyphs are drawn at double size.
func (t tile) lit(glyph [7]byte, x, y int) bool {
	if x >= int(t.left) && x < int(t.right) {
		return true
	}
	gx, gy := (x-3)/2, (y-1)/2
	return x >= 3 && y >= 1 && gx < 5 && gy < 7 && glyph[gy]>>(4-gx)&1 == 1
}

// font holds the characters that a picture needs, 5 by 7, a row a byte.
var font = map[byte][7]byte{
	'0': {0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E},
	'1': {0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E},
	'2': {0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F},
	'3': {0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E},
	'4': {0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02},
	'5': {0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E},
	'6': {0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E},
	'7': {0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08},
	'8': {0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E},
	'9': {0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C},
	':': {0x00, 0x0C, 0x0C, 0x00, 0x0C, 0x0C, 0x00},
	'-': {0x00, 0x00, 0x00, 0x1F, 0x00, 0x00, 0x00},
	'C': {0x0E, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0E},
	'H': {0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11},
	'D': {0x1E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1E},
	'E': {0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F},
	'I': {0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E},
	'N': {0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11},
	'O': {0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E},
	'V': {0x11, 0x11, 0x11, 0x11, 0x11, 0x0A, 0x04},
}
