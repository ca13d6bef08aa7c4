package recovery

import (
	"crypto/hmac"
	"crypto/sha1" // #nosec G505 -- RFC 6287 names it; rrc/v1 itself uses SHA-256
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"strconv"
	"strings"
)

// OCRASuite is a parsed suite of RFC 6287, such as
// "OCRA-1:HOTP-SHA256-0:C-QA15-S064".
type OCRASuite struct {
	name     string
	newHash  func() hash.Hash
	digits   int
	counter  bool
	question byte // 'A' text, 'N' decimal, 'H' hexadecimal
	pinLen   int  // bytes of the hashed PIN, 0 for none
	session  int  // bytes of the session value, 0 for none
	time     bool
}

// OCRAInput is the data of one computation. Fields that the suite does not
// name are ignored.
type OCRAInput struct {
	Counter  uint64
	Question string // at most 128 bytes after conversion
	PINHash  []byte // the PIN, hashed with the suite's P hash
	Session  []byte // right-aligned to the suite's length
	Time     uint64 // time steps since 1970
}

const questionLen = 128

func ocraHash(name string) (newHash func() hash.Hash, size int, err error) {
	switch name {
	case "SHA1":
		return sha1.New, sha1.Size, nil
	case "SHA256":
		return sha256.New, sha256.Size, nil
	case "SHA512":
		return sha512.New, sha512.Size, nil
	}
	return nil, 0, fmt.Errorf("unknown hash %q", name)
}

// ParseOCRASuite reads a suite name (RFC 6287, section 6).
func ParseOCRASuite(name string) (OCRASuite, error) {
	s := OCRASuite{name: name}
	parts := strings.Split(name, ":")
	if len(parts) != 3 || parts[0] != "OCRA-1" {
		return s, fmt.Errorf("OCRA suite %q: expected OCRA-1:function:data", name)
	}
	if err := s.parseFunction(parts[1]); err != nil {
		return s, fmt.Errorf("OCRA suite %q: %w", name, err)
	}
	if err := s.parseData(strings.Split(parts[2], "-")); err != nil {
		return s, fmt.Errorf("OCRA suite %q: %w", name, err)
	}
	return s, nil
}

func (s *OCRASuite) parseFunction(f string) (err error) {
	parts := strings.Split(f, "-")
	if len(parts) != 3 || parts[0] != "HOTP" {
		return fmt.Errorf("function %q, expected HOTP-hash-digits", f)
	}
	if s.newHash, _, err = ocraHash(parts[1]); err != nil {
		return err
	}
	s.digits, err = strconv.Atoi(parts[2])
	if err != nil || s.digits != 0 && (s.digits < 4 || s.digits > 10) {
		return fmt.Errorf("digits %q, expected 0 or 4 to 10", parts[2])
	}
	return nil
}

// parseData reads [C]-QFxx-[PH]-[Snnn]-[TG], in this order.
func (s *OCRASuite) parseData(fields []string) (err error) {
	if fields[0] == "C" {
		s.counter, fields = true, fields[1:]
	}
	if len(fields) == 0 || len(fields[0]) != 4 || fields[0][0] != 'Q' || !strings.Contains("ANH", fields[0][1:2]) {
		return errors.New("expected a question such as QN08")
	}
	s.question, fields = fields[0][1], fields[1:]
	if len(fields) > 0 && strings.HasPrefix(fields[0], "P") {
		if _, s.pinLen, err = ocraHash(fields[0][1:]); err != nil {
			return err
		}
		fields = fields[1:]
	}
	if len(fields) > 0 && strings.HasPrefix(fields[0], "S") {
		if s.session, err = strconv.Atoi(fields[0][1:]); err != nil || s.session < 1 || s.session > 512 {
			return fmt.Errorf("session %q, expected S001 to S512", fields[0])
		}
		fields = fields[1:]
	}
	if len(fields) > 0 && len(fields[0]) > 1 && fields[0][0] == 'T' {
		s.time, fields = true, fields[1:]
	}
	if len(fields) > 0 {
		return fmt.Errorf("unexpected %q", fields[0])
	}
	return nil
}

// MAC is the whole HMAC over the data input (RFC 6287, section 5.1).
func (s OCRASuite) MAC(key []byte, in OCRAInput) ([]byte, error) {
	question, err := s.questionBytes(in.Question)
	if err != nil {
		return nil, err
	}
	msg := append([]byte(s.name), 0)
	if s.counter {
		msg = binary.BigEndian.AppendUint64(msg, in.Counter)
	}
	msg = append(msg, question...)
	if len(in.PINHash) != s.pinLen && s.pinLen > 0 {
		return nil, fmt.Errorf("OCRA PIN hash of %d bytes, expected %d", len(in.PINHash), s.pinLen)
	}
	msg = append(msg, in.PINHash[:s.pinLen]...)
	if s.session > 0 {
		if len(in.Session) > s.session {
			return nil, fmt.Errorf("OCRA session value of %d bytes, at most %d", len(in.Session), s.session)
		}
		msg = append(msg, make([]byte, s.session-len(in.Session))...)
		msg = append(msg, in.Session...)
	}
	if s.time {
		msg = binary.BigEndian.AppendUint64(msg, in.Time)
	}
	mac := hmac.New(s.newHash, key)
	mac.Write(msg)
	return mac.Sum(nil), nil
}

// questionBytes converts and pads the question with zeros on the right. A
// decimal question becomes hexadecimal digits, left-aligned even when odd in number.
func (s OCRASuite) questionBytes(q string) ([]byte, error) {
	digits := q
	switch s.question {
	case 'A':
		digits = hex.EncodeToString([]byte(q))
	case 'N':
		n, ok := new(big.Int).SetString(q, 10)
		if !ok || n.Sign() < 0 {
			return nil, errors.New("OCRA question is not a decimal number")
		}
		digits = n.Text(16)
	}
	if len(digits) > 2*questionLen {
		return nil, fmt.Errorf("OCRA question is longer than %d bytes", questionLen)
	}
	b, err := hex.DecodeString(digits + strings.Repeat("0", 2*questionLen-len(digits)))
	if err != nil {
		return nil, errors.New("OCRA question is not hexadecimal")
	}
	return b, nil
}

// Code is the decimal value that the suite truncates the MAC to (RFC 4226,
// section 5.3). A suite of 0 digits has no code, only a MAC.
func (s OCRASuite) Code(key []byte, in OCRAInput) (string, error) {
	if s.digits == 0 {
		return "", fmt.Errorf("OCRA suite %q has no decimal code", s.name)
	}
	mac, err := s.MAC(key, in)
	if err != nil {
		return "", err
	}
	at := mac[len(mac)-1] & 0xf
	n := uint64(binary.BigEndian.Uint32(mac[at:]) & 0x7fffffff)
	mod := uint64(1)
	for range s.digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", s.digits, n%mod), nil
}
