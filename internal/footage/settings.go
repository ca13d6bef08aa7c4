package footage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"rekey"
)

const settingsEnding = ".txt"

// savedSettings is what the folder holds of settings.
type savedSettings struct {
	now, earlier []SettingsFile
	note         string // why there are none
}

// saveSettings writes one file a block. A block that is otherwise than in an
// export before gets a new file and the earlier one stays.
func (e *export) saveSettings(ctx context.Context) (savedSettings, error) {
	there, err := e.folder.settings(ctx)
	if err != nil {
		return savedSettings{}, fmt.Errorf("footage folder %s: %w: %w", e.folder.dir, rekey.ErrStorage, err)
	}
	var s savedSettings
	blocks, err := e.src.Settings(ctx)
	switch {
	case errors.Is(err, rekey.ErrUnsupported):
		s.note = "this recorder's settings cannot be read"
	case err != nil:
		return savedSettings{}, fmt.Errorf("read settings: %w", err)
	}
	slices.SortFunc(blocks, func(a, b rekey.Setting) int { return cmp.Compare(a.Name, b.Name) })
	used := names{}
	for _, b := range blocks {
		file, err := e.folder.saveBlock(b, there, used)
		if err != nil {
			return savedSettings{}, fmt.Errorf("save settings %.60q: %w: %w", b.Name, rekey.ErrStorage, err)
		}
		s.now = append(s.now, file)
	}
	for _, key := range slices.Sorted(maps.Keys(there)) {
		if !used[key] {
			s.earlier = append(s.earlier, there[key])
		}
	}
	return s, nil
}

// saveBlock keeps the file that holds the block already, or writes a new one.
func (f *folder) saveBlock(b rekey.Setting, there map[string]SettingsFile, used names) (SettingsFile, error) {
	file := SettingsFile{Name: b.Name, Size: int64(len(b.Data)), SHA256: sumOf(b.Data)}
	stem := settingsStem(b.Name)
	for i := 1; ; i++ {
		file.Path = numbered(stem, i) + settingsEnding
		key := strings.ToLower(file.Path)
		old, taken := there[key]
		if used[key] || (taken && old.SHA256 != file.SHA256) {
			continue
		}
		used[key] = true
		if taken {
			file.Path = old.Path
			return file, nil
		}
		return file, f.replace(file.Path, b.Data)
	}
}

// settings hashes the blocks that are in the folder, by path in lower case.
func (f *folder) settings(ctx context.Context) (map[string]SettingsFile, error) {
	there := map[string]SettingsFile{}
	files, err := fs.Glob(f.root.FS(), settingsDir+"/*"+settingsEnding)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 64<<10)
	for _, path := range files {
		size, sum, err := f.hash(ctx, path, buf)
		if err != nil {
			return nil, err
		}
		there[strings.ToLower(path)] = SettingsFile{Path: path, Size: size, SHA256: sum}
	}
	return there, nil
}
