package footage

import (
	"fmt"
	"strconv"
	"strings"

	"rekey"
)

// recordingPath is the file of a recording, without the ending:
// CH01/2026-11-22/08-00-00_08-00-05. It is made of numbers only, so that
// nothing a recorder says can lead out of the folder or offend a file system.
func recordingPath(r rekey.Recording) string {
	return fmt.Sprintf("CH%02d/%s/%s_%s", r.Channel, r.Start.Format("2006-01-02"), r.Start.Format("15-04-05"), r.End.Format("15-04-05"))
}

// ending is the file's ending: what the recorder says of the kind where that is plain.
func ending(kind string) string {
	kind = strings.ToLower(kind)
	if kind == "" || len(kind) > 4 || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || kind == "part" {
		return ".bin"
	}
	return "." + kind
}

// names gives every file of an export a path of its own.
type names map[string]bool

// take returns stem+end, or stem_2+end where that is taken, and so on.
// Upper and lower case count as equal, as on Windows and on most NAS.
func (n names) take(stem, end string) string {
	for i := 1; ; i++ {
		path := numbered(stem, i) + end
		if key := strings.ToLower(path); !n[key] {
			n[key] = true
			return path
		}
	}
}

// numbered is the stem, for the second stem_2, and so on.
func numbered(stem string, i int) string {
	if i == 1 {
		return stem
	}
	return stem + "_" + strconv.Itoa(i)
}

// settingsStem is the file of a block of settings, without the ending: the
// block's name with everything but letters, digits, dash and dot replaced.
func settingsStem(name string) string {
	const most = 80
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		}
		return '_'
	}, name)
	safe = strings.Trim(safe[:min(len(safe), most)], ".")
	if safe == "" || isDevice(safe) {
		safe = "_" + safe
	}
	return settingsDir + "/" + safe
}

// isDevice knows the names that Windows keeps for devices, with any ending.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '0' && stem[3] <= '9'
}
