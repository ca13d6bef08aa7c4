package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
)

func (v *deskVerb) dealerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dealer",
		Short: "vetted accounts of dealers and installers",
		Long: `dealer keeps the accounts of dealers and installers who may ask for an answer on an owner's
behalf. The owner's address must be confirmed all the same, and the owner's half goes to it.`,
		Args: cobra.NoArgs,
		RunE: showHelp,
	}
	cmd.AddCommand(v.dealerAddCommand(), v.dealerEndCommand(), v.dealerListCommand())
	return cmd
}

func (v *deskVerb) dealerAddCommand() *cobra.Command {
	dealer, until := desk.Dealer{}, ""
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "register a dealer who was vetted, or renew the vetting",
		Args:  cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		dealer.Name, dealer.Until = args[0], time.Now().UTC().AddDate(1, 0, 0).Truncate(24*time.Hour)
		if until != "" {
			if dealer.Until, err = parseDay("--until", until); err != nil {
				return err
			}
		}
		if dealer.Company == "" || dealer.Phone == "" {
			return fmt.Errorf("%w: give --company and --phone, as the vetting found them", rekey.ErrInput)
		}
		return v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			if err := d.AddDealer(cmd.Context(), desk.Operator(), dealer, desk.StepUp{}); err != nil {
				return err
			}
			return v.tellDealer(cmd, dealer)
		})(cmd, args)
	}
	f := cmd.Flags()
	f.StringVar(&dealer.Company, "company", "", "the company's name (required)")
	f.StringVar(&dealer.Phone, "phone", "", "its registered telephone number, with the country code (required)")
	f.StringVar(&until, "until", "", "date until which the vetting counts (default: a year from now)")
	return cmd
}

func (v *deskVerb) tellDealer(cmd *cobra.Command, d desk.Dealer) error {
	state := "vetted until " + d.Until.UTC().Format(time.DateOnly)
	if !d.EndedAt.IsZero() {
		state = "ended " + d.EndedAt.UTC().Format(time.DateOnly)
	}
	return v.tell(cmd, "dealer", d, "%-20s %s, %s, %s", d.Name, d.Company, d.Phone, state)
}

func (v *deskVerb) dealerEndCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "end NAME",
		Short: "end a dealer's account",
		Args:  cobra.ExactArgs(1),
		RunE: v.operate(func(cmd *cobra.Command, d *desk.Desk, args []string) error {
			if err := d.EndDealer(cmd.Context(), desk.Operator(), args[0]); err != nil {
				return err
			}
			return v.tell(cmd, "ended", map[string]string{"name": args[0]}, "the dealer %s gets no answers any more", args[0])
		}),
	}
}

func (v *deskVerb) dealerListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the dealers",
		Args:  cobra.NoArgs,
		RunE: v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			dealers, err := d.Dealers(cmd.Context(), desk.Operator())
			if err != nil {
				return err
			}
			for _, dealer := range dealers {
				if err := v.tellDealer(cmd, dealer); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}
