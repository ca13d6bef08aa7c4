package client

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"rekey"
)

// Trust has the desk's certificate lead to one of these (PEM) instead of the
// system's. It is called before anything is sent.
func (c *Client) Trust(pem []byte) error {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%w: support desk: the certificate authority's file holds no certificate (PEM)", rekey.ErrInput)
	}
	c.transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return nil
}
