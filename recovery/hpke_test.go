package recovery_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"strings"
	"testing"

	"rekey/recovery"
)

func deskKey(t testing.TB) hpke.PrivateKey {
	t.Helper()
	sk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return sk
}

func suite2Challenge() recovery.Challenge {
	c := vectorChallenge()
	c.Suite = recovery.SuiteHPKE
	return c
}

func TestSuite2BothSidesAgree(t *testing.T) {
	t.Parallel()
	sk, id, c := deskKey(t), mustID(t, "V7KX-4YBM-0P97"), suite2Challenge()
	enc, want, err := recovery.RecorderAnswer(sk.PublicKey(), id, "admin", c)
	if err != nil {
		t.Fatal(err)
	}
	if len(enc) != recovery.EncSize {
		t.Errorf("enc of %d bytes", len(enc))
	}
	got, err := recovery.DeskAnswer(sk, enc, id, "admin", c)
	if err != nil || !got.Equal(want) {
		t.Fatalf("desk and recorder differ (%v)", err)
	}
	if slow := rfc9180Answer(t, sk, enc, id, "admin", c); slow != got.Reveal() {
		t.Error("the answer is not what RFC 9180 and the document give")
	}
}

func TestSuite2BindsEverything(t *testing.T) {
	t.Parallel()
	sk, id, c := deskKey(t), mustID(t, "V7KX-4YBM-0P97"), suite2Challenge()
	enc, want, err := recovery.RecorderAnswer(sk.PublicKey(), id, "admin", c)
	if err != nil {
		t.Fatal(err)
	}
	other := func(change func(*recovery.Challenge)) recovery.Challenge { d := c; change(&d); return d }
	for name, ask := range map[string]func() (recovery.Answer, error){
		"account": func() (recovery.Answer, error) { return recovery.DeskAnswer(sk, enc, id, "guest", c) },
		"recorder": func() (recovery.Answer, error) {
			return recovery.DeskAnswer(sk, enc, mustID(t, "V7KX-4YBM-0P8F"), "admin", c)
		},
		"purpose": func() (recovery.Answer, error) {
			return recovery.DeskAnswer(sk, enc, id, "admin", other(func(d *recovery.Challenge) { d.Purpose = 1 }))
		},
		"counter": func() (recovery.Answer, error) {
			return recovery.DeskAnswer(sk, enc, id, "admin", other(func(d *recovery.Challenge) { d.Counter++ }))
		},
		"desk": func() (recovery.Answer, error) { return recovery.DeskAnswer(deskKey(t), enc, id, "admin", c) },
	} {
		got, err := ask()
		if err != nil {
			t.Errorf("another %s: %v", name, err)
		}
		if got.Equal(want) {
			t.Errorf("another %s has the same answer", name)
		}
	}
}

func TestSuitesDoNotMix(t *testing.T) {
	t.Parallel()
	sk, id := deskKey(t), mustID(t, "V7KX-4YBM-0P97")
	if _, _, err := recovery.RecorderAnswer(sk.PublicKey(), id, "admin", vectorChallenge()); err == nil {
		t.Error("suite 2 answered a challenge of suite 1")
	}
	if _, err := recovery.DeskAnswer(sk, make([]byte, 32), id, "admin", vectorChallenge()); err == nil {
		t.Error("suite 2 answered a challenge of suite 1 at the desk")
	}
	if _, err := mustKeys(t, vectorKey()).Answer(id, "admin", suite2Challenge()); err == nil {
		t.Error("suite 1 answered a challenge of suite 2")
	}
	p256, err := hpke.DHKEM(ecdh.P256()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := recovery.RecorderAnswer(p256.PublicKey(), id, "admin", suite2Challenge()); err == nil {
		t.Error("a P-256 desk key was accepted")
	}
	for _, enc := range [][]byte{nil, make([]byte, 31), make([]byte, 32), make([]byte, 65)} {
		if _, err := recovery.DeskAnswer(sk, enc, id, "admin", suite2Challenge()); err == nil {
			t.Errorf("enc of %d zero bytes was accepted", len(enc))
		}
	}
}

// rfc9180Answer makes the answer a second time, by hand from RFC 9180
// (sections 4.1, 5.1 and 5.3) and the document, without crypto/hpke.
func rfc9180Answer(t *testing.T, sk hpke.PrivateKey, enc []byte, id recovery.DeviceID, account string, c recovery.Challenge) string {
	t.Helper()
	raw, err := sk.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	priv, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ecdh.X25519().NewPublicKey(enc)
	if err != nil {
		t.Fatal(err)
	}
	dh, err := priv.ECDH(pub)
	if err != nil {
		t.Fatal(err)
	}
	kem := []byte("KEM\x00\x20")
	suite := []byte("HPKE\x00\x20\x00\x01\xff\xff")
	s := sha512.Sum512([]byte("rrc/v1 ctx\x00" + id.Data() + "\x00" + account + "\x00" + string([]byte{2, byte(c.Purpose), c.Epoch})))
	info := append([]byte("rrc/v1 s2\x00"), s[:]...)

	shared := labeledExpand(t, kem, labeledExtract(t, kem, nil, "eae_prk", dh), "shared_secret",
		append(bytes.Clone(enc), priv.PublicKey().Bytes()...))
	context := append([]byte{0}, labeledExtract(t, suite, nil, "psk_id_hash", nil)...)
	context = append(context, labeledExtract(t, suite, nil, "info_hash", info)...)
	secret := labeledExtract(t, suite, shared, "secret", nil)
	exporter := labeledExpand(t, suite, secret, "exp", context)

	symbols := make([]byte, 0, 15)
	for _, r := range c.Data() {
		symbols = append(symbols, byte(bytes.IndexRune([]byte("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), r)))
	}
	out := labeledExpand(t, suite, exporter, "sec", append([]byte("response\x00"), symbols...))
	return spellAnswer(out)
}

// spellAnswer writes the leftmost 60 bits as an answer, finding each check
// symbol by trying all 32.
func spellAnswer(mac []byte) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	n := binary.BigEndian.Uint64(mac) >> 4
	var code string
	for i := range 12 {
		code += digits[n>>(55-5*i)&31:][:1]
		if i%3 != 2 {
			continue
		}
		for _, check := range digits {
			if recovery.FormAnswer.GroupStates(code + string(check))[i/3] == recovery.GroupRight {
				code += string(check) + "-"
				break
			}
		}
	}
	return strings.TrimSuffix(code, "-")
}

func labeledExtract(t *testing.T, suite, salt []byte, label string, ikm []byte) []byte {
	t.Helper()
	in := append([]byte("HPKE-v1"), suite...)
	in = append(append(in, label...), ikm...)
	out, err := hkdf.Extract(sha256.New, in, salt)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func labeledExpand(t *testing.T, suite, prk []byte, label string, info []byte) []byte {
	t.Helper()
	in := append([]byte{0, 32}, "HPKE-v1"...)
	in = append(append(append(in, suite...), label...), info...)
	out, err := hkdf.Expand(sha256.New, prk, string(in), 32)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
