package seat

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"rekey/internal/recorder/backup"
	"rekey/internal/web"
)

// ProgressView tells of the newest backup. The script of the page asks for it
// every second. POST /menu/backup/cancel ends it.
type ProgressView struct {
	Page        string       `json:"page"`            // "progress"
	Phase       backup.Phase `json:"phase,omitempty"` // empty = there was none since the recorder was switched on
	Account     string       `json:"account,omitempty"`
	Folder      string       `json:"folder,omitempty"` // on the USB drive
	Files       int          `json:"files"`
	FilesDone   int          `json:"files_done"`
	Kept        int          `json:"kept"` // of those done: were on the drive already
	Bytes       int64        `json:"bytes"`
	BytesDone   int64        `json:"bytes_done"`
	Rate        int64        `json:"rate"` // bytes a second
	SecondsLeft int          `json:"seconds_left"`
	LeftOut     int          `json:"left_out"`           // recordings that could not be read
	Manifest    string       `json:"manifest,omitempty"` // its SHA-256, once it is done
	Text        string       `json:"text"`               // how far it is, in words
	Error       string       `json:"error,omitempty"`

	mine bool // to cancel
}

func (s *seat) showProgress(w http.ResponseWriter, r *http.Request, l *login) {
	v := ProgressView{Page: "progress"}
	if state, ok := s.o.Backup.State(); ok {
		v = progressOf(state)
		v.mine = state.Account == l.account || s.isAdmin(l.account)
	}
	site := s.recordingsSite(nav(backupPath)...)
	site.Scripts = append(site.Scripts, progressScript)
	web.Respond(w, r, http.StatusOK, v, site.Page("Backup", progressBody(v)))
}

func progressOf(s backup.State) ProgressView {
	v := ProgressView{
		Page: "progress", Phase: s.Phase, Account: s.Account, Folder: s.Folder, Files: s.Files, FilesDone: s.FilesDone, Kept: s.Kept,
		Bytes: s.Bytes, BytesDone: s.BytesDone, Rate: int64(s.Rate), SecondsLeft: seconds(s.Left), LeftOut: len(s.LeftOut), Manifest: s.Manifest,
	}
	v.Text = v.words()
	if s.Err != nil {
		var told bool
		if v.Error, told = backupWords(s.Err); !told {
			v.Error = "The recorder could not do it. What is on the drive is whole as far as it goes; names that end in .part are not."
		}
	}
	return v
}

// words say how far it is.
func (v ProgressView) words() string {
	if v.Phase == backup.Done {
		return fmt.Sprintf("%s, %s, at %s a second.", recordingsText(v.Files), bytesText(v.Bytes), bytesText(v.Rate))
	}
	text := fmt.Sprintf("%d of %s, %s of %s", v.FilesDone, recordingsText(v.Files), bytesText(v.BytesDone), bytesText(v.Bytes))
	if v.Rate > 0 {
		text += fmt.Sprintf(", %s a second", bytesText(v.Rate))
	}
	if v.Phase == backup.Copying && v.SecondsLeft > 0 {
		text += fmt.Sprintf(", %s left", span(time.Duration(v.SecondsLeft)*time.Second))
	}
	return text + "."
}

// percent is how far it is by bytes.
func (v ProgressView) percent() int {
	if v.Bytes == 0 {
		return 0
	}
	return int(math.Floor(float64(v.BytesDone) / float64(v.Bytes) * 100))
}
