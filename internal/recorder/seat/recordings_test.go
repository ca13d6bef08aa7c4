package seat

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/backup"
	"rekey/internal/recorder/clips"
)

// today is when the footage of withFootage ends.
var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// withFootage gives the bench recordings of two channels on two days, and a USB
// drive, and serves its seat once more.
func (n *bench) withFootage(t *testing.T) *bench {
	t.Helper()
	key, err := n.box.FootageKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := recorder.FootageDir(n.dir)
	if err := clips.Make(dir, clips.Spec{Channels: 2, Days: 2, ClipSeconds: 1, Now: today}, key); err != nil {
		t.Fatal(err)
	}
	store, err := clips.Open(dir, n.box)
	if err != nil {
		t.Fatal(err)
	}
	n.footage, n.usb = store, filepath.Join(t.TempDir(), "usb")
	n.plugIn(t)
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	n.backupsOf(t, store)
	return n
}

// backupsOf serves the seat with backups of that footage.
func (n *bench) backupsOf(t *testing.T, footage backup.Footage) {
	t.Helper()
	copier := backup.New(n.box, footage, backup.Drive(n.usb))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = copier.Run(ctx) // it has no error
	}()
	t.Cleanup(func() { cancel(); <-ended })
	n.backups = copier
	n.serve(t)
}

func (n *bench) plugIn(t *testing.T) {
	t.Helper()
	if err := os.Mkdir(n.usb, 0o700); err != nil {
		t.Fatal(err)
	}
}

func (n *bench) pullOut(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(n.usb); err != nil {
		t.Fatal(err)
	}
}

// admin is logged in.
func (n *bench) admin(t *testing.T, password string) *person {
	t.Helper()
	p := n.owner(t)
	p.post("/login", "account", "admin", "password", password).want(200, "menu")
	return p
}

// resetByButton is both presses.
func (n *bench) resetByButton(t *testing.T) {
	t.Helper()
	for _, held := range []time.Duration{12 * time.Second, time.Second} {
		if _, err := n.box.Press(held); err != nil {
			t.Fatal(err)
		}
	}
	if n.box.Initialised() {
		t.Fatal("the button resets nothing")
	}
}

// ended waits for the backup.
func (n *bench) ended(t *testing.T) backup.State {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s, ok := n.backups.State(); ok && s.Phase != backup.Copying {
			return s
		}
	}
	t.Fatal("the backup does not end")
	return backup.State{}
}

var allOfIt = []string{"channel", "1", "channel", "2", "from_day", "2026-11-20", "from_time", "00:00", "to_day", "2026-11-22", "to_time", "24:00"}

func TestBackupAtTheSeat(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	p := n.admin(t, lostPassword)
	v := read[BackupView](p.get(backupPath).want(200, "backup"))
	if !v.Plugged || v.Free == 0 || v.Files != 12 || v.Bytes == 0 || len(v.Channels) != 2 || v.FromDay != "2026-11-20" || v.ToTime != "24:00" {
		t.Errorf("offered: %+v", v)
	}
	v = read[BackupView](p.get(backupPath+"?channel=2&from_day=2026-11-22&from_time=00:00&to_day=2026-11-22&to_time=04:00").want(200, "backup"))
	if v.Files != 1 || v.Channels[0].Chosen || !v.Channels[1].Chosen {
		t.Errorf("chosen: %+v", v)
	}
	for query, say := range map[string]string{
		"?from_day=2026-11-22&from_time=00:00&to_day=2026-11-22&to_time=04:00":           "at least one channel",
		"?channel=1&from_day=2026-11-22&from_time=04:00&to_day=2026-11-22&to_time=04:00": "later than the beginning",
		"?channel=1&from_day=x&from_time=04:00&to_day=2026-11-22&to_time=04:00":          "Choose a day and a time",
	} {
		if v := read[BackupView](p.get(backupPath+query).want(400, "backup")); !strings.Contains(v.Error, say) {
			t.Errorf("%s: %q", query, v.Error)
		}
	}
	for _, channel := range []string{"64", "0", "-1", "a", "1%00"} {
		p.post(backupPath, append([]string{"channel", channel}, allOfIt[4:]...)...).want(400, "backup")
	}
	p.post(backupPath, allOfIt...).want(200, "progress")
	if s := n.ended(t); s.Phase != backup.Done {
		t.Fatalf("%+v", s)
	}
	done := read[ProgressView](p.get(progressPath).want(200, "progress"))
	if done.Phase != backup.Done || done.FilesDone != 12 || len(done.Manifest) != 64 || done.Account != "admin" {
		t.Errorf("done: %+v", done)
	}
	if _, err := os.Stat(filepath.Join(n.usb, filepath.FromSlash(done.Folder), "manifest.json")); err != nil {
		t.Error(err)
	}

	n.pullOut(t)
	if v := read[BackupView](p.get(backupPath).want(200, "backup")); v.Plugged {
		t.Error("a drive that is not there is plugged in")
	}
	if v := read[BackupView](p.post(backupPath, allOfIt...).want(404, "backup")); !strings.Contains(v.Error, "No USB drive is plugged in") {
		t.Errorf("without a drive: %q", v.Error)
	}
	if got := n.events(t); got["backup.start"] != 1 || got["backup.done"] != 1 {
		t.Errorf("recorded: %v", got)
	}
}

