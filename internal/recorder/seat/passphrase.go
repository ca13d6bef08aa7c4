package seat

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// PassphraseView is a passphrase that was drawn: POST /passphrase, for somebody
// who may set a password now. It is told this once and kept nowhere; it counts
// only when it is typed as the new password.
type PassphraseView struct {
	Page  string `json:"page"`            // "passphrase"
	Words string `json:"words,omitempty"` // the passphrase, in clear
	Limit string `json:"limit,omitempty"` // what the rule of this recorder does to it
}

const (
	passphrasePath = "/passphrase"

	// A program that asks on and on gets none; a person who likes none of them
	// does.
	passphrasesPerMinute = 30
)

func (s *seat) showPassphrase(w http.ResponseWriter, r *http.Request) {
	if !s.maySetPassword(r) {
		web.Fail(w, r, errNoNewPassword)
		return
	}
	s.respondPassphrase(w, r, PassphraseView{Page: "passphrase"})
}

func (s *seat) passphrase(w http.ResponseWriter, r *http.Request) {
	if !s.maySetPassword(r) {
		web.Fail(w, r, errNoNewPassword)
		return
	}
	if !s.drawn.AllowN(s.box.Now(), 1) {
		w.Header().Set("Retry-After", "2")
		web.Fail(w, r, fmt.Errorf("%w: too many passphrases in a minute; take one, or wait", rekey.ErrBudget))
		return
	}
	rule := s.box.Policy()
	s.respondPassphrase(w, r, PassphraseView{Page: "passphrase", Words: s.draw(rule).Reveal(), Limit: limitOf(rule)})
}

var errNoNewPassword = fmt.Errorf("%w: log in first, at /login; a passphrase is drawn where a password is set", rekey.ErrDenied)

// maySetPassword: at the first set-up, with a temporary password, or logged in.
func (s *seat) maySetPassword(r *http.Request) bool {
	if !s.box.Initialised() {
		return !s.box.Activation().Locked
	}
	_, ok := s.current(r)
	return ok
}

func (s *seat) respondPassphrase(w http.ResponseWriter, r *http.Request, v PassphraseView) {
	web.Respond(w, r, http.StatusOK, v, s.site().Page("Passphrase", passphraseBody(v)))
}

// draw draws until the box would take it, which is nearly always the first time.
func (s *seat) draw(rule rekey.PasswordRule) rekey.Secret {
	for {
		for _, form := range []func(rekey.PasswordRule) string{syllables, symbols} {
			pw := rekey.NewSecret(form(rule))
			if s.box.CheckPassword(recorder.AdminAccount, pw) == nil {
				return pw
			}
		}
	}
}

// Sixteen consonants and four vowels, so that a syllable is 6 bits of chance and
// no letter looks like another one or like a digit.
const (
	consonants = "bdfghjkmnprstvwz"
	vowels     = "aeio"
)

// syllables are five groups of two syllables and a digit, such as
// Bafo-kite-zemi-wora-peno-7: 63 bits of chance, each kind of character, easy to
// read out and to type. It is longer than some rules allow.
func syllables(rekey.PasswordRule) string {
	var groups [5]string
	for i := range groups {
		groups[i] = group()
	}
	text := strings.Join(groups[:], "-")
	return strings.ToUpper(text[:1]) + text[1:] + "-" + string("23456789"[below(8)])
}

func group() string {
	for {
		text := ""
		for range 2 {
			text += string(consonants[below(len(consonants))]) + string(vowels[below(len(vowels))])
		}
		if !slices.Contains(unkind, text) {
			return text
		}
	}
}

// unkind are groups that nobody should have to read out.
var unkind = []string{"homo", "kike", "nazi", "pedo", "rape", "kaka"}

// symbols are eleven letters and digits, 63 bits of chance, or as many as a
// shorter rule allows. None looks like another one.
func symbols(rule rekey.PasswordRule) string {
	set := "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	if rule.DigitsOnly {
		set = "0123456789"
	}
	b := make([]byte, min(max(enoughSymbols, rule.Min), rule.Max))
	for i := range b {
		b[i] = set[below(len(set))]
	}
	return string(b)
}

const enoughSymbols = 11

func below(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand.Reader never fails
	}
	return int(i.Int64())
}

// limitOf says plainly what a short rule means.
func limitOf(rule rekey.PasswordRule) string {
	if rule.Max >= enoughSymbols && !rule.DigitsOnly {
		return ""
	}
	return fmt.Sprintf("This recorder takes %d characters at most. Drawn by chance they are as good as so few can be, and that is not much: do not let the recorder be reached from the internet.", rule.Max)
}
