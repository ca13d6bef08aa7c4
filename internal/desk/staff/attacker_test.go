package staff_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"rekey"
	"rekey/internal/desk/staff"
)

// device is an authenticator that does whatever a test tells it, also what none
// should: it counts as it likes, verifies nobody, or answers for another site.
type device struct {
	id     []byte
	secret *ecdsa.PrivateKey
	handle string // of the user, base64url

	flags       byte
	count       uint32
	rpID        string
	origin      string // empty = as asked
	kind        string
	crossOrigin bool
}

const (
	present  = 0x01
	verified = 0x04
	newKey   = 0x40
)

func newDevice(t testing.TB) *device {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &device{id: make([]byte, 20), secret: secret, flags: present | verified, rpID: "localhost"}
	if _, err := rand.Read(d.id); err != nil {
		t.Fatal(err)
	}
	return d
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (d *device) client(kind, origin, challenge string) []byte {
	if d.origin != "" {
		origin = d.origin
	}
	if d.kind != "" {
		kind = d.kind
	}
	text, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": d.crossOrigin})
	return text
}

func (d *device) data(flags byte) []byte {
	rp := sha256.Sum256([]byte(d.rpID))
	return binary.BigEndian.AppendUint32(append(rp[:], flags), d.count)
}

// create answers a registration.
func (d *device) create(origin string, options json.RawMessage) (json.RawMessage, error) {
	var o struct {
		PublicKey struct {
			Challenge string              `json:"challenge"`
			User      struct{ ID string } `json:"user"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	d.handle = o.PublicKey.User.ID
	point, err := d.secret.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	key, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: 2, Algorithm: -7}, Curve: 1, XCoord: point[1:33], YCoord: point[33:],
	})
	if err != nil {
		return nil, err
	}
	data := append(d.data(d.flags|newKey), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(d.id))) //nolint:gosec // 20
	data = append(append(data, d.id...), key...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"id": b64(d.id), "rawId": b64(d.id), "type": "public-key", "clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}},
		"response": map[string]any{"clientDataJSON": b64(d.client("webauthn.create", origin, o.PublicKey.Challenge)), "attestationObject": b64(object)}})
}

// Get answers a log-in or a step-up.
func (d *device) Get(origin string, options json.RawMessage) (json.RawMessage, error) {
	var o struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	client, data := d.client("webauthn.get", origin, o.PublicKey.Challenge), d.data(d.flags)
	hash := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.secret, signed[:])
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"id": b64(d.id), "rawId": b64(d.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": d.handle}})
}

// register registers a device by a link, and returns what was said.
func (p *place) register(d *device, token rekey.Secret) (staff.Agent, error) {
	p.t.Helper()
	c, _, err := p.staff.BeginPasskey(p.t.Context(), token, home)
	if err != nil {
		p.t.Fatal(err)
	}
	credential, err := d.create(p.origin, c.Options)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.staff.FinishPasskey(p.t.Context(), token, home, c.ID, credential, "device")
}

// withDevice is a new agent with such a device.
func (p *place) withDevice(name string) *device {
	p.t.Helper()
	p.add(name, staff.RoleAgent)
	d := newDevice(p.t)
	if _, err := p.register(d, p.invite(name, false)); err != nil {
		p.t.Fatal(err)
	}
	return d
}
