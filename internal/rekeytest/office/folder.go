package office

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is what a folder held: its files with their modes, and its folders.
type Folder map[string]file

type file struct {
	mode fs.FileMode
	data []byte
}

// Take reads a folder. Nobody may write to it meanwhile.
func Take(dir string) (Folder, error) {
	all := Folder{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		one := file{mode: info.Mode()}
		if info.Mode().IsRegular() {
			if one.data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		all[name] = one
		return nil
	})
	return all, err
}

// Put writes it to dir, which must not be there yet.
func (f Folder) Put(dir string) error {
	for name, one := range f {
		path := filepath.Join(dir, name)
		if one.mode.IsDir() {
			if err := os.MkdirAll(path, one.mode.Perm()); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, one.data, one.mode.Perm()); err != nil {
			return err
		}
	}
	return nil
}
