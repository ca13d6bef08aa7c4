package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"rekey"
	"rekey/internal/recorder/clips"
)

// What can be wrong with the drive.
var (
	ErrNoDrive = fmt.Errorf("%w: no USB drive is plugged in", rekey.ErrNotFound)
	ErrPulled  = fmt.Errorf("%w: the USB drive was pulled out", rekey.ErrStorage)
	ErrFull    = fmt.Errorf("%w: the USB drive is full", rekey.ErrStorage)
	ErrDrive   = fmt.Errorf("%w: the USB drive cannot be read or written", rekey.ErrStorage)
)

// NoRoomError refuses a backup that the drive has no room for.
type NoRoomError struct{ Need, Free int64 }

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("the USB drive has %d bytes free and the backup needs %d", e.Free, e.Need)
}
func (e *NoRoomError) Unwrap() error { return rekey.ErrConflict }

// Drive is the folder that stands for a USB drive; "" = the recorder has none.
type Drive string

// Plugged tells whether the drive is there: ErrNoDrive where it is not.
func (d Drive) Plugged() error {
	if info, err := os.Stat(string(d)); d == "" || err != nil || !info.IsDir() {
		return ErrNoDrive
	}
	return nil
}

// Free is how many bytes the drive has left.
func (d Drive) Free() (int64, error) {
	if err := d.Plugged(); err != nil {
		return 0, err
	}
	n, err := freeSpace(string(d))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDrive, err)
	}
	return n, nil
}

// margin is left for the manifest, its proof and what folders take.
const margin = 1 << 20

// checkRoom compares what is free with what is not on the drive yet. Only sizes
// are looked at here: what has the right size and is wrong is written over.
func (d Drive) checkRoom(folder string, list []clips.Clip) error {
	free, err := d.Free()
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDrive, err)
	}
	defer root.Close() //nolint:errcheck // only looked at
	need := int64(margin)
	for _, c := range list {
		if info, err := root.Lstat(path.Join(folder, nameOf(c))); err != nil || !info.Mode().IsRegular() || info.Size() != c.Size {
			need += c.Size
		}
	}
	if free < need {
		return &NoRoomError{Need: need, Free: free}
	}
	return nil
}

// ReadFile reads a small file of the drive: rekey.ErrNotFound where there is
// none, rekey.ErrInput where it is no plain file or has more than limit bytes.
func (d Drive) ReadFile(name string, limit int64) ([]byte, error) {
	if err := d.Plugged(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDrive, err)
	}
	defer root.Close() //nolint:errcheck // only read from
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no file %s on the USB drive", rekey.ErrNotFound, name)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDrive, err)
	}
	if !info.Mode().IsRegular() || info.Size() > limit { // a pipe would never end
		return nil, fmt.Errorf("%w: %s on the USB drive is no plain file of at most %d bytes", rekey.ErrInput, name, limit)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDrive, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDrive, err)
	}
	return data, nil
}

// WriteFile writes a small file to the drive, whole or not at all.
func (d Drive) WriteFile(name string, data []byte) error {
	t, err := d.open(".", func(string) {})
	if err != nil {
		return err
	}
	defer t.close()
	return d.fault(t, t.write(name, data))
}

// open begins to write below a folder of the drive.
func (d Drive) open(folder string, step func(string)) (*target, error) {
	if err := d.Plugged(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDrive, err)
	}
	t := &target{root: root, folder: folder, step: step, made: map[string]bool{}}
	if err := t.mkdir(folder); err != nil {
		return nil, errors.Join(d.fault(t, err), root.Close())
	}
	return t, nil
}

// same tells whether the drive is still the one that was opened.
func (d Drive) same(t *target) error {
	now, err := os.Stat(string(d))
	then, opened := t.root.Stat(".")
	if err != nil || opened != nil || !os.SameFile(now, then) {
		return ErrPulled
	}
	return nil
}

// fault says what an error of writing means; nil stays nil.
func (d Drive) fault(t *target, err error) error {
	switch {
	case err == nil, errors.Is(err, rekey.ErrStorage):
		return err
	case d.same(t) != nil:
		return fmt.Errorf("%w: %w", ErrPulled, err)
	case isFull(err):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("%w: %w", ErrDrive, err)
}

// Names are the plain files in the drive's first folder with that ending, sorted.
func (d Drive) Names(ending string) ([]string, error) {
	if err := d.Plugged(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDrive, err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(strings.ToLower(e.Name()), ending) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Probe tells whether the drive can be written.
func (d Drive) Probe() error {
	t, err := d.open(".", func(string) {})
	if err != nil {
		return err
	}
	defer t.close()
	const name = "rekey-probe"
	return d.fault(t, errors.Join(t.write(name, []byte("probe")), t.root.Remove(name)))
}
