package stories

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // an insider edits the database

	"rekey/internal/desk"
	"rekey/internal/desk/staff"
	"rekey/internal/rekeytest/mailbox"
	"rekey/recovery"
	"rekey/seclog"
)

// What messages hold.
var (
	codeForm = regexp.MustCompile(`\b\d{4} \d{4}\b`)
	halfForm = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b`)
	linkForm = regexp.MustCompile(`http://localhost:\d+/o/[A-Za-z0-9_-]+`)
)

func (s *stage) recorder(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) < 2 {
		ts.Fatalf("recorder: which one does what?")
	}
	name, verb, rest := args[0], args[1], args[2:]
	if verb == "new" {
		b, err := s.sell(rest)
		if err != nil {
			return "", err
		}
		s.boxes[name] = b
		return "Device ID " + b.id.String(), nil
	}
	b := s.box(ts, name)
	switch verb {
	case "press":
		s.clock.move(time.Minute, time.Minute) // a recorder shows no two challenges within half a minute
		ch, err := b.guard.NewChallenge("admin", recovery.PurposePassword)
		b.shown = ch.String()
		return b.shown, err
	case "qr":
		text, err := b.guard.QR("desk.example.com", nil)
		ts.Check(os.WriteFile(ts.MkAbs(rest[0]), []byte(text+"\n"), 0o600))
		return "the QR code is in " + rest[0], err
	case "remembers":
		b.earlier = b.flash.rec
		return "noted", nil
	case "set-back":
		b.flash.rec = b.earlier
		return "set back", b.boot(&s.clock)
	case "type":
		half, err := s.half(b)
		if err != nil {
			return "", err
		}
		return "it opens", b.try(strings.Join(append(slices.Clone(s.people[rest[0]].said[name]), half...), "-"))
	case "try":
		return "it opens", b.try(rest[0])
	}
	ts.Fatalf("recorder %s %s: no such thing", name, verb)
	return "", nil
}

// try types a code at the recorder's screen.
func (b *box) try(code string) error {
	grant, err := b.guard.Answer(code)
	if err != nil {
		return err
	}
	return b.guard.Redeem(grant, "admin", recovery.PurposePassword)
}

// letters are the messages to the owner of a recorder, newest first.
func (s *stage) letters(b *box) []mailbox.Letter {
	all := s.mail.To(b.mailOf())
	slices.Reverse(all)
	return all
}

// half is the owner's half, from the newest message that holds one.
func (s *stage) half(b *box) ([]string, error) {
	for _, l := range s.letters(b) {
		if found := halfForm.FindString(l.Body); found != "" {
			return strings.Split(found, "-"), nil
		}
	}
	return nil, errors.New("the owner has no half")
}

func (s *stage) owner(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) < 2 {
		ts.Fatalf("owner: of which recorder does what?")
	}
	b := s.box(ts, args[0])
	switch verb, rest := args[1], args[2:]; verb {
	case "hears":
		return s.mail.Until(strings.Join(rest, " ")).Body, nil
	case "half":
		half, err := s.half(b)
		return fmt.Sprintf("%d groups", len(half)), err
	case "link":
		action := ""
		if len(rest) > 1 {
			action = "/" + rest[1]
		}
		return s.follow(b, rest[0], action)
	}
	ts.Fatalf("owner %s: no such thing", args[1])
	return "", nil
}

