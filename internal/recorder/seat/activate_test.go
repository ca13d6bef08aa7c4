package seat

import (
	"crypto/hpke"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/recovery"
)

// TestUnclaimedIsNotLocked: who left no proof elsewhere goes on as ever.
func TestUnclaimedIsNotLocked(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.resetByButton(t)
	p := n.owner2(t)
	p.get("/").want(200, "setup")
	p.get(activatePath).want(200, "setup")
	p.post(activatePath+"/sheet", "code", "AAAA-BBBB-CCCC").want(409, "conflict")
	p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(200, "locked")
}

// TestActivationLock: after a reset of a claimed recorder there is no first
// set-up before its owner has released it, here by the recovery sheet.
func TestActivationLock(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	a, sheet := n.switchOn(t, n.owner(t))
	n.resetByButton(t)
	p := n.owner2(t)
	for _, path := range everyPath["GET"] {
		p.get(path)
		if page := p.got.path; page != activatePath && page != releasePath && page != "/info" && !strings.HasPrefix(page, "/label") {
			t.Errorf("%s leads to %s", path, page)
		}
	}
	p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(409, "conflict")
	if n.box.Initialised() {
		t.Fatal("it was set up")
	}
	v := read[ActivateView](p.get("/").want(200, "activate"))
	if !v.Sheet || v.Cloud != "" || v.TriesLeft != 5 || v.DeviceID != n.box.Info().DeviceID {
		t.Errorf("%+v", v)
	}
	for code, status := range map[string]int{"": 400, "12": 400, a.code(t, 0): 400, lostPassword: 400} {
		if v := read[ActivateView](p.post(activatePath+"/sheet", "code", code).want(status, "activate")); !strings.Contains(v.Errors["code"], "Nothing was spent") {
			t.Errorf("what is no code of a sheet: %v", v.Errors)
		}
	}
	foreign := strings.NewReplacer("0", "1", "1", "2", "2", "3", "3", "0", "A", "B", "B", "A").Replace(sheet[0])
	if foreign == sheet[0] {
		foreign = sheet[0][5:] + "-" + sheet[0][:4]
	}
	if v := read[ActivateView](p.post(activatePath+"/sheet", "code", foreign).want(403, "activate")); !strings.Contains(v.Errors["code"], "4 tries left") || v.TriesLeft != 4 {
		t.Errorf("a code of another sheet: %+v", v)
	}
	p.post(activatePath+"/sheet", "code", sheet[0]).want(200, "setup")
	p.post("/setup", "new", lostPassword[:4], "confirm", lostPassword[:4]).want(400, "setup")
	p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	p.post("/login", "account", "admin", "password", lostPassword).want(403, "login")
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")
	p.get(activatePath).want(200, "locked")
}

