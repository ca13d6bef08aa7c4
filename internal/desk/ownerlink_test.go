package desk_test

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/courier"
	"rekey/recovery"
)

var (
	linkForm = regexp.MustCompile(regexp.QuoteMeta(deskURL) + `/o/([a-z2-7]{26})\b`)
	codeForm = regexp.MustCompile(`\b\d{4} \d{4}\b`)
)

func codeIn(text string) string { return codeForm.FindString(text) }

// token is the link's in a message.
func (p *place) token(m courier.Message) rekey.Secret {
	p.t.Helper()
	found := linkForm.FindStringSubmatch(m.Text)
	if found == nil {
		p.t.Fatalf("a message (%s) has no link", m.Kind)
	}
	return rekey.NewSecret(found[1])
}

// hang answers nothing until whoever asked has gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	buf := make([]byte, 1<<10)
	for { // the server sees the connection end only once the body is read
		if _, err := r.Body.Read(buf); err != nil {
			break
		}
	}
	<-r.Context().Done()
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(code)
	}
}

// TestWrongLinksAreAllTheSame: never was, mistyped or over, in the same words,
// and none is recorded.
func TestWrongLinksAreAllTheSame(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.openCase(ann(), p.enrol(ownerOfAll()), "+49 171 5550123")
	p.flush()
	old := p.token(p.mail.Of("notice.open")[0])
	if _, err := p.desk.CloseCase(t.Context(), ann(), c.Number, desk.Ending{Outcome: "given up", PasswordSet: "no", CallerIn: "no"}); err != nil {
		t.Fatal(err)
	}
	p.clock.Add(7*24*time.Hour - time.Second)
	if v, err := p.desk.OwnerRead(t.Context(), old); err != nil || !v.Closed {
		t.Fatalf("closed %v, %v", v.Closed, err)
	}
	p.clock.Add(time.Second)
	reads := p.recorded(0, "owner.read", "allowed")
	words := ""
	for name, token := range map[string]string{
		"over": old.Reveal(), "never was": strings.Repeat("a", 26), "short": "abc", "empty": "", "long": strings.Repeat("a", 10000), "odd": "../../o/x\x00", "padded": old.Reveal() + "=",
	} {
		acts := map[string]func(rekey.Secret) error{
			"read":    func(s rekey.Secret) error { _, err := p.desk.OwnerRead(t.Context(), s); return err },
			"confirm": func(s rekey.Secret) error { _, err := p.desk.OwnerConfirm(t.Context(), s); return err },
			"half":    func(s rekey.Secret) error { _, err := p.desk.OwnerHalf(t.Context(), s); return err },
			"not me":  func(s rekey.Secret) error { _, err := p.desk.OwnerNotMe(t.Context(), s); return err },
		}
		for act, do := range acts {
			err := do(rekey.NewSecret(token))
			if !errors.Is(err, rekey.ErrNotFound) || (words != "" && err.Error() != words) {
				t.Errorf("%s, %s: %v", name, act, err)
				continue
			}
			words = err.Error()
		}
	}
	if p.recorded(0, "owner.read", "allowed") != reads {
		t.Error("a wrong link was recorded")
	}
	if err := p.desk.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestOwnerConfirms the address that a number was sent to, while it counts; the
// other address's link does not.
func TestOwnerConfirms(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.openCase(ann(), p.enrol(ownerOfAll()), "+49 171 5550123")
	p.flush()
	mailed, texted := p.token(p.mail.Of("notice.open")[0]), p.token(p.sms.Of("notice.open")[0])
	if v, err := p.desk.OwnerRead(t.Context(), mailed); err != nil || v.Asks || v.Confirmed || v.Case != c.Number || v.Address != "mailto:p***@example.org" {
		t.Errorf("%+v %v", v, err)
	}
	_, err := p.desk.OwnerConfirm(t.Context(), mailed)
	isKind(t, "before a number was sent", err, rekey.ErrConflict)
	p.code(ann(), c.Number, byMail)
	for range 3 { // whoever looks, even a program that looks into mail, changes nothing
		if v, err := p.desk.OwnerRead(t.Context(), mailed); err != nil || !v.Asks || v.Confirmed {
			t.Fatalf("%+v %v", v, err)
		}
	}
	_, err = p.desk.OwnerConfirm(t.Context(), texted)
	isKind(t, "at the other address", err, rekey.ErrConflict)
	if got := p.seen(ann(), c.Number); len(got.Evidence) != 0 {
		t.Fatalf("evidence %+v", got.Evidence)
	}
	for range 2 {
		if v, err := p.desk.OwnerConfirm(t.Context(), mailed); err != nil || v.Asks || !v.Confirmed {
			t.Fatalf("%+v %v", v, err)
		}
	}
	got := p.seen(ann(), c.Number)
	if len(got.Evidence) != 1 || got.Evidence[0].Kind != desk.EvidenceAddress || got.Evidence[0].By != "owner" || !got.Targets[byMail].Confirmed || !got.CodeUntil.IsZero() {
		t.Errorf("%+v", got)
	}

	later := p.openCase(ann(), p.enrol(ownerOfAll()), "+49 171 5550124")
	p.code(ann(), later.Number, byMail)
	all := p.mail.Of("code")
	p.clock.Add(10 * time.Minute)
	_, err = p.desk.OwnerConfirm(t.Context(), p.token(all[len(all)-1]))
	isKind(t, "after ten minutes", err, rekey.ErrConflict)
}

// TestOwnersHalf is read at every link of the case, for ten minutes, and is
// forgotten then.
func TestOwnersHalf(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 171 5550123")
	early := p.token(p.mail.Of("notice.open")[0])
	_, err := p.desk.OwnerHalf(t.Context(), early)
	isKind(t, "before there is one", err, rekey.ErrConflict)
	ch := b.challenge(t, recovery.PurposePassword)
	if _, err := p.reveal(ann(), c.Number, ch.String()); err != nil {
		t.Fatal(err)
	}
	p.flush()
	want := groupsOf(t, b, ch)
	late := p.token(p.sms.Of("notice.reveal")[0])
	for _, token := range []rekey.Secret{early, p.token(p.halves()[0]), late, rekey.NewSecret(strings.ToUpper(late.Reveal()))} {
		if v, err := p.desk.OwnerRead(t.Context(), token); err != nil || !v.HalfReady || !v.HalfUntil.Equal(p.clock.Now().Add(10*time.Minute)) || !v.Answered {
			t.Errorf("%+v %v", v, err)
		}
		half, err := p.desk.OwnerHalf(t.Context(), token)
		if got := texts(half); err != nil || len(got) != 2 || got[0] != want[2] || got[1] != want[3] || len(half[0].Words) != 4 {
			t.Errorf("%d groups, %v", len(half), err)
		}
	}
	p.clock.Add(10 * time.Minute)
	if v, err := p.desk.OwnerRead(t.Context(), late); err != nil || v.HalfReady {
		t.Errorf("%+v %v", v, err)
	}
	_, err = p.desk.OwnerHalf(t.Context(), late)
	isKind(t, "after ten minutes", err, rekey.ErrConflict)
	if err := p.desk.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.clock.Jump(-5 * time.Minute) // it is gone, not only over
	_, err = p.desk.OwnerHalf(t.Context(), late)
	isKind(t, "after it was forgotten", err, rekey.ErrConflict)
}

// TestHalfEndsWithItsCase: the case is closed, frozen, or its recorder is frozen out
// of another case, minutes after the answer: no link shows the half any more, also
// when the case is thawed.
func TestHalfEndsWithItsCase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, end := range map[string]func(number int64, b *box) error{
		"closed": func(number int64, _ *box) error {
			_, err := p.desk.CloseCase(t.Context(), ann(), number, desk.Ending{Outcome: "suspicious"})
			return err
		},
		"frozen": func(number int64, _ *box) error {
			_, err := p.desk.Freeze(t.Context(), sue(), number, "a voice in the background")
			return err
		},
		"frozen and thawed": func(number int64, _ *box) error {
			if _, err := p.desk.Freeze(t.Context(), bob(), number, "a voice in the background"); err != nil {
				return err
			}
			_, err := p.desk.Thaw(t.Context(), sue(), number, "called the owner back", p.proof(sue(), desk.ActCaseThaw, number, strconv.FormatInt(number, 10)))
			return err
		},
		"another case of the recorder is frozen": func(_ int64, b *box) error {
			other := p.openCase(bob(), b, "+49 171 5550199")
			_, err := p.desk.Freeze(t.Context(), bob(), other.Number, "a voice in the background")
			return err
		},
	} {
		b := p.enrol(ownerOfAll())
		c := p.ready(b, "+49 171 5550123")
		opened := slices.DeleteFunc(p.mail.Of("notice.open"), func(m courier.Message) bool { return m.Case != c.Number })
		token := p.token(opened[0]) // one about another case of before may have left with it
		if _, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String()); err != nil {
			t.Fatal(err)
		}
		if half, err := p.desk.OwnerHalf(t.Context(), token); err != nil || len(half) != 2 {
			t.Fatalf("%s: %d groups before, %v", name, len(half), err)
		}
		if err := end(c.Number, b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if v, err := p.desk.OwnerRead(t.Context(), token); err != nil || v.Case != c.Number || v.HalfReady || !v.HalfUntil.IsZero() {
			t.Errorf("%s: %+v %v", name, v, err)
		}
		_, err := p.desk.OwnerHalf(t.Context(), token)
		isKind(t, name, err, rekey.ErrConflict)
		p.clock.Add(25 * time.Hour) // the caller's allowance of a day
	}
}

