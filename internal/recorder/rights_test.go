package recorder

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"rekey"
	"rekey/internal/durable"
)

func TestModifyAccount(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if !slices.Equal(s.RightsOf("amy"), Rights()) || !slices.Equal(s.RightsOf(AdminAccount), Rights()) || len(s.RightsOf("nobody")) != 0 {
		t.Errorf("rights at first: %v, %v, %v", s.RightsOf("amy"), s.RightsOf(AdminAccount), s.RightsOf("nobody"))
	}
	for name, c := range map[string]struct {
		manager, account, group, memo string
		rights                        []Right
		want                          error
	}{
		"by a user":      {"amy", "amy", GroupAdmin, "", nil, rekey.ErrDenied},
		"nobody":         {AdminAccount, "nobody", GroupUser, "", nil, rekey.ErrNotFound},
		"bad group":      {AdminAccount, "amy", "root", "", nil, rekey.ErrInput},
		"bad memo":       {AdminAccount, "amy", GroupUser, "a\x1b[2J", nil, rekey.ErrInput},
		"bad right":      {AdminAccount, "amy", GroupUser, "", []Right{"root"}, rekey.ErrInput},
		"the last admin": {AdminAccount, AdminAccount, GroupUser, "", Rights(), rekey.ErrConflict},
	} {
		if err := s.ModifyAccount(c.manager, c.account, c.group, c.memo, c.rights, web); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	epoch := s.Epoch("amy")
	if err := s.ModifyAccount(AdminAccount, "amy", GroupUser, "the shop", []Right{RightLive, RightLive}, web); err != nil {
		t.Fatal(err)
	}
	if got := s.RightsOf("amy"); !slices.Equal(got, []Right{RightLive}) || s.May("amy", RightPlayback) || s.May("amy", "root") {
		t.Errorf("rights: %v", got)
	}
	if s.Epoch("amy") == epoch {
		t.Error("sessions outlive the right that they were for")
	}
	epoch = s.Epoch("amy")
	if err := s.ModifyAccount(AdminAccount, "amy", GroupAdmin, "the shop", nil, web); err != nil || !slices.Equal(s.RightsOf("amy"), Rights()) || s.Epoch("amy") != epoch {
		t.Errorf("an admin's rights: %v, %v", s.RightsOf("amy"), err)
	}
	all := events(t, s.Dir())
	if r := all[len(all)-1]; r.Event != "user.modify" || r.Detail["group"] != GroupAdmin || r.Detail["rights"] != "live,playback,backup" {
		t.Errorf("the record: %+v", r)
	}
	if err := s.ModifyAccount("amy", AdminAccount, GroupUser, "", nil, web); err != nil || s.May(AdminAccount, RightLive) {
		t.Errorf("one of two admins: %v", err)
	}
	if err := s.ModifyAccount("amy", "amy", GroupUser, "", nil, web); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("then the other: %v", err)
	}
}

