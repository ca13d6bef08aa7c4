package missions

import (
	"context"
	"crypto/hpke"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/recovery"
	"rekey/seclog"
)

// The people at the desk; ana takes calls, ben approves.
const (
	agents   = "they all use this one 77"
	ownerTel = "+1-555-555-0142"
)

// office is a support desk that is served, with two agents.
type office struct {
	t    *testing.T
	dir  string
	url  string
	desk *desk.Desk
}

func openDesk(t *testing.T, now func() time.Time) *office {
	t.Helper()
	o := &office{t: t, dir: filepath.Join(t.TempDir(), "desk")}
	opt := desk.Options{Argon: argon.Cheap(), Now: now}
	ctx := context.Background()
	must(t, desk.Init(ctx, o.dir, "chief", rekey.NewSecret(agents), opt))
	var err error
	o.desk, err = desk.Open(ctx, o.dir, opt)
	must(t, err)
	for name, role := range map[string]desk.Role{"ana": desk.RoleAgent, "ben": desk.RoleApprover} {
		must(t, o.desk.AddAgent(ctx, desk.Operator(), name, role, rekey.NewSecret(agents)))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	o.url = "http://" + l.Addr().String()
	server, served := &http.Server{Handler: o.desk.Handler(), ReadHeaderTimeout: 10 * time.Second}, make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		must(t, server.Close())
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		must(t, o.desk.Close())
	})
	return o
}

func (o *office) key() hpke.PublicKey {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, desk.PublicKeyFile))
	must(o.t, err)
	key, err := recovery.ParseDeskKey(text)
	must(o.t, err)
	return key
}

func (o *office) enrol(file string) {
	o.t.Helper()
	e, err := os.ReadFile(file)
	must(o.t, err)
	_, err = o.desk.Enrol(o.t.Context(), desk.Operator(), e, desk.Owner{
		Name: "A. Owner", Since: time.Now().AddDate(-1, 0, 0), Addresses: []string{"mailto:owner@example.com", "tel:" + ownerTel},
	})
	must(o.t, err)
}

func (o *office) log() string { return filepath.Join(o.dir, desk.LogDir) }

// records are those of the desk's security log that tell of an event.
func (o *office) records(event string) (all []seclog.Record) {
	o.t.Helper()
	for r, err := range seclog.Records(os.DirFS(o.log())) {
		must(o.t, err)
		if r.Event == event {
			all = append(all, r)
		}
	}
	return all
}

func (o *office) logIn(name string) *client.Client {
	o.t.Helper()
	c, err := client.New(o.url)
	must(o.t, err)
	_, err = c.LogIn(o.t.Context(), name, rekey.NewSecret(agents))
	must(o.t, err)
	return c
}

// call is a case that waits for the challenge.
type call struct {
	o      *office
	agent  *client.Client
	number int64
}

// call is what the owner and the agents do on the telephone before a challenge is
// asked for: case, evidence, approval.
func (o *office) call(deviceID, account string) call {
	o.t.Helper()
	ctx, ana := o.t.Context(), o.logIn("ana")
	of, err := ana.OpenCase(ctx, desk.OpenCaseRequest{DeviceID: deviceID, Account: account, Caller: ownerTel})
	must(o.t, err)
	for _, kind := range []desk.Evidence{desk.EvidenceAddress, desk.EvidenceCallback} {
		_, err = ana.AddEvidence(ctx, of.Number, desk.EvidenceRequest{Kind: string(kind), Note: "read back by the owner"})
		must(o.t, err)
	}
	_, err = o.logIn("ben").Decide(ctx, of.Number, "approve")
	must(o.t, err)
	return call{o, ana, of.Number}
}

// answer is the temporary password that the agent reads out for the challenge
// that the owner reads out.
func (c call) answer(challenge string) string {
	c.o.t.Helper()
	answer, err := c.agent.Answer(c.o.t.Context(), c.number, challenge)
	must(c.o.t, err)
	return answer.Reveal()
}

func (c call) solved() {
	c.o.t.Helper()
	_, err := c.agent.Close(c.o.t.Context(), c.number, "solved")
	must(c.o.t, err)
}
