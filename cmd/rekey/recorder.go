package main

import (
	"crypto/hpke"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	qrcode "github.com/skip2/go-qrcode"
	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/durable"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/internal/recorder/label"
	"rekey/recovery"
)

// recorderVerb is what the verbs of the reference recorder share.
type recorderVerb struct{ folderVerb }

func newRecorderCommand() *cobra.Command {
	var v recorderVerb
	cmd := &cobra.Command{
		Use:   "recorder",
		Short: "the reference recorder, to try and to test against",
		Long: `recorder is a security recorder in a folder: accounts, footage, settings, button,
local seat, and the protocols of the Dahua family on the LAN. It has no default
password: without --admin-password-file it starts in factory state, and the first
set-up is made at its local seat.

  rekey recorder init  --dir box --admin-password-file pw
  rekey recorder serve --dir box
  rekey recorder press --dir box --hold 12s --confirm`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	v.flags(cmd, "the recorder's folder (required)")
	_ = cmd.MarkPersistentFlagRequired("dir") // the flag is there
	cmd.AddCommand(v.initCommand(), v.serveCommand(), v.pressCommand(), v.labelCommand(), v.enrolCommand(), v.cloudCommand(), v.linkCommand(), v.unlinkCommand())
	return cmd
}

// recorderMade is the result of init.
type recorderMade struct {
	Dir string `json:"dir"`
	recorder.Info
	FactoryState bool   `json:"factory_state"`
	Enrolment    string `json:"enrolment,omitempty"` // file to carry to the desk
}

func (v *recorderVerb) initCommand() *cobra.Command {
	var face, model, name, passwordFile, deskKeyFile string
	var cameras int
	var spec clips.Spec
	cmd := &cobra.Command{
		Use:   "init",
		Short: "make a recorder: identity, keys, settings, footage",
		Long: `init makes a recorder in a folder. Its face says which kind it is: the doors it has, how
they take logins, its password rule and its lock. The faces are ` + faceNames() + `.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c := recorder.Config{Face: recorder.Face(face), Model: model, Name: name}
			if c.Cameras, err = poeCameras(cameras); err != nil {
				return err
			}
			if passwordFile != "" {
				if c.AdminPassword, err = readSecretFile(passwordFile); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("desk-key") { // an empty name is no wish for none
				if c.DeskKey, err = readDeskKey(deskKeyFile); err != nil {
					return err
				}
			}
			spec.Now = time.Now()
			info, err := appliance.Make(v.dir, c, spec)
			if err != nil {
				return err
			}
			made := recorderMade{Dir: v.dir, Info: info, FactoryState: passwordFile == ""}
			if deskKeyFile != "" {
				made.Enrolment = recorder.EnrolmentFile(v.dir)
			}
			return v.tell(cmd, "recorder", made, "%s", made)
		},
	}
	f := cmd.Flags()
	f.StringVar(&face, "face", string(recorder.FaceN841), "kind of recorder: "+faceNames())
	f.StringVar(&model, "model", "", "another model's name for the face n841, such as D841 (default: the face's own)")
	f.StringVar(&name, "name", "", "what its owner calls it")
	f.StringVar(&passwordFile, "admin-password-file", "", "file with the password of the account admin (default: factory state)")
	f.IntVar(&spec.Days, "days", 2, "days of footage")
	f.IntVar(&spec.Channels, "channels", 2, "channels")
	f.IntVar(&spec.ClipSeconds, "clip-seconds", 5, "length of each recording")
	f.IntVar(&cameras, "cameras", 0, "cameras behind the recorder that have its own password, as those on its PoE ports; at most one a channel")
	f.StringVar(&deskKeyFile, "desk-key", "", "file with the public key of a support desk (desk.pub); the recorder's key is sealed to it in enrolment.json")
	return cmd
}

// faceNames lists the faces for a person.
func faceNames() string {
	var names []string
	for _, f := range recorder.Faces() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// poeCameras are cameras at addresses of the documentation range, with the
// recorder's own password.
func poeCameras(n int) ([]recorder.Camera, error) {
	const most = 64
	if n < 0 || n > most {
		return nil, fmt.Errorf("%w: --cameras %d; expected 0 to %d", rekey.ErrInput, n, most)
	}
	var cameras []recorder.Camera
	for i := range n {
		cameras = append(cameras, recorder.Camera{Address: fmt.Sprintf("192.0.2.%d", 101+i)})
	}
	return cameras, nil
}

// String is the result for a person.
func (m recorderMade) String() string {
	text := fmt.Sprintf("a recorder %s %s, Device ID %s, serial %s, is in %s", m.Vendor, m.Model, m.DeviceID, m.Serial, m.Dir)
	if m.FactoryState {
		text += "\nit is in factory state: make its first set-up at the local seat"
	}
	if m.Enrolment != "" {
		text += "\ncarry to the desk, to enrol it: " + m.Enrolment
	}
	return text
}

func readDeskKey(name string) (hpke.PublicKey, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rekey.ErrInput, err)
	}
	key, err := recovery.ParseDeskKey(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", rekey.ErrInput, name, err)
	}
	return key, nil
}

func (v *recorderVerb) pressCommand() *cobra.Command {
	var hold time.Duration
	var confirm bool
	cmd := &cobra.Command{
		Use:   "press",
		Short: "hold the reset button of a running recorder and let it go",
		Long: `press holds the recessed button for a simulated time and tells what its light shows.
Let go before 10 seconds nothing happens; from 10 to 15 seconds it waits 10 seconds for
a second, short press; after 15 seconds the button counts as stuck and nothing happens.
The second press, which --confirm adds, takes the recorder back to its first set-up:
recordings are kept and sealed, identity and security log stay, and a recorder that its
owner had claimed (recovery sheet, cloud, own desk) waits for its owner's release.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			led, err := appliance.Press(cmd.Context(), v.dir, hold)
			if err != nil {
				return err
			}
			for _, step := range recorder.LEDs(hold) {
				if err := v.tell(cmd, "led", light{step.At.Seconds(), step.LED}, "%6s  %-9s  %s", step.At, step.LED, lights[step.LED]); err != nil {
					return err
				}
			}
			if err := v.tell(cmd, "released", light{hold.Seconds(), led}, "%6s  %-9s  %s", hold, "let go", effects[led]); err != nil {
				return err
			}
			if !confirm || led != recorder.LEDConfirm {
				return nil
			}
			if led, err = appliance.Press(cmd.Context(), v.dir, shortPress); err != nil {
				return err
			}
			return v.tell(cmd, "released", light{shortPress.Seconds(), led}, "%6s  %-9s  %s", shortPress, "let go", effects[led])
		},
	}
	cmd.Flags().DurationVar(&hold, "hold", 0, "how long the button is held, such as 12s (required)")
	cmd.Flags().BoolVar(&confirm, "confirm", false, "press once more, shortly, where the button waits for it")
	_ = cmd.MarkFlagRequired("hold") // the flag is there
	return cmd
}

