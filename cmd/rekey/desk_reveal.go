package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/recovery"
)

func (v *deskVerb) revealCommand() *cobra.Command {
	var c deskCaller
	var challenge string
	cmd := &cobra.Command{
		Use:   "reveal NUMBER",
		Short: "give the challenge that the caller reads out; shows your half of the answer, once",
		Long: `reveal asks for the challenge, says which groups are mistyped before anything is sent, and
shows what you may see of the answer: groups 1 and 2, where the owner gets 3 and 4. It is
shown at the terminal, with a word for each symbol, and with --json on stdout instead.
It is stored nowhere: a second time there is none.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		number, err := parseNumber("case", args[0])
		if err != nil {
			return err
		}
		typed, err := challengeTyped(challenge)
		if err != nil {
			return err
		}
		return c.as(func(cmd *cobra.Command, at *client.Client, _ []string) error {
			return v.reveal(cmd, at, number, typed)
		})(cmd, args)
	}
	c.register(cmd)
	cmd.Flags().StringVar(&challenge, "challenge", "", "the challenge, or the text of the recorder's QR code (default: asked at the terminal)")
	return cmd
}

// reveal makes sure first that there is a place to show the answer at.
func (v *deskVerb) reveal(cmd *cobra.Command, at *client.Client, number int64, challenge string) error {
	var t *terminal
	if !v.json {
		var err error
		if t, err = openTerminal(); err != nil {
			return fmt.Errorf("%w; the answer is shown there, or with --json on stdout", err)
		}
		defer t.Close()
	}
	out, err := at.Reveal(cmd.Context(), number, challenge)
	if err != nil {
		return err
	}
	if v.json {
		return writeJSON(cmd.OutOrStdout(), "reveal", out)
	}
	showAnswer(t, out)
	return v.tell(cmd, "reveal", out, "case %d: the answer was issued", number)
}

func showAnswer(t *terminal, out desk.Revealed) {
	for i, g := range out.Groups {
		t.printf("  group %d  %s  %s\n", i+1, g.Text, strings.Join(g.Words, " "))
	}
	if out.Split {
		t.printf("The owner has groups 3 and 4 at %s.\n", out.SentTo)
	}
	_, _ = t.ask("Press Enter when the caller has typed it; the lines are then cleared.")
	lines := len(out.Groups) + 1
	if out.Split {
		lines++
	}
	t.printf("\x1b[%dA\x1b[J", lines)
}

// challengeTyped is the challenge of the flag, or what is typed at the terminal
// until every group is right.
func challengeTyped(flag string) (string, error) {
	if flag != "" {
		return flag, checkChallenge(flag)
	}
	t, err := openTerminal()
	if err != nil {
		return "", fmt.Errorf("%w; give the challenge by --challenge", err)
	}
	defer t.Close()
	const most = 5
	for range most {
		typed, err := t.ask("Challenge:")
		if err != nil {
			return "", err
		}
		if err = checkChallenge(typed); err == nil {
			return typed, nil
		}
		t.printf("%v\n", err)
	}
	return "", fmt.Errorf("%w: the challenge was mistyped %d times; nothing was sent", rekey.ErrInput, most)
}

// checkChallenge says which groups are to be read out again.
func checkChallenge(typed string) error {
	if strings.Contains(typed, "://") {
		_, err := recovery.ParseQR(strings.TrimSpace(typed))
		return codeInputError(err)
	}
	var wrong []string
	for i, state := range desk.GroupStates(typed) {
		if state == recovery.GroupWrong {
			wrong = append(wrong, fmt.Sprint(i+1))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: ask for group %s again, it was heard or typed wrong; nothing was sent", rekey.ErrInput, strings.Join(wrong, ", "))
	}
	_, err := recovery.ParseChallenge(typed)
	return codeInputError(err)
}

func codeInputError(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w; nothing was sent", rekey.ErrInput, err)
	}
	return nil
}
