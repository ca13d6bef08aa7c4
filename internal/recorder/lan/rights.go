package lan

import (
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"rekey/internal/recorder"
)

// may tells whether an account has all of these rights. An account of the group
// user that has not is refused with the family's error of permission, before
// anything is looked up for it.
func (l *lan) may(account string, rights ...recorder.Right) bool {
	for _, r := range rights {
		if !l.box.May(account, r) {
			return false
		}
	}
	return true
}

// authorities are an account's rights by the names of the family. Assumed: those
// of backup.
func (l *lan) authorities(account string) []string {
	if l.isAdmin(account) {
		return groups()[0].AuthorityList
	}
	names := map[recorder.Right]string{recorder.RightLive: "Monitor_01", recorder.RightPlayback: "Replay_01", recorder.RightBackup: "AuthBackup"}
	all := []string{}
	for _, r := range l.box.RightsOf(account) {
		all = append(all, names[r])
	}
	return all
}

// rightOfStream is what a URL of RTSP takes: see sourceOf.
func rightOfStream(path, rawQuery string) recorder.Right {
	if q, err := parseQuery(rawQuery); path == "/cam/playback" || err == nil && q["starttime"] != "" {
		return recorder.RightPlayback
	}
	return recorder.RightLive
}

// forbiddenRTSP is the error of permission. Assumed: 403, as on CGI.
func forbiddenRTSP() *base.Response { return &base.Response{StatusCode: base.StatusForbidden} }
