package passkey_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"rekey"
	"rekey/internal/desk/passkey"
)

const (
	origin    = "https://desk.example.com:8443"
	challenge = "AAECAwQFBgcICQoLDA0ODw"
)

func creation(rp, challenge, user string, alg string) json.RawMessage {
	return json.RawMessage(`{"publicKey":{"rp":{"id":"` + rp + `","name":"desk"},"user":{"id":"` + user + `","name":"ann","displayName":"ann"},"challenge":"` + challenge +
		`","pubKeyCredParams":[{"type":"public-key","alg":-8},{"type":"public-key","alg":` + alg + `}]}}`)
}

func request(rp, challenge, allow string) json.RawMessage {
	return json.RawMessage(`{"publicKey":{"rpId":"` + rp + `","challenge":"` + challenge + `","allowCredentials":[` + allow + `],"userVerification":"required"}}`)
}

func newKey(t testing.TB) (*passkey.Key, json.RawMessage) {
	t.Helper()
	k, credential, err := passkey.Create(origin, creation("desk.example.com", challenge, "YW5u", "-7"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k, credential
}

// TestCreateAndGet: what comes out is as the standard has it: the user verified,
// attestation none, client data with the origin, and a signature by the key that
// was registered.
func TestCreateAndGet(t *testing.T) {
	t.Parallel()
	k, credential := newKey(t)
	made, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		t.Fatal(err)
	}
	client, data := made.Response.CollectedClientData, made.Response.AttestationObject.AuthData
	if client.Type != protocol.CreateCeremony || client.Challenge != challenge || client.Origin != origin || client.CrossOrigin {
		t.Errorf("client data %+v", client)
	}
	rp := sha256.Sum256([]byte("desk.example.com"))
	if made.Response.AttestationObject.Format != "none" || !data.Flags.HasUserVerified() || !data.Flags.HasUserPresent() || data.Counter != 0 || !bytes.Equal(data.RPIDHash, rp[:]) {
		t.Errorf("attestation %s, data %+v", made.Response.AttestationObject.Format, data)
	}
	assertion, err := k.Get(origin, request("desk.example.com", challenge, ""))
	if err != nil {
		t.Fatal(err)
	}
	got, err := protocol.ParseCredentialRequestResponseBytes(assertion)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.RawID, made.RawID) || string(got.Response.UserHandle) != "ann" || got.Response.CollectedClientData.Type != protocol.AssertCeremony || !got.Response.AuthenticatorData.Flags.HasUserVerified() {
		t.Errorf("%+v", got.Response)
	}
	parsed, err := webauthncose.ParsePublicKey(data.AttData.CredentialPublicKey)
	if err != nil {
		t.Fatal(err)
	}
	point, ok := parsed.(webauthncose.EC2PublicKeyData)
	if !ok {
		t.Fatalf("a key of the kind %T", parsed)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, point.XCoord...), point.YCoord...))
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(got.Raw.AssertionResponse.ClientDataJSON)
	signed := sha256.Sum256(append(bytes.Clone(got.Raw.AssertionResponse.AuthenticatorData), hash[:]...))
	if !ecdsa.VerifyASN1(public, signed[:], got.Response.Signature) {
		t.Error("the signature does not hold")
	}
}

