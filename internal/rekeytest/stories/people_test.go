package stories

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/client"
	"rekey/internal/desk/staff"
)

// deed is what an agent does; args come after its name.
type deed struct {
	least int
	do    func(s *stage, p *person, ts *testscript.TestScript, args []string) (string, error)
}

func (s *stage) agent(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) < 2 {
		ts.Fatalf("agent: who does what?")
	}
	name, verb, rest := args[0], args[1], args[2:]
	if verb == "joins" {
		var at *person
		if len(rest) > 1 {
			var err error
			if at, err = s.who(rest[1]); err != nil {
				return "", err
			}
		}
		return "joined", s.join(name, staff.Role(rest[0]), at)
	}
	d, ok := deeds()[verb]
	if !ok || len(rest) < d.least {
		ts.Fatalf("agent %s %s: no such deed, or too few words", name, verb)
	}
	p, err := s.who(name)
	if err != nil {
		return "", err
	}
	return d.do(s, p, ts, rest)
}

// onCase is a deed on the case that the first word numbers.
func onCase(least int, do func(s *stage, p *person, number int64, args []string) (desk.Case, error)) deed {
	return deed{least + 1, func(s *stage, p *person, ts *testscript.TestScript, args []string) (string, error) {
		c, err := do(s, p, number(ts, args[0]), args[1:])
		if err != nil {
			return "", err
		}
		return s.settled(p, c)
	}}
}

// settled is the case once its notices have left, which takes a moment; with the mail down they stay.
func (s *stage) settled(p *person, c desk.Case) (string, error) {
	for end := time.Now().Add(time.Minute); c.Stage == desk.StageTelling && !s.mailDown && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if c, err = p.client.Case(s.ctx, c.Number); err != nil {
			return "", err
		}
	}
	return sheet(c), nil
}

func number(ts *testscript.TestScript, word string) int64 {
	n, err := strconv.ParseInt(word, 10, 64)
	ts.Check(err)
	return n
}

// sheet is a case as an agent sees it, in a few lines.
func sheet(c desk.Case) string {
	var b strings.Builder
	fmt.Fprintf(&b, "case %d is at the stage %s, level %s", c.Number, c.Stage, c.Level)
	for _, line := range slices.Concat(c.Reasons, c.Missing) {
		b.WriteString("\n- " + line)
	}
	if !c.HoldUntil.IsZero() {
		b.WriteString("\non hold until " + c.HoldUntil.Format(time.DateTime))
	}
	for _, n := range c.Notes {
		b.WriteString("\nnote: " + n.Text)
	}
	return b.String()
}

func text(words []string) string { return strings.Join(words, " ") }

