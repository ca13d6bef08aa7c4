package seat

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/backup"
	"rekey/internal/recorder/clips"
	"rekey/internal/rekeytest/browser"
	"rekey/recovery"
)

// held is footage whose next recordings are given out only once somebody lets go,
// so that a test sees a backup under way.
type held struct {
	backup.Footage
	after int
	mu    sync.Mutex
	given int
	open  chan struct{}
	letGo func()
}

// holdBack serves backups whose recordings come only until so many were given.
func (n *bench) holdBack(t *testing.T, after int) *held {
	t.Helper()
	h := &held{Footage: n.footage, after: after, open: make(chan struct{})}
	h.letGo = sync.OnceFunc(func() { close(h.open) })
	n.backupsOf(t, h)
	t.Cleanup(h.letGo)
	return h
}

func (h *held) Open(path string) (io.ReadSeekCloser, clips.Clip, error) {
	h.mu.Lock()
	h.given++
	wait := h.given > h.after
	h.mu.Unlock()
	if wait {
		<-h.open
	}
	return h.Footage.Open(path)
}

// logIn goes to the Main Menu.
func (n *bench) logIn(t *testing.T, tab *browser.Tab, password string) {
	t.Helper()
	tab.Open(n.base + "/login")
	tab.Type("#password", password)
	tab.Press("Log in")
}

// TestBackupByMouse chooses, starts and watches a backup with the mouse alone.
func TestBackupByMouse(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 8}).withFootage(t)
	slow := n.holdBack(t, 5)
	tab := n.sitDown(t)
	n.logIn(t, tab, lostPassword)
	n.pullOut(t)
	tab.Open(n.base + backupPath)
	tab.Wants("No USB drive is plugged in", "12 recordings")
	show(t, tab, "backup-no-drive")
	n.plugIn(t)
	tab.Open(n.base + backupPath)
	tab.Wants("USB drive: plugged in", "channels 1 to 8")
	show(t, tab, "backup")
	tab.Tick(`input[value="7"]`)
	tab.Pick("#from_day", "2026-11-21")
	tab.Press("See how much it is")
	tab.Wants("channels 1 to 6, 8, from 2026-11-21 00:00")
	show(t, tab, "backup-chosen")
	tab.Press("Start the backup")
	tab.Wants("Copying to the USB drive, for admin", "of 10 recordings")
	n.until(t, func(s backup.State) bool { return s.FilesDone == 5 })
	tab.Press("Look again")
	tab.Wants("5 of 10 recordings")
	show(t, tab, "backup-progress")
	slow.letGo()
	n.ended(t)
	tab.Open(n.base + progressPath)
	tab.Wants("The backup is done", "manifest.json", "10 recordings")
	show(t, tab, "backup-done")
}

// TestProgressMovesByItself: the script shows the end without anybody's doing.
func TestProgressMovesByItself(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	slow := n.holdBack(t, 2)
	tab := n.sitDown(t)
	n.logIn(t, tab, lostPassword)
	tab.Open(n.base + backupPath)
	tab.Press("Start the backup")
	n.until(t, func(s backup.State) bool { return s.FilesDone == 2 })
	tab.AwaitText("2 of 12 recordings")
	slow.letGo()
	tab.AwaitText("The backup is done")
}

// eventually waits for what the page does by itself.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func (n *bench) until(t *testing.T, is func(backup.State) bool) {
	t.Helper()
	eventually(t, "the backup comes so far", func() bool {
		s, ok := n.backups.State()
		return ok && is(s)
	})
}