// TestOtherSites: it answers nobody but the desk that it is for.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	k, credential := newKey(t)
	var made struct{ ID string }
	if err := json.Unmarshal(credential, &made); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		origin  string
		options json.RawMessage
	}{
		"another host":      {"https://evil.example.com", request("evil.example.com", challenge, "")},
		"asks for the desk": {"https://evil.example.com", request("desk.example.com", challenge, "")},
		"ends alike":        {"https://evildesk.example.com", request("desk.example.com", challenge, "")},
		"the whole domain":  {origin, request("example.com", challenge, "")},
		"no host":           {origin, request("", challenge, "")},
		"a page":            {origin + "/join", request("desk.example.com", challenge, "")},
		"no origin":         {"", request("desk.example.com", challenge, "")},
		"another passkey":   {origin, request("desk.example.com", challenge, `{"type":"public-key","id":"AAAA"}`)},
		"short challenge":   {origin, request("desk.example.com", "AAAA", "")},
		"no JSON":           {origin, json.RawMessage(`x`)},
		"no options":        {origin, nil},
	} {
		if _, err := k.Get(c.origin, c.options); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.Get(origin, request("desk.example.com", challenge, `{"type":"public-key","id":"AAAA"},{"type":"public-key","id":"`+made.ID+`"}`)); err != nil {
		t.Errorf("one of several: %v", err)
	}
	for name, options := range map[string]json.RawMessage{
		"another site": creation("evil.example.com", challenge, "YW5u", "-7"),
		"no user":      creation("desk.example.com", challenge, "", "-7"),
		"long user":    creation("desk.example.com", challenge, strings.Repeat("A", 100), "-7"),
		"RSA only":     creation("desk.example.com", challenge, "YW5u", "-257"),
		"no challenge": creation("desk.example.com", "", "YW5u", "-7"),
		"no base64url": creation("desk.example.com", "****", "YW5u", "-7"),
		"no JSON":      json.RawMessage(`[]`),
	} {
		if _, _, err := passkey.Create(origin, options, rand.Reader); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := passkey.Create(origin, creation("desk.example.com", challenge, "YW5u", "-7"), strings.NewReader("short")); err == nil {
		t.Error("a passkey without randomness")
	}
}

// TestFile: what Seal wrote Open reads, with the passphrase alone; a changed file
// opens nothing.
func TestFile(t *testing.T) {
	t.Parallel()
	k, _ := newKey(t)
	right := rekey.NewSecret("seven quiet tables in a row")
	sealed, err := k.Seal(right, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again, err := passkey.Open(sealed, right)
	if err != nil {
		t.Fatal(err)
	}
	one, err := k.Get(origin, request("desk.example.com", challenge, ""))
	if err != nil {
		t.Fatal(err)
	}
	two, err := again.Get(origin, request("desk.example.com", challenge, ""))
	if err != nil || idOf(t, one) != idOf(t, two) {
		t.Errorf("another passkey: %v", err)
	}
	if _, err := passkey.Open(sealed, rekey.NewSecret("seven quiet tables in a rod")); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if other, err := k.Seal(right, rand.Reader); err != nil || bytes.Equal(other, sealed) {
		t.Errorf("two files are equal: %v", err)
	}
	if _, err := k.Seal(rekey.Secret{}, rand.Reader); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("no passphrase: %v", err)
	}
	if _, err := k.Seal(right, strings.NewReader("short")); err == nil {
		t.Error("a file without randomness")
	}
	var fields map[string]string
	if err := json.Unmarshal(sealed, &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		changed := map[string]string{}
		for n, v := range fields {
			changed[n] = v
		}
		changed[name] = flip(fields[name])
		text, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := passkey.Open(text, right); !errors.Is(err, rekey.ErrDenied) && !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
}

// flip changes the first letter.
func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func idOf(t *testing.T, credential json.RawMessage) string {
	t.Helper()
	var c struct{ ID string }
	if err := json.Unmarshal(credential, &c); err != nil {
		t.Fatal(err)
	}
	return c.ID
}

func FuzzOpen(f *testing.F) {
	k, _ := newKey(f)
	right := rekey.NewSecret("seven quiet tables in a row")
	sealed, err := k.Seal(right, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(bytes.TrimSpace(sealed))
	f.Add(sealed[:len(sealed)/2])
	f.Add([]byte(`{"format":"rekey passkey v1","rp_id":"x","salt":"","nonce":"","sealed":""}`))
	f.Add([]byte(`{"format":"rekey passkey v1","kib":4000000}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		k, err := passkey.Open(file, right)
		if err == nil {
			if _, err := k.Get(origin, request("desk.example.com", challenge, "")); err != nil {
				t.Errorf("opened, but %v", err)
			}
			return
		}
		if !errors.Is(err, rekey.ErrInput) && !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("an error of no kind: %v", err)
		}
	})
}

func FuzzOptions(f *testing.F) {
	k, _ := newKey(f)
	f.Add(origin, []byte(creation("desk.example.com", challenge, "YW5u", "-7")))
	f.Add(origin, []byte(request("desk.example.com", challenge, `{"id":"AAAA"}`)))
	f.Add("https://[::1]:99999", []byte(`{"publicKey":null}`))
	f.Add("", []byte(`{"publicKey":{"challenge":5}}`))
	f.Fuzz(func(t *testing.T, at string, options []byte) {
		for _, err := range []error{second(k.Get(at, options)), third(passkey.Create(at, options, rand.Reader))} {
			if err != nil && !errors.Is(err, rekey.ErrInput) {
				t.Errorf("an error of no kind: %v", err)
			}
		}
		if assertion, err := k.Get(at, options); err == nil && !strings.Contains(string(assertion), base64.RawURLEncoding.EncodeToString([]byte("ann"))) {
			t.Error("an answer without its user")
		}
	})
}

func second[T any](_ T, err error) error { return err }

func third[A, B any](_ A, _ B, err error) error { return err }
