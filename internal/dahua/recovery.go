package dahua

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// Recovery asks PasswdFind.getDescript, which anybody may: whether the owner's
// reset is offered, and the contacts that the recorder shows masked. Nothing is
// sent to the contact, and the text for the vendor's app is not kept.
func (d *Driver) Recovery(ctx context.Context, id rekey.Identity, account string) (rekey.Recovery, error) {
	if account == "" {
		return rekey.Recovery{}, fmt.Errorf("%w: the account name is empty", rekey.ErrInput)
	}
	if err := carried("account name", account); err != nil {
		return rekey.Recovery{}, err
	}
	at, has := door(id, rekey.InterfaceRPC2)
	if !has {
		return rekey.Recovery{}, fmt.Errorf("%w: without RPC2 a recorder does not tell of its own password reset", rekey.ErrUnsupported)
	}
	r := &rpc{http: transport.New(at, d.log, d.limits)}
	defer r.http.Close()
	const method = "PasswdFind.getDescript"
	answer, err := r.do(ctx, question{path: pathOutside, method: method, params: map[string]any{"name": account}})
	var refused *refusedError
	switch {
	case lacks(err):
		return rekey.Recovery{}, fmt.Errorf("%w: %s tells nobody of its own password reset", rekey.ErrUnsupported, at.Address())
	case errors.As(err, &refused) && (refused.code == codeAuthority || refused.code == codeNoData):
		return rekey.Recovery{}, nil // a clear no: it offers none
	case err != nil:
		return rekey.Recovery{}, err
	}
	var told fields
	if err := r.read(method, answer, &told); err != nil {
		return rekey.Recovery{}, err
	}
	return rekey.Recovery{
		Enabled: told.first("desc", "contactEmail", "contactPhone") != "",
		Email:   maskedContact(told.text("contactEmail")), Phone: maskedContact(told.text("contactPhone")),
	}, nil
}

// maskedContact is a contact as the recorder masks it. One that it does not mask
// is masked here: it is nobody's business.
func maskedContact(s string) string {
	if s == "" || strings.Contains(s, "*") {
		return s
	}
	runes := []rune(s)
	name, host, mail := strings.Cut(s, "@")
	if mail && name != "" {
		return string([]rune(name)[:1]) + masked + "@" + host
	}
	return masked + string(runes[max(len(runes)-2, len(runes)/2):])
}

var _ rekey.RecoveryReader = (*Driver)(nil)
