package onvif

import (
	"crypto/rand"
	"crypto/sha1" // #nosec G505 -- the digest of the UsernameToken is SHA-1
	"encoding/base64"
	"time"

	"rekey"
)

// Names of Web Services Security 1.0.
const (
	oasis          = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
	passwordDigest = oasis + "username-token-profile-1.0#PasswordDigest"
	base64Binary   = oasis + "soap-message-security-1.0#Base64Binary"
)

// createdForm is the device's time in UTC.
const createdForm = "2006-01-02T15:04:05.000Z"

// token is the Security header of one request: the password only as a digest, a
// nonce of its own, and the time by the device's clock. The nonce is text, as
// some firmware ends it at its first zero byte.
func token(l rekey.Login, at time.Time) string {
	nonce, created := rand.Text(), at.UTC().Format(createdForm)
	return `<wsse:Security xmlns:wsse="` + oasis + `wssecurity-secext-1.0.xsd" xmlns:wsu="` + oasis + `wssecurity-utility-1.0.xsd"><wsse:UsernameToken>` +
		tag("wsse:Username", l.Account) +
		`<wsse:Password Type="` + passwordDigest + `">` + digestOf([]byte(nonce), created, l.Password) + `</wsse:Password>` +
		`<wsse:Nonce EncodingType="` + base64Binary + `">` + base64.StdEncoding.EncodeToString([]byte(nonce)) + `</wsse:Nonce>` +
		tag("wsu:Created", created) + `</wsse:UsernameToken></wsse:Security>`
}

// digestOf is Base64(SHA-1(nonce + created + password)), UsernameToken Profile
// 1.0, section 3.1.
func digestOf(nonce []byte, created string, password rekey.Secret) string {
	h := sha1.New() // #nosec G401 -- see the import
	h.Write(nonce)
	h.Write([]byte(created + password.Reveal()))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
