package staff_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"rekey"
)

// FuzzWho: no cookie or key that somebody makes up is taken.
func FuzzWho(f *testing.F) {
	p := newPlace(f)
	f.Add("Bearer rekey_", "", "", "")
	f.Add("", strings.Repeat("A", 43), strings.Repeat("A", 43), "code=x&state=y")
	f.Add("bearer rekey_%00", "*", "", "%")
	n := uint32(0)
	f.Fuzz(func(t *testing.T, authorization, session, browser, query string) {
		n++
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/who", nil)
		r.URL.RawQuery = query
		r.RemoteAddr = fmt.Sprintf("%s:1", netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Cookie", sessionName+"="+session+"; "+browserName+"="+browser+"; rekey-desk-sso="+session)
		if who, err := p.staff.Who(r); !errors.Is(err, rekey.ErrDenied) || who.Name != "" {
			t.Errorf("%+v: %v", who, err)
		}
	})
}
