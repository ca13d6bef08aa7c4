package dahua

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// settingTables are the blocks worth keeping, by the names of the firmware.
func settingTables() []string {
	return []string{
		"General", "Network", "Web", "Https", "RTSP", "DVRIP", "UPnP", "T2UServer", "Telnet", "SSHD", "SNMP",
		"Multicast", "Bonjour", "DDNS", "PPPoE", "NTP", "Locales", "Email", "AccessFilter", "UserGlobal",
		"LoginFailureAlarm", "MediaEncrypt", "EncodeAuth", "RecordMode", "StorageGroup", "NAS", "AutoMaintain",
		"AutoUpgrade", "CloudUpgrade", "PwdReset", "AlarmServer", "Wire802_1X", "Qos", "RemoteDevice",
	}
}

// backupLimit bounds the recorder's own settings file.
const backupLimit = 64 << 20

// secretKey matches keys whose values are passwords or keys.
var secretKey = regexp.MustCompile(`(?i)(passw|pwd|passphrase|secret|privatekey|presharedkey|community)`)

const masked = "******"

// errOwnLogin: it would take one more login.
var errOwnLogin = errors.New("it would take a login of its own at the CGI")

// Settings reads the known tables and, where the CGI is in use and has it, the
// recorder's own encrypted backup file. Passwords are masked. Tables that the
// recorder does not tell are left out.
func (s *session) Settings(ctx context.Context) ([]rekey.Setting, error) {
	var settings []rekey.Setting
	for _, name := range settingTables() {
		t, err := s.table(ctx, name)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		data, err := t.masked()
		if err != nil {
			return nil, err
		}
		settings = append(settings, rekey.Setting{Name: name, Data: data})
	}
	if len(settings) == 0 {
		return nil, fmt.Errorf("%w: %s tells none of its settings to this account", rekey.ErrDenied, s.at.Address())
	}
	backup, err := s.backup(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		// The tables are what a person can read; the file is an extra of some firmwares.
		level := slog.LevelWarn
		if errors.Is(err, errOwnLogin) {
			level = slog.LevelDebug
		}
		s.log.Log(ctx, level, "no settings file from the recorder", slog.String("host", s.at.Address()), slog.Any("error", err))
		return settings, nil
	}
	return append(settings, rekey.Setting{Name: "Config.backup", Data: backup}), nil
}

// backup is the file, by a CGI that is logged in already: a login of its own, which
// may be refused where the digest is broken, is more than the file is worth.
func (s *session) backup(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	ready := s.rpc == nil || s.cgi != nil
	s.mu.Unlock()
	if !ready {
		return nil, errOwnLogin
	}
	c, err := s.web(ctx)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(ctx, transport.Request{
		Path: "/cgi-bin/Config.backup", Query: transport.Query("action", "All"), Digest: c.digest, Limit: backupLimit, Once: true,
	})
	if err != nil {
		return nil, err
	}
	if err := c.judge(res); err != nil {
		return nil, err
	}
	if res.Status != 200 || strings.HasPrefix(string(res.Body), "Error") {
		return nil, cgiRefusal(c.host(), "Config.backup", res.Status, res.Body)
	}
	if len(res.Body) == 0 {
		return nil, errors.New("the settings file is empty")
	}
	return res.Body, nil
}

// masked writes a table in the form it came in, secrets masked.
func (t *table) masked() ([]byte, error) {
	if t.tree != nil {
		return json.MarshalIndent(hide(t.tree), "", "  ")
	}
	paths := make([]string, 0, len(t.flat))
	for path := range t.flat {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var b strings.Builder
	for _, path := range paths {
		value := t.flat[path]
		if value != "" && secretKey.MatchString(path[strings.LastIndexByte(path, '.')+1:]) {
			value = masked
		}
		b.WriteString(t.named(path) + "=" + value + "\r\n")
	}
	return []byte(b.String()), nil
}

// hide masks every text whose key names a secret.
func hide(node any) any {
	switch n := node.(type) {
	case map[string]any:
		hidden := make(map[string]any, len(n))
		for key, v := range n {
			if text, is := v.(string); is && text != "" && secretKey.MatchString(key) {
				v = masked
			}
			hidden[key] = hide(v)
		}
		return hidden
	case []any:
		hidden := make([]any, len(n))
		for i, v := range n {
			hidden[i] = hide(v)
		}
		return hidden
	}
	return node
}

var _ rekey.SettingsReader = (*session)(nil)
