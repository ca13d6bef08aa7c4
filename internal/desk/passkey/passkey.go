// Package passkey is a passkey in software (W3C Web Authentication, Level 3),
// for programs that have no browser: rekey's own commands at a desk, the demo,
// and tests. It is worth as much as the file and the passphrase that keep it.
package passkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"rekey"
)

// Key is a passkey of one agent at one desk: an ES256 key with its credential
// id. It does not count its signatures, as passkeys that several devices share do not.
type Key struct {
	id     []byte
	rpID   string // the desk's host
	handle []byte // whose it is, as the desk told
	secret *ecdsa.PrivateKey
}

// The flags of authenticator data: somebody was there, verified, and a new
// public key follows (Level 3, section 6.1).
const (
	flagPresent  = 0x01
	flagVerified = 0x04
	flagNewKey   = 0x40
)

const idLen = 32

// base64url is bytes in JSON as the standard writes them.
type base64url []byte

// MarshalText writes base64url without padding.
func (b base64url) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads it.
func (b *base64url) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.AppendDecode(nil, text)
	return err
}

type descriptor struct {
	ID base64url `json:"id"`
}

type creation struct {
	PublicKey struct {
		RP struct {
			ID string `json:"id"`
		} `json:"rp"`
		User struct {
			ID base64url `json:"id"`
		} `json:"user"`
		Challenge base64url `json:"challenge"`
		Params    []struct {
			Alg int64 `json:"alg"`
		} `json:"pubKeyCredParams"`
	} `json:"publicKey"`
}

type request struct {
	PublicKey struct {
		RPID      string       `json:"rpId"`
		Challenge base64url    `json:"challenge"`
		Allow     []descriptor `json:"allowCredentials"`
	} `json:"publicKey"`
}

type attestation struct {
	ID       base64url `json:"id"`
	RawID    base64url `json:"rawId"`
	Type     string    `json:"type"`
	Response struct {
		ClientData base64url `json:"clientDataJSON"`
		Object     base64url `json:"attestationObject"`
		Transports []string  `json:"transports"`
	} `json:"response"`
	Extensions struct{} `json:"clientExtensionResults"`
}

type assertion struct {
	ID       base64url `json:"id"`
	RawID    base64url `json:"rawId"`
	Type     string    `json:"type"`
	Response struct {
		ClientData base64url `json:"clientDataJSON"`
		Data       base64url `json:"authenticatorData"`
		Signature  base64url `json:"signature"`
		UserHandle base64url `json:"userHandle"`
	} `json:"response"`
	Extensions struct{} `json:"clientExtensionResults"`
}

// Create answers the options of a registration, {"publicKey": ...}, as a browser
// at origin would: it returns the credential in the JSON form of the standard.
// Errors wrap rekey.ErrInput, also where the options belong to another site.
func Create(origin string, options json.RawMessage, random io.Reader) (*Key, json.RawMessage, error) {
	var o creation
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, nil, fmt.Errorf("%w: options of a registration: %w", rekey.ErrInput, err)
	}
	ask := o.PublicKey
	if err := check(origin, ask.RP.ID, ask.Challenge); err != nil {
		return nil, nil, err
	}
	if len(ask.User.ID) == 0 || len(ask.User.ID) > 64 {
		return nil, nil, fmt.Errorf("%w: options of a registration name no user", rekey.ErrInput)
	}
	es256 := int64(webauthncose.AlgES256)
	if !slices.ContainsFunc(ask.Params, func(p struct {
		Alg int64 `json:"alg"`
	}) bool {
		return p.Alg == es256
	}) {
		return nil, nil, fmt.Errorf("%w: the desk does not take ES256, the only algorithm of this passkey", rekey.ErrInput)
	}
	k, err := draw(ask.RP.ID, ask.User.ID, random)
	if err != nil {
		return nil, nil, err
	}
	credential, err := k.attest(origin, ask.Challenge)
	return k, credential, err
}

func draw(rpID string, handle []byte, random io.Reader) (*Key, error) {
	id := make([]byte, idLen)
	if _, err := io.ReadFull(random, id); err != nil {
		return nil, fmt.Errorf("draw a credential id: %w", err)
	}
	secret, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	return &Key{id: id, rpID: rpID, handle: handle, secret: secret}, nil
}

