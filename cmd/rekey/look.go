package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/catalog"
)

func newLookCommand() *cobra.Command {
	var o operator
	cmd := &cobra.Command{
		Use:   "look HOST",
		Short: "say what a recorder is and which ways back in fit it, without a login",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.on(cmd).look(cmd, args[0])
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

// looked is the result of look.
type looked struct {
	Address  string         `json:"address"`
	Recorder rekey.Identity `json:"recorder"`
	MenuPath []string       `json:"menu_path"`
	Ways     []rekey.Way    `json:"ways"`
}

func (o *operator) look(cmd *cobra.Command, host string) error {
	t, err := rekey.ParseTarget(host)
	if err != nil {
		return err
	}
	id, err := o.identify(cmd.Context(), t)
	if err != nil {
		return err
	}
	v := looked{Address: t.String(), Recorder: id, MenuPath: catalog.MenuPath(id.Model), Ways: catalog.Ways(id, nil)}
	return o.emit("look", v, func(w io.Writer) {
		printIdentity(w, t, id)
		fmt.Fprintln(w, "\nWays back in, the gentlest first:")
		for _, way := range v.Ways {
			printWay(w, way)
		}
	})
}

func printIdentity(w io.Writer, t rekey.Target, id rekey.Identity) {
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-10s %s\n", name, value)
		}
	}
	row("Address", t.String())
	row("Maker", id.Vendor)
	row("Model", strings.TrimSpace(id.Model+" "+id.Class))
	row("Firmware", id.Firmware)
	row("Device ID", id.DeviceID)
	row("Serial", id.Serial)
	row("State", string(id.Init))
	for _, i := range id.Interfaces {
		secure := "not encrypted"
		if i.TLS {
			secure = "encrypted, certificate " + i.CertSHA256
		}
		row("Interface", fmt.Sprintf("%s at %s, %s", i.Kind, i.Address(), secure))
	}
}

func printWay(w io.Writer, way rekey.Way) {
	fmt.Fprintf(w, "\n  %s: %s (%s)\n", way.ID, way.Title, way.Certainty)
	fmt.Fprintf(w, "    needs  %s\n", strings.Join(way.Needs, "; "))
	fmt.Fprintf(w, "    costs  %s\n", way.Cost)
	fmt.Fprintf(w, "    takes  %s\n", way.Time)
	for _, r := range way.Risks {
		fmt.Fprintf(w, "    risk   %s, to be accepted by this name\n", r)
	}
	for n, h := range way.Hands {
		fmt.Fprintf(w, "    %5d. %s\n", n+1, h)
	}
}
