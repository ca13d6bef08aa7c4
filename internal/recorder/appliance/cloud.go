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
func Link(ctx context.Context, dir, cloud, account string, password rekey.Secret) (rekey.Secret, error) {
	if _, err := link.CheckURL(cloud); err != nil {
		return rekey.Secret{}, err // before the log-in, which costs a try
	}
	reply, err := command(ctx, dir, controlRequest{Cloud: cloud, Account: account, Password: password.Reveal()})
	return rekey.NewSecret(reply.Code), err
}

// Unlink ends the link of the recorder that runs in dir, for an admin who logs
// in for it.
func Unlink(ctx context.Context, dir, account string, password rekey.Secret) error {
	_, err := command(ctx, dir, controlRequest{Unlink: true, Account: account, Password: password.Reveal()})
	return err
}

// linkCloud is Link and Unlink inside the recorder: a log-in as at the seat
// comes first, since whoever is linked may ask for temporary passwords.
func (b back) linkCloud(ctx context.Context, order controlRequest) (code string, err error) {
	_, half, err := b.box.LogIn(order.Account, rekey.NewSecret(order.Password), recorder.AtSeat())
	if err != nil {
		return "", err
	}
	if half != nil {
		return "", fmt.Errorf("%w: %s has a second factor, which is asked for at the seat only: Main Menu > Cloud link", rekey.ErrDenied, order.Account)
	}
	if order.Unlink {
		return "", b.box.UnlinkCloud(order.Account, recorder.AtSeat())
	}
	shown, err := b.cloud.Pair(ctx, order.Account, order.Cloud, recorder.AtSeat())
	return shown.Reveal(), err
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
