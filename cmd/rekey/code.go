package main

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/recovery"
)

// newCodeCommand is the tool for makers of recorders: both halves of a
// temporary password on the command line, to test firmware against. Its result
// is always JSON. Only keys, never answers, decide anything here: it keeps no
// counter and no attempts.
func newCodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "code",
		Short: "make and check temporary passwords (rrc/v1), for makers of recorders",
		Long: `rekey code does both halves of a temporary password, so that firmware can be
tested against it. Keys are read from a file of 64 hex digits that nobody else
may read (mode 0600); the result is one JSON line.

  rekey code answer --key-file K --device V7KX-4YBM-0P97 --account admin \
      --challenge 400R-0YG6-V5GS-YMWC-QV05`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().Bool("json", true, "accepted as everywhere; the result is always JSON")
	cmd.AddCommand(newCodeChallengeCommand(), newCodeAnswerCommand(), newCodeCheckCommand(), newCodeQRCommand(), newCodeDeviceCommand())
	return cmd
}

// codeChallenge is a challenge taken apart, as every result shows it.
type codeChallenge struct {
	Challenge   string `json:"challenge"`
	Suite       int    `json:"suite"`
	Purpose     int    `json:"purpose"`
	PurposeText string `json:"purpose_text"`
	Epoch       int    `json:"epoch"`
	Counter     int    `json:"counter"`
	Random      string `json:"random"` // 13 hex digits
}

func showChallenge(c recovery.Challenge) codeChallenge {
	return codeChallenge{
		Challenge: c.String(), Suite: int(c.Suite), Purpose: int(c.Purpose), PurposeText: c.Purpose.String(),
		Epoch: int(c.Epoch), Counter: int(c.Counter), Random: fmt.Sprintf("%013x", c.Random),
	}
}

func newCodeChallengeCommand() *cobra.Command {
	var keyFile, device string
	var purpose, epoch uint8
	var counter uint64
	cmd := &cobra.Command{
		Use:   "challenge [CHALLENGE]",
		Short: "make a challenge, or take one apart",
		Long: `Without an argument, make a suite 1 challenge with new randomness (hedged with
the recorder's key when --key-file is given). With one, say what it holds.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := codeDevice(device, false)
			if err != nil {
				return err
			}
			c, err := codeInput(challengeFrom(args, keyFile, recovery.Purpose(purpose), epoch, counter))
			if err != nil {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), "code_challenge", struct {
				codeChallenge
				DeviceID recovery.DeviceID `json:"device_id,omitzero"`
				Words    []string          `json:"words"`
			}{showChallenge(c), id, recovery.Spell(c.String())})
		},
	}
	f := cmd.Flags()
	f.StringVar(&keyFile, "key-file", "", "file with the recorder's key")
	f.StringVar(&device, "device", "", "Device ID; checked and repeated in the result")
	f.Uint8Var(&purpose, "purpose", 0, "0 set a new password, 1 release the activation lock, 2 unseal recordings")
	f.Uint8Var(&epoch, "epoch", 0, "key epoch, 0 to 3")
	f.Uint64Var(&counter, "counter", 1, "the recorder's counter; its last 16 bits are shown")
	return cmd
}

func challengeFrom(args []string, keyFile string, p recovery.Purpose, epoch uint8, counter uint64) (recovery.Challenge, error) {
	if len(args) == 1 {
		return recovery.ParseChallenge(args[0])
	}
	keys := new(recovery.Keys) // without a key the randomness stands alone
	if keyFile != "" {
		raw, err := readKeyFile(keyFile)
		if err != nil {
			return recovery.Challenge{}, err
		}
		if keys, err = recovery.NewKeys(raw); err != nil {
			return recovery.Challenge{}, err
		}
	}
	return keys.NewChallenge(p, epoch, counter, nil)
}

// codeRequest is what an answer is made from.
type codeRequest struct {
	keyFile, device, account, challenge, qr string
}

func (r *codeRequest) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.keyFile, "key-file", "", "file with the recorder's key; for a challenge of suite 2, the desk's private key")
	f.StringVar(&r.device, "device", "", "Device ID")
	f.StringVar(&r.account, "account", "", "account at the recorder")
	f.StringVar(&r.challenge, "challenge", "", "challenge that the recorder shows")
	f.StringVar(&r.qr, "qr", "", "text of the recorder's QR code, instead of --device and --challenge; needed for suite 2")
}

// codeRequestRead is a request whose every part has been read and fits.
type codeRequestRead struct {
	id        recovery.DeviceID
	challenge recovery.Challenge
	answer    recovery.Answer
}

// read makes the answer. The request is read before the key file is opened.
func (r *codeRequest) read(cmd *cobra.Command) (out codeRequestRead, err error) {
	q, err := r.request(cmd)
	if err != nil {
		return out, err
	}
	raw, err := readKeyFile(r.keyFile)
	if err != nil {
		return out, err
	}
	out.id, out.challenge = q.DeviceID, q.Challenge
	if q.Challenge.Suite == recovery.SuiteHPKE {
		out.answer, err = codeInput(suite2Answer(raw, q, r.account))
		return out, err
	}
	keys, err := recovery.NewKeys(raw)
	if err != nil {
		return out, usageError(err)
	}
	if r.qr != "" {
		if err := keys.VerifyQR(q); err != nil {
			return out, fmt.Errorf("%w: %w", rekey.ErrVerify, err)
		}
	}
	out.answer, err = codeInput(keys.Answer(q.DeviceID, r.account, q.Challenge))
	return out, err
}

func (r *codeRequest) request(cmd *cobra.Command) (q recovery.QR, err error) {
	if err := codeNeeds(cmd, "key-file", "account"); err != nil {
		return q, err
	}
	if r.qr != "" {
		if r.device != "" || r.challenge != "" {
			return q, fmt.Errorf("%w: --qr names the Device ID and the challenge already", rekey.ErrInput)
		}
		return codeInput(recovery.ParseQR(r.qr))
	}
	if err := codeNeeds(cmd, "device", "challenge"); err != nil {
		return q, err
	}
	if q.DeviceID, err = codeDevice(r.device, true); err != nil {
		return q, err
	}
	if q.Challenge, err = codeInput(recovery.ParseChallenge(r.challenge)); err != nil {
		return q, err
	}
	if q.Challenge.Suite == recovery.SuiteHPKE {
		return q, fmt.Errorf("%w: a challenge of suite 2 needs the text of the QR code (--qr)", rekey.ErrInput)
	}
	return q, nil
}

func suite2Answer(raw []byte, q recovery.QR, account string) (recovery.Answer, error) {
	sk, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(raw)
	if err != nil {
		return recovery.Answer{}, err
	}
	return recovery.DeskAnswer(sk, q.Enc, q.DeviceID, account, q.Challenge)
}

func newCodeAnswerCommand() *cobra.Command {
	var r codeRequest
	cmd := &cobra.Command{
		Use:   "answer",
		Short: "make the answer to a challenge, as the desk does",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			got, err := r.read(cmd)
			if err != nil {
				return err
			}
			spoken, sent := got.answer.Halves()
			return writeJSON(cmd.OutOrStdout(), "code_answer", struct {
				Answer   string            `json:"answer"`
				Spoken   string            `json:"spoken"` // groups 1 and 2, for split delivery
				Sent     string            `json:"sent"`   // groups 3 and 4
				Words    []string          `json:"words"`
				DeviceID recovery.DeviceID `json:"device_id"`
				Account  string            `json:"account"`
				codeChallenge
			}{got.answer.Reveal(), spoken, sent, recovery.Spell(got.answer.Reveal()), got.id, r.account, showChallenge(got.challenge)})
		},
	}
	r.flags(cmd)
	return cmd
}

func newCodeCheckCommand() *cobra.Command {
	var r codeRequest
	var answerFile string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "say whether an answer fits, as the recorder does; the answer is read from stdin",
		Long: `An answer is a secret, so it comes by stdin or --answer-file and never as an
argument. One that does not fit gives "fits": false and a failed verification;
a mistyped one names the wrong group. Nothing is counted here.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			got, err := r.read(cmd)
			if err != nil {
				return err
			}
			typed, err := readAnswer(cmd.InOrStdin(), answerFile)
			if err != nil {
				return err
			}
			fits := typed.Equal(got.answer)
			if err := writeJSON(cmd.OutOrStdout(), "code_check", struct {
				Fits     bool              `json:"fits"`
				DeviceID recovery.DeviceID `json:"device_id"`
				Account  string            `json:"account"`
				codeChallenge
			}{fits, got.id, r.account, showChallenge(got.challenge)}); err != nil {
				return err
			}
			if !fits {
				return fmt.Errorf("%w: the answer does not fit this recorder, account and challenge", rekey.ErrVerify)
			}
			return nil
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&answerFile, "answer-file", "", "file that holds the answer alone, instead of stdin")
	return cmd
}

