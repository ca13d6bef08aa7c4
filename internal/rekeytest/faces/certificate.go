package faces

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"time"
)

// Certificate is what a box shows. Its key is made anew at every start.
type Certificate string

// The certificates of the field.
const (
	SelfSigned  Certificate = ""
	Expired     Certificate = "expired"       // and self-signed, since the year it was made
	NotYetValid Certificate = "not yet valid" // made while the box's clock was ahead
	Issued      Certificate = "issued"        // by an authority of the owner's
)

func (c Certificate) span(now time.Time) (from, until time.Time) {
	switch c {
	case Expired:
		return now.AddDate(-6, 0, 0), now.AddDate(-1, 0, 0)
	case NotYetValid:
		return now.AddDate(2, 0, 0), now.AddDate(12, 0, 0)
	}
	return now.AddDate(-1, 0, 0), now.AddDate(9, 0, 0)
}

func (c Certificate) make(ip net.IP, now time.Time) (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	from, until := c.span(now)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "192.168.1.108", Organization: []string{"Recorder"}},
		NotBefore: from, NotAfter: until, IPAddresses: []net.IP{ip},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	issuer, signer := leaf, key
	if c == Issued {
		issuer = &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Owner's authority"},
			NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		}
		if signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return tls.Certificate{}, "", err
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, leaf, issuer, &key.PublicKey, signer)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	sum := sha256.Sum256(raw)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, hex.EncodeToString(sum[:]), nil
}
