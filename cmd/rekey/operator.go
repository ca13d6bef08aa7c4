package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/dahua"
	"rekey/internal/discover"
	"rekey/internal/durable"
	"rekey/internal/hikvision"
	"rekey/internal/job"
	"rekey/internal/onvif"
	"rekey/internal/vault"
	"rekey/seclog"
)

// operator is what the verbs of the operator's side share: the state folder,
// how to speak to recorders, and where to write.
type operator struct {
	state      string
	vaultKey   string
	passphrase string
	discovery  uint16
	verbose    bool
	json       bool

	out, talk io.Writer
	telling   sync.Mutex         // recordings come in side by side, and so do their events
	at        func(point string) // for the crash tests; see run
}

// flags are the flags of every verb of the operator's side.
func (o *operator) flags(f *pflag.FlagSet) {
	f.StringVar(&o.state, "state", defaultStateDir(), "folder with vault, security log, runs and login budget")
	f.BoolVar(&o.json, "json", false, "JSON lines on stdout")
	f.Uint16Var(&o.discovery, "discovery-port", 0, "UDP port that the recorder answers discovery at (0 = the usual one)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "trace the requests on stderr, without secrets")
}

func (o *operator) vaultFlags(f *pflag.FlagSet) {
	f.StringVar(&o.vaultKey, "vault-key-file", "", "key file of the vault (default: vault.key in the state folder, made when missing)")
	f.StringVar(&o.passphrase, "vault-passphrase-file", "", "file with the passphrase of the vault, instead of a key file")
}

// on binds the operator to a command's streams.
func (o *operator) on(cmd *cobra.Command) *operator {
	o.out, o.talk = cmd.OutOrStdout(), plain{cmd.ErrOrStderr()}
	if !o.json {
		o.out = plain{o.out}
	}
	return o
}

func (o *operator) log() *slog.Logger {
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(o.talk, &slog.HandlerOptions{Level: level}))
}

// drivers is the visible list of protocol families, with what the accepted risks
// allow them.
func (o *operator) drivers(accept []rekey.Risk) []rekey.Driver {
	var d []dahua.Option
	var h []hikvision.Option
	var v []onvif.Option
	if slices.Contains(accept, rekey.RiskClearPassword) {
		d, h, v = append(d, dahua.AcceptClearPassword()), append(h, hikvision.AcceptClearPassword()), append(v, onvif.AcceptClearPassword())
	}
	if slices.Contains(accept, rekey.RiskBasicLogin) {
		d = append(d, dahua.AcceptBasic())
	}
	return []rekey.Driver{dahua.New(o.log(), d...), hikvision.New(o.log(), h...), onvif.New(o.log(), v...)}
}

// identify learns all that a box tells without a login.
func (o *operator) identify(ctx context.Context, t rekey.Target) (rekey.Identity, error) {
	id, err := discover.Identify(ctx, t, o.families(), o.besides(), o.probers())
	if odd, differs := catalog.BrandDiffers(id); err == nil && differs {
		id.Oddities = append(slices.Clone(id.Oddities), odd)
	}
	return id, err
}

// identifyOpen identifies a host of a sweep.
func (o *operator) identifyOpen(ctx context.Context, host netip.Addr, open []int) (rekey.Identity, error) {
	return discover.IdentifyOpen(ctx, host, open, o.families(), o.besides())
}

