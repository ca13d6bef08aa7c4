package rekeytest

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"

	"rekey"
	"rekey/internal/recorder"
	"rekey/seclog"
)

// lineFaults are what becomes of one exchange with a reference recorder.
var lineFaults = []Fault{DropBefore, DropAfter, Truncate, Twice, WrongType, Stall, PowerCut, Reboot}

// behindLine is a reference recorder whose web ports, plain and safe, are behind a
// line. It tells the ports of the line as its own.
type behindLine struct {
	*referenceBox
	b      Box
	before string // its folder as it was when the fault was set
}

func lined(t *testing.T, face recorder.Face) *behindLine {
	t.Helper()
	r := reference(t, face)
	l := &behindLine{referenceBox: r, b: r.box(t)}
	r.line = NewBroken(t, r.Ready().HTTP)
	if r.Ready().HTTPS != "" {
		r.line.Secure(t, r.Ready().HTTPS)
	}
	r.line.Stalls = make(chan struct{}, 1)
	r.line.Power = func(f Fault) { l.power(t, f) }
	l.tellPorts(t)
	l.b.HTTP = target(t, r.line.URL)
	return l
}

// tellPorts makes the recorder tell the ports of the line, where it is now.
func (l *behindLine) tellPorts(t *testing.T) {
	t.Helper()
	ready := l.Ready()
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(ready.HTTP)
	if err != nil { // once it answers it has told its own ports, and not later
		t.Error(err)
		return
	}
	_ = res.Body.Close()
	l.line.Point(t, ready.HTTP)
	ports := recorder.Ports{Host: "127.0.0.1", HTTP: portOf(t, l.line.URL), RTSP: portOf(t, ready.RTSP)}
	if ready.HTTPS != "" {
		l.line.Point(t, ready.HTTPS)
		ports.HTTPS = portOf(t, l.line.Safe.URL)
	}
	l.Box().Serving(ports)
}

func portOf(t *testing.T, base string) int {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Error(err)
		return 0
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Error(err)
	}
	return n
}

// power switches it off and on: with what is on its disk at this moment, or with
// what was there before.
func (l *behindLine) power(t *testing.T, f Fault) {
	now, from := t.TempDir(), l.before
	if f == PowerCut {
		from = l.dir
	}
	copyOf(t, now, from)
	l.off(t)
	l.dir = now
	l.on(t)
	l.tellPorts(t)
}

// snapshot keeps the folder as it is.
func (l *behindLine) snapshot(t *testing.T) {
	t.Helper()
	l.before = t.TempDir()
	copyOf(t, l.before, l.dir)
}

// wrong are the tries that the recorder in a folder turned away, by its log.
func wrong(t *testing.T, dir string) (n int) {
	t.Helper()
	for r, err := range seclog.Records(os.DirFS(recorder.LogDir(dir))) {
		if err != nil {
			t.Error(err)
			return n
		}
		if r.Event == "login.refused" {
			n++
		}
	}
	return n
}

// is tells whether that is the account's password now.
func (l *behindLine) is(account string, password rekey.Secret) bool {
	want := recorder.HA1(account, l.Box().Realm(), password.Reveal())
	_, err := l.Box().Prove(account, recorder.AtSeat(), func(ha1 string) bool { return subtle.ConstantTimeCompare([]byte(ha1), []byte(want)) == 1 })
	return err == nil
}

// A change on a recorder of any face, whose line or power breaks at any of its
// requests, is told as changed, unchanged or unknown, never wrongly, and costs one
// wrong try at most.
func TestFaultsOfChangesOnTheReferenceRecorder(t *testing.T) {
	t.Parallel()
	for _, face := range recorder.Faces() {
		for _, own := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, %s", face, whose(own)), func(t *testing.T) {
				t.Parallel()
				requests := linedRequests(t, face, own)
				for nth := 1; nth <= requests; nth++ {
					faults := lineFaults
					if nth <= requests-3 { // these only ask for what is so: two of the faults stand for all
						faults = []Fault{DropAfter, Reboot}
					}
					for _, f := range faults {
						breakLined(t, face, own, nth, f)
					}
				}
			})
		}
	}
}

// linedRequests is how many requests a change takes when all goes well; 0: the
// family has no way for it there.
func linedRequests(t *testing.T, face recorder.Face, own bool) int {
	t.Helper()
	l := lined(t, face)
	s, err := dahuaOn(face).Open(t.Context(), look(t, dahuaOn(face), l.b.HTTP), l.b.Admin, &Book{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	l.line.Break(0, "")
	err = alter(t.Context(), s, l.b, own)
	if errors.Is(err, rekey.ErrUnsupported) {
		return 0
	}
	if err != nil || len(l.line.Asked()) == 0 {
		t.Fatalf("%q: %v", l.line.Asked(), err)
	}
	return len(l.line.Asked())
}

func breakLined(t *testing.T, face recorder.Face, own bool, nth int, f Fault) {
	t.Run(fmt.Sprintf("%s at %d", f, nth), func(t *testing.T) {
		l, d, book := lined(t, face), dahuaOn(face), &Book{}
		id := look(t, d, l.b.HTTP)
		s, err := d.Open(t.Context(), id, l.b.Admin, book)
		if err != nil {
			t.Fatal(err)
		}
		l.snapshot(t)
		old := l.dir
		l.line.Break(nth, f)
		err = patient(t, l.line.Stalls, func(ctx context.Context) error { return alter(ctx, s, l.b, own) })
		l.line.Break(0, "")
		if cerr := s.Close(t.Context()); cerr != nil {
			t.Logf("close: %v", cerr)
		}
		tries := wrong(t, l.dir)
		if f == Reboot && l.dir != old { // its log fell back, too
			tries += wrong(t, old)
		}
		told, who := changed(err), l.b.Second
		if own {
			who = l.b.Admin
		}
		after := l.is(who.Account, rekey.NewSecret(l.b.Password))
		before := !after && l.is(who.Account, who.Password)
		fellBack := f == Reboot && told == "changed" && before // it was told so, and told a lie
		falsely := !fellBack && (told == "changed" && !after || told == "unchanged" && !before)
		faultTable.note("Changes on the reference recorder", string(face), string(f), told, tries, falsely)
		if falsely {
			t.Errorf("told %s, and it is not so: %v", told, err)
		}
		if tries > 1 || book.Spent-book.Given < min(tries, 1) {
			t.Errorf("%d wrong tries; booked %d, given back %d: %v", tries, book.Spent, book.Given, err)
		}
	})
}