// attest is the credential with attestation "none".
func (k *Key) attest(origin string, challenge []byte) (json.RawMessage, error) {
	public, err := k.coseKey()
	if err != nil {
		return nil, err
	}
	data := k.authenticatorData(flagPresent | flagVerified | flagNewKey)
	data = append(data, make([]byte, 16)...) // AAGUID: of no known make
	data = binary.BigEndian.AppendUint16(data, idLen)
	data = append(append(data, k.id...), public...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		return nil, err
	}
	a := attestation{ID: k.id, RawID: k.id, Type: "public-key"}
	a.Response.Object, a.Response.Transports = object, []string{"internal"}
	if a.Response.ClientData, err = clientData("webauthn.create", origin, challenge); err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

// coseKey is the public key as RFC 9053 writes it.
func (k *Key) coseKey() ([]byte, error) {
	point, err := k.secret.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	return webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:65],
	})
}

// Get answers the options of a log-in or a step-up, with the user verified. The
// error wraps rekey.ErrInput where they ask for another passkey or another site.
func (k *Key) Get(origin string, options json.RawMessage) (json.RawMessage, error) {
	var o request
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, fmt.Errorf("%w: options of a log-in: %w", rekey.ErrInput, err)
	}
	ask := o.PublicKey
	if err := check(origin, ask.RPID, ask.Challenge); err != nil {
		return nil, err
	}
	if ask.RPID != k.rpID {
		return nil, fmt.Errorf("%w: the passkey is for %s, not for %s", rekey.ErrInput, k.rpID, ask.RPID)
	}
	mine := func(d descriptor) bool { return string(d.ID) == string(k.id) }
	if len(ask.Allow) > 0 && !slices.ContainsFunc(ask.Allow, mine) {
		return nil, fmt.Errorf("%w: %s asks for another passkey", rekey.ErrInput, ask.RPID)
	}
	return k.assert(origin, ask.Challenge)
}

func (k *Key) assert(origin string, challenge []byte) (_ json.RawMessage, err error) {
	a := assertion{ID: k.id, RawID: k.id, Type: "public-key"}
	if a.Response.ClientData, err = clientData("webauthn.get", origin, challenge); err != nil {
		return nil, err
	}
	a.Response.Data = k.authenticatorData(flagPresent | flagVerified)
	a.Response.UserHandle = k.handle
	client := sha256.Sum256(a.Response.ClientData)
	signed := sha256.Sum256(append(slices.Clone(a.Response.Data), client[:]...))
	if a.Response.Signature, err = ecdsa.SignASN1(rand.Reader, k.secret, signed[:]); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return json.Marshal(a)
}

// authenticatorData is what is signed about the passkey; its count stays 0.
func (k *Key) authenticatorData(flags byte) []byte {
	rp := sha256.Sum256([]byte(k.rpID))
	return append(rp[:], flags, 0, 0, 0, 0)
}

func clientData(kind, origin string, challenge base64url) ([]byte, error) {
	return json.Marshal(struct {
		Type        string    `json:"type"`
		Challenge   base64url `json:"challenge"`
		Origin      string    `json:"origin"`
		CrossOrigin bool      `json:"crossOrigin"`
	}{kind, challenge, origin, false})
}

// check is what a browser looks at before it asks its passkeys: a site gets
// answers for its own host, or a domain that it lies in.
func check(origin, rpID string, challenge []byte) error {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin {
		return fmt.Errorf("%w: origin %q: expected such as https://desk.example.com", rekey.ErrInput, origin)
	}
	if rpID == "" || (u.Hostname() != rpID && !strings.HasSuffix(u.Hostname(), "."+rpID)) {
		return fmt.Errorf("%w: %s asks for a passkey of %q, which is another site", rekey.ErrInput, origin, rpID)
	}
	if len(challenge) < 16 {
		return fmt.Errorf("%w: the challenge of %s is too short", rekey.ErrInput, origin)
	}
	return nil
}

// pkcs8 is the secret half for Seal.
func (k *Key) pkcs8() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.secret) }