func (o *operator) openVault() (*vault.Vault, error) {
	dir := filepath.Join(o.state, "vault")
	if err := durable.MkdirAll(o.state); err != nil {
		return nil, fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	key, err := o.key(dir)
	if err != nil {
		return nil, err
	}
	return vault.Open(dir, key)
}

// key is the vault's key: the passphrase where the vault has one, else the key file.
func (o *operator) key(dir string) (vault.Key, error) {
	if o.passphrase != "" || (o.vaultKey == "" && vault.ByPassphrase(dir)) {
		p, err := secretFrom(o.passphrase, "Passphrase of the vault")
		if err != nil {
			return vault.Key{}, fmt.Errorf("%w (--vault-passphrase-file)", err)
		}
		return vault.Passphrase(p)
	}
	name := o.vaultKey
	if name == "" {
		name = filepath.Join(o.state, "vault.key")
	}
	return vault.KeyFileFor(dir, name)
}

// operatorLog is the operator's security log. It is opened for each record, so
// that several rekeys at once can write to it.
type operatorLog struct{ dir string }

func (l operatorLog) Append(ctx context.Context, r seclog.Record) (seclog.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	log, err := l.open(ctx)
	if err != nil {
		return seclog.Entry{}, err
	}
	e, err := log.Append(ctx, r)
	return e, errors.Join(err, log.Close())
}

// open makes the log when it is missing, under a name that no other log has.
func (l operatorLog) open(ctx context.Context) (*seclog.Log, error) {
	log, err := seclog.Open(ctx, l.dir, seclog.Options{})
	if !errors.Is(err, fs.ErrNotExist) {
		return log, err
	}
	log, err = seclog.Create(ctx, l.dir, "rekey/operator/"+strings.ToLower(rand.Text()[:16]), seclog.Options{})
	if errors.Is(err, fs.ErrExist) { // another rekey was first
		return seclog.Open(ctx, l.dir, seclog.Options{})
	}
	return log, err
}

func (o *operator) securityLog() operatorLog { return operatorLog{filepath.Join(o.state, "log")} }

// runner is the main job, wired.
func (o *operator) runner() (*job.Runner, error) {
	v, err := o.openVault()
	if err != nil {
		return nil, err
	}
	return &job.Runner{
		Dir: o.state, Drivers: o.drivers, Identify: o.recognise, Vault: v, Log: o.securityLog(),
		Events: o.event, Now: time.Now,
		Agree: func(context.Context, rekey.Plan) error { return nil },
		Hands: nobody{o.talk},
		At:    o.at,
	}, nil
}

// nobody is the Hands where there is no terminal: it says what a person is to do.
type nobody struct{ talk io.Writer }

func (n nobody) Change(_ context.Context, p rekey.Plan, _ rekey.Secret) error {
	printHands(n.talk, p.Way)
	return fmt.Errorf("%w: this way is done by hand", rekey.ErrWaiting)
}

// emit writes one result: a JSON line, or the person's form.
func (o *operator) emit(kind string, v any, person func(io.Writer)) error {
	if !o.json {
		person(o.out)
		return nil
	}
	return writeJSON(o.out, kind, v)
}

// writeJSON writes one JSON line: {"message_type": kind, "version": 1, …v}. What
// a terminal could act upon is escaped, as in a record of the security log.
func writeJSON(w io.Writer, kind string, v any) error {
	head, err := json.Marshal(struct {
		Type    string `json:"message_type"`
		Version int    `json:"version"`
	}{kind, 1})
	if err != nil {
		return err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) < 2 || body[0] != '{' {
		return fmt.Errorf("a result of kind %s is no JSON object", kind)
	}
	line := string(head)
	if string(body) != "{}" {
		line = strings.TrimSuffix(line, "}") + "," + string(body[1:])
	}
	_, err = w.Write(append(seclog.EscapeUnprintable([]byte(line)), '\n'))
	return err
}

// event tells a step as it goes: JSON lines are the result of --json, a person
// reads them as talk.
func (o *operator) event(e rekey.Event) {
	o.telling.Lock()
	defer o.telling.Unlock()
	if o.json {
		_ = writeJSON(o.out, "event", e) // a reader that went away does not stop the run
		return
	}
	if e.State == rekey.EventProgress && e.Step == rekey.StepKeep {
		return
	}
	mark := map[rekey.EventState]string{rekey.EventStarted: "  ", rekey.EventProgress: " -", rekey.EventDone: "ok", rekey.EventFailed: "!!"}[e.State]
	fmt.Fprintf(o.talk, "%s %-7s %s %s\n", e.Time.Format(time.TimeOnly), e.Step, mark, e.Message)
}
