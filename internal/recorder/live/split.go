// Package live is what the cameras show now, for a browser: one picture divided
// among them, one after the other. The local seat and the web page share it; who
// may look, they decide.
package live

//go:generate go tool templ generate

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
)

// splits are how many cameras the screen can be divided among.
var splits = []int{1, 4, 9, 16}

// Split is what the screen shows: Size cameras from First on, in a square. The
// address says it by view, camera and still; anything odd there is the usual.
type Split struct {
	Size, First, Channels int
	Still                 bool // the picture does not move
}

// SplitOf reads the split out of an address.
func SplitOf(query url.Values, channels int) Split {
	p := Split{Size: whole(channels), First: 1, Channels: channels, Still: query.Get("still") != ""}
	if n, err := strconv.Atoi(query.Get("view")); err == nil && slices.Contains(splits, n) {
		p.Size = n
	}
	if n, err := strconv.Atoi(query.Get("camera")); err == nil && n >= 1 && n <= channels {
		p.First = n - (n-1)%p.Size
	}
	return p
}

// whole is the split that shows every camera, or as many as there can be.
func whole(channels int) int {
	for _, n := range splits {
		if n >= channels {
			return n
		}
	}
	return splits[len(splits)-1]
}

// Side is how many cameras stand side by side.
func (p Split) Side() int {
	for n := 1; ; n++ {
		if n*n >= p.Size {
			return n
		}
	}
}

// Last is the last camera that is shown.
func (p Split) Last() int { return min(p.First+p.Size-1, p.Channels) }

// Query names the split in an address.
func (p Split) Query() string {
	q := url.Values{"view": {strconv.Itoa(p.Size)}, "camera": {strconv.Itoa(p.First)}}
	if p.Still {
		q.Set("still", "1")
	}
	return "?" + q.Encode()
}

// Of is the split of another size that shows a camera.
func (p Split) Of(size, camera int) Split {
	p.Size, p.First = size, camera-(camera-1)%size
	return p
}

// All is the split that shows the camera among all others.
func (p Split) All(camera int) Split { return p.Of(whole(p.Channels), camera) }

// Choices are the sizes that differ for this recorder.
func (p Split) Choices() []int {
	return splits[:slices.Index(splits, whole(p.Channels))+1]
}

// Toggled lets the picture move, or holds it.
func (p Split) Toggled() Split {
	p.Still = !p.Still
	return p
}

// Title says which cameras are shown.
func (p Split) Title() string {
	if p.First == p.Last() {
		return fmt.Sprintf("Picture of camera %d", p.First)
	}
	return fmt.Sprintf("Pictures of cameras %d to %d", p.First, p.Last())
}

// Motion is what Toggled does, as a link says it.
func (p Split) Motion() string {
	if p.Still {
		return "Let pictures move"
	}
	return "Hold pictures still"
}
