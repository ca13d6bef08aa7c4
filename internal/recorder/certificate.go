package recorder

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"rekey"
)

const certKeyContext = "recorder certificate key"

// newCertificate makes the self-signed certificate that such boxes come with:
// nobody vouches for it, a client pins its fingerprint. certKey is sealed.
func newCertificate(i Info, now time.Time, seal *sealer) (cert, certKey []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	const life = 20 * 365 * 24 * time.Hour
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{i.Vendor}, CommonName: i.Model + " " + i.Serial},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.Add(life),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	certKey, err = seal.seal(pkcs8, certKeyContext)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), certKey, err
}

func loadCertificate(dir string, seal *sealer) (c tls.Certificate, err error) {
	name := filepath.Join(dir, certificateFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return c, storageError("read the certificate", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return c, fmt.Errorf("%w: %s holds no certificate", rekey.ErrStorage, name)
	}
	sealed, err := os.ReadFile(filepath.Join(dir, certKeyFile))
	if err != nil {
		return c, storageError("read the certificate's key", err)
	}
	pkcs8, err := seal.open(sealed, certKeyContext)
	if err != nil {
		return c, err
	}
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return c, storageError("read the certificate's key", err)
	}
	return tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}, nil
}
