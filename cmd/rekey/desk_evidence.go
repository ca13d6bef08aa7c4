package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/client"
)

// evidenceFiles are where the parts of a piece of evidence come from that are
// asked at the terminal otherwise.
type evidenceFiles struct{ note, qr, code, phrase string }

func (v *deskVerb) caseEvidenceCommand(c *deskCaller) *cobra.Command {
	var files evidenceFiles
	cmd := &cobra.Command{
		Use:   "evidence NUMBER E1|E2|E3|E4|E5|E6",
		Short: "give a piece of evidence",
		Long: `evidence gives one piece of evidence:

  E1  the recorder's QR code: its text (--qr-file, or typed)
  E2  a registered address: the number that was sent there by 'case code', as the caller
      reads it out (--code-file, or typed)
  E3  the support phrase, as the caller says it (--phrase-file, or typed)
  E4  sale or registration document, E5 identity document by live video,
  E6  call back to the registered number: what was checked (--note)

Codes and phrases are never arguments of a command. What a caller knows is never evidence.`,
		Args: cobra.ExactArgs(2),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		kind, err := desk.ParseEvidence(args[1])
		if err != nil {
			return err
		}
		in, err := files.read(kind)
		if err != nil {
			return err
		}
		return v.asCase(c, func(cmd *cobra.Command, at *client.Client, number int64, _ []string) (desk.Case, error) {
			return at.AddEvidence(cmd.Context(), number, in)
		})(cmd, args)
	}
	f := cmd.Flags()
	f.StringVar(&files.note, "note", "", "what was checked, for E4, E5 and E6")
	f.StringVar(&files.qr, "qr-file", "", "file with the text of the QR code, for E1")
	f.StringVar(&files.code, "code-file", "", "file with the number that the caller read out, for E2")
	f.StringVar(&files.phrase, "phrase-file", "", "file with the phrase that the caller said, for E3")
	return cmd
}

// read gathers what the kind asks for.
func (f evidenceFiles) read(kind desk.Evidence) (api.Evidence, error) {
	in := api.Evidence{Kind: string(kind), Note: f.note}
	var s rekey.Secret
	var err error
	switch kind {
	case desk.EvidenceQR:
		s, err = secretFrom(f.qr, "Text of the QR code")
		in.QR = s.Reveal()
	case desk.EvidenceAddress:
		s, err = secretFrom(f.code, "Number that the caller reads out")
		in.Code = s.Reveal()
	case desk.EvidencePhrase:
		s, err = secretFrom(f.phrase, "Phrase that the caller says")
		in.Phrase = s.Reveal()
	default:
		if f.note == "" {
			err = fmt.Errorf("%w: %s needs what was checked, by --note", rekey.ErrInput, kind)
		}
	}
	return in, err
}