// follow opens the link of the newest message to the owner, as a browser does.
func (s *stage) follow(b *box, method, action string) (string, error) {
	link := ""
	for _, l := range s.letters(b) {
		if link = linkForm.FindString(l.Body); link != "" {
			break
		}
	}
	if link == "" {
		return "", errors.New("the owner has no link")
	}
	req, err := http.NewRequestWithContext(s.ctx, method, link+action, nil)
	if err != nil {
		return "", err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	_, page, err := send(new(http.Client), req)
	return page, err
}

// send returns the answer's body, and what was refused as an error.
func send(by *http.Client, req *http.Request) (int, string, error) {
	res, err := by.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	return res.StatusCode, string(body), err
}

// steal logs p in at a browser, and asks the desk who it is with that browser's
// cookies: from a browser of another kind, or, with alike, from one that says it is the same.
// Alike it also asks for an answer, without p's passkey.
func (s *stage) steal(p *person, alike bool) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	theirs := &http.Client{Jar: jar}
	call := func(agent, path string, in any) (string, error) {
		body, err := json.Marshal(in)
		if err != nil {
			return "", err
		}
		method := http.MethodPost
		if in == nil {
			method = http.MethodGet
		}
		req, err := http.NewRequestWithContext(s.ctx, method, s.url+"/api/v1/"+path, bytes.NewReader(body))
		if err != nil {
			return "", err
		}
		req.Header.Set("User-Agent", agent)
		req.Header.Set("Content-Type", "application/json")
		_, out, err := send(theirs, req)
		return out, err
	}
	const theirBrowser = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
	out, err := call(theirBrowser, "login/begin", struct{}{})
	if err != nil {
		return "", err
	}
	var begun staff.Ceremony
	if err := json.Unmarshal([]byte(out), &begun); err != nil {
		return "", err
	}
	assertion, err := p.key.Get(s.url, begun.Options)
	if err != nil {
		return "", err
	}
	if _, err = call(theirBrowser, "login", staff.StepUp{ID: begun.ID, Assertion: assertion}); err != nil {
		return "", err
	}
	if _, err = call(theirBrowser, "session", nil); err != nil {
		return "", fmt.Errorf("the log-in itself does not work: %w", err)
	}
	if !alike {
		return call("curl/8.0", "session", nil)
	}
	if out, err = call(theirBrowser, "session", nil); err != nil {
		return "", fmt.Errorf("the stolen session is not even read: %w", err)
	}
	_, err = call(theirBrowser, "cases/1/challenge", map[string]any{"challenge": "400R-0YG6-V5GS-YMWC-QV05", "step_up": map[string]any{"id": "none", "assertion": map[string]any{}}})
	return out, err
}

func (s *stage) clockwork(ts *testscript.TestScript, args []string) (string, error) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	if args[0] == "by" {
		s.clock.move(d, d)
	} else {
		s.clock.move(d, 0)
	}
	return s.clock.Now().Format(time.DateTime), nil
}

func (s *stage) mailing(_ *testscript.TestScript, args []string) (string, error) {
	s.mailDown = args[0] == "down"
	s.mail.Have(map[string]mailbox.Trouble{"down": mailbox.Down, "up": mailbox.None}[args[0]])
	if s.mailDown {
		return args[0], nil
	}
	return args[0], s.untilTried()
}

// untilTried waits until no message is under way. A try that the mail server refused
// when it was down puts its message off by what the clock shows when that try ends:
// a script that moves the clock before would wait for it for ever.
func (s *stage) untilTried() error {
	db, err := s.database()
	if err != nil {
		return err
	}
	underWay := 1
	for end := time.Now().Add(time.Minute); err == nil && underWay > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			err = errors.New("a message is under way for a minute")
			break
		}
		err = db.QueryRowContext(s.ctx, `SELECT COUNT(*) FROM outbox WHERE claim <> ''`).Scan(&underWay)
	}
	return errors.Join(err, db.Close())
}

// logging breaks the security log as a full or failing disk does, or mends it.
func (s *stage) logging(_ *testscript.TestScript, args []string) (string, error) {
	dir := filepath.Join(s.dir, desk.LogDir)
	if args[0] == "down" {
		return "down", os.Rename(dir, dir+".gone")
	}
	return "up", os.Rename(dir+".gone", dir)
}

func (s *stage) restarting(*testscript.TestScript, []string) (string, error) {
	if err := s.stop(); err != nil {
		return "", err
	}
	return "started again", s.start()
}

func (s *stage) database() (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+filepath.Join(s.dir, "desk.db")+"?_pragma=busy_timeout(60000)&_pragma=foreign_keys(1)")
}

// edit changes the database behind the desk's back.
func (s *stage) edit(statement string) error {
	db, err := s.database()
	if err != nil {
		return err
	}
	_, err = db.ExecContext(s.ctx, statement)
	return errors.Join(err, db.Close())
}

// recorded wants a number of records of an event in the security log.
func (s *stage) recorded(ts *testscript.TestScript, args []string) (string, error) {
	want, event, result := args[len(args)-1], args[0], ""
	if len(args) > 2 {
		result = args[1]
	}
	n := 0
	for r, err := range seclog.Records(os.DirFS(filepath.Join(s.dir, desk.LogDir))) {
		ts.Check(err)
		if r.Event == event && (result == "" || r.Result == result) {
			n++
		}
	}
	if got := fmt.Sprint(n); got != want {
		return got, fmt.Errorf("%s records of %s %s, want %s", got, event, result, want)
	}
	return want, nil
}
