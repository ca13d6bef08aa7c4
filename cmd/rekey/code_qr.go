package main

import (
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/recovery"
)

// codeQR is the result of code qr, for a text made and a text verified.
type codeQR struct {
	Text     string            `json:"qr"`
	Length   int               `json:"length"` // characters; decides the size of the QR code
	Desk     string            `json:"desk"`
	Verified bool              `json:"verified"` // the MAC fits the key
	DeviceID recovery.DeviceID `json:"device_id"`
	codeChallenge
	LogSize *int64 `json:"log_size,omitempty"`
	LogRoot string `json:"log_root,omitempty"` // 64 hex digits
}

func newCodeQRCommand() *cobra.Command {
	var w qrWish
	cmd := &cobra.Command{
		Use:   "qr",
		Short: "make the text of a recorder's QR code, or verify one",
		Long: `With --desk, --device and --challenge, make the text that a suite 1 recorder
shows as a QR code. With --verify, say whether the recorder with this key made
it; a forged one is a failed verification.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := codeNeeds(cmd, "key-file"); err != nil {
				return err
			}
			q, err := w.request(cmd)
			if err != nil {
				return err
			}
			raw, err := readKeyFile(w.keyFile)
			if err != nil {
				return err
			}
			keys, err := codeInput(recovery.NewKeys(raw))
			if err != nil {
				return err
			}
			if w.verify == "" {
				if q, err = codeInput(keys.SignQR(q)); err != nil {
					return err
				}
			}
			return emitQR(cmd, keys, q)
		},
	}
	f := cmd.Flags()
	f.StringVar(&w.keyFile, "key-file", "", "file with the recorder's key")
	f.StringVar(&w.desk, "desk", "", "host of the desk, with or without a port")
	f.StringVar(&w.device, "device", "", "Device ID")
	f.StringVar(&w.challenge, "challenge", "", "challenge that the recorder shows")
	f.Int64Var(&w.size, "log-size", 0, "size of the recorder's security log")
	f.StringVar(&w.root, "log-root", "", "root of the recorder's security log, 64 hex digits")
	f.StringVar(&w.verify, "verify", "", "text to verify instead")
	return cmd
}

// qrWish is what was asked for on the command line.
type qrWish struct {
	keyFile, desk, device, challenge, root, verify string
	size                                           int64
}

// request reads the text to verify, or the parts of the one to make.
func (w *qrWish) request(cmd *cobra.Command) (q recovery.QR, err error) {
	if w.verify != "" {
		if w.desk != "" || w.device != "" || w.challenge != "" || w.root != "" {
			return q, fmt.Errorf("%w: --verify takes the text alone", rekey.ErrInput)
		}
		return codeInput(recovery.ParseQR(w.verify))
	}
	if err := codeNeeds(cmd, "desk", "device", "challenge"); err != nil {
		return q, err
	}
	if q.DeviceID, err = codeDevice(w.device, true); err != nil {
		return q, err
	}
	if q.Challenge, err = codeInput(recovery.ParseChallenge(w.challenge)); err != nil {
		return q, err
	}
	q.Desk = w.desk
	q.Log, err = w.logHead()
	return q, err
}

func (w *qrWish) logHead() (*recovery.LogHead, error) {
	if w.root == "" {
		if w.size != 0 {
			return nil, fmt.Errorf("%w: --log-size needs --log-root", rekey.ErrInput)
		}
		return nil, nil
	}
	b, err := hex.DecodeString(w.root)
	if err != nil || len(b) != 32 {
		return nil, fmt.Errorf("%w: --log-root: expected 64 hex digits", rekey.ErrInput)
	}
	return &recovery.LogHead{Size: w.size, Root: [32]byte(b)}, nil
}

// emitQR prints a text that the key has made; a text that it has not made is
// not repeated, for it is not what it claims.
func emitQR(cmd *cobra.Command, keys *recovery.Keys, q recovery.QR) error {
	if q.Challenge.Suite != recovery.SuiteOCRA {
		return fmt.Errorf("%w: a QR text of suite 2 carries no MAC, so there is nothing to verify", rekey.ErrInput)
	}
	if err := keys.VerifyQR(q); err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrVerify, err)
	}
	text, err := codeInput(q.Text())
	if err != nil {
		return err
	}
	out := codeQR{Text: text, Length: len(text), Desk: q.Desk, Verified: true, DeviceID: q.DeviceID, codeChallenge: showChallenge(q.Challenge)}
	if q.Log != nil {
		out.LogSize, out.LogRoot = &q.Log.Size, hex.EncodeToString(q.Log.Root[:])
	}
	return writeJSON(cmd.OutOrStdout(), "code_qr", out)
}
