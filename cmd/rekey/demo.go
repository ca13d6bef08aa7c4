package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/desk"
	"rekey/internal/discover"
	"rekey/internal/durable"
	"rekey/internal/job"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/seclog"
)

func newDemoCommand() *cobra.Command {
	var d demo
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "the main job from end to end, on a recorder of its own",
		Long: `demo starts a recorder whose admin password is lost and a support desk, both on
loopback, and does what the owner, the agent and rekey would do: find it, list the
ways back in, get a temporary password, set a new password at the local seat, prove it
on every interface, save the footage, mend what is weak, verify the security logs.

--keep leaves recorder and desk running, to do it again by hand in the browser.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.on(cmd)
			return d.run(cmd.Context(), keep)
		},
	}
	cmd.Flags().StringVar(&d.dir, "dir", "", "empty folder for everything that the demo makes (default: a new one for temporary files)")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave recorder and desk running until interrupted")
	cmd.Flags().BoolVar(&d.json, "json", false, "JSON lines on stdout")
	return cmd
}

// demo plays every part but rekey's own, which is the real one: the verbs'
// runner, with a person at the local seat for hands.
type demo struct {
	operator
	dir     string
	chapter string
	lost    rekey.Secret // the lost password; only the proof at the end sees it
	box     *appliance.Running
	desk    *demoDesk
	// witness, when set, is told every secret of the play, and pages gets every
	// page that its people see: the test searches one for the other.
	witness func(what string, s rekey.Secret)
	pages   io.Writer
}

func (d *demo) secret(what string, s rekey.Secret) {
	if d.witness != nil {
		d.witness(what, s)
	}
}

func (d *demo) run(ctx context.Context, keep bool) (err error) {
	if err := d.makeFolder(); err != nil {
		return err
	}
	defer func() { err = d.strike(err) }()
	if err := d.setStage(ctx); err != nil {
		return err
	}
	t, err := d.findIt(ctx)
	if err != nil {
		return err
	}
	if err := d.lookAtWays(ctx, t); err != nil {
		return err
	}
	rep, err := d.reset(ctx, t)
	if err != nil {
		return err
	}
	if err := d.comeBack(ctx, rep); err != nil {
		return err
	}
	if err := d.verifyLogs(ctx); err != nil {
		return err
	}
	if err := d.tellWhere(rep); err != nil {
		return err
	}
	if keep {
		return d.keepRunning(ctx)
	}
	return nil
}

// makeFolder takes an empty folder, so that nothing of anybody's is mixed in.
func (d *demo) makeFolder() (err error) {
	if d.dir == "" {
		d.dir, err = os.MkdirTemp("", "rekey-demo-")
		if err != nil {
			return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
		}
	}
	if err := durable.MkdirAll(d.dir); err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	names, err := os.ReadDir(d.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: %s is not empty; the demo wants a folder of its own", rekey.ErrInput, d.dir)
	}
	d.state = filepath.Join(d.dir, "operator")
	return nil
}

// strike takes the stage down.
func (d *demo) strike(err error) error {
	if d.box != nil {
		err = errors.Join(err, d.box.Close())
	}
	if d.desk != nil {
		err = errors.Join(err, d.desk.close())
	}
	return err
}

// setStage starts a recorder and a desk that know each other, on loopback.
func (d *demo) setStage(ctx context.Context) (err error) {
	d.open("The stage")
	if d.desk, err = openDemoDesk(ctx, d.folder("desk")); err != nil {
		return err
	}
	d.say("desk", "the maker's support desk; "+demoAgent+" and "+demoApprover+" have joined it by one-time links, each with a passkey", "url", d.desk.url)
	if d.lost, err = d.desk.makeRecorder(ctx, d.folder("recorder")); err != nil {
		return err
	}
	if d.box, err = startRecorder(ctx, d.folder("recorder")); err != nil {
		return err
	}
	d.secret("lost password", d.lost)
	d.secret("seat token", d.box.SeatToken())
	d.secret("page of the telephone", d.desk.phone.page)
	i := d.box.Info
	d.say("recorder", fmt.Sprintf("a %s %s with %d channels and %d days of footage; its key for temporary passwords was sealed to the desk in the factory", i.Vendor, i.Model, demoFootage.Channels, demoFootage.Days))
	d.say("owner", "has a telephone that the desk knows from the registration, and has lost the recorder's admin password. The demo keeps it sealed, to prove at the end that it is dead")
	return nil
}

// findIt asks on loopback alone: the demo sends nothing to a real network.
func (d *demo) findIt(ctx context.Context) (t rekey.Target, err error) {
	d.open("Find")
	if t, err = rekey.ParseTarget(d.box.Ready().HTTP); err != nil {
		return t, err
	}
	discovery, err := netip.ParseAddrPort(d.box.Ready().Discovery)
	if err != nil {
		return t, err
	}
	d.discovery = discovery.Port()
	places, err := discover.Resolve(ctx, []string{discovery.Addr().String()})
	if err != nil {
		return t, err
	}
	search, enough := context.WithCancel(ctx)
	defer enough()
	var found []rekey.Identity
	err = discover.Find(search, discover.Options{Probers: d.probers(), Hosts: places.Hosts, Wait: 30 * time.Second}, func(f discover.Found) {
		enough() // there is one recorder
		if f.More {
			return
		}
		id := f.Identity
		found = append(found, id)
		d.say("rekey", fmt.Sprintf("found at %s, without a login: %s %s, firmware %s, Device ID %s, %s", f.Addresses[0], id.Vendor, id.Model, id.Firmware, id.DeviceID, id.Init))
	})
	switch {
	case ctx.Err() != nil:
		return t, ctx.Err()
	case len(found) != 1:
		return t, errors.Join(fmt.Errorf("%w: %d recorders answered the demo's search, not 1", rekey.ErrUnreachable, len(found)), err)
	}
	return t, nil
}

func (d *demo) lookAtWays(ctx context.Context, t rekey.Target) error {
	d.open("Ways back in, the gentlest first")
	id, err := d.recognise(ctx, t)
	if err != nil {
		return err
	}
	for _, w := range catalog.Ways(id, nil) {
		d.say(string(w.ID), fmt.Sprintf("needs %s. Costs: %s", strings.Join(w.Needs, "; "), w.Cost), "certainty", string(w.Certainty))
	}
	d.say("owner", "has the recorder, a monitor and a mouse, and no password at all: the temporary password it is")
	return nil
}

// reset is the real thing: what 'rekey reset --way temporary-password' runs.
func (d *demo) reset(ctx context.Context, t rekey.Target) (job.Report, error) {
	d.open("The job")
	r, err := d.runner()
	if err != nil {
		return job.Report{}, err
	}
	r.Events = d.event
	r.Hands = demoOwner{d}
	rep, err := r.Reset(ctx, job.Request{
		Target: t, Account: "admin", Way: rekey.WayTemporaryPassword, Old: d.lost, Fix: true,
		Footage: job.Footage{Dir: filepath.Join(d.dir, "footage")},
	})
	if err == nil && rep.Outcome != rekey.Changed {
		err = fmt.Errorf("%w: the outcome is %s", rekey.ErrVerify, rep.Outcome)
	}
	return rep, err
}

// event tells the runner's steps in the transcript.
func (d *demo) event(e rekey.Event) {
	if e.State == rekey.EventStarted || (e.State == rekey.EventProgress && e.Step == rekey.StepKeep) {
		return
	}
	d.tell(e.Time, string(e.Step), e.Message, e.Fields)
}

// verifyLogs checks all three security logs from outside, each with its public key.
func (d *demo) verifyLogs(ctx context.Context) error {
	d.open("The record")
	for _, log := range []struct{ who, dir string }{
		{"recorder", recorder.LogDir(filepath.Join(d.dir, "recorder"))},
		{"desk", filepath.Join(d.dir, "desk", desk.LogDir)},
		{"operator", filepath.Join(d.state, "log")},
	} {
		fsys := os.DirFS(log.dir)
		key, err := seclog.ReadKey(fsys)
		if err != nil {
			return err
		}
		rep, err := seclog.Verify(ctx, fsys, key, nil)
		if err != nil {
			return fmt.Errorf("%w: security log of the %s: %w", rekey.ErrVerify, log.who, err)
		}
		d.say(log.who, fmt.Sprintf("security log verified: %d records, every one under a signed checkpoint", rep.Records), "root", fmt.Sprint(rep.Root))
	}
	return nil
}

func (d *demo) tellWhere(rep job.Report) error {
	d.open("Where everything lies")
	d.say("footage", rep.Footage.Dir)
	d.say("vault", fmt.Sprintf("rekey vault show %s --state %s", rep.VaultID, d.state))
	d.say("log", fmt.Sprintf("rekey log show --dir %s", filepath.Join(d.state, "log")))
	d.say("recorder", filepath.Join(d.dir, "recorder"))
	d.say("desk", filepath.Join(d.dir, "desk"))
	d.say("delete", "rm -r "+d.dir)
	if d.json {
		return writeJSON(d.out, "report", rep)
	}
	_, err := fmt.Fprintf(d.out, "\nThe outcome is %s: the new password opens the recorder on %d interfaces, the lost one on none. It took %s.\n",
		rep.Outcome, opened(rep.Proofs), rep.Ended.Sub(rep.Started).Round(10*time.Millisecond))
	return err
}

// keepRunning starts a twin whose password is lost, too (the desk gives no
// second answer for a recorder within 15 minutes), says where to go in the
// browser, and waits. The secrets that a person needs go to the terminal alone.
func (d *demo) keepRunning(ctx context.Context) error {
	d.open("Do it again by hand, on a second recorder")
	if _, err := d.desk.makeRecorder(ctx, d.folder("recorder-2")); err != nil {
		return err
	}
	twin, err := startRecorder(ctx, d.folder("recorder-2"))
	if err != nil {
		return err
	}
	r := twin.Ready()
	d.say("recorder console", r.Seat+"/ (the monitor and mouse; wants the seat token)", "url", r.Seat)
	d.say("recorder web page", r.HTTP+"/", "url", r.HTTP)
	d.say("support desk", d.desk.url+"/ (join as "+demoAgent+" in one browser and as "+demoApprover+" in another, by the links below: two people of one case may not share a browser)", "url", d.desk.url)
	d.say("owner's telephone", "a page that shows what the desk sends; its address is below")
	d.say("rekey", fmt.Sprintf("rekey reset %s --way temporary-password --discovery-port %s --state %s", r.HTTP, portOf(r.Discovery), d.state))
	if err := d.tellSecrets(ctx, twin.SeatToken()); err != nil {
		return errors.Join(err, twin.Close())
	}
	d.say("demo", "runs until Ctrl-C")
	<-ctx.Done()
	return twin.Close()
}

// tellSecrets tells the terminal alone what opens the seat, the desk and the telephone.
func (d *demo) tellSecrets(ctx context.Context, token rekey.Secret) error {
	t, err := openTerminal()
	if err != nil {
		d.say("note", "the seat token and the agents' links are shown on a terminal only, and there is none")
		return nil
	}
	defer t.Close()
	t.printf("\n  seat token         %s\n", token.Reveal())
	for _, name := range []string{demoAgent, demoApprover} {
		link, err := d.desk.invite(ctx, name)
		if err != nil {
			return err
		}
		t.printf("  link for %-9s %s\n", name, link.Reveal())
	}
	t.printf("  owner's telephone  %s%s\n\n", d.desk.phone.url, d.desk.phone.page.Reveal())
	return nil
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func (d *demo) folder(name string) string { return filepath.Join(d.dir, name) }

// open begins a chapter of the transcript.
func (d *demo) open(chapter string) {
	d.chapter = chapter
	if !d.json {
		fmt.Fprintf(d.out, "\n%s\n", chapter)
	}
}

// say adds a line to the transcript: who, what, and fields for a program.
func (d *demo) say(who, what string, fields ...string) {
	m := map[string]string{}
	for i := 0; i+1 < len(fields); i += 2 {
		m[fields[i]] = fields[i+1]
	}
	d.tell(time.Now(), who, what, m)
}

func (d *demo) tell(at time.Time, who, what string, fields map[string]string) {
	if d.json {
		_ = writeJSON(d.out, "demo", struct {
			Time    time.Time         `json:"time"`
			Chapter string            `json:"chapter"`
			Who     string            `json:"who"`
			Message string            `json:"message"`
			Fields  map[string]string `json:"fields,omitempty"`
		}{at, d.chapter, who, what, fields}) // a reader that went away does not stop the rest
		return
	}
	printSaid(d.out, at, who, what)
}

// printSaid wraps a line of the transcript to a terminal's width.
func printSaid(w io.Writer, at time.Time, who, what string) {
	const width = 76
	lead := fmt.Sprintf("  %s  %-18s ", at.Format(time.TimeOnly), who)
	line := ""
	for word := range strings.FieldsSeq(what) {
		if line != "" && len(line)+1+len(word) > width {
			fmt.Fprintf(w, "%s%s\n", lead, line)
			lead, line = strings.Repeat(" ", len(lead)), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	fmt.Fprintf(w, "%s%s\n", lead, line)
}
