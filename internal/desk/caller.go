package desk

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
)

// Withheld stands for the number of a caller who shows none. All such callers
// share one allowance.
const Withheld = "withheld"

// parseCaller reads a telephone number to its international form, + and digits
// (ITU-T E.164), so that one caller is one number however it is written. What
// only a country's own network understands is refused: where the desk's
// telephone shows 030, nobody but the agent knows of which country.
func parseCaller(typed string) (string, error) {
	s := strings.TrimSpace(typed)
	if strings.EqualFold(s, Withheld) {
		return Withheld, nil
	}
	s = strings.Replace(s, "(0)", "", 1) // as in +49 (0)30: not dialled from abroad
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -./()", r) {
			return -1
		}
		return r
	}, s)
	number, international := strings.CutPrefix(digits, "+")
	if !international {
		number, international = strings.CutPrefix(digits, "00")
	}
	if !international || len(number) < 4 || len(number) > 15 || number[0] == '0' || strings.Trim(number, "0123456789") != "" {
		return "", refuse(rekey.ErrInput, "the caller's number: expected + or 00, the country code and the number, such as +49 30 1234567, or %q", Withheld)
	}
	return "+" + number, nil
}

// callerMemory is how long two cases of one number are known to be of one
// number. It is longer than a case lives, so that the limit per number is exact.
const callerMemory = 30 * 24 * time.Hour

// callerNames are the names under which a number's cases run, the newest first.
func (d *Desk) callerNames(ctx context.Context, tx *sql.Tx, number string) (names []string, err error) {
	type earlier struct{ caller, salt, mac string }
	all, err := store.All(ctx, tx, func(scan store.Scan) (e earlier, err error) {
		return e, scan(&e.caller, &e.salt, &e.mac)
	}, `SELECT c.caller, s.salt, s.hmac FROM caller_salts s JOIN cases c ON c.number = s.case_number
		WHERE c.opened_at > $1 ORDER BY c.number DESC`, store.Micros(d.now().Add(-callerMemory)))
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if !slices.Contains(names, e.caller) && hmac.Equal([]byte(d.callerMAC(e.salt, number)), []byte(e.mac)) {
			names = append(names, e.caller)
		}
	}
	return names, nil
}

// nameCaller finds the name under which the number's earlier cases run, or
// draws a new one, and keeps the number of this case as an HMAC with a salt of
// its own. The number itself is stored nowhere.
func (d *Desk) nameCaller(ctx context.Context, tx *sql.Tx, number string) (name string, keep func(caseNumber int64) error, err error) {
	names, err := d.callerNames(ctx, tx, number)
	if err != nil {
		return "", nil, err
	}
	if name = rand.Text(); len(names) > 0 {
		name = names[0]
	}
	salt := make([]byte, 16)
	if _, err := io.ReadFull(d.opt.Rand, salt); err != nil {
		return "", nil, err
	}
	return name, func(caseNumber int64) error {
		text := hex.EncodeToString(salt)
		_, err := tx.ExecContext(ctx, `INSERT INTO caller_salts (case_number, salt, hmac) VALUES ($1, $2, $3)`,
			caseNumber, text, d.callerMAC(text, number))
		return err
	}, nil
}

func (d *Desk) callerMAC(salt, number string) string {
	mac := hmac.New(sha256.New, d.keys.caller)
	mac.Write([]byte("caller\x00" + salt + "\x00" + number))
	return hex.EncodeToString(mac.Sum(nil))
}
