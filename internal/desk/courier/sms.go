package courier

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"rekey"
)

// SMS carries to tel: addresses by a provider's webhook, or by a small program
// in front of one. It posts {"to":"+49...","text":"..."} as JSON, with the key
// as Authorization: Bearer and as the key of the Rekey-Signature; any 2xx means
// that the provider has taken the message.
type SMS struct {
	URL string       // https beyond this machine
	Key rekey.Secret // of the desk at the provider
	CA  []byte       // certificates (PEM) that the provider's must lead to; nil = those that this system trusts
	Now func() time.Time
}

// Check tells what is wrong with the settings, before anything is sent.
func (s SMS) Check() error {
	if _, _, err := parseURL(s.URL); err != nil {
		return err
	}
	if key := s.Key.Reveal(); key == "" || strings.ContainsAny(key, "\r\n") {
		return fmt.Errorf("%w: the SMS provider's key: expected one line of text", rekey.ErrInput)
	}
	return nil
}

// Carry hands the message to the provider. The subject is not sent.
func (s SMS) Carry(ctx context.Context, m Message) error {
	number, _ := strings.CutPrefix(m.To, "tel:")
	if !isNumber(number) {
		return fmt.Errorf("%w: that is no telephone number; expected tel:+NUMBER", rekey.ErrInput)
	}
	if err := s.Check(); err != nil {
		return fmt.Errorf("%w: %v", rekey.ErrUnreachable, err) // a setting, which can be mended while the message waits
	}
	body, err := json.Marshal(struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}{number, m.Text})
	if err != nil {
		return err
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	return s.target().post(ctx, map[string]string{
		"Authorization": "Bearer " + s.Key.Reveal(),
		signatureHeader: signature([]byte(s.Key.Reveal()), now(), body),
	}, body)
}

// target allows any address beyond this machine, as the operator has named the
// provider: a modem in the same network will do.
func (s SMS) target() target {
	_, local, _ := parseURL(s.URL)
	return target{url: s.URL, ca: s.CA, allows: func(a netip.Addr) bool { return isLoopback(a) == local }}
}
