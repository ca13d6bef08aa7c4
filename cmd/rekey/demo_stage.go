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

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
)

// What the demo's recorder has recorded, and who owns it. The telephone number
// is one of those kept for fiction.
var demoFootage = clips.Spec{Channels: 2, Days: 2, ClipSeconds: 5}

const (
	demoModel = "N841"
	demoPhone = "+1-555-555-0142"
)

func demoRule() rekey.PasswordRule {
	m, _ := catalog.Lookup(demoModel)
	return m.Rule()
}

// demoDesk is a support desk with its agents, served on loopback.
type demoDesk struct {
	dir, url string
	password rekey.Secret // of both agents
	desk     *desk.Desk
	server   *http.Server
	served   chan error
}

func openDemoDesk(ctx context.Context, dir string) (_ *demoDesk, err error) {
	k := &demoDesk{dir: dir, served: make(chan error, 1)}
	if k.password, err = catalog.NewPassword(demoRule(), rand.Reader); err != nil {
		return nil, err
	}
	if err := desk.Init(ctx, dir, "chief", k.password, desk.Options{}); err != nil {
		return nil, err
	}
	if k.desk, err = desk.Open(ctx, dir, desk.Options{}); err != nil {
		return nil, err
	}
	for name, role := range map[string]desk.Role{demoAgent: desk.RoleAgent, demoApprover: desk.RoleApprover} {
		if err := k.desk.AddAgent(ctx, desk.Operator(), name, role, k.password); err != nil {
			return nil, errors.Join(err, k.desk.Close())
		}
	}
	return k, k.serve()
}

func (k *demoDesk) serve() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, k.desk.Close())
	}
	k.url = "http://" + l.Addr().String()
	k.server = &http.Server{Handler: k.desk.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { k.served <- k.server.Serve(l) }()
	return nil
}

func (k *demoDesk) close() error {
	err := k.server.Close()
	if e := <-k.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, k.desk.Close())
}

func (k *demoDesk) logIn(ctx context.Context, name string) (*client.Client, error) {
	c, err := client.New(k.url)
	if err != nil {
		return nil, err
	}
	_, err = c.LogIn(ctx, name, k.password)
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
		Name: "A. Owner", Since: time.Now().AddDate(-1, 0, 0), Addresses: []string{"mailto:owner@example.com", "tel:" + demoPhone},
	})
	return lost, err
}

func startRecorder(ctx context.Context, dir string) (*appliance.Running, error) {
	return appliance.Start(ctx, dir, appliance.Options{Desk: "desk.example", SupportPhone: "1-555-555-0100"})
}
