package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/internal/desk/passkey"
)

// The variables of the environment of who calls a desk.
const (
	deskURLVariable     = "REKEY_DESK_URL"
	deskPasskeyVariable = "REKEY_DESK_PASSKEY" //nolint:gosec // the name of a variable, which holds the name of a file
)

// deskCaller is who speaks to a desk from any machine: an agent with a passkey
// in a file, or a program with an API key. No session is kept on disk.
type deskCaller struct {
	url, ca                 string
	passkey, passphraseFile string
	apiKeyFile              string
}

func (c *deskCaller) register(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&c.url, "desk", "", "the desk's URL (default: $"+deskURLVariable+")")
	f.StringVar(&c.ca, "ca", "", "file with the certificates (PEM) that the desk's must lead to (default: the system's)")
	f.StringVar(&c.passkey, "passkey", "", "file with your passkey, as 'rekey desk join' made it (default: $"+deskPasskeyVariable+", or desk-passkey in the state folder)")
	f.StringVar(&c.passphraseFile, "passphrase-file", "", "file with the passphrase of that (default: asked at the terminal)")
	f.StringVar(&c.apiKeyFile, "api-key-file", "", "file with an API key, for a program; instead of a passkey")
}

// passkeyFile is where the passkey lies, or is to lie.
func (c *deskCaller) passkeyFile() string {
	if c.passkey != "" {
		return c.passkey
	}
	if name := os.Getenv(deskPasskeyVariable); name != "" {
		return name
	}
	return filepath.Join(defaultStateDir(), "desk-passkey")
}

// address is where the desk is, as far as it was told.
func (c *deskCaller) address() string {
	if c.url != "" {
		return c.url
	}
	return os.Getenv(deskURLVariable)
}

// dial makes a client that is not logged in yet.
func (c *deskCaller) dial() (*client.Client, error) {
	at := c.address()
	if at == "" {
		return nil, fmt.Errorf("%w: give the desk's URL by --desk", rekey.ErrInput)
	}
	ca, err := readCA(c.ca)
	if err != nil {
		return nil, err
	}
	to, err := client.New(at)
	if err == nil && ca != nil {
		err = to.Trust(ca)
	}
	return to, err
}

// as makes what a verb does of act: it logs in for that alone.
func (c *deskCaller) as(act func(cmd *cobra.Command, at *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		at, err := c.dial()
		if err != nil {
			return err
		}
		if c.apiKeyFile != "" {
			key, err := readSecretFile(c.apiKeyFile)
			if err != nil {
				return err
			}
			at.UseKey(key)
			return act(cmd, at, args)
		}
		key, err := c.openPasskey()
		if err != nil {
			return err
		}
		if _, err := at.LogIn(cmd.Context(), key); err != nil {
			return err
		}
		err = act(cmd, at, args)
		return errors.Join(err, at.LogOut(context.WithoutCancel(cmd.Context()))) // the client bounds it, as every call
	}
}

func (c *deskCaller) openPasskey() (*passkey.Key, error) {
	const most = 64 << 10
	name := c.passkeyFile()
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%w: passkey: %w; make one with 'rekey desk join'", rekey.ErrInput, err)
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%w: %s is no passkey of rekey", rekey.ErrInput, name)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: passkey: %w", rekey.ErrInput, err)
	}
	passphrase, err := secretFrom(c.passphraseFile, "Passphrase of your passkey")
	if err != nil {
		return nil, fmt.Errorf("%w (--passphrase-file)", err)
	}
	return passkey.Open(file, passphrase)
}

// asCase makes a verb of an act on the case of its first argument.
func (v *deskVerb) asCase(c *deskCaller, act func(cmd *cobra.Command, at *client.Client, number int64, args []string) (desk.Case, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		number, err := parseNumber("case", args[0])
		if err != nil {
			return err
		}
		return c.as(func(cmd *cobra.Command, at *client.Client, args []string) error {
			of, err := act(cmd, at, number, args[1:])
			if err != nil {
				return err
			}
			return v.tellCase(cmd, of)
		})(cmd, args)
	}
}
