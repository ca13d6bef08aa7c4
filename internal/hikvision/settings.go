package hikvision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"rekey"
)

// pathBackup is the recorder's own settings file, in the maker's encryption.
// Newer firmware gives it only with a key in the address, which rekey does not
// send: addresses are written down on the way.
const pathBackup = "/ISAPI/System/configurationData"

// backupLimit bounds the recorder's own settings file.
const backupLimit = 64 << 20

// settingPaths are the blocks that a person can read, by the names that they
// are saved under.
func settingPaths() []string {
	return []string{
		pathDeviceInfo, pathTime, "/ISAPI/System/time/ntpServers", "/ISAPI/System/Network/interfaces", pathAccesses, pathLock,
		pathUsers, "/ISAPI/ContentMgmt/Storage", pathProxies, pathInputs,
	}
}

// secretName matches elements whose texts are passwords or keys.
var secretName = regexp.MustCompile(`(?i)(passw|pwd|passphrase|secret|privatekey|presharedkey|community|verificationcode)`)

const masked = "******"

// Settings reads the known blocks and, where the recorder gives it without a key
// in the address, its own encrypted file. Passwords are masked. What the
// recorder does not tell, or tells in a form in which nothing can be masked, is
// left out.
func (s *session) Settings(ctx context.Context) ([]rekey.Setting, error) {
	w, err := s.web(ctx)
	if err != nil {
		return nil, err
	}
	var settings []rekey.Setting
	for _, path := range settingPaths() {
		data, err := w.fetch(ctx, path, 0)
		if err == nil {
			data, err = hide(data)
		}
		switch {
		case err == nil:
			settings = append(settings, rekey.Setting{Name: path[len("/ISAPI/"):], Data: data})
		case !absent(err) && !errors.Is(err, errNotMasked):
			return nil, err
		}
	}
	if len(settings) == 0 {
		return nil, fmt.Errorf("%w: %s tells none of its settings to this account", rekey.ErrDenied, s.at.Address())
	}
	backup, err := w.fetch(ctx, pathBackup, backupLimit)
	var odd *oddAnswer
	switch {
	case err == nil && len(backup) > 0:
		settings = append(settings, rekey.Setting{Name: pathBackup[len("/ISAPI/"):], Data: backup})
	case err != nil && !absent(err) && !errors.As(err, &odd):
		return nil, err
	default:
		// The blocks are what a person can read; the file is an extra of some firmware.
		s.driver.log.WarnContext(ctx, "no settings file from the recorder", slog.String("host", s.at.Address()), slog.Any("error", err))
	}
	return settings, nil
}

// errNotMasked: a block in which passwords could not be found and masked.
var errNotMasked = errors.New("the block is no whole XML")

// hide masks every text whose element names a secret; all else stays as it came.
func hide(data []byte) ([]byte, error) {
	doc, err := parseExactly(data)
	if err != nil {
		return nil, errNotMasked
	}
	var edits []edit
	var walk func(n *node)
	walk = func(n *node) {
		if len(n.kids) == 0 && secretName.MatchString(n.name) && n.exact() != "" {
			edits = append(edits, doc.set(n, masked))
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	walk(doc.root)
	return doc.apply(edits...), nil
}

var _ rekey.SettingsReader = (*session)(nil)
