package footage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rekey"
)

// ManifestName is the manifest's file in the folder of an export.
const ManifestName = "manifest.json"

// The format and version that a manifest names.
const (
	ManifestFormat  = "rekey-footage"
	ManifestVersion = 1
)

// manifestLimit bounds what is read of a manifest: 2 million files fit.
const manifestLimit = 1 << 30

// Manifest is what manifest.json holds: what was saved, from which recorder,
// and what every file must hash to.
type Manifest struct {
	Format   string         `json:"format"`  // ManifestFormat
	Version  int            `json:"version"` // ManifestVersion
	Made     time.Time      `json:"made"`    // when it was written, UTC
	Recorder rekey.Identity `json:"recorder"`
	From     Wall           `json:"from"` // the span that was asked for, by all exports into this folder
	To       Wall           `json:"to"`
	Files    []File         `json:"files"` // by path
	// LeftOut are recordings that the recorder was still writing, by its own clock,
	// and did not give as it had listed them.
	LeftOut []LeftOut `json:"left_out,omitempty"`
	// Settings are the settings as last read. EarlierSettings are blocks that an
	// export before found otherwise: they are kept, because a reset may lie between.
	Settings        []SettingsFile `json:"settings"`
	EarlierSettings []SettingsFile `json:"earlier_settings,omitempty"`
	// SettingsNote says why there are no settings, where there are none.
	SettingsNote string `json:"settings_note,omitempty"`
	Bytes        int64  `json:"bytes"` // of the recordings
	// MerkleRoot is the RFC 6962 tree hash, in hex, over all Files, all
	// Settings and all EarlierSettings in their order; the data of a leaf is the file's SHA-256 (32
	// bytes) followed by its path.
	MerkleRoot string `json:"merkle_root"`
}

// File is one recording in the folder.
type File struct {
	Path    string `json:"path"` // below the folder, with slashes
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"` // lower hex
	Channel int    `json:"channel"`
	Start   Wall   `json:"start"`
	End     Wall   `json:"end"`
	Kind    string `json:"kind"`
	Source  string `json:"source"` // as the recorder named it
	// Growing: the recorder was still writing it, by its own clock. The file holds
	// what there was when it was listed.
	Growing bool `json:"growing,omitempty"`
}

// LeftOut is one recording that is not in the folder, and why.
type LeftOut struct {
	Channel int    `json:"channel"`
	Start   Wall   `json:"start"`
	End     Wall   `json:"end"`
	Source  string `json:"source"`
	Why     string `json:"why"`
}

// SettingsFile is one block of the recorder's settings in the folder.
type SettingsFile struct {
	Path   string `json:"path"`
	Name   string `json:"name,omitempty"` // as the recorder named it; not kept for earlier ones
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Wall is a time of the recorder's wall clock. It is written without a zone,
// because most recorders tell none.
type Wall struct{ time.Time }

const wallLayout = "2006-01-02T15:04:05"

// String is the time as on the recorder's screen.
func (w Wall) String() string { return w.Format(wallLayout) }

// MarshalJSON writes 2026-11-22T08:00:00.
func (w Wall) MarshalJSON() ([]byte, error) { return json.Marshal(w.String()) }

// UnmarshalJSON reads what MarshalJSON writes, as UTC.
func (w *Wall) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	t, err := time.Parse(wallLayout, s)
	w.Time = t
	return err
}

// ReadManifest reads the manifest of the export in dir. Without one there is
// no complete export: rekey.ErrNotFound.
func ReadManifest(dir string) (Manifest, error) {
	f, err := os.Open(filepath.Join(dir, ManifestName)) //nolint:gosec // the operator names the folder
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("footage in %s: %w: no %s, so this is no complete export; save the footage again into the same folder", dir, rekey.ErrNotFound, ManifestName)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("footage: %w: %w", rekey.ErrStorage, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, manifestLimit))
	if err = errors.Join(err, f.Close()); err != nil {
		return Manifest{}, fmt.Errorf("footage: %w: %w", rekey.ErrStorage, err)
	}
	m, err := parseManifest(text)
	if err != nil {
		return Manifest{}, fmt.Errorf("footage in %s: %w: %s: %w", dir, rekey.ErrVerify, ManifestName, err)
	}
	return m, nil
}

// parseManifest reads a manifest and checks that it is consistent in itself.
func parseManifest(text []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, fmt.Errorf("not a manifest: %w", err)
	}
	if m.Format != ManifestFormat || m.Version != ManifestVersion {
		return Manifest{}, fmt.Errorf("format %.40q version %d; expected %s version %d", m.Format, m.Version, ManifestFormat, ManifestVersion)
	}
	seen := names{}
	for path := range m.paths() {
		if !safePath(path) || seen[strings.ToLower(path)] {
			return Manifest{}, fmt.Errorf("path %.80q is listed twice or leads elsewhere", path)
		}
		seen[strings.ToLower(path)] = true
	}
	root, err := m.root()
	if err != nil {
		return Manifest{}, err
	}
	if root != m.MerkleRoot {
		return Manifest{}, errors.New("it was edited: the Merkle root does not fit the files that it lists")
	}
	return m, nil
}

// safePath allows the paths that an export makes and those alone.
func safePath(path string) bool {
	return filepath.IsLocal(path) && !strings.Contains(path, `\`) &&
		(strings.HasPrefix(path, "CH") || strings.HasPrefix(path, settingsDir+"/")) && !strings.HasSuffix(path, partEnding)
}

// paths yields path and hash of every file, in the order of the tree.
func (m Manifest) paths() func(yield func(path, sum string) bool) {
	return func(yield func(path, sum string) bool) {
		for _, f := range m.Files {
			if !yield(f.Path, f.SHA256) {
				return
			}
		}
		for _, s := range slices.Concat(m.Settings, m.EarlierSettings) {
			if !yield(s.Path, s.SHA256) {
				return
			}
		}
	}
}

func (m Manifest) root() (string, error) {
	leaves := make([][sha256.Size]byte, 0, len(m.Files)+len(m.Settings)+len(m.EarlierSettings))
	for path, text := range m.paths() {
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha256.Size {
			return "", fmt.Errorf("%.80q has no SHA-256", path)
		}
		leaves = append(leaves, leafHash([sha256.Size]byte(sum), path))
	}
	root := treeHash(leaves)
	return hex.EncodeToString(root[:]), nil
}
