package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/job"
)

// camerasVerb is what 'rekey cameras' was told.
type camerasVerb struct {
	loginFlags
	channel               int // 0: list
	account, passwordFile string
}

func newCamerasCommand() *cobra.Command {
	var v camerasVerb
	cmd := &cobra.Command{
		Use:   "cameras HOST",
		Short: "say which cameras behind a recorder are dark, and set the login it uses at one",
		Long: `cameras logs in at a recorder and lists its channels: which camera is connected,
which is dark, and why. A camera goes dark when the recorder logs in at it with a
password that is no longer the camera's, as after the change of a password that
both shared.

--set N has the recorder log in at the camera of channel N with another account
and password. The camera itself is not changed: the login must be one that it
takes. A recorder that tries a wrong one over and over may lock the camera.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.on(cmd)
			if cmd.Flags().Changed("set") && v.channel < 1 {
				return fmt.Errorf("%w: --set %d; expected the number of a channel, from 1", rekey.ErrInput, v.channel)
			}
			return v.cameras(cmd.Context(), args[0])
		},
	}
	v.register(cmd.Flags())
	cmd.Flags().IntVar(&v.channel, "set", 0, "set the login that the recorder uses at the camera of this channel")
	cmd.Flags().StringVar(&v.account, "camera-account", "", "account of the camera")
	cmd.Flags().StringVar(&v.passwordFile, "camera-password-file", "", "file with the password of that account (default: asked at the terminal)")
	return cmd
}

func (v *camerasVerb) cameras(ctx context.Context, host string) error {
	login, err := v.cameraLogin()
	if err != nil {
		return err
	}
	req, err := v.request(ctx, host)
	if err != nil {
		return err
	}
	if v.channel > 0 && login.Password.IsZero() {
		if login.Password, err = secretFrom("", fmt.Sprintf("Password of %s at camera %d", v.account, v.channel)); err != nil {
			return err
		}
	}
	r, err := v.runner()
	if err != nil {
		return err
	}
	if v.channel > 0 {
		return v.set(ctx, r, req, login)
	}
	return v.list(ctx, r, req)
}

// cameraLogin reads what was told of the camera's login, before anything is sent.
func (v *camerasVerb) cameraLogin() (l rekey.Login, err error) {
	switch {
	case v.channel == 0 && (v.account != "" || v.passwordFile != ""):
		return l, fmt.Errorf("%w: --camera-account and --camera-password-file go with --set", rekey.ErrInput)
	case v.channel > 0 && v.account == "":
		return l, fmt.Errorf("%w: --set wants the account of the camera: --camera-account", rekey.ErrInput)
	}
	l.Account = v.account
	if v.passwordFile != "" {
		l.Password, err = readSecretFile(v.passwordFile)
	}
	return l, err
}

func (v *camerasVerb) list(ctx context.Context, r *job.Runner, req job.Request) error {
	all, err := r.Channels(ctx, req)
	if err != nil {
		return err
	}
	if err := v.emit("cameras", struct {
		Cameras []rekey.Channel `json:"cameras"`
	}{all}, func(w io.Writer) { printCameras(newPage(w), req.Target, all) }); err != nil {
		return err
	}
	return dark(all)
}

func (v *camerasVerb) set(ctx context.Context, r *job.Runner, req job.Request, login rekey.Login) error {
	now, err := r.SetChannelLogin(ctx, req, v.channel, login)
	if err != nil {
		return err
	}
	if err := v.emit("camera", now, func(w io.Writer) {
		fmt.Fprintf(w, "The recorder now logs in at camera %d as %q; it is %s\n", now.Number, now.Account, cameraState(now))
	}); err != nil {
		return err
	}
	return dark([]rekey.Channel{now})
}

// dark is exit code 13 where a camera is not connected.
func dark(all []rekey.Channel) error {
	n := 0
	for _, c := range all {
		if !c.Online {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%w: dark cameras: %d of %d", rekey.ErrFindings, n, len(all))
}

func printCameras(p page, at rekey.Target, all []rekey.Channel) {
	rows := [][]string{{"CAMERA", "NAME", "ADDRESS", "LOGIN", "STATE"}}
	for _, c := range all {
		rows = append(rows, []string{strconv.Itoa(c.Number), cut(c.Name), c.Address, cut(c.Account), cameraState(c)})
	}
	if len(all) == 0 {
		p.line("The recorder tells of no cameras.")
		return
	}
	p.table(rows)
	for _, c := range all {
		if !c.Online {
			p.line("\nIf the recorder's login at the camera is wrong: %s", mend(at.String(), c.Number, c.Account))
			return
		}
	}
}

func cameraState(c rekey.Channel) string {
	if c.Online {
		return "online"
	}
	return "dark: " + cmp.Or(c.Why, "the recorder does not say why")
}

// mend is the command that sets the login of a camera that is dark.
func mend(at string, channel int, account string) string {
	return fmt.Sprintf("rekey cameras %s --set %d --camera-account %s", at, channel, cmp.Or(account, "admin"))
}