// TestNotMe freezes at once, takes the half away, and is said as often as one likes.
func TestNotMe(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 171 5550123")
	if _, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String()); err != nil {
		t.Fatal(err)
	}
	token := p.token(p.sms.Of("notice.open")[0])
	for range 3 {
		if v, err := p.desk.OwnerNotMe(t.Context(), token); err != nil || !v.Frozen || v.HalfReady {
			t.Fatalf("%+v %v", v, err)
		}
	}
	_, err := p.desk.OwnerHalf(t.Context(), token)
	isKind(t, "the half", err, rekey.ErrConflict)
	alarms, err := p.desk.Alarms(t.Context(), sue(), true)
	n := 0
	for _, a := range alarms {
		if a.Kind == "notme" && a.Case == c.Number {
			n++
		}
	}
	if err != nil || n != 1 {
		t.Errorf("%d alarms, %v", n, err)
	}
	next := p.openCase(ann(), b, "+49 171 5550124")
	if next.Stage != desk.StageRefused && next.Stage != desk.StageFrozen {
		t.Errorf("another case of the recorder is at the stage %s", next.Stage)
	}
	if p.recorded(0, "notme", "allowed") != 3 {
		t.Error("not recorded")
	}
}

// TestNotMeAfterTheEnd of a case freezes the recorder alone.
func TestNotMeAfterTheEnd(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49 171 5550123")
	p.flush()
	if _, err := p.desk.CloseCase(t.Context(), ann(), c.Number, desk.Ending{Outcome: "given up", PasswordSet: "no", CallerIn: "no"}); err != nil {
		t.Fatal(err)
	}
	p.clock.Add(6 * 24 * time.Hour)
	v, err := p.desk.OwnerNotMe(t.Context(), p.token(p.mail.Of("notice.open")[0]))
	if err != nil || !v.Frozen || !v.Closed {
		t.Fatalf("%+v %v", v, err)
	}
	if got := p.seen(ann(), c.Number); got.Stage != desk.StageClosed {
		t.Errorf("stage %s", got.Stage)
	}
	r, err := p.desk.Recorder(t.Context(), sue(), b.id)
	if err != nil || r.FrozenAt.IsZero() {
		t.Errorf("the recorder goes on: %v", err)
	}
}
