package onvif

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"rekey"
)

// settings are the operations that tell how the device is set, none of them with
// a password in its answer.
func settings() []question {
	operations := []string{
		"GetDeviceInformation", "GetSystemDateAndTime", "GetNTP", "GetHostname", "GetNetworkInterfaces", "GetNetworkDefaultGateway", "GetDNS", "GetNetworkProtocols", "GetUsers", "GetScopes",
	}
	list := make([]question, 0, len(operations))
	for _, operation := range operations {
		list = append(list, ofDevice(operation, ""))
	}
	return list
}

// Settings are the device's own answers about its network, clock, users and
// names, as they came. What it does not tell is left out. The backup that ONVIF
// knows (GetSystemBackup) is deprecated and in the maker's own form: it is not taken.
func (s *session) Settings(ctx context.Context) ([]rekey.Setting, error) {
	var blocks []rekey.Setting
	var last error
	for _, q := range settings() {
		raw, err := s.main.fetch(ctx, q)
		var login *rekey.LoginError
		var refused *fault
		switch {
		case err == nil:
			blocks = append(blocks, rekey.Setting{Name: q.operation, Data: masked(raw)})
		case errors.As(err, &login) || !errors.As(err, &refused):
			return nil, err
		default:
			last = err
		}
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%w: %s tells none of its settings to this account: %w", rekey.ErrDenied, s.host(), last)
	}
	return blocks, nil
}

// fetch is ask for the whole answer as it came.
func (e *entrance) fetch(ctx context.Context, q question) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.prepare(ctx); err != nil {
		return nil, err
	}
	_, err := e.send(ctx, q)
	return e.last, err
}

// secretText is a text whose element names a secret.
var secretText = regexp.MustCompile(`(?is)(<(?:[\w.-]+:)?\w*(?:passw|pwd|passphrase|secret|psk)\w*(?:\s[^>]*)?>)[^<]+`)

// masked hides what no device should tell.
func masked(raw []byte) []byte { return secretText.ReplaceAll(raw, []byte("${1}******")) }

var _ rekey.SettingsReader = (*session)(nil)
