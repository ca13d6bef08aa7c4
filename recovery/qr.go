package recovery

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	qrScheme  = "HTTPS://"
	qrPath    = "/R/"
	qrVersion = "1"
	qrMACLen  = 16 // bytes
	qrMACText = 26 // symbols
	qrWide    = 52 // symbols of 32 bytes
	maxQR     = 256
)

// QR is the request that a recorder shows beside its challenge: a link to the
// desk, in characters of the QR alphanumeric mode. It is no secret. In suite 1
// its MAC proves that this recorder made this challenge; in suite 2 it carries
// Enc and no MAC, because the recorder holds no secret.
//
//	HTTPS://DESK/R/1.ID9.CHALLENGE15.MAC26                 suite 1
//	HTTPS://DESK/R/1.ID9.CHALLENGE15.SIZE.ROOT52.MAC26     suite 1 with the head of the recorder's log
//	HTTPS://DESK/R/1.ID9.CHALLENGE15.ENC52                 suite 2
//
// MAC, root and Enc are in the alphabet of the codes, most significant bit
// first, spare bits zero; the size is decimal.
type QR struct {
	Desk      string // host or host:port; letter case does not matter
	DeviceID  DeviceID
	Challenge Challenge
	Log       *LogHead       // suite 1 only; may be nil
	Enc       []byte         // suite 2 only, EncSize bytes
	MAC       [qrMACLen]byte // suite 1 only, from Keys.SignQR
}

// LogHead is the size and root of the recorder's security log when the
// challenge was shown. It anchors the log at the desk.
type LogHead struct {
	Size int64
	Root [32]byte
}

// Text is what goes into the QR code. Suite 1 needs [Keys.SignQR] first.
func (q QR) Text() (string, error) {
	if err := q.validate(); err != nil {
		return "", err
	}
	tail := text(leftmost(q.MAC[:], qrMACText))
	if q.Challenge.Suite == SuiteHPKE {
		tail = text(leftmost(q.Enc, qrWide))
	}
	return q.signed() + "." + tail, nil
}

// signed is everything before the last dot.
func (q QR) signed() string {
	s := qrScheme + upper(q.Desk) + qrPath + qrVersion + "." + q.DeviceID.Data() + "." + q.Challenge.Data()
	if q.Log != nil {
		s += "." + strconv.FormatInt(q.Log.Size, 10) + "." + text(leftmost(q.Log.Root[:], qrWide))
	}
	return s
}

func (q QR) validate() error {
	if !validDesk(upper(q.Desk)) {
		return fmt.Errorf("desk %q: expected a host name, with or without a port", q.Desk)
	}
	if q.DeviceID.IsZero() {
		return errors.New("a QR text needs a Device ID")
	}
	if err := q.Challenge.Validate(); err != nil {
		return err
	}
	if q.Log != nil && (q.Log.Size < 0 || q.Challenge.Suite == SuiteHPKE) {
		return errors.New("a log head needs suite 1 and a size of 0 or more")
	}
	if q.Challenge.Suite == SuiteHPKE && len(q.Enc) != EncSize {
		return fmt.Errorf("a suite 2 QR text needs %d bytes of enc, got %d", EncSize, len(q.Enc))
	}
	return nil
}

// SignQR gives q its MAC, at the recorder.
func (k *Keys) SignQR(q QR) (QR, error) {
	if err := q.validate(); err != nil {
		return q, err
	}
	if q.Challenge.Suite != SuiteOCRA {
		return q, fmt.Errorf("a QR text of suite %d carries no MAC", q.Challenge.Suite)
	}
	q.MAC = k.qrMAC(q)
	return q, nil
}

// VerifyQR tells whether the recorder with these keys made q: it returns nil
// or ErrQRForged.
func (k *Keys) VerifyQR(q QR) error {
	want := k.qrMAC(q)
	if q.Challenge.Suite != SuiteOCRA || !hmac.Equal(q.MAC[:], want[:]) {
		return ErrQRForged
	}
	return nil
}

