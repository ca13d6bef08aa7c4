package recorder

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"rekey"
)

func TestReview(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	if b.ReviewDue() || b.Review() != nil {
		t.Error("a review is due before anything happened")
	}
	if err := b.MarkReview(AdminAccount, ReviewUsers, ReviewDone, AtSeat()); err != nil || b.ReviewDue() {
		t.Errorf("an item of no review: %v", err)
	}
	rekeyed(t, b, c)
	if err := errors.Join(
		b.AddAccount(AdminAccount, rekey.Account{Name: "ann", Group: GroupUser}, secret("Ann-Was-Here-1"), AtSeat()),
		b.MarkReview(AdminAccount, ReviewUsers, ReviewDone, AtSeat()),
		b.MarkReview(AdminAccount, ReviewUsers, ReviewDone, AtSeat()), // twice: on record once
		b.MarkReview(AdminAccount, ReviewCloud, ReviewDone, AtSeat()),
		b.MarkReview(AdminAccount, ReviewCloud, ReviewSkipped, AtSeat()), // thought better of it
	); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		who, item string
		mark      ReviewMark
		want      error
	}{
		"by nobody":     {"nobody", ReviewLog, ReviewDone, rekey.ErrDenied},
		"by a user":     {"ann", ReviewLog, ReviewDone, rekey.ErrDenied},
		"of no list":    {AdminAccount, "everything", ReviewDone, rekey.ErrInput},
		"opened again":  {AdminAccount, ReviewUsers, ReviewOpen, rekey.ErrInput},
		"of no meaning": {AdminAccount, ReviewUsers, "perhaps", rekey.ErrInput},
	} {
		if err := b.MarkReview(c.who, c.item, c.mark, AtSeat()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	b.cutPower()
	b = boot(t, b.Dir(), c)
	for _, i := range b.Review() {
		want := map[string]ReviewMark{ReviewUsers: ReviewDone, ReviewCloud: ReviewSkipped}[i.Name]
		if i.Mark != want || (i.By == AdminAccount) != (want != ReviewOpen) || i.At.IsZero() != (want == ReviewOpen) {
			t.Errorf("%+v, want the mark %q", i, want)
		}
	}
	all := events(t, b.Dir())
	if n, over := count(all, "review.item"), count(all, "review.done"); n != 3 || over != 0 {
		t.Errorf("%d items on record and the review over %d times", n, over)
	}
}

// rekeyed sets the admin's password by a temporary one.
func rekeyed(t *testing.T, b *Box, c *clock) {
	t.Helper()
	grant, _ := grantFor(t, b, AdminAccount)
	if err := b.SetPasswordByGrant(grant, AdminAccount, secret("Fresh-Pass-7")); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
}

// A reset by the button opens the review anew: who sets the recorder up goes
// through all of it.
func TestReviewAfterTheButton(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	rekeyed(t, b, c)
	if err := b.MarkReview(AdminAccount, ReviewUsers, ReviewDone, AtSeat()); err != nil {
		t.Fatal(err)
	}
	if err := b.reset(map[string]string{}); err != nil {
		t.Fatal(err)
	}
	if got := b.Review(); len(got) != len(ReviewNames()) || slices.ContainsFunc(got, func(i ReviewItem) bool { return i.Mark != ReviewOpen }) {
		t.Errorf("after a reset: %+v", got)
	}
}

// A state of an earlier rekey says true or false.
func TestReviewOfAnEarlierState(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]int{`{"review":true}`: len(ReviewNames()), `{"review":false}`: 0, `{}`: 0, `{"review":null}`: 0, `{"review":[{"name":"users","mark":"done"},{"name":"log"}]}`: 2} {
		var s state
		if err := json.Unmarshal([]byte(data), &s); err != nil || len(s.Review) != want {
			t.Errorf("%s: %d items, %v; want %d", data, len(s.Review), err, want)
		}
	}
	var s state
	if err := json.Unmarshal([]byte(`{"review":"soon"}`), &s); err == nil {
		t.Error("a review that is a word is taken")
	}
}

// Every write of the last mark is cut, before it and after it: either the item is
// open and the log knows nothing, or the review is over and the log says so.
func TestPowerCutAtEveryWriteOfAReview(t *testing.T) {
	t.Parallel()
	for writes := 0; ; writes++ {
		b, c := newBox(t)
		rekeyed(t, b, c)
		names := ReviewNames()
		for _, name := range names[1:] {
			if err := b.MarkReview(AdminAccount, name, ReviewSkipped, AtSeat()); err != nil {
				t.Fatal(err)
			}
		}
		b.write = cutAfter(writes)
		err := b.MarkReview(AdminAccount, names[0], ReviewDone, AtSeat())
		b.cutPower()
		b = boot(t, b.Dir(), c)
		told := count(events(t, b.Dir()), "review.done")
		if b.ReviewDue() == (told == 1) || told > 1 {
			t.Errorf("after %d writes: due %v, and the log tells of its end %d times", writes, b.ReviewDue(), told)
		}
		if err == nil {
			if b.ReviewDue() {
				t.Error("told as over, and it is due")
			}
			return
		}
	}
}