const shortPress = time.Second // the second one, of --confirm

// light is one moment of the button's light.
type light struct {
	Seconds float64      `json:"seconds"`
	LED     recorder.LED `json:"led"`
}

var lights = map[recorder.LED]string{
	recorder.LEDNothing:   "light off",
	recorder.LEDWarning:   "light blinks: keep holding to reset, let go to leave all as it is",
	recorder.LEDReset:     "light steady: let go now, and it waits for the second press",
	recorder.LEDCancelled: "light off: held too long",
}

var effects = map[recorder.LED]string{
	recorder.LEDNothing:   "nothing happened",
	recorder.LEDWarning:   "nothing happened; the warning is in the security log",
	recorder.LEDConfirm:   "armed: a short press within 10 seconds resets; do nothing, and nothing is changed",
	recorder.LEDReset:     "reset: accounts, locks and settings are back to the first set-up; recordings are kept and sealed, identity and security log stay",
	recorder.LEDCancelled: "cancelled: nothing happened; that is in the security log",
}

// recorderLabel is what is printed on the sticker.
type recorderLabel struct {
	DeviceID string `json:"device_id"` // also the text of the QR code
	Model    string `json:"model"`
	Serial   string `json:"serial"`
	MAC      string `json:"mac"`
	PDF      string `json:"pdf,omitempty"` // file that was written
	SVG      string `json:"svg,omitempty"` // the same
}

