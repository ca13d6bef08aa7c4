package job

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rekey"
)

// OwnAccount is what became of the account in a list that one interface has for
// itself, such as the ONVIF users of newer Dahua firmware.
type OwnAccount struct {
	Interface rekey.InterfaceKind `json:"interface"`
	Word      OwnWord             `json:"word"`
	Note      string              `json:"note,omitempty"` // what to do, or why
}

// OwnWord says in a word what became of it.
type OwnWord string

// The words of an OwnAccount.
const (
	OwnSet     OwnWord = "set"             // it has the new password
	OwnShared  OwnWord = "shared"          // there is no list of its own, or none that rekey can set
	OwnNone    OwnWord = "no such account" // the list has others
	OwnNotSet  OwnWord = "not set"
	OwnUnknown OwnWord = "unknown" // the proof at that door tells
)

// bring takes the account along in the list that ONVIF may have for itself. It
// is done once a run, written down before and after, and never sent twice.
func (u *run) bring(ctx context.Context, doors []rekey.Interface) error {
	const kind = rekey.InterfaceONVIF
	setter, can := u.session.(rekey.OwnAccountsSetter)
	offered := slices.ContainsFunc(doors, func(d rekey.Interface) bool { return d.Kind == kind })
	done := slices.ContainsFunc(u.j.Own, func(o OwnAccount) bool { return o.Interface == kind })
	if !can || !offered || done || u.driver.Family() == onvifFamily {
		return nil
	}
	begun := OwnAccount{Interface: kind, Word: OwnUnknown, Note: "rekey was interrupted while it was being set; it is not sent again, and the proof at that door tells"}
	if err := u.j.append(line{Time: u.Now(), Own: &begun}); err != nil {
		return err
	}
	u.point("bringing")
	old := u.old
	if !u.mayTryOld() {
		old = rekey.Secret{} // a wrong one may be counted
	}
	err := setter.SetOwnPassword(ctx, kind, u.plan.Account, old, u.new)
	u.point("brought")
	own := ownAccount(kind, u.plan.Account, err)
	if recErr := u.record(ctx, "password.own", u.plan.Account, result(err), map[string]string{"interface": string(kind), "state": string(own.Word)}); recErr != nil {
		return recErr
	}
	if err := u.j.append(line{Time: u.Now(), Own: &own}); err != nil {
		return err
	}
	u.tell(rekey.StepVerify, rekey.EventProgress, own.words(), map[string]string{"interface": string(kind), "state": string(own.Word)})
	if wrong, err := u.tries.standing(u.plan.Account); err != nil || wrong > 0 {
		return errors.Join(err, u.clear(ctx))
	}
	return ctx.Err()
}

func ownAccount(kind rekey.InterfaceKind, account string, err error) OwnAccount {
	own := OwnAccount{Interface: kind, Word: OwnNotSet}
	switch {
	case err == nil:
		own.Word = OwnSet
	case errors.Is(err, rekey.ErrUnknown):
		own.Word, own.Note = OwnUnknown, fmt.Sprintf("%v; the proof at that door tells", err)
	case errors.Is(err, rekey.ErrUnsupported):
		own.Word, own.Note = OwnShared, err.Error()
	case errors.Is(err, rekey.ErrNotFound):
		own.Word, own.Note = OwnNone, fmt.Sprintf("%s has a list of accounts of its own without %q: look through the list in the recorder's web page, and give each account there a new password", kind, account)
	case errors.Is(err, rekey.ErrUnreachable), errors.Is(err, rekey.ErrBudget):
		own.Word, own.Note = OwnUnknown, fmt.Sprintf("%v; the proof at that door tells", err)
	default:
		own.Note = fmt.Sprintf("%v; set it in the recorder's web page, in the list of %s accounts", err, kind)
	}
	own.Note = printable(own.Note, longest)
	return own
}

func (o OwnAccount) words() string {
	s := fmt.Sprintf("the account in the list that %s has for itself: %s", o.Interface, o.Word)
	if o.Word == OwnShared {
		s = fmt.Sprintf("%s takes the recorder's own accounts, as far as it tells", o.Interface)
	}
	if o.Note != "" {
		s += "; " + o.Note
	}
	return s
}

// reconcile holds what was said of an interface's accounts to what its doors
// showed: where the old password opens one still, it has accounts of its own.
func (u *run) reconcile(proofs []Proof) error {
	for _, o := range slices.Clone(u.j.Own) {
		apart := slices.ContainsFunc(proofs, func(p Proof) bool { return p.Interface.Kind == o.Interface && p.Old == Opens })
		if !apart || o.Word != OwnShared {
			continue
		}
		o.Word, o.Note = OwnNotSet, fmt.Sprintf("%s has accounts of its own, as its door shows, and rekey could not set this one there: %s; set it in the recorder's web page", o.Interface, o.Note)
		if err := u.j.append(line{Time: u.Now(), Own: &o}); err != nil {
			return err
		}
	}
	return nil
}

// separate are the interfaces that have accounts of their own, as far as was seen.
func separate(own []OwnAccount) []rekey.InterfaceKind {
	var kinds []rekey.InterfaceKind
	for _, o := range own {
		if o.Word == OwnSet || o.Word == OwnNone || o.Word == OwnNotSet {
			kinds = append(kinds, o.Interface)
		}
	}
	return kinds
}
