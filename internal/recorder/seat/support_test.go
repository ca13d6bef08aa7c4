package seat

import (
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/recovery"
)

// TestWhoMayHelp: an admin chooses who may give out temporary passwords, with
// the password typed once more.
func TestWhoMayHelp(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	if err := n.box.AddAccount("admin", rekey.Account{Name: "ann", Group: recorder.GroupUser}, rekey.NewSecret("Ann-Was-Here-1"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	p := n.owner(t)
	p.post("/login", "account", "ann", "password", "Ann-Was-Here-1").want(200, "menu")
	if v := read[SecurityView](p.get(securityPath).want(200, "security")); v.Support != "" {
		t.Errorf("ann is told who may help: %+v", v)
	}
	p.get(supportPath).want(403, "denied")
	p.post(supportPath, "to", "off", "password", "Ann-Was-Here-1").want(403, "denied")

	p = n.admin(t, lostPassword)
	if v := read[SupportView](p.get(supportPath).want(200, "support")); v.Now != recorder.SupportMaker || v.Plugged || v.Second {
		t.Errorf("%+v", v)
	}
	for field, form := range map[string][]string{
		"password": {"to", "off"},
		"to":       {"to", "perhaps", "password", lostPassword},
	} {
		if v := read[SupportView](p.post(supportPath, form...).want(400, "support")); v.Errors[field] == "" {
			t.Errorf("%v: %+v", form, v)
		}
	}
	if v := read[SupportView](p.post(supportPath, "to", "off", "password", "Not-The-One-1").want(403, "support")); !strings.Contains(v.Errors["password"], "4 tries left") || v.Now != recorder.SupportMaker {
		t.Errorf("with a wrong password: %+v", v)
	}
	if v := read[SupportView](p.post(supportPath, "to", "own", "key", "desk.pub", "password", lostPassword).want(404, "support")); !strings.Contains(v.Errors["to"], "No USB drive") {
		t.Errorf("own desk without a drive: %+v", v)
	}
	if v := read[SupportView](p.post(supportPath, "to", "off", "password", lostPassword).want(200, "support")); v.Now != recorder.SupportOff || v.Notice == "" {
		t.Errorf("off: %+v", v)
	}
	if v := read[SecurityView](p.get(securityPath).want(200, "security")); v.Support != recorder.SupportOff {
		t.Errorf("%+v", v)
	}
	p.post("/recovery")
	if p.got.status == 200 {
		t.Error("a challenge is shown while support recovery is off")
	}
	p.post(supportPath, "to", "maker", "password", lostPassword).want(200, "support")
	p.post("/recovery").want(200, "forgot")
	if got := n.events(t)["support.desk"]; got != 2 {
		t.Errorf("%d changes on record", got)
	}
}

// TestOwnDesk: the key comes from the drive, the enrolment goes onto it, and from
// then on that desk answers and the maker's does not.
func TestOwnDesk(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	makers, desk, outside := n.keys, deskKey(t), filepath.Join(t.TempDir(), "elsewhere.pub")
	p := n.admin(t, lostPassword)
	if v := read[SupportView](p.get(supportPath).want(200, "support")); !v.Plugged || len(v.Keys) != 0 {
		t.Errorf("an empty drive: %+v", v)
	}
	for name, text := range map[string][]byte{
		filepath.Join(n.usb, "desk.pub"):  recovery.DeskKeyText(desk.PublicKey()),
		filepath.Join(n.usb, "other.pub"): []byte("ssh-ed25519 AAAA"),
		filepath.Join(n.usb, "big.pub"):   make([]byte, 1<<20),
		outside:                           recovery.DeskKeyText(deskKey(t).PublicKey()),
	} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(n.usb, "link.pub")); err != nil {
		t.Fatal(err)
	}
	v := read[SupportView](p.get(supportPath).want(200, "support"))
	if len(v.Keys) != 1 || v.Keys[0].File != "desk.pub" || v.Keys[0].Key != hex.EncodeToString(desk.PublicKey().Bytes()) {
		t.Fatalf("keys on the drive: %+v", v.Keys)
	}
	stranger := hex.EncodeToString(deskKey(t).PublicKey().Bytes())
	for _, bad := range []string{"", "desk.pub", "../elsewhere.pub", stranger} {
		p.post(supportPath, "to", "own", "key", bad, "password", lostPassword).want(400, "support")
	}
	if n.box.Support() != recorder.SupportMaker {
		t.Fatal("a key that is none was taken")
	}
	n.swapDrive(t, deskKey(t), func() {
		// The digits that the owner compared are those of the drive that was there.
		p.post(supportPath, "to", "own", "key", v.Keys[0].Key, "password", lostPassword).want(400, "support")
	})
	if n.box.Support() != recorder.SupportMaker {
		t.Fatal("the key of another drive was taken")
	}
	if v := read[ForgotView](p.post("/recovery").want(200, "forgot")); v.QR == "" {
		t.Error("with the maker's desk there is no QR code")
	}
	v = read[SupportView](p.post(supportPath, "to", "own", "key", v.Keys[0].Key, "password", lostPassword).want(200, "support"))
	if v.Now != recorder.SupportOwn || v.Enrolment != "enrolment-"+n.box.Info().DeviceID+".json" {
		t.Fatalf("own: %+v", v)
	}
	text, err := os.ReadFile(filepath.Join(n.usb, v.Enrolment))
	if err != nil {
		t.Fatal(err)
	}
	e, err := recovery.ParseEnrolment(text)
	if err != nil {
		t.Fatal(err)
	}
	n.enrolled(t, desk, e)

	n.pass(time.Minute)
	if v := read[ForgotView](p.post("/recovery").want(200, "forgot")); !v.Open || v.QR != "" || v.SupportPhone != "" {
		t.Errorf("a challenge for the own desk leads to the maker's: %+v", v)
	}
	state, err := n.box.GuardState()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := makers.Answer(n.box.DeviceID(), state.Account, state.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	q := n.owner(t)
	q.post("/recovery/answer", "answer", foreign.Reveal()).want(403, "forgot")
	q.post("/recovery/answer", "answer", n.rightAnswer(t)).want(200, "users")
}

// swapDrive has another drive plugged in meanwhile, with a desk.pub of its own.
func (n *bench) swapDrive(t *testing.T, desk hpke.PrivateKey, meanwhile func()) {
	t.Helper()
	first := n.usb + ".first"
	if err := errors.Join(os.Rename(n.usb, first), os.Mkdir(n.usb, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(n.usb, "desk.pub"), recovery.DeskKeyText(desk.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	if err := errors.Join(os.RemoveAll(n.usb), os.Rename(first, n.usb)); err != nil {
		t.Fatal(err)
	}
}

// TestOwnDeskOpensNothingSealedBefore: recordings wait for the desk of before the
// reset. One that came later is not asked.
func TestOwnDeskOpensNothingSealedBefore(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	n.resetByButton(t)
	p := n.owner2(t)
	p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")
	if err := os.WriteFile(filepath.Join(n.usb, "desk.pub"), recovery.DeskKeyText(deskKey(t).PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	v := read[SupportView](p.get(supportPath).want(200, "support"))
	if !v.Sealed || len(v.Keys) != 1 {
		t.Fatalf("%+v", v)
	}
	p.post(supportPath, "to", "own", "key", v.Keys[0].Key, "password", freshPassword)
	if v := read[RecordingsView](p.get(recordingsPath).want(200, "recordings")); v.Sealed == nil || n.box.Support() == recorder.SupportOwn && v.Sealed.Support {
		t.Errorf("%+v", v.Sealed)
	}
	if p.post(unsealPath); n.box.Support() == recorder.SupportOwn && p.got.status == 200 {
		t.Error("another desk is asked to open them")
	}
}

// TestBackupAttackers: without the right nothing is copied, looked at or
// cancelled; one door, another origin and a link by somebody else do nothing.
func TestBackupAttackers(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	if err := n.box.AddAccount("admin", rekey.Account{Name: "ann", Group: recorder.GroupUser}, rekey.NewSecret("Ann-Was-Here-1"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	ann := n.owner(t)
	ann.post("/login", "account", "ann", "password", "Ann-Was-Here-1").want(200, "menu")
	rights := func(r ...recorder.Right) {
		t.Helper()
		if err := n.box.ModifyAccount("admin", "ann", recorder.GroupUser, "", r, recorder.AtSeat()); err != nil {
			t.Fatal(err)
		}
		ann.post("/login", "account", "ann", "password", "Ann-Was-Here-1").want(200, "menu")
	}
	rights(recorder.RightLive)
	for _, path := range []string{backupPath, progressPath, recordingsPath, unsealPath, erasePath} {
		ann.get(path).want(403, "denied")
	}
	for _, path := range []string{backupPath, backupPath + "/cancel", recordingsPath + "/password", recordingsPath + "/sheet", unsealPath, unsealPath + "/answer", erasePath} {
		ann.post(path, append([]string{"password", "Ann-Was-Here-1", "sure", "on", "account", "admin", "answer", "x"}, allOfIt...)...).want(403, "denied")
	}
	if got := n.events(t); got["right.refused"] != 7 || got["backup.start"] != 0 || got["footage.erased"] != 0 {
		t.Errorf("recorded: %v", got)
	}
	rights(recorder.RightLive, recorder.RightPlayback)
	ann.get(recordingsPath).want(200, "recordings")
	ann.post(backupPath, allOfIt...).want(403, "denied")
	ann.post(erasePath, "sure", "on", "password", "Ann-Was-Here-1").want(403, "denied")

	rights(recorder.RightBackup)
	ann.post(backupPath, allOfIt...).want(200, "progress")
	n.ended(t)

	door := n.owner(t)
	door.post("/recovery").want(200, "forgot")
	door.post("/recovery/answer", "answer", n.rightAnswer(t)).want(200, "users")
	for _, path := range []string{backupPath, progressPath, recordingsPath, erasePath, supportPath, unsealPath, activatePath} {
		door.get(path).want(200, "users")
	}
	for _, path := range []string{backupPath, backupPath + "/cancel", erasePath, supportPath, recordingsPath + "/password", unsealPath, releasePath} {
		door.post(path, allOfIt...).want(403, "denied")
	}

	p := n.admin(t, lostPassword)
	for _, path := range []string{backupPath, erasePath, supportPath} {
		for _, header := range [][]string{{"Origin", "http://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
			p.send("POST", path, map[string][]string{"sure": {"on"}, "password": {lostPassword}, "to": {"off"}}, header...).want(403, "cross_origin")
		}
	}
	if v := read[RecordingsView](p.get(recordingsPath).want(200, "recordings")); v.Files != 12 {
		t.Errorf("erased: %+v", v)
	}
}

// TestProgressTellsNoOther: the progress is JSON for the script, and a page
// without it.
func TestProgressTellsNoOther(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	p := n.admin(t, lostPassword)
	if v := read[ProgressView](p.get(progressPath).want(200, "progress")); v.Phase != "" {
		t.Errorf("%+v", v)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(p.got.body), &raw); err != nil || raw["text"] == nil || raw["bytes_done"] == nil {
		t.Errorf("the script asks for more than %s", p.got.body)
	}
	p.post(backupPath+"/cancel").want(200, "progress") // of nothing
	n.pass(time.Second)
}
