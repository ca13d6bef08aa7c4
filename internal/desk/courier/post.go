package courier

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"rekey"
)

// signatureHeader carries t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">.
const signatureHeader = "Rekey-Signature"

func signature(key []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

const (
	postTime   = 10 * time.Second
	maxHeader  = 16 << 10
	maxURLText = 2000
)

// parseURL reads the address of somebody's web service: https, or plain http to
// this machine. local tells whether it names this machine: by localhost or by a
// loopback address, and not by a name that happens to lead there.
func parseURL(typed string) (u *url.URL, local bool, err error) {
	bad := func(why string) (*url.URL, bool, error) {
		return nil, false, fmt.Errorf("%w: address of a web service: %s; expected https://HOST/PATH, or http on this machine", rekey.ErrInput, why)
	}
	u, err = url.Parse(typed)
	switch {
	case err != nil || len(typed) > maxURLText || u.Opaque != "":
		return bad("it cannot be read")
	case u.Hostname() == "":
		return bad("it names no host")
	case u.User != nil || u.Fragment != "":
		return bad("it may hold neither a user nor a fragment")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	local = u.Hostname() == "localhost" || (err == nil && ip.Unmap().IsLoopback())
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return bad("what leaves this machine must be encrypted")
	}
	return u, local, nil
}

// target is a web service, and where its name may lead.
type target struct {
	url    string
	allows func(netip.Addr) bool
	ca     []byte // certificates (PEM); nil = those that this system trusts
}

// post posts JSON in one try of at most 10 seconds. It follows no redirect, uses
// no proxy, connects only to an address that the target allows, whatever its
// name resolves to, and reads nothing of the answer but its status.
func (t target) post(ctx context.Context, header map[string]string, body []byte) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: address of a web service", rekey.ErrInput)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "rekey")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := client.Do(r)
	if err != nil {
		return unreachable(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("%w: the web service answered with status %d", rekey.ErrUnreachable, answer.StatusCode)
	}
	return nil
}

// unreachable says why without the address, which may hold a key of its own.
func unreachable(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	return fmt.Errorf("%w: the web service could not be asked: %w", rekey.ErrUnreachable, err)
}

var errNotAllowed = errors.New("its name leads to an address that is not allowed")

func (t target) client() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.ca != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(t.ca) {
			return nil, fmt.Errorf("%w: the file of the certificate authority holds no certificate (PEM)", rekey.ErrInput)
		}
	}
	dialer := net.Dialer{Timeout: postTime, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !t.allows(at.Addr()) {
			return errNotAllowed
		}
		return nil
	}}
	return &http.Client{
		Timeout:       postTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: config, TLSHandshakeTimeout: postTime,
			DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
		},
	}, nil
}

func isLoopback(a netip.Addr) bool { return a.Unmap().IsLoopback() }

// notPublic are addresses that are no host of the open Internet, beyond those
// that netip knows (IANA special-purpose registries; the last lines are ways to
// write an IPv4 address as an IPv6 one).
func notPublic() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"100::/64", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16",
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

// isPublic tells whether an address is a host of the open Internet, so that no
// hook makes the desk speak to something inside.
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range notPublic() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
