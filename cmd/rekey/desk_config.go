package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/staff"
	"rekey/internal/durable"
	"rekey/internal/mail"
	"rekey/internal/web"
)

// deskConfigFile is the settings' file in a desk's folder.
const deskConfigFile = "desk.toml"

// deskListen and deskURL are where a desk is served when nothing else is said.
const (
	deskListen = "127.0.0.1:8470"
	deskURL    = "http://localhost:8470"
)

// deskSetting is one setting of a desk: a key of the file, a flag, and a
// variable of the environment. The flag counts first, then the variable.
type deskSetting struct {
	key  string
	path bool // a file's name; in the settings' file it is relative to that
	yes  bool // true or false
	help string
}

func deskSettings() []deskSetting {
	return []deskSetting{
		{key: "listen", help: "address to serve at; port 0 = any free one (default " + deskListen + ")"},
		{key: "url", help: "where agents and owners open the desk, such as https://desk.example.com; passkeys are bound to its host (default: http://localhost and the port)"},
		{key: "cert", path: true, help: "file with the TLS certificate and its chain (PEM)"},
		{key: "key", path: true, help: "file with the TLS key (PEM)"},
		{key: "trusted-proxies", help: "addresses or prefixes of the reverse proxies in front, with commas between them; from these alone the sender's address is taken from X-Forwarded-For (default: nobody)"},
		{key: "ready-file", path: true, help: `write {"url": ..., "listen": ...} to this file once the desk answers`},
		{key: "smtp.server", help: "mail server for messages to owners, HOST:PORT"},
		{key: "smtp.from", help: "address of the sender of these"},
		{key: "smtp.user", help: "user at the mail server"},
		{key: "smtp.password-file", path: true, help: "file with that user's password"},
		{key: "smtp.ca", path: true, help: "file with the certificates (PEM) that the mail server's must lead to (default: the system's)"},
		{key: "smtp.tls", yes: true, help: "speak TLS to the mail server from the start, as at port 465; otherwise STARTTLS"},
		{key: "sms.url", help: "webhook of the provider of text messages"},
		{key: "sms.key-file", path: true, help: "file with the key that the provider checks"},
		{key: "sms.ca", path: true, help: "file with the certificates (PEM) that the provider's must lead to (default: the system's)"},
		{key: "oidc.issuer", help: "identity provider of the agents (OpenID Connect)"},
		{key: "oidc.client-id", help: "the desk's client id there"},
		{key: "oidc.secret-file", path: true, help: "file with the desk's client secret there"},
		{key: "oidc.ca", path: true, help: "file with the certificates (PEM) that the identity provider's must lead to (default: the system's)"},
	}
}

func (s deskSetting) flag() string { return strings.ReplaceAll(s.key, ".", "-") }

func (s deskSetting) variable() string {
	return "REKEY_DESK_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(s.key))
}

// registerSettings adds the settings' flags and the name of their file.
func registerSettings(f *pflag.FlagSet) {
	for _, s := range deskSettings() {
		if s.yes {
			f.Bool(s.flag(), false, s.help)
		} else {
			f.String(s.flag(), "", s.help)
		}
	}
	f.String("config", "", "file with the settings (TOML; default: "+deskConfigFile+" in the desk's folder, where it is there)")
}

// deskConfig are the settings of one desk.
type deskConfig struct{ k *koanf.Koanf }

// config reads the settings that count for a verb: its flags, the environment, the file.
func (v *deskVerb) config(cmd *cobra.Command) (deskConfig, error) {
	if v.dir == "" {
		return deskConfig{}, fmt.Errorf("%w: give the desk's folder by --dir", rekey.ErrInput)
	}
	k := koanf.New(".")
	name, named := filepath.Join(v.dir, deskConfigFile), false
	if f := cmd.Flags().Lookup("config"); f != nil && f.Changed {
		name, named = f.Value.String(), true
	}
	if err := readSettings(k, name, named); err != nil {
		return deskConfig{}, err
	}
	for _, s := range deskSettings() {
		if text := os.Getenv(s.variable()); text != "" {
			if err := s.set(k, s.variable(), text); err != nil {
				return deskConfig{}, err
			}
		}
		if f := cmd.Flags().Lookup(s.flag()); f != nil && f.Changed {
			if err := s.set(k, "--"+s.flag(), f.Value.String()); err != nil {
				return deskConfig{}, err
			}
		}
	}
	c := deskConfig{k}
	return c, c.check()
}

func (s deskSetting) set(k *koanf.Koanf, from, text string) error {
	if !s.yes {
		return k.Set(s.key, text)
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%w: %s %q: expected true or false", rekey.ErrInput, from, text)
	}
	return k.Set(s.key, yes)
}

