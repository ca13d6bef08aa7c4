package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"rekey/internal/recorder/clips"
)

// Whatever computer the drive is put into next has to read it, under another user.
const (
	fileMode = 0o644
	dirMode  = 0o755
)

// target is where a backup goes. All access is through the root, so that no link
// on the drive leads out of it. Every step that changes the drive is announced.
type target struct {
	root   *os.Root
	folder string
	step   func(name string)
	made   map[string]bool // folders that are known to last
}

func (t *target) close() { _ = t.root.Close() } // what matters was synced

// sweep removes what a backup that was cut off has left half written.
func (t *target) sweep() error {
	return fs.WalkDir(t.root.FS(), t.folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, partEnding) {
			return err
		}
		return t.root.Remove(name)
	})
}

// unreadError is a recording that the recorder itself cannot read.
type unreadError struct{ err error }

func (e *unreadError) Error() string { return fmt.Sprintf("cannot be read: %v", e.err) }
func (e *unreadError) Unwrap() error { return e.err }

// bring sees to it that the recording is on the drive, under name in the folder.
// kept: it was there already. progress hears of every piece and can end it.
func (t *target) bring(name string, c clips.Clip, footage Footage, progress func(n int64) error) (sum string, kept bool, err error) {
	at := path.Join(t.folder, name)
	there, err := t.hash(at, c.Size)
	if err != nil {
		return "", false, err
	}
	if there != "" {
		sum, err = read(c, footage, io.Discard, progress)
		if err != nil {
			return "", false, err
		}
		if sum == there {
			return sum, true, t.keep(path.Dir(at))
		}
		if err := progress(-c.Size); err != nil { // it begins again
			return "", false, err
		}
	}
	err = t.replace(at, func(out io.Writer) error {
		sum, err = read(c, footage, out, progress)
		return err
	})
	return sum, false, err
}

// keep sees to it that what is in the folder lasts: the power may have gone right
// after it got its name.
func (t *target) keep(dir string) error {
	if err := t.mkdir(dir); err != nil {
		return err
	}
	t.step("sync folder")
	return t.syncDir(dir)
}

// read reads a whole recording into out and gives its SHA-256.
func read(c clips.Clip, footage Footage, out io.Writer, progress func(n int64) error) (string, error) {
	in, found, err := footage.Open(c.Path)
	if err != nil {
		return "", &unreadError{err}
	}
	defer in.Close() //nolint:errcheck // only read from
	hash := sha256.New()
	buf := make([]byte, 256<<10)
	var size int64
	for {
		n, err := in.Read(buf)
		if n > 0 {
			_, _ = hash.Write(buf[:n])
			if _, err := out.Write(buf[:n]); err != nil {
				return "", err
			}
			size += int64(n)
			if err := progress(int64(n)); err != nil {
				return "", err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", &unreadError{err}
		}
	}
	if size != found.Size || size != c.Size {
		return "", &unreadError{fmt.Errorf("%d bytes of %d", size, c.Size)}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// hash is the SHA-256 of a plain file of that size on the drive; "" = there is none.
func (t *target) hash(name string, size int64) (string, error) {
	info, err := t.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != size {
		return "", nil //nolint:nilerr // whatever it is, it is replaced
	}
	f, err := t.root.Open(name)
	if err != nil {
		return "", nil //nolint:nilerr // the same
	}
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(f, size))
	if err = errors.Join(err, f.Close()); err != nil || n != size {
		return "", nil //nolint:nilerr // the same
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// write writes a small file whole or not at all.
func (t *target) write(name string, data []byte) error {
	return t.replace(name, func(out io.Writer) error {
		_, err := out.Write(data)
		return err
	})
}

func (t *target) writeJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return t.write(name, append(data, '\n'))
}

// replace writes a file whole or not at all: under a name that says that it is
// not done, fsync, rename, fsync of the folder.
func (t *target) replace(name string, fill func(io.Writer) error) error {
	dir, part := path.Dir(name), name+partEnding
	if err := t.mkdir(dir); err != nil {
		return err
	}
	if err := t.root.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	t.step("create")
	f, err := t.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	err = fill(stepped{f, t.step})
	if err == nil {
		t.step("sync")
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = t.root.Remove(part) // gives the room back; where it cannot, the next backup does
		return err
	}
	t.step("rename")
	if err := t.root.Rename(part, name); err != nil {
		_ = t.root.Remove(part)
		return err
	}
	t.step("sync folder")
	return t.syncDir(dir)
}

// stepped announces every write.
type stepped struct {
	io.Writer
	step func(string)
}

func (s stepped) Write(p []byte) (int, error) {
	s.step("write")
	return s.Writer.Write(p)
}

// mkdir makes the folder and those above it so that they last.
func (t *target) mkdir(dir string) error {
	if t.made[dir] || dir == "." {
		return nil
	}
	above := path.Dir(dir)
	if err := t.mkdir(above); err != nil {
		return err
	}
	t.step("make folder")
	if err := t.root.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	t.made[dir] = true
	return t.syncDir(above)
}

func (t *target) syncDir(name string) error {
	d, err := t.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
