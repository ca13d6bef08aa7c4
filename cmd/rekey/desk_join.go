package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/durable"
)

// leastPassphrase is how many characters protect a passkey's file. Whoever has
// the file can guess as fast as their machines go.
const leastPassphrase = 15

func (v *deskVerb) joinCommand() *cobra.Command {
	var c deskCaller
	var linkFile, label string
	cmd := &cobra.Command{
		Use:   "join",
		Short: "register a passkey of your own by a one-time link, for the verbs of an agent",
		Long: `join makes a passkey in software, registers it at the desk by the one-time link that the
administrator gave you, and keeps it in a file (mode 0600) under a passphrase. It is worth
as much as that file and that passphrase: where you can, open the link in a browser instead
and use a security key or your telephone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			link, err := secretFrom(linkFile, "One-time link")
			if err != nil {
				return fmt.Errorf("%w (--link-file)", err)
			}
			return v.join(cmd, &c, link, label)
		},
	}
	c.register(cmd)
	cmd.Flags().StringVar(&linkFile, "link-file", "", "file with the link (default: asked at the terminal)")
	cmd.Flags().StringVar(&label, "label", "rekey", "what the passkey is called at the desk")
	return cmd
}

// join uses the link up only when all is ready for the key that it gives.
func (v *deskVerb) join(cmd *cobra.Command, c *deskCaller, link rekey.Secret, label string) error {
	u, err := url.Parse(link.Reveal())
	if err != nil || u.Host == "" || u.Fragment == "" {
		return fmt.Errorf("%w: that is no link of a desk; expected https://HOST/join#TOKEN", rekey.ErrInput)
	}
	if c.url == "" {
		c.url = u.Scheme + "://" + u.Host
	} else { // whoever names the desk need not have the link from where it is served now
		link = rekey.NewSecret(u.Fragment)
	}
	at, err := c.dial()
	if err != nil {
		return err
	}
	name := c.passkeyFile()
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is there already; choose another file by --passkey", rekey.ErrConflict, name)
	}
	dir := filepath.Dir(name)
	if err := durable.MkdirAll(dir); err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	if err := durable.Probe(dir); err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	passphrase, err := passkeyPassphrase(c.passphraseFile)
	if err != nil {
		return err
	}
	key, agent, err := at.Join(cmd.Context(), link, label)
	if err != nil {
		return err
	}
	file, err := key.Seal(passphrase, rand.Reader)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(name, file, 0o600); err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	return v.tell(cmd, "joined", struct {
		Name    string `json:"name"`
		Role    string `json:"role"`
		Passkey string `json:"passkey"`
	}{agent.Name, string(agent.Role), name}, "you are %s (%s) at %s; your passkey is in %s", agent.Name, agent.Role, c.url, name)
}

// passkeyPassphrase reads a passphrase that is chosen now, and holds it to its length.
func passkeyPassphrase(file string) (rekey.Secret, error) {
	p, err := newPassphrase(file, "New passphrase of your passkey")
	switch {
	case err != nil:
		return p, fmt.Errorf("%w (--passphrase-file)", err)
	case utf8.RuneCountInString(p.Reveal()) < leastPassphrase:
		return p, fmt.Errorf("%w: the passphrase has fewer than %d characters", rekey.ErrInput, leastPassphrase)
	}
	return p, nil
}