// readSettings reads the file. One that was not named need not be there.
func readSettings(k *koanf.Koanf, name string, named bool) error {
	err := k.Load(file.Provider(name), toml.Parser())
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return nil
	case err != nil:
		return fmt.Errorf("%w: settings of the desk, %s: %w", rekey.ErrInput, name, err)
	}
	for key, value := range k.All() {
		i := slices.IndexFunc(deskSettings(), func(s deskSetting) bool { return s.key == key })
		if i < 0 {
			return fmt.Errorf("%w: settings of the desk, %s: there is no setting %q", rekey.ErrInput, name, key)
		}
		s := deskSettings()[i]
		text, isText := value.(string)
		_, isYes := value.(bool)
		if isYes != s.yes || isText == s.yes {
			return fmt.Errorf("%w: settings of the desk, %s: %s: expected %s", rekey.ErrInput, name, key, map[bool]string{true: "true or false", false: "a text"}[s.yes])
		}
		if s.path && text != "" && !filepath.IsAbs(text) {
			if err := k.Set(key, filepath.Join(filepath.Dir(name), text)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c deskConfig) text(key string) string { return c.k.String(key) }

// check looks at what must fit together, before anything is opened.
func (c deskConfig) check() error {
	for _, pair := range [][2]string{{"cert", "key"}, {"smtp.server", "smtp.from"}, {"smtp.user", "smtp.password-file"}, {"sms.url", "sms.key-file"}, {"oidc.issuer", "oidc.client-id"}, {"oidc.issuer", "oidc.secret-file"}} {
		if (c.text(pair[0]) == "") != (c.text(pair[1]) == "") {
			return fmt.Errorf("%w: the settings %s and %s belong together", rekey.ErrInput, pair[0], pair[1])
		}
	}
	if at := c.text("url"); at != "" {
		return checkDeskURL(at)
	}
	return nil
}

// checkDeskURL: passkeys are bound to a host's name and, but for localhost, to TLS
// (Web Authentication Level 3, 5.4.2 and 13.4.9).
func checkDeskURL(at string) error {
	u, err := url.Parse(at)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%w: the desk's URL: expected https://HOST[:PORT]", rekey.ErrInput)
	case u.Scheme == "http" && u.Hostname() != "localhost":
		return fmt.Errorf("%w: the desk's URL %s is not https; only http://localhost may do without", rekey.ErrInput, at)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return fmt.Errorf("%w: the desk's URL %s has an address for a host; passkeys need a name, such as localhost", rekey.ErrInput, at)
	}
	return nil
}

func (c deskConfig) listen() string {
	if at := c.text("listen"); at != "" {
		return at
	}
	return deskListen
}

// url is where the desk is, or will be, served.
func (c deskConfig) url() string {
	if at := c.text("url"); at != "" {
		return strings.TrimRight(at, "/")
	}
	if _, port, err := net.SplitHostPort(c.listen()); err == nil && port != "0" {
		return map[bool]string{false: "http", true: "https"}[c.text("cert") != ""] + "://localhost:" + port
	}
	return deskURL
}

// proxies are whom the desk believes about where a request comes from.
func (c deskConfig) proxies() (web.Proxies, error) {
	all, err := web.ParseProxies(c.text("trusted-proxies"))
	if err != nil {
		return nil, fmt.Errorf("setting trusted-proxies: %w", err)
	}
	return all, nil
}

// servedAt is the desk's URL, now that it listens at scheme://IP:PORT. A proxy on
// this machine may end TLS: in clear the desk is never beyond loopback.
func (c deskConfig) servedAt(at string, proxies web.Proxies) (string, error) {
	u, err := url.Parse(at)
	if err != nil {
		return "", err
	}
	if told := c.text("url"); told != "" {
		ended := u.Scheme == "http" && proxies.OnThisMachine()
		if !strings.HasPrefix(told, u.Scheme+":") && !ended {
			return "", fmt.Errorf("%w: the desk's URL is %s and it is served by %s: give a certificate for https, none for http; a proxy on this machine that ends TLS is named by --trusted-proxies", rekey.ErrInput, told, u.Scheme)
		}
		return strings.TrimRight(told, "/"), nil
	}
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil || !host.IsLoopback() {
		return "", fmt.Errorf("%w: give the desk's URL by --url: agents and owners open it there", rekey.ErrInput)
	}
	return u.Scheme + "://localhost:" + u.Port(), nil
}

// options are what the desk is opened with, but for its URL.
func (c deskConfig) options(log *slog.Logger) (o desk.Options, err error) {
	o.Log = log
	if o.SSO, err = c.sso(); err != nil {
		return o, err
	}
	if c.text("smtp.server") != "" {
		if o.Mail, err = c.mail(); err != nil {
			return o, err
		}
	}
	if c.text("sms.url") != "" {
		o.SMS, err = c.sms()
	}
	return o, err
}

func (c deskConfig) mail() (m courier.Mail, err error) {
	m.SMTP = mail.SMTP{Server: c.text("smtp.server"), From: c.text("smtp.from"), User: c.text("smtp.user"), TLS: c.k.Bool("smtp.tls")}
	if file := c.text("smtp.password-file"); file != "" {
		if m.Password, err = readSecretFile(file); err != nil {
			return m, err
		}
	}
	if m.CA, err = readCA(c.text("smtp.ca")); err != nil {
		return m, err
	}
	return m, m.Check()
}

func (c deskConfig) sms() (s courier.SMS, err error) {
	s.URL = c.text("sms.url")
	if s.Key, err = readSecretFile(c.text("sms.key-file")); err != nil {
		return s, err
	}
	if s.CA, err = readCA(c.text("sms.ca")); err != nil {
		return s, err
	}
	return s, s.Check()
}

func (c deskConfig) sso() (*staff.SSO, error) {
	if c.text("oidc.issuer") == "" {
		return nil, nil
	}
	secret, err := readSecretFile(c.text("oidc.secret-file"))
	if err != nil {
		return nil, err
	}
	ca, err := readCA(c.text("oidc.ca"))
	return &staff.SSO{Issuer: c.text("oidc.issuer"), ClientID: c.text("oidc.client-id"), Secret: secret, CA: ca}, err
}

// keepURL writes the settings' file of a new desk.
func keepURL(dir, at string) error {
	text := "# Settings of the desk; 'rekey desk serve --help' has them all.\nurl = " + strconv.Quote(at) + "\n"
	if err := durable.WriteFile(filepath.Join(dir, deskConfigFile), []byte(text), 0o600); err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	return nil
}
