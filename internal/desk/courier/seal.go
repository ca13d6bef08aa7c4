package courier

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"rekey"
)

// seal encrypts what lies in the database, bound to the row that it lies in
// (AES-256-GCM, the nonce in front).
func (c *Courier) seal(row string, plain []byte) (string, error) {
	aead, err := c.aead()
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(aead.Seal(nil, nil, plain, []byte(row))), nil //nolint:gosec // the nonce is random: NewGCMWithRandomNonce
}

// open decrypts what seal wrote. The error wraps rekey.ErrVerify.
func (c *Courier) open(row, sealed string) ([]byte, error) {
	aead, err := c.aead()
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(sealed)
	if err == nil {
		b, err = aead.Open(nil, nil, b, []byte(row)) //nolint:gosec // as in seal
	}
	if err != nil {
		return nil, fmt.Errorf("%w: a row of the outbox does not open: it was changed, or belongs to another desk", rekey.ErrVerify)
	}
	return b, nil
}

func (c *Courier) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(c.o.Key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// lineOf names a line: what is queued in it leaves in the order in which it came.
func (c *Courier) lineOf(caseNumber int64, to string) string {
	mac := hmac.New(sha256.New, c.o.Key)
	fmt.Fprintf(mac, "line\x00%d\x00%s", caseNumber, to)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
