package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// deskVerb is what the verbs of the support desk share.
type deskVerb struct{ folderVerb }

func newDeskCommand() *cobra.Command {
	var v deskVerb
	cmd := &cobra.Command{
		Use:   "desk",
		Short: "the support desk that issues temporary passwords",
		Long: `desk is the technical-support desk of a maker or dealer. Recorders are enrolled with
their keys sealed to the desk; agents open cases, gather evidence, get approval where it
is due, and read out the answer to a recorder's challenge, once.

Whoever runs these verbs on the desk's machine acts as its operator; what they do is
recorded in the desk's security log, as everything at the desk is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if v.dir == "" && cmd.HasParent() && !cmd.HasSubCommands() {
				return fmt.Errorf("%w: give the desk's folder by --dir", rekey.ErrInput)
			}
			return nil
		},
	}
	v.flags(cmd, "the desk's folder (required)")
	cmd.AddCommand(v.initCommand(), v.enrollCommand(), v.recorderCommand(), v.agentCommand(), v.serveCommand(), v.verifyCommand())
	return cmd
}

// with opens the desk for one act.
func (v *deskVerb) with(cmd *cobra.Command, act func(*desk.Desk) error) error {
	d, err := desk.Open(cmd.Context(), v.dir, desk.Options{})
	if err != nil {
		return err
	}
	return errors.Join(act(d), d.Close())
}

func (v *deskVerb) initCommand() *cobra.Command {
	var name, passwordFile string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "make a desk: keys, database, security log, first administrator",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := secretFrom(passwordFile, "Password of the administrator")
			if err != nil {
				return err
			}
			if err := desk.Init(cmd.Context(), v.dir, name, password, desk.Options{}); err != nil {
				return err
			}
			key := filepath.Join(v.dir, desk.PublicKeyFile)
			return v.tell(cmd, "desk", map[string]string{"dir": v.dir, "administrator": name, "public_key": key},
				"the desk is in %s; its administrator is %s\nrecorders seal their keys to %s", v.dir, name, key)
		},
	}
	cmd.Flags().StringVar(&name, "admin-name", "administrator", "name of the first administrator")
	cmd.Flags().StringVar(&passwordFile, "admin-password-file", "", "file with the administrator's password (default: asked at the terminal)")
	return cmd
}

// ownerFlags are what a registration says of a recorder's owner.
type ownerFlags struct {
	name, since string
	addresses   []string
}

func (o *ownerFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.name, "owner-name", "", "who owns the recorder")
	f.StringArrayVar(&o.addresses, "owner-address", nil, "mailto:NAME@HOST or tel:+NUMBER of the owner, from the registration; may be given again")
	f.StringVar(&o.since, "owner-since", "", "date of the sale or of the last change of owner, YYYY-MM-DD")
}

func (o *ownerFlags) owner() (desk.Owner, error) {
	owner := desk.Owner{Name: o.name, Addresses: o.addresses}
	if o.since == "" {
		return owner, nil
	}
	since, err := time.Parse(time.DateOnly, o.since)
	if err != nil {
		return owner, fmt.Errorf("%w: --owner-since %q: expected YYYY-MM-DD", rekey.ErrInput, o.since)
	}
	owner.Since = since
	return owner, nil
}

func (v *deskVerb) enrollCommand() *cobra.Command {
	var owner ownerFlags
	cmd := &cobra.Command{
		Use:   "enroll FILE",
		Short: "take a recorder into the registry, with the key that it sealed to the desk",
		Long: `enroll reads the enrolment file of a recorder (- = stdin). It prints the answer to a
test challenge: work out the same with the recorder's key ('rekey code answer') and compare.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := readEnrolment(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			o, err := owner.owner()
			if err != nil {
				return err
			}
			return v.with(cmd, func(d *desk.Desk) error {
				done, err := d.Enrol(cmd.Context(), desk.Operator(), file, o)
				if err != nil {
					return err
				}
				return v.tell(cmd, "enrolled", done, "recorder %s is enrolled (key epoch %d)\ntest: account %q, challenge %s, answer %s",
					done.DeviceID, done.Epoch, done.TestAccount, done.TestChallenge, done.TestAnswer)
			})
		},
	}
	owner.register(cmd)
	return cmd
}

func readEnrolment(stdin io.Reader, name string) ([]byte, error) {
	const most = 64 << 10
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", rekey.ErrInput, err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, fmt.Errorf("%w: read enrolment %s: %w", rekey.ErrInput, name, err)
	}
	return data, nil
}

func (v *deskVerb) recorderCommand() *cobra.Command {
	var owner ownerFlags
	var stolen bool
	cmd := &cobra.Command{
		Use:   "recorder DEVICE_ID",
		Short: "show a recorder, or change its owner, or report it stolen",
		Long: `recorder shows what the registry has of a recorder, after the changes that the flags ask for.
Whatever changes of the owner or of the addresses is a risk for 30 days: an answer then
needs documents and a second person, and after a change of addresses a day's wait as well.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := recovery.ParseDeviceID(args[0])
			if err != nil {
				return fmt.Errorf("%w: %w", rekey.ErrInput, err)
			}
			o, err := owner.owner()
			if err != nil {
				return err
			}
			return v.with(cmd, func(d *desk.Desk) error {
				if cmd.Flags().Changed("stolen") {
					if err := d.SetStolen(cmd.Context(), desk.Operator(), id, stolen); err != nil {
						return err
					}
				}
				if o.Name != "" || len(o.Addresses) > 0 || !o.Since.IsZero() {
					if err := d.SetOwner(cmd.Context(), desk.Operator(), id, o); err != nil {
						return err
					}
				}
				return v.showRecorder(cmd, d, id)
			})
		},
	}
	owner.register(cmd)
	cmd.Flags().BoolVar(&stolen, "stolen", false, "report it stolen: no answer is issued while this stands (--stolen=false takes it back)")
	return cmd
}

func (v *deskVerb) showRecorder(cmd *cobra.Command, d *desk.Desk, id recovery.DeviceID) error {
	r, err := d.Recorder(cmd.Context(), desk.Operator(), id)
	if err != nil {
		return err
	}
	stolen := ""
	if r.Stolen {
		stolen = ", reported stolen"
	}
	return v.tell(cmd, "recorder", r, "%s %s, serial %s, owner %q (%s), %d answers issued%s",
		r.DeviceID, r.Model, r.Serial, r.Owner, strings.Join(r.Addresses, ", "), len(r.Answers), stolen)
}

func (v *deskVerb) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "check the desk's whole security log",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return v.with(cmd, func(d *desk.Desk) error {
				report, err := d.VerifyLog(cmd.Context(), desk.Operator())
				if err != nil {
					return err
				}
				if report.Problem != "" {
					return fmt.Errorf("%w: %s", rekey.ErrVerify, report.Problem)
				}
				return v.tell(cmd, "log", report.Report, "all %d records of %s are whole, in order and signed; root %s",
					report.Records, report.Origin, report.Root)
			})
		},
	}
}
