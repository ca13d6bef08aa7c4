package main

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/recorder/seat"
	"rekey/recovery"
	"rekey/seclog"
)

// What thieves and bad agents try, as they would try it: at the local seat of a
// running recorder, over its LAN, at a desk. All of it fails, and all of it is
// on record in the security log of whoever was attacked.
//
// Shown elsewhere, nearer to the code: a thousand answers at once and a hundred
// wrong ones (recorder/seat: TestThousandAnswersAtOnce, TestHundredWrongAnswers),
// an answer after ten minutes (recorder: TestGuardRefusalsHaveTheirKind; seat:
// TestAnswers), power cuts around every write of the guard (recovery:
// TestPowerCutAtEveryWrite), the seat's own defences (seat: TestNothingWithoutTheSeatToken,
// TestRebinding, TestCrossOriginPost), a row of keys copied to another Device ID
// (desk: TestKeysCopiedToAnotherDeviceID), replayed challenges and QR codes
// (desk: TestReplayedChallenge, TestReplayedAndForgedQR), a desk whose log is down (desk: TestLogDown).

// atRecorder sits somebody down in front of the stage's recorder.
func (s *stage) atRecorder() *screen {
	s.t.Helper()
	person, err := newScreen(s.listen.Seat)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(person.http.CloseIdleConnections)
	if err := person.post(s.t.Context(), "/enter", url.Values{"token": {s.listen.SeatToken}}, nil); err != nil {
		s.t.Fatal(err)
	}
	return person
}