// deeds are what agents do.
func deeds() map[string]deed {
	plain := func(least int, call func(c *client.Client, s *stage, n int64, args []string) (desk.Case, error)) deed {
		return onCase(least, func(s *stage, p *person, n int64, args []string) (desk.Case, error) {
			return call(p.client, s, n, args)
		})
	}
	evidence := func(in func(args []string) api.Evidence) deed {
		return plain(1, func(c *client.Client, s *stage, n int64, args []string) (desk.Case, error) {
			return c.AddEvidence(s.ctx, n, in(args))
		})
	}
	decide := func(how string) deed {
		return plain(0, func(c *client.Client, s *stage, n int64, _ []string) (desk.Case, error) {
			return c.Decide(s.ctx, n, how)
		})
	}
	return map[string]deed{
		"open": {2, (*stage).openCase},
		"qr": {2, func(s *stage, p *person, ts *testscript.TestScript, args []string) (string, error) {
			qr := strings.TrimSpace(ts.ReadFile(args[1]))
			c, err := p.client.AddEvidence(s.ctx, number(ts, args[0]), api.Evidence{Kind: "E1", QR: qr})
			if err != nil {
				return "", err
			}
			return s.settled(p, c)
		}},
		"code":    onCase(2, (*stage).code),
		"guess":   evidence(func(a []string) api.Evidence { return api.Evidence{Kind: "E2", Code: a[0]} }),
		"phrase":  evidence(func(a []string) api.Evidence { return api.Evidence{Kind: "E3", Phrase: text(a)} }),
		"note":    evidence(func(a []string) api.Evidence { return api.Evidence{Kind: a[0], Note: text(a[1:])} }),
		"approve": decide("approve"),
		"deny":    decide("deny"),
		"reveal":  {2, (*stage).reveal},
		"race":    {3, (*stage).race},
		"handover": plain(1, func(c *client.Client, s *stage, n int64, a []string) (desk.Case, error) {
			return c.HandOver(s.ctx, n, a[0])
		}),
		"pause": plain(1, func(c *client.Client, s *stage, n int64, a []string) (desk.Case, error) {
			return c.Pause(s.ctx, n, text(a))
		}),
		"resume": plain(0, func(c *client.Client, s *stage, n int64, _ []string) (desk.Case, error) { return c.Resume(s.ctx, n) }),
		"freeze": plain(1, func(c *client.Client, s *stage, n int64, a []string) (desk.Case, error) {
			return c.Freeze(s.ctx, n, text(a))
		}),
		"thaw": plain(1, func(c *client.Client, s *stage, n int64, a []string) (desk.Case, error) {
			return c.Thaw(s.ctx, n, text(a))
		}),
		"show": plain(0, func(c *client.Client, s *stage, n int64, _ []string) (desk.Case, error) { return c.Case(s.ctx, n) }),
		"close": plain(1, func(c *client.Client, s *stage, n int64, a []string) (desk.Case, error) {
			return c.Close(s.ctx, n, desk.Ending{Outcome: text(a), PasswordSet: "yes", CallerIn: "yes"})
		}),
		"stolen":    {1, (*stage).stolen},
		"owner":     {2, (*stage).newOwner},
		"phrases":   {3, (*stage).phrases},
		"dealer":    {2, (*stage).dealer},
		"alarms":    {0, (*stage).alarms},
		"verify":    {0, (*stage).verify},
		"reconcile": {0, (*stage).reconcile},
	}
}

func (s *stage) box(ts *testscript.TestScript, name string) *box {
	b := s.boxes[name]
	if b == nil {
		ts.Fatalf("there is no recorder %q", name)
	}
	return b
}

func (s *stage) openCase(p *person, ts *testscript.TestScript, args []string) (string, error) {
	in := api.OpenCase{DeviceID: s.box(ts, args[0]).id.String(), Account: "admin", Caller: args[1]}
	if len(args) > 2 {
		in.Dealer = args[2]
	}
	c, err := p.client.OpenCase(s.ctx, in)
	return sheet(c), err
}

// code sends a number, waits until it has come, and types it as the owner of
// the recorder reads it out.
func (s *stage) code(p *person, n int64, args []string) (desk.Case, error) {
	target, err := strconv.Atoi(args[0])
	if err != nil {
		return desk.Case{}, err
	}
	if c, err := p.client.SendCode(s.ctx, n, target); err != nil {
		return c, err
	}
	for _, l := range slices.Backward(s.mail.To(s.boxes[args[1]].mailOf())) { // it was handed over when SendCode came back
		if found := codeForm.FindString(l.Body); found != "" {
			return p.client.AddEvidence(s.ctx, n, api.Evidence{Kind: "E2", Code: found})
		}
	}
	return desk.Case{}, fmt.Errorf("no number came to the owner of %s", args[1])
}

// reveal gives the challenge that a recorder shows, or any other.
func (s *stage) reveal(p *person, ts *testscript.TestScript, args []string) (string, error) {
	challenge := args[1]
	if b := s.boxes[args[1]]; b != nil {
		challenge = b.shown
	}
	n := number(ts, args[0])
	if c, err := p.client.Case(s.ctx, n); err == nil {
		if _, err := s.settled(p, c); err != nil {
			return "", err
		}
	}
	out, err := p.client.Reveal(s.ctx, n, challenge)
	if err != nil {
		return "", err
	}
	return p.hear(args[1], out), nil
}

