package recovery

import (
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// Answer is a temporary password: 60 bits in four groups of four. It is a
// secret and prints as <secret>; Reveal is the one way to its text.
type Answer struct {
	data [12]byte // symbol values
}

// ParseAnswer reads an answer as people type it. The error is a *MistypedError.
func ParseAnswer(typed string) (Answer, error) {
	var a Answer
	data, err := FormAnswer.decode(typed)
	if err != nil {
		return a, err
	}
	copy(a.data[:], data)
	return a, nil
}

// DrawAnswer draws a code of an answer's form that answers no challenge, such as
// one that a recorder gives out itself. random must be a good source.
func DrawAnswer(random io.Reader) (Answer, error) {
	var bits [8]byte // of which 60 are used
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return Answer{}, fmt.Errorf("draw a code: %w", err)
	}
	return answerOf(bits[:]), nil
}

// answerOf takes the leftmost 60 bits of a MAC or an exported secret.
func answerOf(mac []byte) (a Answer) {
	copy(a.data[:], leftmost(mac, len(a.data)))
	return a
}

// Reveal is the text to show or read out, once.
func (a Answer) Reveal() string { return FormAnswer.encode(a.data[:]) }

// Halves are the two parts of split delivery: groups 1 and 2 are spoken,
// groups 3 and 4 go to the owner's registered address.
func (a Answer) Halves() (spoken, sent string) {
	s := a.Reveal()
	return s[:2*groupLen+1], s[2*groupLen+2:]
}

// Equal compares in constant time.
func (a Answer) Equal(b Answer) bool { return subtle.ConstantTimeCompare(a.data[:], b.data[:]) == 1 }

// Format keeps answers out of logs and errors, whatever the verb.
func (Answer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "<secret>") }

// MarshalText keeps answers out of JSON and structured logs.
func (Answer) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

const (
	ocraName   = "OCRA-1:HOTP-SHA256-0:C-QA15-S064"
	maxAccount = 64
)

// Answer is the answer of suite 1 to a challenge of one recorder and account.
func (k *Keys) Answer(id DeviceID, account string, c Challenge) (Answer, error) {
	if err := checkQuestion(SuiteOCRA, id, account, c); err != nil {
		return Answer{}, err
	}
	suite, err := ParseOCRASuite(ocraName)
	if err != nil {
		return Answer{}, err
	}
	s := binding(id, account, c)
	mac, err := suite.MAC(k.code[:], OCRAInput{Counter: uint64(c.Counter), Question: c.Data(), Session: s[:]})
	if err != nil {
		return Answer{}, err
	}
	return answerOf(mac), nil
}

// binding is S: what an answer is tied to beside the challenge itself.
func binding(id DeviceID, account string, c Challenge) [sha512.Size]byte {
	b := []byte("rrc/v1 ctx\x00" + id.Data() + "\x00" + account + "\x00")
	return sha512.Sum512(append(b, byte(c.Suite), byte(c.Purpose), c.Epoch))
}

func checkQuestion(want Suite, id DeviceID, account string, c Challenge) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Suite != want {
		return fmt.Errorf("the challenge is of suite %d, expected %d", c.Suite, want)
	}
	if id.IsZero() {
		return errors.New("an answer needs a Device ID")
	}
	return checkAccount(account)
}

func checkAccount(account string) error {
	if account == "" || len(account) > maxAccount || !utf8.ValidString(account) {
		return ErrAccount
	}
	for _, r := range account {
		if !unicode.IsPrint(r) {
			return ErrAccount
		}
	}
	return nil
}
