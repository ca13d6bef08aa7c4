// Command rekey gets people back into their security recorders and leaves the
// recorder safer than before. One file a verb; this one is the wiring.
//
// stdout is the result, stderr the talk, the terminal the questions and the
// secrets. Exit codes are in exit.go and docs/output.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(nil)) }

// run is the whole program. at, for the crash tests, is called between the
// effects of a run, with the context that an interrupt ends; see job.Runner.At.
func run(at func(ctx context.Context, point string)) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)   // a second Ctrl-C ends it at once
	signal.Ignore(syscall.SIGPIPE) // a reader that went away does not stop a run midway
	log.SetOutput(io.Discard)      // net/http writes there what a recorder sent unasked, byte for byte
	var atPoint func(string)
	if at != nil {
		atPoint = func(point string) { at(ctx, point) }
	}
	err := newRootCommand(atPoint).ExecuteContext(ctx)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintln(os.Stderr, "rekey:", oneLine(err))
	}
	return exitCode(err)
}

func newRootCommand(at func(point string)) *cobra.Command {
	root := &cobra.Command{
		Use:   "rekey",
		Short: "the way back into a security recorder, and the way never to lose it again",
		Long: `rekey gets people who are entitled to it back into their security recorders:
it finds the recorder, says which way back in fits, saves the footage first,
changes the password, proves on every interface that the new one works and the
old one is dead, hardens the box, and keeps a record that nobody can quietly
rewrite. It never guesses, bypasses, or computes a vendor's temporary password.

Try it without a recorder: rekey demo`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// A missing flag is bad input: cobra's own check comes later, and has no kind.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmd.ValidateRequiredFlags(); err != nil {
				return usageError(err)
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: "job", Title: "The main job:"},
		&cobra.Group{ID: "keep", Title: "What is kept:"},
		&cobra.Group{ID: "serve", Title: "The other side:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			checkUsage(c)
			root.AddCommand(c)
		}
	}
	add("job", newDemoCommand(), newFindCommand(), newLookCommand(), newWaysCommand(), newPlanCommand(), newResetCommand(at), newResumeCommand(at), newBackupCommand(), newCheckCommand(), newCamerasCommand())
	add("keep", newVaultCommand(), newLogCommand())
	add("serve", newRecorderCommand(), newDeskCommand(), newCodeCommand())
	return root
}

// checkUsage makes a wrong number of arguments bad input, for a verb and those below it.
func checkUsage(c *cobra.Command) {
	c.Args = usageArgs(c.Args)
	for _, sub := range c.Commands() {
		checkUsage(sub)
	}
}

// defaultStateDir is the operator's folder: vault, security log, runs, login
// budget and footage. $REKEY_STATE overrides it.
func defaultStateDir() string {
	if dir := os.Getenv("REKEY_STATE"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "rekey")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "rekey-state"
	}
	return filepath.Join(home, ".local", "state", "rekey")
}

// version is the module's, and the commit that the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v
}

// folderVerb is what the verbs share that work on one folder.
type folderVerb struct {
	dir  string
	json bool
}

func (v *folderVerb) flags(cmd *cobra.Command, whose string) {
	cmd.PersistentFlags().StringVar(&v.dir, "dir", "", whose)
	cmd.PersistentFlags().BoolVar(&v.json, "json", false, "JSON lines on stdout")
}

// tell writes one result, for a person or as one JSON line.
func (v *folderVerb) tell(cmd *cobra.Command, kind string, view any, text string, args ...any) error {
	if v.json {
		return writeJSON(cmd.OutOrStdout(), kind, view)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), text+"\n", args...)
	return err
}