// An admin who was invited and set no password yet can manage nothing.
func TestInvitedAdminIsNoLastAdmin(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	code, err := s.Invite(AdminAccount, rekey.Account{Name: "bob", Group: GroupAdmin}, nil, admin, AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ModifyAccount(AdminAccount, AdminAccount, GroupUser, "", nil, web); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("the last admin with a password: %v", err)
	}
	g, err := s.SubmitActivationCode("bob", code.Reveal(), AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPasswordByCode(g, secret("Bobs-Pass-1"), AtSeat()); err != nil {
		t.Fatal(err)
	}
	if err := s.ModifyAccount(AdminAccount, AdminAccount, GroupUser, "", nil, web); err != nil {
		t.Errorf("one of two admins: %v", err)
	}
}

// Admins who throw each other out at once: one stays.
func TestAdminsAtOnceLeaveOne(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	names := []string{AdminAccount, "bob", "eve"}
	for _, name := range names[1:] {
		if err := s.AddAccount(AdminAccount, rekey.Account{Name: name, Group: GroupAdmin}, secret("Some-Pass-1"), web); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for _, by := range names {
		for _, name := range names {
			wg.Go(func() { _ = s.ModifyAccount(by, name, GroupUser, "", nil, web) })
			wg.Go(func() { _ = s.DeleteAccount(by, name, web) })
		}
	}
	wg.Wait()
	admins := slices.DeleteFunc(s.Accounts(), func(a rekey.Account) bool { return a.Group != GroupAdmin })
	if len(admins) == 0 {
		t.Error("no admin is left")
	}
}

// Whatever admins do to each other in whatever order, somebody can manage the
// recorder, and nobody has a right that was not given.
func TestAccountsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		c := &clock{}
		dir := t.TempDir()
		if _, err := Init(dir, Config{AdminPassword: secret(firstPassword), Argon: &cheap}); err != nil {
			r.Fatal(err)
		}
		b, err := open(dir, Options{Argon: &cheap, Clock: c.now}, replace)
		if err != nil {
			r.Fatal(err)
		}
		defer func() { _ = b.Close() }()
		rights := map[string][]Right{}
		name := rapid.SampledFrom([]string{AdminAccount, "amy", "bob"})
		group := rapid.SampledFrom([]string{GroupAdmin, GroupUser})
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(Rights()), 0, 3, rapid.ID)
		given := func(name, group string, to []Right) {
			if group == GroupAdmin {
				to = Rights()
			}
			rights[name] = to
		}
		r.Repeat(map[string]func(*rapid.T){
			"add": func(r *rapid.T) {
				who, g := name.Draw(r, "name"), group.Draw(r, "group")
				if b.AddAccount(name.Draw(r, "by"), rekey.Account{Name: who, Group: g}, secret("Some-Pass-1"), web) == nil {
					given(who, g, Rights())
				}
			},
			"invite": func(r *rapid.T) {
				who, g, to := name.Draw(r, "name"), group.Draw(r, "group"), some.Draw(r, "rights")
				if _, err := b.Invite(AdminAccount, rekey.Account{Name: who, Group: g}, to, admin, web); err == nil {
					given(who, g, to)
				}
			},
			"modify": func(r *rapid.T) {
				who, g, to := name.Draw(r, "name"), group.Draw(r, "group"), some.Draw(r, "rights")
				if b.ModifyAccount(name.Draw(r, "by"), who, g, "", to, web) == nil {
					given(who, g, to)
				}
			},
			"delete": func(r *rapid.T) {
				who := name.Draw(r, "name")
				if b.DeleteAccount(name.Draw(r, "by"), who, web) == nil {
					delete(rights, who)
				}
			},
			"": func(r *rapid.T) {
				if err := b.state().keepAnAdmin(); err != nil {
					r.Fatal(err)
				}
				for _, who := range []string{"amy", "bob"} {
					for _, one := range Rights() {
						if b.May(who, one) != slices.Contains(rights[who], one) {
							r.Fatalf("%s may %s: %v", who, one, b.May(who, one))
						}
					}
				}
			},
		})
	})
}

func TestRightsOutliveThePowerCut(t *testing.T) {
	t.Parallel()
	for writes := 0; ; writes++ {
		s := newShop(t)
		before := s.Epoch("amy")
		s.write = cutAfter(writes)
		err := s.ModifyAccount(AdminAccount, "amy", GroupUser, "", nil, web)
		s.write = durable.WriteFile
		s.reboot(t)
		done := len(s.RightsOf("amy")) == 0
		if told := count(events(t, s.Dir()), "user.modify") == 1; told != done || done != (s.Epoch("amy") != before) || done != (len(s.Notices("amy")) == 1) {
			t.Errorf("after %d writes: done %v, told %v, epoch %d, notices %v", writes, done, told, s.Epoch("amy"), s.Notices("amy"))
		}
		if err == nil {
			if !done {
				t.Error("told as done, and it is not")
			}
			return
		}
	}
}