// TestRecordingsTold: how much there is, and of which channel.
func TestRecordingsTold(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 4}).withFootage(t)
	v := read[RecordingsView](n.admin(t, lostPassword).get(recordingsPath).want(200, "recordings"))
	if v.Files != 12 || len(v.Channels) != 2 || v.Sealed != nil || v.Channels[1].Channel != 2 || v.Channels[1].Files != 6 || v.Channels[1].Last != "2026-11-22 12:00" {
		t.Errorf("%+v", v)
	}
}

// TestSealedByButton: after a reset the recordings are closed on every page, and
// each of the three ways opens them.
func TestSealedByButton(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"password", "sheet", "support"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
			var sheet []string
			if way == "sheet" {
				_, sheet = n.switchOn(t, n.owner(t))
			}
			n.resetByButton(t)
			p := n.owner2(t)
			if way == "sheet" {
				p.post(activatePath+"/sheet", "code", sheet[0]).want(200, "setup")
			}
			p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(200, "locked")
			p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")

			v := read[RecordingsView](p.get(recordingsPath).want(200, "recordings"))
			if v.Sealed == nil || v.Files != 0 || len(v.Sealed.Accounts) != 1 || v.Sealed.Accounts[0] != "admin" || v.Sealed.TriesLeft != 5 {
				t.Fatalf("sealed: %+v", v)
			}
			if v := read[BackupView](p.get(backupPath).want(200, "backup")); !v.Sealed || v.Files != 0 || len(v.Days) != 0 {
				t.Errorf("backup of sealed recordings: %+v", v)
			}
			p.post(backupPath, allOfIt...).want(403, "backup")
			switch way {
			case "password":
				w := read[RecordingsView](p.post(recordingsPath+"/password", "account", "admin", "password", freshPassword).want(403, "recordings"))
				if !strings.Contains(w.Errors["password"], "4 tries left") {
					t.Errorf("a wrong password: %q", w.Errors["password"])
				}
				p.post(recordingsPath+"/password", "account", "admin", "password", lostPassword).want(200, "recordings")
			case "sheet":
				w := read[RecordingsView](p.post(recordingsPath+"/sheet", "code", sheet[0]).want(403, "recordings")) // used for the release
				if !strings.Contains(w.Errors["code"], "does not fit") {
					t.Errorf("a used code: %q", w.Errors["code"])
				}
				p.post(recordingsPath+"/sheet", "code", "12").want(400, "recordings")
				p.post(recordingsPath+"/sheet", "code", sheet[1]).want(200, "recordings")
			case "support":
				p.post(unsealPath).want(200, "unseal")
				u := read[UnsealView](p)
				if !u.Open || !strings.HasPrefix(u.Challenge, "6") { // suite 1, purpose 2
					t.Fatalf("the challenge is %s", u.Challenge)
				}
				p.post(unsealPath+"/answer", "answer", n.wrongAnswers(t, 1)[0]).want(403, "unseal")
				p.post(unsealPath+"/answer", "answer", n.rightAnswer(t)).want(200, "recordings")
			}
			if v := read[RecordingsView](p); v.Sealed != nil || v.Files != 12 {
				t.Errorf("opened: %+v", v)
			}
			p.get(unsealPath).want(200, "recordings") // nothing left to ask for
		})
	}
}

