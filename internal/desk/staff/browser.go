package staff

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// browserWords is what a person recognises of a User-Agent, such as "Firefox on Linux".
func browserWords(userAgent string) string {
	find := func(otherwise string, words [][2]string) string {
		for _, w := range words {
			if strings.Contains(userAgent, w[0]) {
				return w[1]
			}
		}
		return otherwise
	}
	// Browsers also name those that they want to be taken for: the particular first.
	browser := find("a program", [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"},
		{"Safari/", "Safari"}, {"rekey", "rekey"}, {"Mozilla/", "a browser"}})
	system := find("", [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"},
		{"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}})
	if system == "" {
		return browser
	}
	return browser + " on " + system
}

// browser is one browser, by the cookie that names it.
type browser struct {
	hash  string    // of the cookie
	since time.Time // when the desk first saw it
}

// BrowserLetters are as many letters of Agent.Browser as tell browsers apart in
// the security log.
const BrowserLetters = 12

// The cookie's value: seconds of Unix time, random bytes, and a MAC of both, so
// that nobody gives a browser a name, or an age, of their own.
const (
	browserTimeLen   = 4
	browserRandomLen = 12
	browserLen       = browserTimeLen + browserRandomLen + browserMACLen
	browserMACLen    = 16
)

func (s *Staff) browserMAC(name []byte) []byte {
	return mac(s.o.Key, "name of a browser", string(name))[:browserMACLen]
}

// browser is the browser of a request, which gets a name where it has none.
func (s *Staff) browser(w http.ResponseWriter, r *http.Request) (browser, error) {
	at, value := s.readBrowser(r)
	if at.hash == "" {
		raw := binary.BigEndian.AppendUint32(nil, uint32(s.now().Unix())) //nolint:gosec // G115: good until 2106
		raw = append(raw, make([]byte, browserRandomLen)...)
		if _, err := io.ReadFull(s.o.Rand, raw[browserTimeLen:]); err != nil {
			return browser{}, fmt.Errorf("draw a name for a browser: %w", err)
		}
		value = base64.RawURLEncoding.EncodeToString(append(raw, s.browserMAC(raw)...))
		at = s.browserNamed(value, raw)
	}
	http.SetCookie(w, s.hostCookie(browserCookie, value, browserLife, http.SameSiteStrictMode))
	return at, nil
}

func (s *Staff) browserNamed(value string, raw []byte) browser {
	return browser{s.hash("browser", value), time.Unix(int64(binary.BigEndian.Uint32(raw)), 0).UTC()}
}

// browserOf is the same for a browser that should have a name; the zero value = it has none of ours.
func (s *Staff) browserOf(r *http.Request) browser {
	at, _ := s.readBrowser(r)
	return at
}

func (s *Staff) readBrowser(r *http.Request) (at browser, value string) {
	c, err := r.Cookie(s.cookieName(browserCookie))
	if err != nil {
		return browser{}, ""
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
	if err != nil || len(raw) != browserLen {
		return browser{}, ""
	}
	name, sum := raw[:browserLen-browserMACLen], raw[browserLen-browserMACLen:]
	if !hmac.Equal(sum, s.browserMAC(name)) {
		return browser{}, ""
	}
	return s.browserNamed(c.Value, name), c.Value
}
