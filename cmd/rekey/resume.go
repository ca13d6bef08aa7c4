package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/job"
)

func newResumeCommand(at func(point string)) *cobra.Command {
	o := operator{at: at}
	var done, abandon bool
	var moved string
	var accept []string
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "go on with a run that a crash, an unknown outcome or waiting for hands left open",
		Long: `resume goes on with one open run, or with all of them, from where their journals
stand. Whether a password was changed is settled by trying the new one, once.
The recorder's log is watched for as long as the run was told (reset --watch).

--done says that a person has set the new password at the recorder.
--at says where the recorder is now, if its address has changed.
--abandon closes a run whose change was not begun, or never done by hand. Where
nobody knows whether it was, --accept-risk leave-unknown closes it all the same,
with both passwords in the vault.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.on(cmd)
			for _, run := range args {
				if err := job.CheckName(run); err != nil {
					return err
				}
			}
			risks, err := parseRisks(accept)
			if err != nil {
				return err
			}
			if abandon {
				if len(args) == 0 || done || moved != "" {
					return fmt.Errorf("%w: --abandon wants the name of one run, and neither --done nor --at", rekey.ErrInput)
				}
				return o.abandon(cmd.Context(), args[0], risks)
			}
			opt := job.ResumeOptions{Accept: risks}
			if moved != "" {
				t, err := rekey.ParseTarget(moved)
				if err != nil {
					return err
				}
				if len(args) == 0 {
					return fmt.Errorf("%w: --at wants the name of the run", rekey.ErrInput)
				}
				opt.At = &t
			}
			return o.resume(cmd.Context(), args, done, opt)
		},
	}
	o.flags(cmd.Flags())
	o.vaultFlags(cmd.Flags())
	cmd.Flags().StringVar(&moved, "at", "", "where the recorder is now")
	cmd.Flags().BoolVar(&done, "done", false, "the new password has been set by hand")
	cmd.Flags().StringArrayVar(&accept, "accept-risk", nil, "accept one risk by its name, beside those accepted when the run began; may be repeated")
	cmd.Flags().BoolVar(&abandon, "abandon", false, "close the run: no change was begun and none is wanted")
	return cmd
}

// alreadyDone is the Hands of resume --done.
type alreadyDone struct{}

func (alreadyDone) Change(context.Context, rekey.Plan, rekey.Secret) error { return nil }

func (o *operator) resume(ctx context.Context, runs []string, done bool, opt job.ResumeOptions) error {
	r, err := o.runner()
	if err != nil {
		return err
	}
	r.Hands = o.hands()
	if done {
		r.Hands = alreadyDone{}
	}
	if len(runs) == 0 {
		if runs, err = r.OpenRuns(); err != nil {
			return err
		}
	}
	if done && len(runs) > 1 {
		return fmt.Errorf("%w: %d runs are open; --done speaks for one: name it (%s)", rekey.ErrInput, len(runs), strings.Join(runs, ", "))
	}
	if len(runs) == 0 {
		return o.emit("resume", struct {
			Open int `json:"open"`
		}{}, func(w io.Writer) { fmt.Fprintln(w, "No run is open.") })
	}
	var failed error
	for _, run := range runs { // one that fails does not keep the others waiting
		rep, err := r.Resume(ctx, run, opt)
		failed = errors.Join(failed, o.finish(rep, err))
	}
	return failed
}

func (o *operator) abandon(ctx context.Context, run string, accept []rekey.Risk) error {
	r, err := o.runner()
	if err != nil {
		return err
	}
	outcome, err := r.Abandon(ctx, run, accept)
	if err != nil {
		return err
	}
	return o.emit("abandoned", struct {
		Run     string        `json:"run"`
		Outcome rekey.Outcome `json:"outcome"`
	}{run, outcome}, func(w io.Writer) { fmt.Fprintf(w, "Run %s is closed; the outcome is %s.\n", run, outcome) })
}