// TestSealedByMouse: the recordings after a reset, opened by the password of
// before, and erased.
func TestSealedByMouse(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	_, sheet := n.switchOn(t, n.owner(t))
	n.resetByButton(t)

	tab := chromium.Tab(t)
	tab.Open(n.base + "/")
	tab.Type("#token", n.token.Reveal())
	tab.Press("Enter")
	tab.Wants("This recorder waits for its owner", "Recovery sheet", n.box.Info().DeviceID)
	show(t, tab, "activate")
	tab.Type("#code", strings.ToLower(strings.ReplaceAll(sheet[0], "-", " "))[:9])
	tab.Press("Release")
	tab.Wants("Nothing was spent")
	show(t, tab, "activate-wrong")
	tab.Type("#code", sheet[0])
	tab.Press("Release")
	tab.Wants("no default one")
	tab.Type("#new", freshPassword)
	tab.Type("#confirm", freshPassword)
	tab.Press("OK")
	n.logIn(t, tab, freshPassword)

	tab.Open(n.base + backupPath)
	tab.Wants("The recordings are sealed")
	show(t, tab, "backup-sealed")
	tab.Press("Recordings")
	tab.Wants("The recordings are sealed since", "Password of before", "Recovery sheet of before")
	show(t, tab, "sealed")
	tab.Press("Ask support")
	tab.Press("Get a challenge")
	tab.Wants("Open the recordings", "Valid for")
	show(t, tab, "unseal")
	tab.Press("Another way")
	tab.Type("#password", freshPassword)
	tab.Press("Open by password")
	tab.Wants("This does not fit. 4 tries left")
	show(t, tab, "sealed-wrong")
	tab.Type("#password", lostPassword)
	tab.Press("Open by password")
	tab.Wants("The recordings are open again", "12 recordings")
	show(t, tab, "recordings")

	tab.Press("Erase all recordings")
	tab.Wants("This is for good", "Kept")
	show(t, tab, "erase")
	tab.Tick("#sure")
	tab.Type("#password", "Not-The-One-1")
	tab.Press("Erase all recordings")
	tab.Wants("Nothing was erased", "4 tries left")
	show(t, tab, "erase-wrong")
	tab.Tick("#sure")
	tab.Type("#password", freshPassword)
	tab.Press("Erase all recordings")
	tab.Wants("All recordings are erased, for good", "There are no recordings")
	show(t, tab, "erased")
}

// TestSupportByMouse: the three choices, and an own desk from the USB drive.
func TestSupportByMouse(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	tab := n.sitDown(t)
	n.logIn(t, tab, lostPassword)
	tab.Open(n.base + securityPath)
	tab.Press("Choose who may help")
	tab.Wants("The maker's support desk (now)", "There is no public key of a desk on the USB drive")
	show(t, tab, "support")
	if err := os.WriteFile(filepath.Join(n.usb, "desk.pub"), recovery.DeskKeyText(deskKey(t).PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	tab.Press("look again")
	tab.Wants("desk.pub", "Compare the digits")
	tab.Tick(`input[value="own"]`)
	tab.Type("#password", lostPassword)
	tab.Press("OK")
	tab.Wants("your own desk gives out temporary passwords", "enrolment-"+n.box.Info().DeviceID+".json")
	show(t, tab, "support-own")
	tab.Tick(`input[value="off"]`)
	tab.Type("#password", "Not-The-One-1")
	tab.Press("OK")
	tab.Wants("4 tries left")
	show(t, tab, "support-wrong")
	tab.Tick(`input[value="off"]`)
	tab.Type("#password", lostPassword)
	tab.Press("OK")
	tab.Wants("nobody gives out temporary passwords", "Nobody (now)")
	tab.Press("Back to Security")
	tab.Wants("Nobody gives out temporary passwords")
	show(t, tab, "security-support-off")
	n.resetByButton(t)
	tab.Open(n.base + "/") // the desk of its own was the only proof, and it was switched off
	tab.Wants("First set-up")
}

// TestReleaseByMouse: a recorder with a desk of its own is released by that.
func TestReleaseByMouse(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.ownDesk(t)
	n.resetByButton(t)
	tab := chromium.Tab(t)
	tab.Open(n.base + "/")
	tab.Type("#token", n.token.Reveal())
	tab.Press("Enter")
	tab.Press("Ask support")
	tab.Wants("Release the recorder", "Get a challenge")
	show(t, tab, "release")
	tab.Press("Get a challenge")
	tab.Wants("Call your own support desk", "Valid for")
	show(t, tab, "release-challenge")
	typeAnswer(tab, n.rightAnswer(t))
	tab.Press("OK")
	tab.Wants("First set-up")
}
