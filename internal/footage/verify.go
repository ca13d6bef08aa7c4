package footage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"rekey"
)

// Report is what Verify found. Paths are below the folder.
type Report struct {
	Files      int      `json:"files"` // read and whole, settings included
	Bytes      int64    `json:"bytes"`
	Missing    []string `json:"missing,omitempty"`
	Changed    []string `json:"changed,omitempty"`
	Extra      []string `json:"extra,omitempty"`
	MerkleRoot string   `json:"merkle_root"` // as the manifest says; it fits what the manifest lists
}

// Verify reads every file of the export in dir again. A file that is missing,
// changed or not in the manifest is rekey.ErrVerify naming it; the report names
// all of them. Without a manifest it is rekey.ErrNotFound.
func Verify(ctx context.Context, dir string) (Report, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return Report{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Report{}, fmt.Errorf("footage: %w: %w", rekey.ErrStorage, err)
	}
	defer func() { _ = root.Close() }() // only read from
	f := &folder{dir: dir, root: root}
	r := Report{MerkleRoot: m.MerkleRoot}
	listed := map[string]bool{}
	buf := make([]byte, bufferSize)
	for path, sum := range m.paths() {
		listed[path] = true
		if err := f.verify(ctx, path, sum, buf, &r); err != nil {
			return r, err
		}
	}
	if r.Extra, err = f.unlisted(listed); err != nil {
		return r, fmt.Errorf("footage in %s: %w: %w", dir, rekey.ErrStorage, err)
	}
	return r, r.verdict(dir)
}

// verify compares one file. Its size needs no look: the hash covers it.
func (f *folder) verify(ctx context.Context, path, want string, buf []byte, r *Report) error {
	size, sum, err := f.hash(ctx, path, buf)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("verify footage: %w", ctx.Err())
	case errors.Is(err, fs.ErrNotExist):
		r.Missing = append(r.Missing, path)
	case err != nil:
		return fmt.Errorf("footage %s: %w: %w", path, rekey.ErrStorage, err)
	case sum != want:
		r.Changed = append(r.Changed, path)
	default:
		r.Files++
		r.Bytes += size
	}
	return nil
}

// unlisted finds the files that no manifest speaks for.
func (f *folder) unlisted(listed map[string]bool) (extra []string, err error) {
	own := []string{ManifestName, lockName, journalName}
	err = fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !listed[name] && !slices.Contains(own, name) {
			extra = append(extra, name)
		}
		return err
	})
	return extra, err
}

func (r Report) verdict(dir string) error {
	var faults []string
	for _, c := range []struct {
		what  string
		paths []string
	}{{"missing", r.Missing}, {"changed", r.Changed}, {"not in the manifest", r.Extra}} {
		if len(c.paths) > 0 {
			faults = append(faults, fmt.Sprintf("%d %s (%s)", len(c.paths), c.what, some(c.paths)))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("footage in %s: %w: %s", dir, rekey.ErrVerify, strings.Join(faults, ", "))
}
