package main

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/icholy/digest"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/rekeytest"
	"rekey/internal/rekeytest/faces"
	"rekey/internal/vault"
)

// Several recorders, several clients, and boxes that mean ill.

// Three recorders at once, one operator: each has its own budget, run and
// password, and the log has them all and holds.
func TestThreeRecordersAtOnce(t *testing.T) {
	t.Parallel()
	all := []*met{meetFace(t, recorder.FaceN841), meetHikvision(t, &faces.HikvisionBox{}), meetONVIF(t, &faces.ONVIFBox{Login: faces.ByToken})}
	state := all[0].state
	wrong := all[0].secret("wrong", "Wrong-guess-99")
	for _, m := range all {
		m.state = state
	}
	all[1].run("plan", all[1].target, "--password-file", wrong, "--discovery-port", "9").wants(t, "one wrong try at one of them", 3)
	var wait sync.WaitGroup
	ends := make([]ended, len(all))
	for n, m := range all {
		wait.Go(func() {
			ends[n] = m.run(m.resets("--json", "--password-file", m.passwordFile, "--discovery-port", m.discovery)...)
		})
	}
	wait.Wait()
	current := map[string]rekey.Secret{} // by run
	for _, e := range all[0].entries(vault.Current) {
		current[e.run] = e.password
	}
	runs := map[string]bool{}
	for n, m := range all {
		r, _ := ends[n].report()
		ends[n].wants(t, m.target, 0)
		runs[r.Run] = true
		for run, password := range current {
			if opens := m.opens("admin", password); opens != (run == r.Run) {
				t.Errorf("%s: the password of run %s opens it: %v", m.target, run, opens)
			}
		}
		for _, p := range r.Proofs {
			if host := "127.0.0.1"; p.Interface.Host != host {
				t.Errorf("%s: a door at %s was tried", m.target, p.Interface.Host)
			}
		}
	}
	if len(runs) != len(all) || len(current) != len(all) {
		t.Errorf("%d runs and %d current passwords, want %d", len(runs), len(current), len(all))
	}
	if books, err := filepath.Glob(filepath.Join(state, "tries", "*.json")); len(books) != len(all) {
		t.Errorf("%d login budgets, want %d; %v", len(books), len(all), err)
	}
	if e := all[0].run("log", "verify", "--dir", filepath.Join(state, "log")); e.code != 0 {
		t.Errorf("the security log: %s", e.talk)
	}
}

// A recorder has one name, and so one login budget, whether its discovery answers
// or not, at the first meeting and later.
func TestRecorderKeepsItsName(t *testing.T) {
	t.Parallel()
	const silent = "9"
	for _, name := range []string{"n841", "basic-2014", "hikvision", "onvif by token"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := meet[name](t)
			wrong := m.secret("wrong", "Wrong-guess-99")
			answers := m.discovery
			for n, port := range []string{answers, silent, silent, answers} {
				if n == 2 {
					m = m.at(t) // an operator who meets it in silence first
				}
				m.discovery = port
				m.program("check", m.target, "--password-file", wrong, "--accept-risk", "basic-login", "--accept-risk", "lock-account").wants(t, "a wrong try", 3)
				if books, err := filepath.Glob(filepath.Join(m.state, "tries", "*.json")); len(books) != 1 {
					t.Errorf("%d login budgets for one recorder: %v", len(books), err)
				}
			}
		})
	}
}

type entry struct {
	run      string
	password rekey.Secret
}

