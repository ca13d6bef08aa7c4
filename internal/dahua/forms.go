package dahua

import (
	"crypto/md5" // #nosec G501 -- the family's login hash is MD5
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"rekey"
)

// proof is how the password goes out in the second step.
type proof struct{ password, form, loginType string }

// Login forms, by the word in the challenge. "Default" and the plain ones are in
// several clients; DigestSHA256, the same two stages, is in one, of an OEM.
const (
	formDefault   = "Default"
	formSHA256    = "DigestSHA256"
	formBasic     = "Basic"
	formWatchNet  = "WatchNet"
	formOldDigest = "OldDigest"
)

// proof makes the form that the challenge wants, or says why not. Nothing was
// spent by then.
func (d *Driver) proof(c challenge, l rekey.Login, at rekey.Interface) (proof, error) {
	p := proof{form: c.Encryption, loginType: "Direct"}
	why := ""
	switch c.Encryption {
	case formDefault:
		p.password = loginHash(l, c.Realm, string(c.Random), upperMD5)
		return p, nil
	case formSHA256:
		p.password = loginHash(l, c.Realm, string(c.Random), upperSHA256)
		return p, nil
	case formBasic, formWatchNet:
		if err := d.basic().Refuse(at.TLS); err != nil {
			return p, fmt.Errorf("%s, login form %q: %w", at.Address(), c.Encryption, err)
		}
		p.password = base64.StdEncoding.EncodeToString([]byte(l.Account + ":" + l.Password.Reveal()))
		if c.Encryption == formWatchNet {
			p.password, p.loginType = l.Password.Reveal(), formWatchNet
		}
		return p, nil
	case formOldDigest:
		why = "the eight-character hash of the first generation; change the password at its own screen"
	default:
		why = "which rekey does not know, and it does not send a password in the clear to find out"
	}
	return p, fmt.Errorf("%w: %s wants the login form %q, %s", rekey.ErrUnsupported, at.Address(), clean(c.Encryption), why)
}

// loginHash is the hash of account:random:A, A being that of
// account:realm:password; both in upper-case hex.
func loginHash(l rekey.Login, realm, random string, hash func(string) string) string {
	return hash(l.Account + ":" + random + ":" + hash(l.Account+":"+realm+":"+l.Password.Reveal()))
}

func upperSHA256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func upperMD5(s string) string {
	sum := md5.Sum([]byte(s)) // #nosec G401 -- see the import
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}