func (v *recorderVerb) labelCommand() *cobra.Command {
	var pdf, svg string
	cmd := &cobra.Command{
		Use:   "label",
		Short: "print the recorder's label: Device ID, its QR code, model and serial",
		Long: `label shows what is on the recorder's sticker. With --pdf or --svg it also writes the
sticker to a file, at its size on paper, 100 by 50 mm.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := recorder.Identify(v.dir)
			if err != nil {
				return err
			}
			q, err := qrcode.New(info.DeviceID, qrcode.Medium)
			if err != nil {
				return err
			}
			if err := writeLabel(label.Of(info), pdf, svg); err != nil {
				return err
			}
			l := recorderLabel{info.DeviceID, info.Model, info.Serial, info.MAC, pdf, svg}
			return v.tell(cmd, "label", l, "%s\nDevice ID  %s\nmodel      %s %s\nserial     %s\nMAC        %s",
				strings.TrimRight(q.ToSmallString(false), "\n"), info.DeviceID, info.Vendor, info.Model, info.Serial, info.MAC)
		},
	}
	cmd.Flags().StringVar(&pdf, "pdf", "", "file to write the label to, as PDF")
	cmd.Flags().StringVar(&svg, "svg", "", "file to write the label to, as SVG")
	return cmd
}

// writeLabel writes the label to the files that are named.
func writeLabel(l label.Label, pdf, svg string) error {
	for _, f := range []struct {
		name string
		draw func() ([]byte, error)
	}{{pdf, l.PDF}, {svg, l.SVG}} {
		if f.name == "" {
			continue
		}
		document, err := f.draw()
		if err != nil {
			return err
		}
		if err := durable.WriteFile(f.name, document, 0o644); err != nil {
			return fmt.Errorf("%w: write the label: %w", rekey.ErrStorage, err)
		}
	}
	return nil
}

func (v *recorderVerb) enrolCommand() *cobra.Command {
	var deskKeyFile, out string
	cmd := &cobra.Command{
		Use:     "enrol",
		Aliases: []string{"enroll"},
		Short:   "seal the recorder's key to a support desk",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			desk, err := readDeskKey(deskKeyFile)
			if err != nil {
				return err
			}
			if out == "" {
				out = recorder.EnrolmentFile(v.dir)
			}
			e, err := v.enrol(cmd, desk)
			if err != nil {
				return err
			}
			if err := recorder.WriteEnrolment(out, e); err != nil {
				return err
			}
			return v.tell(cmd, "enrolment", map[string]string{"device_id": e.DeviceID.String(), "enrolment": out}, "recorder %s is sealed to the desk; carry there, to enrol it: %s", e.DeviceID, out)
		},
	}
	cmd.Flags().StringVar(&deskKeyFile, "desk-key", "", "file with the desk's public key (required)")
	cmd.Flags().StringVar(&out, "out", "", "file to write (default: enrolment.json in the recorder's folder)")
	_ = cmd.MarkFlagRequired("desk-key") // the flag is there
	return cmd
}

// enrol asks the recorder where it runs, and switches it on for it where not.
func (v *recorderVerb) enrol(cmd *cobra.Command, desk hpke.PublicKey) (recovery.Enrolment, error) {
	e, err := appliance.Enrol(cmd.Context(), v.dir, desk)
	if !errors.Is(err, rekey.ErrNotFound) {
		return e, err
	}
	box, err := recorder.Open(v.dir, recorder.Options{})
	if err != nil {
		return e, err
	}
	e, err = box.Enrol(desk)
	return e, errors.Join(err, box.Close())
}