// entries are the vault's in that state.
func (s *stage) entries(state vault.State) (all []entry) {
	s.t.Helper()
	key, err := vault.KeyFile(filepath.Join(s.state, "vault.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := vault.Open(filepath.Join(s.state, "vault"), key)
	if err != nil {
		s.t.Fatal(err)
	}
	list, err := v.List(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range list {
		if e.State != state {
			continue
		}
		p, err := v.Reveal(s.t.Context(), e.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, entry{e.Run, p})
	}
	return all
}

// A box shows another certificate than the one that a login went through
// before: no password is sent until a person takes the risk by its name.
func TestCertificateSwappedBetweenRuns(t *testing.T) {
	t.Parallel()
	box, at := &faces.HikvisionBox{Keys: twoAdmins()}, faces.Ports{HTTP: keptTCP(t), HTTPS: keptTCP(t)}
	m := meetBox(t, box.Face(), box.Keys, at)
	plan := []string{"plan", m.target, "--password-file", m.passwordFile, "--no-footage"}
	if e := m.program(plan...); e.code != 0 {
		t.Fatalf("the first time: %s", lastLine(e.talk))
	}
	m.off()
	impostor := &faces.HikvisionBox{Keys: twoAdmins()}
	meetBox(t, impostor.Face(), impostor.Keys, at)
	before := m.books()
	for range 2 {
		e := m.program(plan...)
		e.wants(t, "another certificate", 6, "certificate", "--accept-risk new-certificate")
	}
	if wrong := len(impostor.Keys.Wrong()); wrong != 0 || m.books() != before {
		t.Errorf("%d logins were sent to it, or a try was booked", wrong)
	}
	m.program(append(plan, "--accept-risk", "new-certificate")...).wants(t, "taken by its name", 0)
	m.program(plan...).wants(t, "from then on", 0)
}

// keptTCP is the number of a kept port.
func keptTCP(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(portOf(keptPort(t)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// books are the login budgets of all recorders.
func (m *met) books() string {
	m.t.Helper()
	all, err := everyFile(filepath.Join(m.state, "tries"))
	if err != nil {
		m.t.Fatal(err)
	}
	return fmt.Sprint(all)
}

// A program that nobody told goes on with the old password while rekey works. It
// is named, and rekey's own tries do not lock the account.
func TestStaleClientIsNamed(t *testing.T) {
	t.Parallel()
	m := meetFace(t, recorder.FaceN841)
	m.locksAfter(30) // the client alone locks any recorder in the end
	stop := make(chan struct{})
	var wait sync.WaitGroup
	later := func() { // while the log is watched, until it is silent
		for range 12 {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
				m.knock("127.0.0.2")
			}
		}
	}
	e := m.programAt(func(point string) {
		if m.knock("127.0.0.2"); point == "verified" {
			wait.Go(later)
		}
	}, "reset", m.target, "--yes", "--watch", "12s", "--password-file", m.passwordFile)
	close(stop)
	wait.Wait()
	r, _ := e.report()
	e.wants(t, "reset", 0)
	if len(r.Stale) != 1 || r.Stale[0].Address != "127.0.0.2" || r.Stale[0].Account != "admin" || r.Stale[0].Tries < 1 {
		t.Errorf("stale clients: %+v; notes: %q", r.Stale, r.Notes)
	}
	if locks := m.records(m.boxLog(), "account.locked"); len(locks) != 0 {
		t.Errorf("the account was locked %d times", len(locks))
	}
	m.proved("with a stale client", e)
}

// knock is a program that asks for something with the password that it was given once.
func (m *met) knock(from string) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := http.Client{Timeout: time.Minute, Transport: &digest.Transport{
		Username: "admin", Password: m.old.Reveal(), Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
	}}
	if res, err := client.Get(m.listen.HTTP + "/cgi-bin/magicBox.cgi?action=getMachineName"); err == nil {
		_ = res.Body.Close()
	}
}

// A camera that has the recorder's password goes dark with the change. The report
// says so with the command that mends it, and that command does.
func TestDarkCameraComesBack(t *testing.T) {
	t.Parallel()
	m := meetFace(t, recorder.FaceN841)
	old := m.secret("camera", m.old.Reveal())
	e := m.program(m.resets("--password-file", m.passwordFile)...)
	r, _ := e.report()
	if len(r.Channels) != 1 || r.Channels[0].After || !r.Channels[0].Before {
		t.Fatalf("the camera is not reported as dark: %+v", r.Channels)
	}
	m.proved("reset", e)
	at := []string{"cameras", m.target, "--password-file", m.passwordFile}
	m.program(at...).wants(t, "listed", 13, "dark cameras: 1 of 1")
	wrong := m.secret("wrong", "Wrong-guess-99")
	m.program(append(at, "--set", "1", "--camera-account", "admin", "--camera-password-file", wrong)...).wants(t, "a wrong login", 13)
	m.program(append(at, "--set", "1", "--camera-account", "admin", "--camera-password-file", old)...).wants(t, "the camera's login", 0)
	m.program(at...).wants(t, "listed again", 0)
	m.program(append(at, "--set", "7", "--camera-account", "admin", "--camera-password-file", old)...).wants(t, "no such camera", 14)
}

// What a box and its strangers call themselves reaches no terminal as a command.
func TestNoControlCharactersFromABox(t *testing.T) {
	t.Parallel()
	m := meetFace(t, recorder.FaceN841)
	line := rekeytest.NewBroken(t, m.listen.HTTP)
	m.target = hostOf(line.URL)
	const evil = `\u001b]0;owned\u0007\u001b[2J\u202e\u009b31m`
	for method, body := range map[string]string{
		"LogicDeviceManager.getCameraAll":   `"camera":[{"UniqueChannel":0,"Enable":true,"DeviceInfo":{"Address":"192.0.2.1` + evil + `","UserName":"` + evil + `","Name":"` + evil + `"}}]`,
		"LogicDeviceManager.getCameraState": `"states":[{"channel":0,"connectionState":"` + evil + `"}]`,
		"userManager.getActiveUserInfoAll":  `"users":[{"Name":"` + evil + `","ClientAddress":"` + evil + `","ClientType":"` + evil + `"}]`,
		"log.doSeekFind":                    `"found":1,"items":[{"Time":"2026-11-22 10:00:00","Type":"LoginFailed","User":"admin","Detail":{"Address":"` + evil + `","Type":"` + evil + `"}}]`,
	} {
		for nth := range 20 {
			line.Answer(method, nth+1, rekeytest.Says{Status: http.StatusOK, Body: `{"result":true,"id":1,"params":{` + body + `}}`})
		}
	}
	login := []string{m.target, "--discovery-port", m.discovery, "--password-file", m.passwordFile}
	for _, args := range [][]string{
		append([]string{"plan"}, login...), append([]string{"cameras"}, login...), append([]string{"check"}, login...),
		append([]string{"cameras", "--json"}, login...), append([]string{"plan", "--json"}, login...),
		append([]string{"reset", "--yes", "--watch", "1s"}, login...),
	} {
		e := m.run(args...)
		for where, text := range map[string]string{"stdout": e.out, "stderr": e.talk} {
			if at := strings.IndexFunc(text, actedUpon); at >= 0 {
				t.Errorf("%s, %s: %q", args[0], where, text[max(0, at-30):min(len(text), at+30)])
			}
		}
	}
}

// actedUpon are characters that a terminal acts upon, or that turn a line round.
func actedUpon(r rune) bool {
	return r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e
}
