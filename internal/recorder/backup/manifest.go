package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
)

// Names on the drive. Only letters, digits, dashes, underscores and the dot of
// an ending are used, and no two differ by case alone: FAT and exFAT take them.
const (
	manifestName = "manifest.json"
	proofEnding  = "_proof.json" // beside the folder
	partEnding   = ".part"       // a file that is being written
)

// The format of the package footage. It is written here once more and not shared:
// the recorder is the other side of everything.
const (
	manifestFormat  = "rekey-footage"
	manifestVersion = 1
)

type manifest struct {
	Format     string         `json:"format"`
	Version    int            `json:"version"`
	Made       time.Time      `json:"made"`
	Account    string         `json:"account"` // who took the backup
	Recorder   rekey.Identity `json:"recorder"`
	From       wall           `json:"from"`
	To         wall           `json:"to"`
	Channels   []int          `json:"channels"`
	Files      []file         `json:"files"`
	LeftOut    []LeftOut      `json:"left_out,omitempty"`
	Settings   []file         `json:"settings"`
	Note       string         `json:"settings_note"`
	Bytes      int64          `json:"bytes"`
	MerkleRoot string         `json:"merkle_root"` // RFC 6962; a leaf is the SHA-256 (32 bytes) and the path
}

type file struct {
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	Channel int    `json:"channel"`
	Start   wall   `json:"start"`
	End     wall   `json:"end"`
	Kind    string `json:"kind"`
	Source  string `json:"source"` // as the recorder names it
}

// LeftOut is a recording that the recorder itself could not read.
type LeftOut struct {
	Channel int    `json:"channel"`
	Start   wall   `json:"start"`
	End     wall   `json:"end"`
	Source  string `json:"source"`
	Why     string `json:"why"`
}

// wall is a time of the recorder's clock, written without a zone.
type wall struct{ time.Time }

func (w wall) MarshalJSON() ([]byte, error) { return json.Marshal(w.Format("2006-01-02T15:04:05")) }

func newManifest(box *recorder.Box, o Order) *manifest {
	i := box.Info()
	return &manifest{
		Format: manifestFormat, Version: manifestVersion, Made: box.Now().Truncate(time.Second), Account: o.Account,
		Recorder: rekey.Identity{Family: "dahua", Vendor: i.Vendor, Model: i.Model, Class: i.Class, Name: i.Name, Serial: i.Serial, DeviceID: i.DeviceID, MAC: i.MAC, Firmware: i.Firmware, Channels: i.Channels},
		From:     wall{o.From}, To: wall{o.To}, Channels: o.Channels,
		Files: []file{}, Settings: []file{}, Note: "a backup at the recorder holds recordings only",
	}
}

func (m *manifest) add(name string, c clips.Clip, sum string) {
	m.Files = append(m.Files, file{Path: name, Size: c.Size, SHA256: sum, Channel: c.Channel, Start: wall{c.Start}, End: wall{c.End}, Kind: c.Kind, Source: c.Path})
	m.Bytes += c.Size
}

func (m *manifest) leaveOut(c clips.Clip, why error) {
	m.LeftOut = append(m.LeftOut, LeftOut{Channel: c.Channel, Start: wall{c.Start}, End: wall{c.End}, Source: c.Path, Why: why.Error()})
}

// seal computes the root and gives the manifest as it is written, and its SHA-256.
func (m *manifest) seal() (text []byte, sum string, err error) {
	if m.MerkleRoot, err = rootOf(m.Files); err != nil {
		return nil, "", err
	}
	if text, err = json.MarshalIndent(m, "", " "); err != nil {
		return nil, "", fmt.Errorf("write the manifest: %w", err)
	}
	text = append(text, '\n')
	hash := sha256.Sum256(text)
	return text, hex.EncodeToString(hash[:]), nil
}

// rootOf is the RFC 6962 tree hash of the files, in hex.
func rootOf(files []file) (string, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = stored[n]
		}
		return out, nil
	})
	for i, f := range files {
		sum, err := hex.DecodeString(f.SHA256)
		if err != nil {
			return "", err
		}
		hashes, err := tlog.StoredHashes(int64(i), append(sum, f.Path...), reader)
		if err != nil {
			return "", err
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(int64(len(files)), reader)
	return hex.EncodeToString(root[:]), err
}

// folderOf names the folder of a backup on the drive. The same choice has the
// same folder, so that a backup that was cut off goes on there.
func folderOf(i recorder.Info, c Choice) string {
	const layout = "20060102-150405"
	return path.Join("recorder-"+i.DeviceID, c.From.Format(layout)+"_"+c.To.Format(layout)+"_CH"+channelsText(c.Channels))
}

// channelsText names channels as 01-04_07.
func channelsText(channels []int) string {
	var parts []string
	for i := 0; i < len(channels); {
		last := i
		for last+1 < len(channels) && channels[last+1] == channels[last]+1 {
			last++
		}
		part := fmt.Sprintf("%02d", channels[i])
		if last > i {
			part += fmt.Sprintf("-%02d", channels[last])
		}
		parts = append(parts, part)
		i = last + 1
	}
	return strings.Join(parts, "_")
}

// nameOf is the file of a recording in the folder of its backup. It is made of
// numbers, so that nothing in a name can lead elsewhere or offend a file system.
func nameOf(c clips.Clip) string {
	return fmt.Sprintf("CH%02d/%s/%s_%s.%s", c.Channel, c.Start.Format("2006-01-02"), c.Start.Format("15-04-05"), c.End.Format("15-04-05"), c.Kind)
}