// hear keeps what the desk showed for a recorder.
func (p *person) hear(recorder string, out desk.Revealed) string {
	p.said[recorder] = nil
	for _, g := range out.Groups {
		p.said[recorder] = append(p.said[recorder], g.Text)
	}
	return fmt.Sprintf("%d groups, split %v, the rest went to %q", len(out.Groups), out.Split, out.SentTo)
}

// race has two agents ask for one answer at the same moment.
func (s *stage) race(p *person, ts *testscript.TestScript, args []string) (string, error) {
	other, err := s.who(args[2])
	if err != nil {
		return "", err
	}
	n, challenge := number(ts, args[0]), s.box(ts, args[1]).shown
	type ran struct {
		by  *person
		out desk.Revealed
		err error
	}
	done := make(chan ran)
	for _, by := range []*person{p, other, p, other} {
		go func() {
			out, err := by.client.Reveal(s.ctx, n, challenge)
			done <- ran{by, out, err}
		}()
	}
	answers := 0
	for range 4 {
		if r := <-done; r.err == nil {
			answers++
			r.by.hear(args[1], r.out)
		}
	}
	return fmt.Sprintf("%d of 4 got an answer", answers), nil
}

func (s *stage) stolen(p *person, ts *testscript.TestScript, args []string) (string, error) {
	return "reported", p.client.SetStolen(s.ctx, s.box(ts, args[0]).id, true)
}

func (s *stage) newOwner(p *person, ts *testscript.TestScript, args []string) (string, error) {
	return "registered", p.client.SetOwner(s.ctx, s.box(ts, args[0]).id, api.Owner{Addresses: args[1:]})
}

func (s *stage) phrases(p *person, ts *testscript.TestScript, args []string) (string, error) {
	return "registered", p.client.SetPhrases(s.ctx, s.box(ts, args[0]).id, desk.Phrases{Support: secret(args[1]), Duress: secret(args[2])})
}

func (s *stage) dealer(p *person, _ *testscript.TestScript, args []string) (string, error) {
	return "vetted", p.client.AddDealer(s.ctx, desk.Dealer{Name: args[0], Company: "Alarm Smith", Phone: args[1], Until: s.clock.Now().AddDate(0, 6, 0)})
}

func (s *stage) alarms(p *person, _ *testscript.TestScript, _ []string) (string, error) {
	all, err := p.client.Alarms(s.ctx, true)
	var lines []string
	for _, a := range all {
		lines = append(lines, a.Kind+": "+a.Words)
	}
	return strings.Join(lines, "\n"), err
}

func (s *stage) verify(p *person, _ *testscript.TestScript, _ []string) (string, error) {
	report, err := p.client.VerifyLog(s.ctx)
	if err == nil && report.Problem != "" {
		err = fmt.Errorf("%w: %s", rekey.ErrVerify, report.Problem)
	}
	return "the log is whole", err
}

func (s *stage) reconcile(p *person, _ *testscript.TestScript, _ []string) (string, error) {
	now := s.clock.Now()
	r, err := p.client.Reconcile(s.ctx, now.AddDate(0, 0, -7), now.Add(time.Hour))
	if err == nil && len(r.Problems) > 0 {
		err = fmt.Errorf("%w: %s", rekey.ErrVerify, strings.Join(r.Problems, "\n"))
	}
	return "all agree", err
}

// thief takes somebody's cookies to another browser in another place, or, with
// same-browser, to a program that looks like theirs.
func (s *stage) thief(ts *testscript.TestScript, args []string) (string, error) {
	p, err := s.who(args[0])
	if err != nil {
		return "", err
	}
	return s.steal(p, len(args) > 1)
}

func (s *stage) insider(ts *testscript.TestScript, args []string) (string, error) {
	return "done", s.edit(strings.Join(args, " "))
}