// owner2 is owner of a recorder that shows another first screen.
func (n *bench) owner2(t *testing.T) *person {
	t.Helper()
	p := n.stranger(t)
	p.post("/enter", "token", n.token.Reveal())
	return p
}

// TestSealedTriesAreBounded: five, and then a wait that is told.
func TestSealedTriesAreBounded(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	n.resetByButton(t)
	p := n.owner2(t)
	p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")
	for range 5 {
		p.post(recordingsPath+"/password", "account", "admin", "password", "Not-The-One-1").want(403, "recordings")
	}
	if v := read[RecordingsView](p); !strings.Contains(v.Errors["password"], "last try") || v.Sealed.LockedSeconds == 0 {
		t.Errorf("after 5: %+v", v)
	}
	p.post(recordingsPath+"/password", "account", "admin", "password", lostPassword).want(429, "recordings")
	if v := read[RecordingsView](p); !strings.Contains(v.Errors["password"], "Too many wrong tries") {
		t.Errorf("the right one while it waits: %+v", v)
	}
	n.pass(31 * time.Minute)
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")
	p.post(recordingsPath+"/password", "account", "admin", "password", lostPassword).want(200, "recordings")
}

func TestEraseRecordings(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	p := n.admin(t, lostPassword)
	if v := read[EraseView](p.get(erasePath).want(200, "erase")); v.Files != 12 || v.Second || v.Sealed {
		t.Errorf("%+v", v)
	}
	for field, form := range map[string][]string{
		"sure":     {"password", lostPassword},
		"password": {"sure", "on"},
	} {
		if v := read[EraseView](p.post(erasePath, form...).want(400, "erase")); v.Errors[field] == "" || len(v.Errors) != 1 {
			t.Errorf("without %s: %v", field, v.Errors)
		}
	}
	if v := read[EraseView](p.post(erasePath, "sure", "on", "password", "Not-The-One-1").want(403, "erase")); !strings.Contains(v.Errors["password"], "4 tries left") {
		t.Errorf("a wrong password: %v", v.Errors)
	}
	if v := read[RecordingsView](p.get(recordingsPath).want(200, "recordings")); v.Files != 12 {
		t.Fatalf("erased by nothing: %+v", v)
	}
	p.post(erasePath, "sure", "on", "password", lostPassword).want(200, "recordings")
	if v := read[RecordingsView](p); v.Files != 0 || v.Notice == "" {
		t.Errorf("erased: %+v", v)
	}
	if got := n.events(t); got["footage.erased"] != 1 || got["backup.skipped"] != 1 {
		t.Errorf("recorded: %v", got)
	}
	if _, err := n.footage.Find(0, time.Time{}, endOfTime); err != nil {
		t.Error(err)
	}
}

// TestErasedAfterBackup: a backup that was made is not told as skipped, and a
// code is asked for where there is a second factor.
func TestErasedAfterBackup(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	_, sheet := n.switchOn(t, n.owner(t))
	p := n.owner(t)
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "code")
	p.post("/login/code", "code", sheet[0]).want(200, "menu")
	p.post(backupPath, allOfIt...).want(200, "progress")
	if s := n.ended(t); s.Phase != backup.Done {
		t.Fatalf("%+v", s)
	}
	if v := read[EraseView](p.post(erasePath, "sure", "on", "password", lostPassword).want(400, "erase")); v.Errors["code"] == "" || !v.Second {
		t.Errorf("without a code: %+v", v)
	}
	p.post(erasePath, "sure", "on", "password", lostPassword, "code", sheet[0]).want(403, "erase")
	p.post(erasePath, "sure", "on", "password", lostPassword, "code", sheet[1]).want(200, "recordings")
	if got := n.events(t); got["footage.erased"] != 1 || got["backup.skipped"] != 0 {
		t.Errorf("recorded: %v", got)
	}
	if got := errors.Join(os.RemoveAll(n.usb)); got != nil {
		t.Error(got)
	}
}
