package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/discover"
)

func newFindCommand() *cobra.Command {
	var o operator
	var wait time.Duration
	var interfaces []string
	cmd := &cobra.Command{
		Use:   "find [HOST | CIDR …]",
		Short: "find recorders on the network, without a login",
		Long: `find asks the given hosts, or with --interface everybody on that interface, what
they are. It needs no login and costs no login try. It never leaves the hosts
and interfaces that it was given.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && len(interfaces) == 0 {
				return fmt.Errorf("%w: name hosts, or an interface with --interface", rekey.ErrInput)
			}
			return o.on(cmd).find(cmd.Context(), args, interfaces, wait)
		},
	}
	o.flags(cmd.Flags())
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Second, "how long to wait for answers")
	cmd.Flags().StringArrayVar(&interfaces, "interface", nil, "ask by multicast and broadcast on this network interface; may be repeated")
	return cmd
}

func (o *operator) find(ctx context.Context, hosts, interfaces []string, wait time.Duration) error {
	opt := discover.Options{Probers: o.probers(), Wait: wait}
	var err error
	if opt.Hosts, err = discover.Resolve(ctx, hosts); err != nil {
		return err
	}
	for _, name := range interfaces {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return fmt.Errorf("%w: network interface %q: %w", rekey.ErrInput, name, err)
		}
		opt.Interfaces = append(opt.Interfaces, *i)
	}
	return o.findWith(ctx, opt)
}

// found is one line of find's result. A recorder that several answers describe
// comes again, with more set, as more is known of it.
type found struct {
	Address  string         `json:"address"`
	Recorder rekey.Identity `json:"recorder"`
	More     bool           `json:"more,omitempty"`
}

// findWith streams JSON lines; a person gets the table at the end, each recorder once.
func (o *operator) findWith(ctx context.Context, opt discover.Options) error {
	var rows []found
	err := discover.Find(ctx, opt, func(f discover.Found) {
		row := found{f.Address.String(), f.Identity, f.More}
		if o.json {
			_ = writeJSON(o.out, "found", row) // a reader that went away does not stop the rest
		}
		for i := range rows {
			if f.More && rows[i].Recorder.Key(rekey.Target{Host: rows[i].Address}) == row.Recorder.Key(rekey.Target{Host: row.Address}) {
				rows[i] = row
				return
			}
		}
		rows = append(rows, row)
	})
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("%w: nobody answered; name the recorder's address, and see that it is on", rekey.ErrUnreachable)
	}
	if !o.json {
		printFound(o.out, rows)
	}
	return nil
}

func printFound(w io.Writer, rows []found) {
	const form = "%-21s %-8s %-10s %-15s %-26s %s\n"
	fmt.Fprintf(w, form, "ADDRESS", "MAKER", "MODEL", "DEVICE ID", "FIRMWARE", "STATE")
	for _, r := range rows {
		id := r.Recorder
		fmt.Fprintf(w, form, r.Address, id.Vendor, id.Model, id.DeviceID, id.Firmware, id.Init)
	}
}
