package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/internal/desk/front"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/staff"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
)

// What the demo's recorder has recorded, and who owns it. The telephone number
// is one of those kept for fiction.
var demoFootage = clips.Spec{Channels: 2, Days: 2, ClipSeconds: 5}

const (
	demoModel  = "N841"
	demoNumber = "+1-555-555-0142"
)

func demoRule() rekey.PasswordRule {
	m, _ := catalog.Lookup(demoModel)
	return m.Rule()
}

// demoDesk is a support desk with its agents, served on loopback, and the
// telephone of the owner that it sends text messages to.
type demoDesk struct {
	dir, url string
	phone    *demoPhone
	desk     *desk.Desk
	agents   map[string]*passkey.Key // by name
	stop     context.CancelFunc
	work     *errgroup.Group
}

// openDemoDesk makes a desk and has its agents join, each with a passkey in
// software. Passkeys are bound to a name, so the desk is at localhost.
func openDemoDesk(ctx context.Context, dir string) (_ *demoDesk, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &demoDesk{dir: dir, url: "http://localhost:" + portOf(l.Addr().String()), agents: map[string]*passkey.Key{}}
	if k.phone, err = openDemoPhone(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	o := desk.Options{URL: k.url, SMS: k.phone.carrier()}
	if _, err = desk.Init(ctx, dir, "chief", o); err == nil {
		k.desk, err = desk.Open(ctx, dir, o)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), k.phone.close())
	}
	k.serve(ctx, l)
	for _, a := range []struct {
		name string
		role staff.Role
	}{{demoAgent, staff.RoleAgent}, {demoApprover, staff.RoleApprover}} {
		if err := k.hire(ctx, a.name, a.role); err != nil {
			return nil, errors.Join(err, k.close())
		}
	}
	return k, nil
}

func (k *demoDesk) serve(ctx context.Context, l net.Listener) {
	ctx, k.stop = context.WithCancel(ctx)
	k.work, ctx = errgroup.WithContext(ctx)
	server := &http.Server{Handler: front.Handler(k.desk), ReadHeaderTimeout: 10 * time.Second}
	k.work.Go(func() error { return k.desk.Run(ctx) })
	k.work.Go(func() error { return server.Serve(l) })
	k.work.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
}

func (k *demoDesk) close() error {
	k.stop()
	err := k.work.Wait()
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, k.desk.Close(), k.phone.close())
}

// hire adds an agent, who joins by the one-time link.
func (k *demoDesk) hire(ctx context.Context, name string, role staff.Role) error {
	if err := k.desk.AddAgent(ctx, desk.Operator(), name, role, desk.StepUp{}); err != nil {
		return err
	}
	link, err := k.invite(ctx, name)
	if err != nil {
		return err
	}
	c, err := client.New(k.url)
	if err != nil {
		return err
	}
	k.agents[name], _, err = c.Join(ctx, link, "demo")
	return err
}

func (k *demoDesk) invite(ctx context.Context, name string) (rekey.Secret, error) {
	link, _, err := k.desk.Invite(ctx, desk.Operator(), name, false, desk.StepUp{})
	return link, err
}

func (k *demoDesk) logIn(ctx context.Context, name string) (*client.Client, error) {
	c, err := client.New(k.url)
	if err != nil {
		return nil, err
	}
	_, err = c.LogIn(ctx, k.agents[name])
	return c, err
}

// makeRecorder makes a recorder with a password that is lost at once, and
// enrols it at the desk. The password is for the proof at the end alone.
func (k *demoDesk) makeRecorder(ctx context.Context, dir string) (lost rekey.Secret, err error) {
	if lost, err = catalog.NewPassword(demoRule(), rand.Reader); err != nil {
		return lost, err
	}
	key, err := readDeskKey(filepath.Join(k.dir, desk.PublicKeyFile))
	if err != nil {
		return lost, err
	}
	spec := demoFootage
	spec.Now = time.Now().UTC() // the recorder tells UTC
	if _, err := appliance.Make(dir, recorder.Config{Model: demoModel, AdminPassword: lost, DeskKey: key}, spec); err != nil {
		return lost, err
	}
	file, err := os.ReadFile(recorder.EnrolmentFile(dir))
	if err != nil {
		return lost, fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	_, err = k.desk.Enrol(ctx, desk.Operator(), file, desk.Owner{
		Name: "A. Owner", Since: time.Now().AddDate(-1, 0, 0), Addresses: []string{"tel:" + demoNumber},
	})
	return lost, err
}

func startRecorder(ctx context.Context, dir string) (*appliance.Running, error) {
	return appliance.Start(ctx, dir, appliance.Options{Desk: "desk.example", SupportPhone: "1-555-555-0100"})
}
