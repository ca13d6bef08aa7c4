package recorder

import (
	"errors"

	"rekey/seclog"
)

// reset takes the recorder back to its first set-up, in one transaction:
// accounts, sessions, second factors, cloud link, exposure. Recordings are kept
// and sealed, a claimed recorder comes back activation-locked. Identity, the
// owner's own desk and the security log stay.
func (b *Box) reset(detail map[string]string) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	err := b.commit(func(next *state) ([]seclog.Record, error) {
		shut := append(next.keep(b.now()), next.claim(b.now())...)
		gone := next.secondFactors()
		next.Accounts, next.ONVIF = map[string]account{}, nil
		next.forgetCameras()
		next.Tables = b.defaults()
		next.Epoch++
		next.Review, next.RemoteFor = wholeReview(), ""
		records := []seclog.Record{
			{Actor: "button", Event: "button.reset", Object: b.id.Info.DeviceID, Result: "ok", Detail: detail},
			{Actor: "recorder", Event: "sessions.revoked", Object: "all accounts", Result: "ok"},
			{Actor: "recorder", Event: "review.opened", Object: b.id.Info.DeviceID, Result: "button reset"},
		}
		records = append(records, shut...)
		for _, name := range gone {
			records = append(records, seclog.Record{Actor: "button", Event: "2fa.off", Object: name, Result: "ok"})
		}
		if next.Cloud != nil {
			records = append(records, seclog.Record{Actor: "button", Event: "cloud.unlink", Object: clip(next.Cloud.URL), Result: "button reset"})
			next.Cloud = nil
		}
		return records, nil
	})
	if err != nil && b.Initialised() {
		return err
	}
	// A write that failed may stand all the same: see doubt.
	clear(b.lockedAt)
	clear(b.strangers)
	return errors.Join(err, b.followCloud("button reset"), b.restartSupport())
}