// ownDesk gives the recorder a desk of its owner's, whose keys the bench has from then on.
func (n *bench) ownDesk(t *testing.T) hpke.PrivateKey {
	t.Helper()
	desk := deskKey(t)
	e, err := n.box.UseOwnDesk("admin", desk.PublicKey(), recorder.StepUp{Password: rekey.NewSecret(lostPassword)}, recorder.AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	n.enrolled(t, desk, e)
	return desk
}

func (n *bench) enrolled(t *testing.T, desk hpke.PrivateKey, e recovery.Enrolment) {
	t.Helper()
	kdev, err := e.Open(desk)
	if err != nil {
		t.Fatal(err)
	}
	if n.keys, err = recovery.NewKeys(kdev); err != nil {
		t.Fatal(err)
	}
}

// TestReleaseBySupport: the temporary password is of purpose 1. One that was
// given out for anything else releases nothing, and neither does the maker's.
func TestReleaseBySupport(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	makers := n.keys
	n.ownDesk(t)
	n.resetByButton(t)
	p := n.owner2(t)
	v := read[ActivateView](p.get("/").want(200, "activate"))
	if v.Sheet || !v.Support {
		t.Fatalf("%+v", v)
	}
	p.post("/recovery").want(409, "conflict") // there is no password to recover
	p.post(releasePath).want(200, "release")
	r := read[ReleaseView](p)
	if !r.Open || !strings.HasPrefix(r.Challenge, "5") && !strings.HasPrefix(r.Challenge, "4") {
		t.Fatalf("the challenge is %s", r.Challenge)
	}
	state, err := n.box.GuardState()
	if err != nil || state.Challenge.Purpose != recovery.PurposeRelease {
		t.Fatalf("%+v: %v", state, err)
	}
	other, err := makers.Answer(n.box.DeviceID(), state.Account, state.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	p.post(releasePath+"/answer", "answer", other.Reveal()).want(403, "release")
	state.Challenge.Purpose = recovery.PurposePassword
	if other, err = n.keys.Answer(n.box.DeviceID(), state.Account, state.Challenge); err != nil {
		t.Fatal(err)
	}
	p.post(releasePath+"/answer", "answer", other.Reveal()).want(403, "release")
	if v := read[ReleaseView](p); !strings.Contains(v.Error, "3 attempts left") {
		t.Errorf("%+v", v)
	}
	code := n.rightAnswer(t)
	p.post("/recovery/answer", "answer", code).want(409, "conflict")
	p.post("/login", "account", "admin", "password", code).want(409, "conflict")
	p.post(releasePath+"/answer", "answer", code).want(200, "setup")
	p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	if got := n.events(t); got["activation.locked"] != 1 || got["activation.released"] != 1 {
		t.Errorf("recorded: %v", got)
	}
}

// TestPurposesDoNotMix: a challenge for the recordings opens no account, at
// whichever page its answer is typed.
func TestPurposesDoNotMix(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 2}).withFootage(t)
	n.resetByButton(t)
	p := n.owner2(t)
	p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")
	p.post(unsealPath).want(200, "unseal")
	code := n.rightAnswer(t)

	q := n.owner(t) // somebody else sits down
	if v := read[ForgotView](q.get("/recovery").want(200, "forgot")); v.Open || !v.Other {
		t.Errorf("Forgot password shows a challenge for something else: %+v", v)
	}
	q.post("/recovery/answer", "answer", code).want(409, "forgot")
	q.post("/login", "account", "admin", "password", code).want(403, "login")
	q.get("/menu").want(200, "login")
	p.post(unsealPath+"/answer", "answer", code).want(200, "recordings")

	n.pass(31 * time.Second)
	q.post("/recovery").want(200, "forgot")
	if v := read[UnsealView](p.get(unsealPath)); v.Open {
		t.Error("a challenge for a password is shown for the recordings")
	}
}

// linkCloud links the recorder with a cloud, whose keys the bench has from then on.
func (n *bench) linkCloud(t *testing.T) {
	t.Helper()
	cloud := deskKey(t)
	l, e, err := n.box.BeginCloudLink("admin", recorder.CloudAddress{URL: "https://cloud.example"}, cloud.PublicKey(), recorder.StepUp{Password: rekey.NewSecret(lostPassword)}, recorder.AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	n.enrolled(t, cloud, e)
	if err := n.box.CloudLinked(l.Key, "owner@example.net"); err != nil {
		t.Fatal(err)
	}
}

// TestReleaseByCloud: with support switched off the owner at the cloud is the
// only one, and the screen names nobody else.
func TestReleaseByCloud(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.linkCloud(t)
	if err := n.box.SetSupport("admin", recorder.SupportOff, recorder.StepUp{Password: rekey.NewSecret(lostPassword)}, recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	n.resetByButton(t)
	p := n.owner2(t)
	if v := read[ActivateView](p.get("/").want(200, "activate")); v.Sheet || v.Support || v.Cloud != "https://cloud.example" {
		t.Fatalf("%+v", v)
	}
	tab := chromium.Tab(t)
	tab.Open(n.base + "/")
	tab.Type("#token", n.token.Reveal())
	tab.Press("Enter")
	tab.Wants("Its owner at the cloud", "https://cloud.example")
	show(t, tab, "activate-cloud")
	tab.Press("Show the challenge for the cloud")
	tab.Press("Get a challenge")
	tab.Wants("Type the challenge at the cloud", "Device password")
	if strings.Contains(tab.Text("main"), phone) {
		t.Error("the screen names support, which was switched off")
	}
	show(t, tab, "release-cloud")
	typeAnswer(tab, n.rightAnswer(t))
	tab.Press("OK")
	tab.Wants("First set-up")
}
