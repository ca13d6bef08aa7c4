package appliance

import (
	"context"
	"errors"
	"fmt"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/link"
)

// Link begins a link of the recorder that runs in dir with a cloud, for an admin
// who logs in for it, and gives the pairing code that its owner types there.
func Link(ctx context.Context, dir string, cloud recorder.CloudAddress, account string, password rekey.Secret) (rekey.Secret, error) {
	cloud, err := link.CheckAddress(cloud)
	if err != nil {
		return rekey.Secret{}, err // before the log-in, which costs a try
	}
	reply, err := command(ctx, dir, controlRequest{Cloud: cloud.URL, CA: cloud.CA, Account: account, Password: password.Reveal()})
	return rekey.NewSecret(reply.Code), err
}

// Unlink ends the link of the recorder that runs in dir, for an admin who logs
// in for it.
func Unlink(ctx context.Context, dir, account string, password rekey.Secret) error {
	_, err := command(ctx, dir, controlRequest{Unlink: true, Account: account, Password: password.Reveal()})
	return err
}

// linkCloud is Link and Unlink inside the recorder. Both ask for the password,
// since whoever is linked may ask for temporary ones.
func (b back) linkCloud(ctx context.Context, order controlRequest) (code string, err error) {
	if b.box.SecondFactor(order.Account).On {
		return "", fmt.Errorf("%w: %s has a second factor, which is asked for at the seat only: Main Menu > Cloud link", rekey.ErrDenied, order.Account)
	}
	password := rekey.NewSecret(order.Password)
	if !order.Unlink {
		at := recorder.CloudAddress{URL: order.Cloud, CA: order.CA}
		shown, err := b.cloud.PairAt(ctx, order.Account, at, recorder.StepUp{Password: password}, recorder.AtSeat())
		return shown.Reveal(), err
	}
	if _, _, err := b.box.LogIn(order.Account, password, recorder.AtSeat()); err != nil {
		return "", err
	}
	return "", b.box.UnlinkCloud(order.Account, recorder.AtSeat())
}

// kinds are the kinds of failure that cross the socket by name.
func kinds() map[string]error {
	return map[string]error{"denied": rekey.ErrDenied, "locked": rekey.ErrLocked, "conflict": rekey.ErrConflict, "unreachable": rekey.ErrUnreachable}
}

func kindOf(err error) string {
	for name, kind := range kinds() {
		if errors.Is(err, kind) {
			return name
		}
	}
	return ""
}

// told is an error as the recorder has said it.
type told struct {
	kind error
	text string
}

func (t *told) Error() string { return t.text }

// Unwrap returns the kind.
func (t *told) Unwrap() error { return t.kind }
