package recovery

import (
	"crypto/hpke"
	"fmt"
)

// EncSize is the length in bytes of what a suite 2 recorder sends to the desk.
const EncSize = 32

const kemX25519 = 0x0020 // RFC 9180, section 7.1

// RecorderAnswer makes, at a recorder that holds no secret, the answer to its
// own challenge, and enc, which goes to the desk in the QR code. Only the
// owner of the desk's private key can make the same answer from enc. The
// recorder keeps the answer in memory only. pk must be of DHKEM(X25519,
// HKDF-SHA256).
func RecorderAnswer(pk hpke.PublicKey, id DeviceID, account string, c Challenge) (enc []byte, a Answer, err error) {
	if err := checkQuestion(SuiteHPKE, id, account, c); err != nil {
		return nil, a, err
	}
	if err := checkKEM(pk.KEM()); err != nil {
		return nil, a, err
	}
	enc, sender, err := hpke.NewSender(pk, hpke.HKDFSHA256(), hpke.ExportOnly(), sealInfo(id, account, c))
	if err != nil {
		return nil, a, fmt.Errorf("seal to the desk's key: %w", err)
	}
	secret, err := sender.Export(exportContext(c), 32)
	if err != nil {
		return nil, a, fmt.Errorf("export the answer: %w", err)
	}
	return enc, answerOf(secret), nil
}

// DeskAnswer makes the same answer at the desk from its private key, which may
// live in an HSM behind [hpke.NewDHKEMPrivateKey], and the recorder's enc. An
// enc or a challenge that somebody made up gives an answer that fits no recorder.
func DeskAnswer(sk hpke.PrivateKey, enc []byte, id DeviceID, account string, c Challenge) (Answer, error) {
	if err := checkQuestion(SuiteHPKE, id, account, c); err != nil {
		return Answer{}, err
	}
	if err := checkKEM(sk.KEM()); err != nil {
		return Answer{}, err
	}
	r, err := hpke.NewRecipient(enc, sk, hpke.HKDFSHA256(), hpke.ExportOnly(), sealInfo(id, account, c))
	if err != nil {
		return Answer{}, fmt.Errorf("open what the recorder sealed: %w", err)
	}
	secret, err := r.Export(exportContext(c), 32)
	if err != nil {
		return Answer{}, fmt.Errorf("export the answer: %w", err)
	}
	return answerOf(secret), nil
}

func sealInfo(id DeviceID, account string, c Challenge) []byte {
	s := binding(id, account, c)
	return append([]byte("rrc/v1 s2\x00"), s[:]...)
}

func exportContext(c Challenge) string { return "response\x00" + string(c.symbols()) }

func checkKEM(kem hpke.KEM) error {
	if kem.ID() != kemX25519 {
		return fmt.Errorf("desk key of KEM 0x%04x, expected X25519 (0x%04x)", kem.ID(), kemX25519)
	}
	return nil
}
