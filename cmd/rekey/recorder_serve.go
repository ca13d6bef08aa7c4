package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/durable"
	"rekey/internal/recorder/appliance"
)

func (v *recorderVerb) serveCommand() *cobra.Command {
	var o appliance.Options
	var readyFile string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "switch the recorder on until stopped",
		Long: `serve runs the recorder until SIGTERM or an interrupt. Every address is IP:PORT, port 0
takes a free one, and "off" leaves that door out; doors that the recorder's face does not
have are left out anyway. Everything listens on loopback unless told otherwise; a real
recorder would use ports 80, 443, 554, 35000 for the maker's own client and UDP 37810.

The local seat stands for monitor and mouse. It is served on loopback only, on a listener
of its own, and is entered with the seat token that is printed here: whoever reads it
stands in front of the box. Its front panel is there, too, at /panel: power, lights, and
the reset button. Switched off there, the recorder waits to be switched on again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			r, err := appliance.Start(cmd.Context(), v.dir, o)
			if err != nil {
				return err
			}
			if err := v.ready(cmd, r.Ready(), readyFile); err != nil {
				return errors.Join(err, r.Close())
			}
			err = r.Wait()
			if readyFile != "" {
				err = errors.Join(err, durable.Remove(readyFile))
			}
			return err
		},
	}
	f := cmd.Flags()
	const loopback = "127.0.0.1:0"
	f.StringVar(&o.Listen.HTTP, "http", loopback, "web page, RPC2 and CGI")
	f.StringVar(&o.Listen.HTTPS, "https", loopback, "the same with TLS and the recorder's own certificate")
	f.StringVar(&o.Listen.RTSP, "rtsp", loopback, "video streams")
	f.StringVar(&o.Listen.SDK, "sdk", loopback, "port of the maker's own client; nothing is spoken there")
	f.StringVar(&o.Listen.Discovery, "discovery", loopback, "discovery (UDP)")
	f.StringVar(&o.Listen.Seat, "seat", loopback, "local seat; loopback only")
	f.StringVar(&o.Desk, "desk", "", "host of the support desk, for the QR code beside a challenge")
	f.StringVar(&o.SupportPhone, "support-phone", "", "telephone number of the support desk, shown beside a challenge")
	f.StringVar(&o.USB, "usb", "", "folder that stands for a USB drive, for backups at the local seat; plugged in as long as it is there")
	f.StringVar(&readyFile, "ready-file", "", "write the addresses and the seat token to this file (mode 0600) once the recorder answers")
	return cmd
}

// ready tells where the recorder is. The seat token is talk, and in the file;
// it is not part of the result.
func (v *recorderVerb) ready(cmd *cobra.Command, ready appliance.Ready, file string) error {
	if file != "" {
		line, err := json.Marshal(ready)
		if err != nil {
			return err
		}
		if err := durable.WriteFile(file, append(line, '\n'), 0o600); err != nil {
			return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "seat token: %s\n", ready.SeatToken)
	public := ready
	public.SeatToken = ""
	return v.tell(cmd, "serving", public, "%s", servingText(public))
}

// servingText says where the recorder is, for a person.
func servingText(r appliance.Ready) string {
	text := fmt.Sprintf("recorder %s %s is on", r.Model, r.DeviceID)
	for _, door := range []struct{ name, at string }{
		{"web page", strings.TrimSpace(r.HTTP + "  " + r.HTTPS)},
		{"video", r.RTSP},
		{"ONVIF", r.ONVIF},
		{"own client", r.SDK},
		{"discovery", udp(r.Discovery)},
		{"local seat", r.Seat},
	} {
		if door.at != "" {
			text += fmt.Sprintf("\n  %-10s  %s", door.name, door.at)
		}
	}
	return text
}

func udp(at string) string {
	if at == "" {
		return ""
	}
	return "udp " + at
}