func (k *Keys) qrMAC(q QR) (out [qrMACLen]byte) {
	mac := hmac.New(sha256.New, k.qr[:])
	mac.Write([]byte(q.signed()))
	copy(out[:], mac.Sum(nil))
	return out
}

// ParseQR reads a scanned QR text. Letter case does not matter, because
// telephones write hosts in lower case. The error is an ErrQRText or, for a
// challenge of a later version, an ErrReserved. It does not check the MAC:
// see [Keys.VerifyQR].
func ParseQR(scanned string) (QR, error) {
	var q QR
	if len(scanned) > maxQR {
		return q, fmt.Errorf("%w: longer than %d characters", ErrQRText, maxQR)
	}
	rest, ok := strings.CutPrefix(upper(scanned), qrScheme)
	desk, payload, found := strings.Cut(rest, qrPath)
	if !ok || !found || !validDesk(desk) {
		return q, fmt.Errorf("%w: expected %sDESK%s and a request", ErrQRText, qrScheme, qrPath)
	}
	q.Desk = desk
	return q, q.parseRequest(strings.Split(payload, "."))
}

func (q *QR) parseRequest(parts []string) error {
	if parts[0] != qrVersion {
		return fmt.Errorf("%w: version is %w", ErrQRText, ErrReserved)
	}
	if len(parts) != 4 && len(parts) != 6 {
		return fmt.Errorf("%w: %d parts, expected 4 or 6", ErrQRText, len(parts))
	}
	id, err := values(parts[1], FormDeviceID.dataSymbols())
	if err != nil {
		return fmt.Errorf("%w: Device ID: %w", ErrQRText, err)
	}
	q.DeviceID = DeviceID{text(id)}
	data, err := values(parts[2], FormChallenge.dataSymbols())
	if err != nil {
		return fmt.Errorf("%w: challenge: %w", ErrQRText, err)
	}
	if q.Challenge, err = challengeOf(data); err != nil {
		return fmt.Errorf("%w: %w", ErrQRText, err)
	}
	if len(parts) == 6 {
		if err := q.parseLog(parts[3], parts[4]); err != nil {
			return fmt.Errorf("%w: log head: %w", ErrQRText, err)
		}
	}
	if err := q.parseTail(parts[len(parts)-1]); err != nil {
		return fmt.Errorf("%w: last part: %w", ErrQRText, err)
	}
	return nil
}

func (q *QR) parseLog(size, root string) error {
	if q.Challenge.Suite != SuiteOCRA {
		return errors.New("only suite 1 carries one")
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != size || n < 0 {
		return errors.New("size is not a plain decimal number")
	}
	b, err := wideBytes(root)
	if err != nil {
		return err
	}
	q.Log = &LogHead{Size: n, Root: [32]byte(b)}
	return nil
}

func (q *QR) parseTail(s string) (err error) {
	if q.Challenge.Suite == SuiteHPKE {
		q.Enc, err = wideBytes(s)
		return err
	}
	v, err := values(s, qrMACText)
	if err != nil {
		return err
	}
	b, err := unpack(v, qrMACLen)
	if err != nil {
		return err
	}
	q.MAC = [qrMACLen]byte(b)
	return nil
}

// wideBytes reads the 52 symbols of 32 bytes.
func wideBytes(s string) ([]byte, error) {
	v, err := values(s, qrWide)
	if err != nil {
		return nil, err
	}
	return unpack(v, 32)
}

// validDesk tells an upper-case host, with or without a port, in characters of
// the QR alphanumeric mode.
func validDesk(s string) bool {
	host, port, hasPort := strings.Cut(s, ":")
	if host == "" || len(s) > 100 || strings.Trim(host, ".-") != host {
		return false
	}
	for _, c := range []byte(host) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return !hasPort || err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}

// upper changes ASCII letters only: other letters have no place in a QR text
// and must not turn into ones that have.
func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
