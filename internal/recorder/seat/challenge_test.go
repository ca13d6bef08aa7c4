package seat

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

// TestCheckWhileTyping: each group is told right, mistyped or unfinished, and
// looking costs nothing and leaves no trace.
func TestCheckWhileTyping(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	code := n.rightAnswer(t)
	before := n.events(t)
	const right, wrong, open = "right", "mistyped", "unfinished"
	for _, c := range []struct {
		typed   string
		symbols int
		groups  []string
	}{
		{"", 0, []string{open, open, open, open}},
		{code[:3], 3, []string{open, open, open, open}},
		{code[:4], 4, []string{right, open, open, open}},
		{strings.ToLower(strings.ReplaceAll(code, "-", " ")), 16, []string{right, right, right, right}},
		{mistype(code), 16, []string{right, wrong, right, right}},
		{code + "-A", 17, []string{right, right, right, right}},
		{n.wrongAnswers(t, 1)[0], 16, []string{right, right, right, right}}, // well formed: whether it fits is not told
	} {
		p.post("/recovery/check", "answer", c.typed).want(200, "check")
		if v := read[CheckView](p); !slices.Equal(v.Groups, c.groups) || v.Symbols != c.symbols {
			t.Errorf("%d symbols: %+v, want %v", c.symbols, v, c.groups)
		}
		n.noSecretIn(t, "the answer to a look", p.got.body, code, mistype(code))
	}
	if got := p.got.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	if after := n.events(t); !maps.Equal(before, after) {
		t.Errorf("looking left a trace: before %v, after %v", before, after)
	}
	n.noSecretIn(t, "the log", n.log.String(), code, mistype(code))
	p.get("/recovery").want(200, "forgot")
	if v := read[ForgotView](p); v.AttemptsLeft != 5 || !v.Open {
		t.Errorf("looking cost something: %+v", v)
	}
}

// TestCheckHammered: a program that looks on and on is slowed down, and the
// answer is taken all the same.
func TestCheckHammered(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	code := n.rightAnswer(t)
	var refused atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				got, err := p.try("POST", "/recovery/check", url.Values{"answer": {code}})
				if err != nil {
					t.Error(err)
				}
				if got.status == 429 {
					refused.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if refused.Load() == 0 {
		t.Error("400 looks at once were all let through")
	}
	p.post("/recovery/answer", "answer", code).want(200, "users")
}

// TestPassphrases: what is drawn fits the rule of every recorder, is another one
// each time, and stands in no log.
func TestPassphrases(t *testing.T) {
	t.Parallel()
	for _, face := range recorder.Faces() {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			n := benchOf(t, recorder.Config{Face: face})
			p := n.stranger(t)
			p.post("/enter", "token", n.token.Reveal()).want(200, "setup")
			seen := map[string]bool{}
			for range 20 {
				p.post("/passphrase").want(200, "passphrase")
				v := read[PassphraseView](p)
				if err := n.box.CheckPassword("admin", rekey.NewSecret(v.Words)); err != nil {
					t.Errorf("the recorder does not take what it drew: %v", err)
				}
				rule := n.box.Policy()
				if rule.Max >= 32 && len(v.Words) != len("Bafo-kite-zemi-wora-peno-7") || rule.Max < 12 && (len(v.Words) != rule.Max || v.Limit == "") {
					t.Errorf("%d characters by a rule of %d to %d; limit told: %v", len(v.Words), rule.Min, rule.Max, v.Limit != "")
				}
				if seen[v.Words] {
					t.Error("the same was drawn twice")
				}
				seen[v.Words] = true
			}
			if got := p.got.header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q", got)
			}
			last := read[PassphraseView](p).Words
			p.post("/setup", "new", last, "confirm", last).want(200, "locked")
			p.post("/login", "account", "admin", "password", last).want(200, "menu")
			n.noSecretIn(t, "the log", n.log.String(), slices.Collect(maps.Keys(seen))...)
		})
	}
}

// TestDrawnFromChance: every group of the passphrases is one of many, none more
// frequent than chance makes it, and rules that few can meet are met, too.
func TestDrawnFromChance(t *testing.T) {
	t.Parallel()
	count := map[string]int{}
	for range 2000 {
		groups := strings.Split(strings.ToLower(syllables(rekey.PasswordRule{})), "-")
		if len(groups) != 6 {
			t.Fatalf("%d groups", len(groups))
		}
		for _, g := range groups[:5] {
			count[g]++
		}
	}
	for g, n := range count {
		if n > 25 || len(g) != 4 || slices.Contains(unkind, g) { // 2.4 on average
			t.Errorf("group %q was drawn %d times of 10000", g, n)
		}
	}
	for rule, want := range map[rekey.PasswordRule]int{
		{Min: 6, Max: 6, DigitsOnly: true}:      6,
		{Min: 8, Max: 16, Classes: 3}:           enoughSymbols,
		{Min: 12, Max: 16}:                      12,
		{Min: 4, Max: 8, Classes: 2}:            8,
		{Min: 6, Max: 6, Classes: 1}:            6,
		{Min: 20, Max: 32, Forbidden: "-abcde"}: 20,
	} {
		if got := symbols(rule); len(got) != want || (rule.DigitsOnly && strings.Trim(got, "0123456789") != "") {
			t.Errorf("%+v: %d symbols, want %d", rule, len(got), want)
		}
	}
}

// TestPassphraseIsForWhoSetsOne: not for a stranger, and not without a log-in.
func TestPassphraseIsForWhoSetsOne(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.stranger(t).post("/passphrase").want(403, "denied")
	p := n.owner(t)
	p.post("/passphrase").want(403, "denied")
	p.get("/passphrase").want(403, "denied")
	p.post("/recovery").want(200, "forgot")
	p.post("/recovery/answer", "answer", n.rightAnswer(t)).want(200, "users")
	p.get("/passphrase").want(200, "passphrase")
	if v := read[PassphraseView](p); v.Words != "" {
		t.Error("a GET draws one")
	}
	p.post("/passphrase").want(200, "passphrase") // by the one door
	p.send("POST", "/passphrase", url.Values{}, "Origin", "http://evil.example").want(403, "cross_origin")
	p.send("POST", "/recovery/check", url.Values{}, "Origin", "http://evil.example").want(403, "cross_origin")
	p.post("/recovery/check", "answer", "x").want(403, "denied") // beyond the one door
	refused := 0
	for range 2 * passphrasesPerMinute {
		if p.post("/passphrase"); p.got.status == 429 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("a program draws as many as it likes")
	}
	n.pass(time.Minute)
	p.post("/passphrase").want(200, "passphrase")
	p.post("/logout").want(200, "locked")
	p.post("/passphrase").want(403, "denied")
	if got := fmt.Sprint(n.events(t)); strings.Contains(got, "passphrase") {
		t.Errorf("the security log tells of passphrases: %s", got)
	}
}

// TestOneDoorPage: the page of the new password counts its minutes down, and the
// on-screen keyboard knows that a code is the old one.
func TestOneDoorPage(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	p.post("/recovery/answer", "answer", n.rightAnswer(t)).want(200, "users")
	p.get(userPath+"/admin").want(200, "edit")
	p.json = false
	p.get(userPath + "/admin")
	for _, want := range []string{`class="countdown"`, `data-during="door-open"`, `id="door-over" hidden`, `class="code grouped"`} {
		if !strings.Contains(p.got.body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}
