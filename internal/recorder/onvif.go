package recorder

import (
	"fmt"

	"rekey"
)

// Newer firmware of the family logs ONVIF in by a list of its own. It starts
// equal to the admin at the first set-up; what is changed in one list later is
// not changed in the other. Wrong tries on both count on one counter by name.

// ownONVIF is the list that ONVIF logs in.
func (b *Box) ownONVIF() list { return b.listOf(rekey.InterfaceONVIF) }

// ONVIFAccounts lists the accounts that ONVIF logs in.
func (b *Box) ONVIFAccounts() []rekey.Account { return listed(b.state().accounts(b.ownONVIF())) }

// ChangeONVIFPassword changes a password of the list that ONVIF has for itself,
// by one who knows the old one there: a login try as any other. actor is an
// admin who is logged in at the recorder, so a name that is not on the list is
// told as such (rekey.ErrNotFound) and costs no try. rekey.ErrUnsupported: there
// is no such list.
func (b *Box) ChangeONVIFPassword(actor, name string, old, new rekey.Secret, from Client) error {
	if b.ownONVIF() == mainList {
		return fmt.Errorf("%w: ONVIF has no accounts of its own here", rekey.ErrUnsupported)
	}
	s := b.state()
	if err := s.mustBeAdmin(mainList, actor); err != nil {
		return err
	}
	if _, known := s.ONVIF[name]; !known {
		return unknownAccount(name)
	}
	return b.changePassword(onvifList, actor, name, old, new, from)
}

// ResetONVIFPassword sets a password of the list that ONVIF logs in, by an admin
// of that list.
func (b *Box) ResetONVIFPassword(manager, name string, new rekey.Secret, from Client) error {
	return b.resetPassword(b.ownONVIF(), manager, name, new, from)
}

// AddONVIFAccount is AddAccount on the list that ONVIF logs in.
func (b *Box) AddONVIFAccount(manager string, a rekey.Account, pw rekey.Secret, from Client) error {
	return b.addAccount(b.ownONVIF(), manager, a, pw, from)
}

// DeleteONVIFAccount is DeleteAccount on the list that ONVIF logs in.
func (b *Box) DeleteONVIFAccount(manager, name string, from Client) error {
	return b.deleteAccount(b.ownONVIF(), manager, name, from)
}