func readAnswer(in io.Reader, name string) (recovery.Answer, error) {
	if name != "" {
		s, err := readSecretFile(name)
		if err != nil {
			return recovery.Answer{}, err
		}
		return codeInput(recovery.ParseAnswer(s.Reveal()))
	}
	raw, err := io.ReadAll(io.LimitReader(in, 1024))
	if err != nil {
		return recovery.Answer{}, fmt.Errorf("%w: read the answer: %w", rekey.ErrInput, err)
	}
	return codeInput(recovery.ParseAnswer(string(raw)))
}

func newCodeDeviceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "device [DEVICE-ID]",
		Short: "draw a new Device ID, or check one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var id recovery.DeviceID
			if len(args) == 1 {
				id, err = codeDevice(args[0], true)
			} else {
				id, err = recovery.NewDeviceID(nil)
			}
			if err != nil {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), "code_device", struct {
				DeviceID recovery.DeviceID `json:"device_id"`
				Data     string            `json:"data"` // without checks, as in QR codes
				Words    []string          `json:"words"`
			}{id, id.Data(), recovery.Spell(id.String())})
		},
	}
}

func codeDevice(typed string, needed bool) (recovery.DeviceID, error) {
	if typed == "" && !needed {
		return recovery.DeviceID{}, nil
	}
	return codeInput(recovery.ParseDeviceID(typed))
}

// codeNeeds makes a missing flag an ErrInput.
func codeNeeds(cmd *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if cmd.Flag(name).Value.String() == "" {
			return fmt.Errorf("%w: --%s is missing; see '%s --help'", rekey.ErrInput, name, cmd.CommandPath())
		}
	}
	return nil
}

// codeInput makes what recovery refuses an ErrInput, unless it is of a kind already.
func codeInput[T any](v T, err error) (T, error) {
	if err != nil && !errors.Is(err, rekey.ErrInput) {
		err = usageError(err)
	}
	return v, err
}
