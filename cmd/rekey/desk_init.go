package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"rekey/internal/desk"
)

func (v *deskVerb) initCommand() *cobra.Command {
	var name, at string
	var link given
	cmd := &cobra.Command{
		Use:   "init",
		Short: "make a desk: keys, database, security log, first administrator",
		Long: `init makes the desk and prints a one-time link. Whoever opens it within a day registers
the first administrator's passkey: open it yourself, or hand it over in person. It is shown
this once; 'rekey desk agent invite' makes a new one.

The URL is kept in desk.toml in the folder. Passkeys are bound to its host for good.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := v.config(cmd)
			if err != nil {
				return err
			}
			secret, err := desk.Init(cmd.Context(), v.dir, name, desk.Options{URL: config.url()})
			if err != nil {
				return err
			}
			if at != "" {
				if err := keepURL(v.dir, config.url()); err != nil {
					return err
				}
			}
			said, err := link.put(secret)
			if err != nil {
				return err
			}
			key := filepath.Join(v.dir, desk.PublicKeyFile)
			return v.tell(cmd, "desk", map[string]string{"dir": v.dir, "url": config.url(), "administrator": name, "public_key": key, "link": said},
				"the desk is in %s; recorders seal their keys to %s\n%s registers a passkey by this link, within a day and once; it is not shown again:\n%s",
				v.dir, key, name, said)
		},
	}
	cmd.Flags().StringVar(&name, "admin-name", "administrator", "name of the first administrator")
	cmd.Flags().StringVar(&at, "url", "", "where agents and owners will open the desk, https://HOST[:PORT] (default "+deskURL+")")
	link.register(cmd, "link-file", "link")
	return cmd
}
