package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/recovery"
)

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

func (o *ownerFlags) owner() (owner desk.Owner, err error) {
	owner = desk.Owner{Name: o.name, Addresses: o.addresses}
	if o.since != "" {
		owner.Since, err = parseDay("--owner-since", o.since)
	}
	return owner, err
}

func (o *ownerFlags) given() bool { return o.name != "" || len(o.addresses) > 0 || o.since != "" }

func (v *deskVerb) enrollCommand() *cobra.Command {
	var owner ownerFlags
	cmd := &cobra.Command{
		Use:   "enroll FILE",
		Short: "take a recorder into the registry, with the key that it sealed to the desk",
		Long: `enroll reads the enrolment file of a recorder (- = stdin). It prints the answer to a
test challenge: work out the same with the recorder's key ('rekey code answer') and compare.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := readEnrolment(cmd.InOrStdin(), args[0])
		if err != nil {
			return err
		}
		o, err := owner.owner()
		if err != nil {
			return err
		}
		return v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			done, err := d.Enrol(cmd.Context(), desk.Operator(), file, o)
			if err != nil {
				return err
			}
			return v.tell(cmd, "enrolled", done, "recorder %s is enrolled (key epoch %d)\ntest: account %q, challenge %s, answer %s",
				done.DeviceID, done.Epoch, done.TestAccount, done.TestChallenge, done.TestAnswer)
		})(cmd, args)
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

// recorderChange is what an operator changes of a recorder.
type recorderChange struct {
	owner                  ownerFlags
	stolen, noPhrases      bool
	phraseFile, duressFile string
}

func (v *deskVerb) recorderCommand() *cobra.Command {
	var change recorderChange
	cmd := &cobra.Command{
		Use:   "recorder DEVICE_ID",
		Short: "show a recorder, or change its owner and support phrase, or report it stolen",
		Long: `recorder shows what the registry has of a recorder, after the changes that the flags ask for.
Whatever changes of the owner or of the addresses is a risk for 30 days: an answer then
needs documents and a second person, and after a change of addresses a day's wait as well.

The support phrase is evidence (E3). The duress word is taken like the phrase on the
agent's page, and silently holds the case. Both come with the registration, on a sheet that
the owner keeps, and never from a caller.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := parseDevice(args[0])
		if err != nil {
			return err
		}
		o, err := change.owner.owner()
		if err != nil {
			return err
		}
		phrases, given, err := change.phrases()
		if err != nil {
			return err
		}
		return v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			ctx, who := cmd.Context(), desk.Operator()
			if cmd.Flags().Changed("stolen") {
				err = d.SetStolen(ctx, who, id, change.stolen, desk.StepUp{})
			}
			if err == nil && change.owner.given() {
				err = d.SetOwner(ctx, who, id, o, desk.StepUp{})
			}
			if err == nil && given {
				err = d.SetPhrases(ctx, who, id, phrases, desk.StepUp{})
			}
			if err != nil {
				return err
			}
			r, err := d.Recorder(ctx, who, id)
			if err != nil {
				return err
			}
			return v.tellRecorder(cmd, r)
		})(cmd, args)
	}
	change.owner.register(cmd)
	f := cmd.Flags()
	f.BoolVar(&change.stolen, "stolen", false, "report it stolen: no answer is issued while this stands (--stolen=false takes it back)")
	f.StringVar(&change.phraseFile, "phrase-file", "", "file with the owner's support phrase; takes the place of both phrases")
	f.StringVar(&change.duressFile, "duress-file", "", "file with the owner's duress word; only with --phrase-file")
	f.BoolVar(&change.noPhrases, "no-phrases", false, "forget both phrases")
	cmd.AddCommand(v.recorderShowCommand())
	return cmd
}

func (c *recorderChange) phrases() (p desk.Phrases, given bool, err error) {
	switch {
	case c.noPhrases && (c.phraseFile != "" || c.duressFile != ""):
		return p, false, fmt.Errorf("%w: --no-phrases and new phrases exclude one another", rekey.ErrInput)
	case c.duressFile != "" && c.phraseFile == "":
		return p, false, fmt.Errorf("%w: a duress word needs --phrase-file as well", rekey.ErrInput)
	case c.noPhrases || c.phraseFile == "":
		return p, c.noPhrases, nil
	}
	p.Support, err = readSecretFile(c.phraseFile)
	if err == nil && c.duressFile != "" {
		p.Duress, err = readSecretFile(c.duressFile)
	}
	return p, true, err
}

func (v *deskVerb) tellRecorder(cmd *cobra.Command, r desk.Recorder) error {
	stolen := ""
	if r.Stolen {
		stolen = ", reported stolen"
	}
	return v.tell(cmd, "recorder", r, "%s %s, serial %s, owner %q (%s), %d answers issued%s",
		r.DeviceID, r.Model, r.Serial, r.Owner, strings.Join(r.Addresses, ", "), len(r.Answers), stolen)
}

// recorderShowCommand is the agent's: over the API.
func (v *deskVerb) recorderShowCommand() *cobra.Command {
	var c deskCaller
	cmd := &cobra.Command{
		Use:   "show DEVICE_ID",
		Short: "show a recorder as an agent sees it, over the API (--desk)",
		Args:  cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := parseDevice(args[0])
		if err != nil {
			return err
		}
		return c.as(func(cmd *cobra.Command, at *client.Client, _ []string) error {
			r, err := at.Recorder(cmd.Context(), id)
			if err != nil {
				return err
			}
			return v.tellRecorder(cmd, r)
		})(cmd, args)
	}
	c.register(cmd)
	return cmd
}

func parseDevice(text string) (recovery.DeviceID, error) {
	id, err := recovery.ParseDeviceID(text)
	if err != nil {
		return id, fmt.Errorf("%w: %w", rekey.ErrInput, err)
	}
	return id, nil
}
