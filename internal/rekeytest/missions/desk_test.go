package missions

import (
	"context"
	"crypto/hpke"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/client"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/front"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/staff"
	"rekey/internal/mail"
	post "rekey/internal/rekeytest/mailbox"
	"rekey/recovery"
	"rekey/seclog"
)

// The owner's telephone, which is registered; ana takes calls, ben approves.
const ownerTel = "+1-555-555-0142"

var (
	eightDigits = regexp.MustCompile(`([0-9]{4} [0-9]{4}) is your number`)
	twoGroups   = regexp.MustCompile(`([0-9A-Z]{4}-[0-9A-Z]{4}) are groups 3 and 4`)
)

// read is what the newest message on the owner's telephone has of the form, once
// there is one.
func (o *office) read(form *regexp.Regexp) string {
	o.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for _, m := range slices.Backward(o.phone.To(strings.ReplaceAll(ownerTel, "-", ""))) {
			if found := form.FindStringSubmatch(m.Text); found != nil {
				return found[1]
			}
		}
	}
	o.t.Fatal("the owner's telephone has no such message")
	return ""
}

// office is a support desk that is served, with two agents.
type office struct {
	t        *testing.T
	dir      string
	url      string
	phone    *post.Provider
	mail     *post.Server
	desk     *desk.Desk
	first    rekey.Secret            // the first administrator's link
	pages    copies                  // that people at the desk got
	looking  time.Duration           // that a mission spent on looks at pages
	passkeys map[string]*passkey.Key // by agent
}

// openDesk opens it at localhost: passkeys are bound to a name.
func openDesk(t *testing.T, now func() time.Time) *office {
	t.Helper()
	phone, letters := post.ServeSMS(t), post.Serve(t)
	ctx, stop := context.WithCancel(context.Background())
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	o := &office{t: t, phone: phone, mail: letters, dir: filepath.Join(t.TempDir(), "desk"), url: "http://localhost:" + port, passkeys: map[string]*passkey.Key{}}
	opt := desk.Options{
		URL: o.url, Argon: argon.Cheap(), Now: now, SMS: courier.SMS{URL: o.phone.URL, Key: rekey.NewSecret(o.phone.Key)},
		Mail: courier.Mail{SMTP: mail.SMTP{Server: o.mail.Addr, From: "support@example.org"}},
	}
	o.first, err = desk.Init(ctx, o.dir, "chief", opt)
	must(t, err)
	o.desk, err = desk.Open(ctx, o.dir, opt)
	must(t, err)
	server := &http.Server{Handler: o.pages.of(front.Handler(o.desk)), ReadHeaderTimeout: time.Minute}
	var work errgroup.Group
	work.Go(func() error { return server.Serve(l) })
	work.Go(func() error { return o.desk.Run(ctx) })
	t.Cleanup(func() {
		stop()
		must(t, server.Close())
		if err := work.Wait(); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		must(t, o.desk.Close())
	})
	o.hire("ana", staff.RoleAgent)
	o.hire("ben", staff.RoleApprover)
	return o
}

// hire adds an agent, who joins by the one-time link.
func (o *office) hire(name string, role staff.Role) {
	o.t.Helper()
	ctx := context.Background()
	must(o.t, o.desk.AddAgent(ctx, desk.Operator(), name, role, desk.StepUp{}))
	link, _, err := o.desk.Invite(ctx, desk.Operator(), name, false, desk.StepUp{})
	must(o.t, err)
	c, err := client.New(o.url)
	must(o.t, err)
	o.passkeys[name], _, err = c.Join(ctx, link, "mission")
	must(o.t, err)
}

func (o *office) key() hpke.PublicKey {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, desk.PublicKeyFile))
	must(o.t, err)
	key, err := recovery.ParseDeskKey(text)
	must(o.t, err)
	return key
}

// enrol takes a recorder into the registry, with the owner's addresses.
func (o *office) enrol(file string, addresses []string) {
	o.t.Helper()
	e, err := os.ReadFile(file)
	must(o.t, err)
	_, err = o.desk.Enrol(o.t.Context(), desk.Operator(), e, desk.Owner{
		Name: "A. Owner", Since: time.Now().AddDate(-1, 0, 0), Addresses: addresses,
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
	_, err = c.LogIn(o.t.Context(), o.passkeys[name])
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
// asked for: case, evidence, approval, and the owner is told.
func (o *office) call(deviceID, account string) call {
	o.t.Helper()
	ctx, ana := o.t.Context(), o.logIn("ana")
	of, err := ana.OpenCase(ctx, api.OpenCase{DeviceID: deviceID, Account: account, Caller: ownerTel})
	must(o.t, err)
	_, err = ana.SendCode(ctx, of.Number, 0)
	must(o.t, err)
	for _, e := range []api.Evidence{
		{Kind: string(desk.EvidenceAddress), Code: o.read(eightDigits)},
		{Kind: string(desk.EvidenceCallback), Note: "called back at the registered number"},
	} {
		_, err = ana.AddEvidence(ctx, of.Number, e)
		must(o.t, err)
	}
	of, err = o.logIn("ben").Decide(ctx, of.Number, "approve")
	must(o.t, err)
	for end := time.Now().Add(time.Minute); of.Stage == desk.StageTelling; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			o.t.Fatal("the owner is not told")
		}
		of, err = ana.Case(ctx, of.Number)
		must(o.t, err)
	}
	return call{o, ana, of.Number}
}

// answer is the temporary password as the owner writes it down for the challenge
// that the owner reads out: groups 1 and 2 by voice, 3 and 4 from the telephone.
func (c call) answer(challenge string) string {
	c.o.t.Helper()
	out, err := c.agent.Reveal(c.o.t.Context(), c.number, challenge)
	must(c.o.t, err)
	if !out.Split || len(out.Groups) != 2 {
		c.o.t.Fatalf("the agent has %d groups of the answer", len(out.Groups))
	}
	return out.Groups[0].Text + "-" + out.Groups[1].Text + "-" + c.o.read(twoGroups)
}

func (c call) solved() {
	c.o.t.Helper()
	_, err := c.agent.Close(c.o.t.Context(), c.number, desk.Ending{Outcome: "solved", PasswordSet: "yes", CallerIn: "yes"})
	must(c.o.t, err)
}