// forgot presses Forgot password and reads the challenge off the screen.
func (s *stage) forgot(person *screen) recovery.Challenge {
	s.t.Helper()
	var shown seat.ForgotView
	if err := person.post(s.t.Context(), "/recovery", nil, &shown); err != nil {
		s.t.Fatal(err)
	}
	c, err := recovery.ParseChallenge(shown.Challenge)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// types types an answer at the seat.
func (s *stage) types(person *screen, answer recovery.Answer) error {
	return person.post(s.t.Context(), "/recovery/answer", url.Values{"answer": {answer.Reveal()}}, nil)
}

// stolenKeys are a recorder's keys in the hands of a desk that answers whatever
// it is asked.
func (s *stage) stolenKeys() (recovery.DeviceID, *recovery.Keys) {
	s.t.Helper()
	bad, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		s.t.Fatal(err)
	}
	key, file := filepath.Join(s.dir, "desk.pub"), filepath.Join(s.dir, "enrolment.json")
	if err := os.WriteFile(key, recovery.DeskKeyText(bad.PublicKey()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.must("recorder", "enrol", "--dir", s.box, "--desk-key", key, "--out", file)
	data, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := recovery.ParseEnrolment(data)
	if err != nil {
		s.t.Fatal(err)
	}
	kDev, err := e.Open(bad)
	if err != nil {
		s.t.Fatal(err)
	}
	keys, err := recovery.NewKeys(kDev)
	if err != nil {
		s.t.Fatal(err)
	}
	return e.DeviceID, keys
}

func answerOf(t *testing.T, keys *recovery.Keys, id recovery.DeviceID, account string, c recovery.Challenge) recovery.Answer {
	t.Helper()
	a, err := keys.Answer(id, account, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantRefused(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want %v", what, err, kind)
	}
}

// wantRecords holds a security log to so many records of an event.
func (s *stage) wantRecords(dir, event string, want int) []seclog.Record {
	s.t.Helper()
	got := s.records(dir, event)
	if len(got) != want {
		s.t.Errorf("%d records of %s, want %d", len(got), event, want)
	}
	return got
}

// TestAnswersForSomethingElse: the thief sits at the stolen recorder and gets
// answers that are true for something else. Then the owner gets in.
func TestAnswersForSomethingElse(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id, keys := s.stolenKeys()
	otherID, otherKeys, _ := sealedRecorder(t, newDeskKeyFolder(t))
	thief := s.atRecorder()
	c := s.forgot(thief)
	unseal, hoarded := c, c
	unseal.Purpose = recovery.PurposeUnseal
	hoarded.Random ^= 1
	for what, answer := range map[string]recovery.Answer{
		"for the thief's own recorder": answerOf(t, otherKeys, otherID, "admin", c),
		"for another account":          answerOf(t, keys, id, "guest", c),
		"for another purpose":          answerOf(t, keys, id, "admin", unseal),
		"for an earlier challenge":     answerOf(t, keys, id, "admin", hoarded),
	} {
		wantRefused(t, what, s.types(thief, answer), rekey.ErrDenied)
	}
	for _, r := range s.wantRecords(s.boxLog(), "answer.wrong", 4) {
		if r.Object != "admin" || r.Detail["via"] != string(rekey.InterfaceSeat) || r.Detail["challenge_sha256"] == "" {
			t.Errorf("the record does not say who was attacked, where, and with which challenge: %+v", r)
		}
	}

	// The fifth is the owner's, who is not shut out by all that. It opens once.
	right := answerOf(t, keys, id, "admin", c)
	owner := s.atRecorder()
	if err := s.types(owner, right); err != nil {
		t.Fatalf("the right answer: %v", err)
	}
	wantRefused(t, "the same answer again", s.types(thief, right), rekey.ErrConflict)
	s.wantRecords(s.boxLog(), "answer.ok", 1)
	if refused := s.wantRecords(s.boxLog(), "answer.refused", 1); len(refused) == 1 && refused[0].Result != "no open challenge" {
		t.Errorf("the replay is on record as %q", refused[0].Result)
	}
	s.changedNothing()
}

// newDeskKeyFolder is a folder with the public key of a desk and no desk.
func newDeskKeyFolder(t *testing.T) string {
	t.Helper()
	sk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, desk.PublicKeyFile), recovery.DeskKeyText(sk.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestAnswerAfterAReboot: the thief pulls the plug between challenge and
// answer, to get fresh attempts and to use an answer for later.
func TestAnswerAfterAReboot(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id, keys := s.stolenKeys()
	thief := s.atRecorder()
	before := s.forgot(thief)
	stale := answerOf(t, keys, id, "admin", before)
	wantRefused(t, "a wrong answer", s.types(thief, answerOf(t, keys, id, "guest", before)), rekey.ErrDenied)
	token := s.listen.SeatToken
	s.killRecorder()
	s.startRecorder()
	if token == s.listen.SeatToken {
		t.Error("the seat token is the one from before the power cut")
	}
	thief = s.atRecorder()
	wantRefused(t, "an answer from before the power cut", s.types(thief, stale), rekey.ErrConflict)
	s.wantRecords(s.boxLog(), "answer.refused", 1)
	after := s.forgot(thief)
	if after.Counter <= before.Counter || after.Random == before.Random {
		t.Errorf("the challenge came back: %s, then %s", before, after)
	}
	wantRefused(t, "it for the new challenge", s.types(thief, stale), rekey.ErrDenied)
	var shown seat.ForgotView
	if err := thief.get(t.Context(), "/recovery", &shown); err != nil || shown.AttemptsLeft != 3 {
		t.Errorf("%d attempts left of 5 after one wrong before the power cut and one after it: %v", shown.AttemptsLeft, err)
	}
	s.wantRecords(s.boxLog(), "answer.wrong", 2)
	s.wantRecords(s.boxLog(), "boot", 2)
	s.wantRecords(s.boxLog(), "answer.ok", 0)
	s.changedNothing()
}

// aCode is what challenges and answers look like. The Device ID, of three
// groups, may be told on the LAN.
var aCode = regexp.MustCompile(`([0-9A-Z]{4}-){3}[0-9A-Z]{4}`)

// TestChallengeOverTheLAN: the thief is on the network and not at the recorder.
// Nobody there gives out a challenge or takes an answer, and who asks is on record.
func TestChallengeOverTheLAN(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.forgot(s.atRecorder()) // there is one to be had, at the seat
	ask := func(base, path, body string) (int, string) {
		t.Helper()
		return lanAsk(t, base+path, body)
	}
	asked := 0
	for _, base := range []string{s.listen.HTTP, s.listen.HTTPS} {
		for _, at := range []string{"/RPC2", "/RPC2_Login", "/OutsideCmd"} {
			_, said := ask(base, at, `{"method":"PasswdFind.getChallenge","params":{"name":"admin"},"id":1,"session":0}`)
			if asked++; !strings.Contains(said, `"result":false`) {
				t.Errorf("%s%s says %s", base, at, said)
			}
		}
		for path, status := range map[string]int{
			"/cgi-bin/recovery.cgi?action=getChallenge&name=admin":     http.StatusUnauthorized,
			"/cgi-bin/userManager.cgi?action=resetPassword&name=admin": http.StatusUnauthorized,
			"/recovery": http.StatusNotFound, // what the local seat has there
		} {
			got, said := ask(base, path, "")
			if asked++; got != status || aCode.MatchString(said) {
				t.Errorf("%s%s: status %d, want %d", base, path, got, status)
			}
		}
	}
	if got, _ := ask(s.listen.HTTP, "/recovery/answer", "answer=05D8-4WAY-9MWG-ZXD1"); got != http.StatusNotFound {
		t.Errorf("an answer over the LAN: status %d", got)
	}
	asked++
	for _, r := range s.wantRecords(s.boxLog(), "challenge.refused", asked) {
		if !strings.HasPrefix(r.Detail["address"], "127.0.0.1") || r.Object == "" {
			t.Errorf("the record does not say who asked for what: %+v", r)
		}
	}
	// The other pages of the seat are not there either, not even for who knows its token.
	for _, path := range []string{"/enter", "/info", "/setup", "/login", "/menu", "/menu/log", "/settings/system/account/user/admin", "/static/"} {
		if got, said := ask(s.listen.HTTP, path, "token="+s.listen.SeatToken); got == http.StatusOK || aCode.MatchString(said) {
			t.Errorf("%s on the LAN: status %d", path, got)
		}
	}
	s.wantRecords(s.boxLog(), "challenge.shown", 1)
	for _, event := range []string{"answer.wrong", "answer.ok", "login"} {
		s.wantRecords(s.boxLog(), event, 0)
	}
	s.changedNothing()
}

// lanAsk sends a GET, or a POST where there is a body.
func lanAsk(t *testing.T, to, body string) (status int, said string) {
	t.Helper()
	// #nosec G402 -- a thief does not mind whose certificate it is
	line := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
	if body != "" {
		req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(body))
	}
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := line.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

// TestAgentForFriends: sue may approve, but not what she asked for herself; and
// ann cannot hurry a case. The desk's log tells it of both.
func TestAgentForFriends(t *testing.T) {
	t.Parallel()
	d := newDeskFolder(t)
	s := &stage{t: t, dir: d.home, state: t.TempDir()}
	d.must("agent", "add", "sue", "--role", "supervisor", "--link-file", d.file("link-sue", ""))
	d.serve()
	id, keys := d.enrol()
	sue, ann := d.client("sue"), d.client("ann")
	ctx := t.Context()
	of, err := sue.OpenCase(ctx, api.OpenCase{DeviceID: id.String(), Account: "admin", Caller: "+49 30 1234567"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := keys.NewChallenge(recovery.PurposePassword, 0, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sue.Reveal(ctx, of.Number, c.String())
	wantRefused(t, "an answer without evidence", err, rekey.ErrConflict)
	_, err = sue.AddEvidence(ctx, of.Number, api.Evidence{Kind: "E2", Note: "said to be checked"})
	wantRefused(t, "her word for a registered address", err, rekey.ErrInput)
	if _, err = sue.SendCode(ctx, of.Number, 0); err != nil {
		t.Fatal(err)
	}
	for _, e := range []api.Evidence{{Kind: "E2", Code: d.code()}, {Kind: "E6", Note: "said to be checked"}} {
		if _, err := sue.AddEvidence(ctx, of.Number, e); err != nil {
			t.Fatal(err)
		}
	}
	_, err = sue.Decide(ctx, of.Number, "approve")
	wantRefused(t, "her own case", err, rekey.ErrDenied)
	_, err = ann.Decide(ctx, of.Number, "approve")
	wantRefused(t, "an agent who may not approve", err, rekey.ErrDenied)
	_, err = sue.Reveal(ctx, of.Number, c.String())
	wantRefused(t, "an answer without approval", err, rekey.ErrConflict)

	// Who may not approve gets no further than to begin the proof of presence for it.
	log := filepath.Join(d.dir, desk.LogDir)
	for actor, want := range map[string]map[string]int{"sue": {"challenge.answer": 2, "stepup.begin": 1}, "ann": {"stepup.begin": 1}} {
		for event, n := range want {
			got := 0
			for _, r := range s.records(log, event) {
				if r.Actor == actor && (r.Result == "refused" || r.Result == "failed") && (event != "stepup.begin" || r.Object == "case.approve") {
					got++
				}
			}
			if got != n {
				t.Errorf("%d refusals of %s by %s on record, want %d", got, event, actor, n)
			}
		}
	}
	d.must("verify")
}
