// Package clips is the footage store of the reference recorder: true recordings
// as a recorder keeps them, in fragmented MP4 with H.264 that any player opens,
// under the names that the Dahua family gives its files. The pictures come from
// a small encoder of its own (every macroblock is either sent as plain samples
// or skipped), so nothing but Go is needed to make them.
//
// At rest the files are encrypted; see Keys. Sizes are those of the plain form.
//
// Times are the recorder's wall clock. They carry the zone UTC, which means
// nothing: recorders of this family tell no zone.
package clips

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"time"

	"rekey"
	"rekey/internal/durable"
)

// Limits of a Spec.
const (
	MaxChannels    = 64
	MaxDays        = 60
	MaxClipSeconds = 3600
)

const (
	clipsPerDay = 3
	indexName   = "index.json"
	root        = "/mnt/dvr"
)

// Spec says what footage a recorder holds: for each channel and each of so many
// stretches of 24 hours that end before Now, three clips of the same length.
type Spec struct {
	Channels    int
	Days        int
	ClipSeconds int
	Now         time.Time // its wall-clock reading counts, the zone does not
}

// Clip is one recording. It covers Start until End.
type Clip struct {
	Channel int       `json:"channel"` // from 1
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Path    string    `json:"path"` // as the recorder names it: /mnt/dvr/...
	Size    int64     `json:"size"` // bytes, of the plain form
	Kind    string    `json:"kind"` // mp4
}

func (s Spec) check() error {
	for _, l := range []struct {
		what      string
		got, most int
	}{{"channels", s.Channels, MaxChannels}, {"days", s.Days, MaxDays}, {"clip seconds", s.ClipSeconds, MaxClipSeconds}} {
		if l.got < 1 || l.got > l.most {
			return fmt.Errorf("%w: footage of %d %s; expected 1 to %d", rekey.ErrInput, l.got, l.what, l.most)
		}
	}
	if s.Now.IsZero() {
		return fmt.Errorf("%w: footage without a time at which it ends", rekey.ErrInput)
	}
	return nil
}

// plan lists the clips of a Spec, sizes unknown.
func (s Spec) plan() []Clip {
	n := s.Now
	end := time.Date(n.Year(), n.Month(), n.Day(), n.Hour(), n.Minute(), 0, 0, time.UTC)
	length := time.Duration(s.ClipSeconds) * time.Second
	var all []Clip
	for i := s.Days*clipsPerDay - 1; i >= 0; i-- {
		for channel := 1; channel <= s.Channels; channel++ {
			stop := end.Add(-time.Duration(i) * 24 * time.Hour / clipsPerDay)
			c := Clip{Channel: channel, Start: stop.Add(-length), End: stop, Kind: "mp4"}
			c.Path = pathOf(c)
			all = append(all, c)
		}
	}
	return all
}

// pathOf names a file as recorders of the family do; [R] is a recording by schedule.
func pathOf(c Clip) string {
	name := fmt.Sprintf("%s-%s[R][0@0][0].%s", c.Start.Format("15.04.05"), c.End.Format("15.04.05"), c.Kind)
	return path.Join(root, c.Start.Format("2006-01-02"), fmt.Sprintf("%03d", c.Channel), "dav", c.Start.Format("15"), name)
}

// index is the file that names the clips. It is written last, so that a folder
// with an index is whole.
type index struct {
	Format int    `json:"format"`
	Key    string `json:"key"`   // a short hash of the key that opens them
	Clips  []Clip `json:"clips"` // by start, then channel
}

const indexFormat = 2 // 1 was a list of clips that lay in the clear

// Make records the footage of spec into the folder dir, under a key of KeySize
// bytes. The same Spec makes the same pictures; what a Make that was cut off has
// left is written over.
func Make(dir string, spec Spec, key []byte) error {
	if err := errors.Join(spec.check(), checkKey(key)); err != nil {
		return err
	}
	all := spec.plan()
	for i := range all {
		if err := record(dir, &all[i], spec.ClipSeconds, key); err != nil {
			return fmt.Errorf("%w: make footage: %w", rekey.ErrStorage, err)
		}
	}
	return writeIndex(dir, index{Key: keyName(key), Clips: all})
}

func writeIndex(dir string, x index) error {
	x.Format = indexFormat
	data, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return fmt.Errorf("make footage index: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, indexName), data, 0o600); err != nil {
		return fmt.Errorf("%w: make footage index: %w", rekey.ErrStorage, err)
	}
	return nil
}

func record(dir string, c *Clip, seconds int, key []byte) error {
	plain, err := film(c.Channel, c.Start, seconds)
	if err != nil {
		return err
	}
	c.Size = int64(len(plain))
	file, err := sealed(plain, key, *c)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, filepath.FromSlash(c.Path))
	if err := durable.MkdirAll(filepath.Dir(name)); err != nil {
		return err
	}
	return durable.WriteFile(name, file, 0o600)
}
