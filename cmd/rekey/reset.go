package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rekey"
	"rekey/internal/job"
)

// resetFlags are the flags that say what is wanted; plan and reset share them.
type resetFlags struct {
	operator
	account, way           string
	login, passwordFile    string
	oldFile, newFile       string
	footage, from, to      string
	noFootage, fix, dryRun bool
	yes                    bool
	accept                 []string
	watch                  time.Duration
}

func (f *resetFlags) register(s *pflag.FlagSet) {
	f.flags(s)
	f.vaultFlags(s)
	s.StringVar(&f.account, "account", "admin", "account whose password is changed")
	s.StringVar(&f.way, "way", "", "way back in; 'rekey look HOST' lists those that fit")
	s.StringVar(&f.login, "login", "", "account to log in as, where it is another administrator (default: the account itself)")
	s.StringVar(&f.passwordFile, "password-file", "", "file with the password to log in with (default: asked at the terminal)")
	s.StringVar(&f.oldFile, "old-password-file", "", "file with the lost password, if somebody has it after all: it is proved dead")
	s.StringVar(&f.newFile, "new-password-file", "", "file with the wanted password (default: one is made that fits the model)")
	s.StringVar(&f.footage, "footage", "", "folder for footage and settings (default: footage in the state folder)")
	s.StringVar(&f.from, "from", "", "save footage from this time on, recorder's clock, like 2026-11-22T08:00 (default: all)")
	s.StringVar(&f.to, "to", "", "save footage up to this time, recorder's clock (default: all)")
	s.BoolVar(&f.noFootage, "no-footage", false, "do not save the footage; needs --accept-risk skip-footage")
	s.StringArrayVar(&f.accept, "accept-risk", nil, "accept one risk of the plan by its name; may be repeated")
}

func newPlanCommand() *cobra.Command {
	var f resetFlags
	cmd := &cobra.Command{
		Use:   "plan HOST",
		Short: "say what reset would do to a recorder; changes nothing",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.on(cmd)
			return f.planOnly(cmd.Context(), args[0])
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func newResetCommand(at func(point string)) *cobra.Command {
	f := resetFlags{operator: operator{at: at}}
	cmd := &cobra.Command{
		Use:   "reset HOST",
		Short: "the main job: footage saved, password changed, proved, hardened, recorded",
		Long: `reset does the main job on one recorder: it finds out what the recorder is, saves
the footage, seals a new password in the vault, changes the password, proves on
every interface that the new one works and the old one is dead, checks what is
weak, and records all of it.

With a login that still works (--password-file, or another administrator's with
--login) rekey does it alone. With --way temporary-password, vendor-app,
security-questions or hardware-reset it says exactly what to press, waits, and
verifies. At a terminal it asks; without one, --yes agrees to the plan and a way
by hand stops with exit code 11, to be continued by 'rekey resume --done'.

A wrong password costs one of few tries: rekey stops at the first refusal. After
the change it names the programs that still come with the old password (--watch)
and the cameras that went dark.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.on(cmd)
			if f.dryRun {
				return f.planOnly(cmd.Context(), args[0])
			}
			return f.reset(cmd.Context(), args[0])
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVar(&f.fix, "fix", false, "mend the findings of the hardening check that rekey may mend")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "stop after the plan: nothing is changed")
	cmd.Flags().DurationVar(&f.watch, "watch", 30*time.Second, "watch the recorder's log for so long for who still comes with the old password; 0s = one look")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "agree to the plan without being asked; risks still want --accept-risk")
	return cmd
}

// request reads every file and flag before anything is sent.
func (f *resetFlags) request(host string) (req job.Request, err error) {
	if req.Target, err = rekey.ParseTarget(host); err != nil {
		return req, err
	}
	if f.account == "" {
		return req, fmt.Errorf("%w: --account names no account", rekey.ErrInput)
	}
	if f.watch < 0 {
		return req, fmt.Errorf("%w: --watch %s; expected nothing (0s) or more", rekey.ErrInput, f.watch)
	}
	req.Account, req.Fix, req.Watch = f.account, f.fix, f.watch
	if req.Way, err = parseWay(f.way); err != nil {
		return req, err
	}
	if req.Accept, err = parseRisks(f.accept); err != nil {
		return req, err
	}
	if req.Footage, err = f.span(); err != nil {
		return req, err
	}
	for _, x := range []struct {
		file string
		to   *rekey.Secret
	}{{f.oldFile, &req.Old}, {f.newFile, &req.New}} {
		if x.file == "" {
			continue
		}
		if *x.to, err = readSecretFile(x.file); err != nil {
			return req, err
		}
	}
	return req, f.loginOf(&req)
}

// loginOf fills in the login, where the way needs one.
func (f *resetFlags) loginOf(req *job.Request) (err error) {
	switch req.Way {
	case "", rekey.WayKnownPassword, rekey.WayAnotherAdmin:
	default:
		if f.login != "" || f.passwordFile != "" {
			return fmt.Errorf("%w: the way %q takes no login", rekey.ErrInput, req.Way)
		}
		return nil
	}
	req.Login.Account = f.login
	if req.Login.Account == "" {
		req.Login.Account = f.account
	}
	if req.Way == "" && f.login == "" && f.passwordFile == "" {
		req.Login = rekey.Login{}
		return nil // the job says that no way was chosen
	}
	req.Login.Password, err = secretFrom(f.passwordFile, "Password of "+req.Login.Account)
	return err
}

// parseWay reads a way's name; "" leaves the choice to the job.
func parseWay(name string) (rekey.WayID, error) {
	known := []rekey.WayID{
		rekey.WayKnownPassword, rekey.WayAnotherAdmin, rekey.WaySecurityQuestions, rekey.WayRecoveryFile, rekey.WayVendorApp,
		rekey.WayVendorWebsite, rekey.WayTemporaryPassword, rekey.WayHardwareReset,
	}
	if name != "" && !slices.Contains(known, rekey.WayID(name)) {
		return "", fmt.Errorf("%w: there is no way %q; the names are %v", rekey.ErrInput, name, known)
	}
	return rekey.WayID(name), nil
}

func parseRisks(names []string) ([]rekey.Risk, error) {
	known := []rekey.Risk{
		rekey.RiskLoseFootage, rekey.RiskLoseSettings, rekey.RiskSkipFootage, rekey.RiskLockAccount, rekey.RiskLeaveUnknown,
		rekey.RiskClearPassword, rekey.RiskBasicLogin, rekey.RiskNewCertificate,
	}
	var risks []rekey.Risk
	for _, n := range names {
		if !slices.Contains(known, rekey.Risk(n)) {
			return nil, fmt.Errorf("%w: there is no risk %q; the names are %v", rekey.ErrInput, n, known)
		}
		risks = append(risks, rekey.Risk(n))
	}
	return risks, nil
}

func (f *resetFlags) span() (job.Footage, error) {
	if f.noFootage {
		if f.footage != "" {
			return job.Footage{}, fmt.Errorf("%w: --footage and --no-footage exclude each other", rekey.ErrInput)
		}
		return job.Footage{}, nil
	}
	return footageSpan(f.footage, f.state, f.from, f.to)
}

func (f *resetFlags) planOnly(ctx context.Context, host string) error {
	req, err := f.request(host)
	if err != nil {
		return err
	}
	r, err := f.runner()
	if err != nil {
		return err
	}
	p, err := r.Plan(ctx, req)
	if err != nil {
		return err
	}
	return f.emit("plan", p, func(w io.Writer) {
		printPlan(w, p)
		if p.Way.ByHand() {
			printHands(w, p.Way)
		}
	})
}

func (f *resetFlags) reset(ctx context.Context, host string) error {
	req, err := f.request(host)
	if err != nil {
		return err
	}
	if err := f.canAgree(); err != nil {
		return err
	}
	r, err := f.runner()
	if err != nil {
		return err
	}
	r.Agree, r.Hands = f.agree, f.hands()
	rep, err := r.Reset(ctx, req)
	return f.finish(rep, err)
}

// finish prints the report of a run that was begun, whatever its end.
func (o *operator) finish(rep job.Report, err error) error {
	if rep.Run == "" {
		return err
	}
	return errors.Join(o.emit("report", rep, func(w io.Writer) { printRunReport(w, rep) }), err)
}

// canAgree refuses, before a login is spent, a plan that nobody could agree to.
func (f *resetFlags) canAgree() error {
	if f.yes {
		return nil
	}
	t, err := openTerminal()
	if err != nil {
		return fmt.Errorf("%w; --yes agrees to the plan", err)
	}
	return t.Close()
}

// agree shows the plan and asks, unless --yes was given.
func (f *resetFlags) agree(_ context.Context, p rekey.Plan) error {
	if f.yes {
		return nil
	}
	t, err := openTerminal()
	if err != nil {
		return err
	}
	defer t.Close()
	printPlan(plain{t.file}, p)
	ok, err := t.confirm("Go on?")
	if err == nil && !ok {
		err = fmt.Errorf("%w: the plan was not agreed; nothing was changed", rekey.ErrRisk)
	}
	return err
}

// hands is the person at the terminal, or nobody.
func (o *operator) hands() job.Hands {
	t, err := openTerminal()
	if err != nil {
		return nobody{o.talk}
	}
	_ = t.Close()
	return personAtTerminal{}
}

// personAtTerminal is told what to press and says when it is done.
type personAtTerminal struct{}

func (personAtTerminal) Change(ctx context.Context, p rekey.Plan, password rekey.Secret) error {
	t, err := openTerminal()
	if err != nil {
		return nobody{io.Discard}.Change(ctx, p, password)
	}
	defer t.Close()
	printHands(t.file, p.Way)
	done, err := t.confirmShowing("\nThe new password for "+p.Account+" (it is in the vault, too)", password, "Has the recorder taken it?")
	if err == nil && !done {
		err = fmt.Errorf("%w: the new password is not set yet", rekey.ErrWaiting)
	}
	return err
}

func printHands(w io.Writer, way rekey.Way) {
	fmt.Fprintf(w, "\n%s. By hand, at the recorder:\n", way.Title)
	for n, h := range way.Hands {
		fmt.Fprintf(w, "%3d. %s\n", n+1, h)
	}
}
