package front_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestFormLeftInTheBrowser: whoever opens the address that a form of the owner's page
// left there sees the page, and nothing is done.
func TestFormLeftInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.openCase(h.enrol(petra()), "+493012345")
	link := h.link("notice.open")
	for _, form := range []string{"/confirm", "/half"} {
		res, _ := h.send(http.MethodGet, link+form, nil)
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != strings.TrimPrefix(link, h.base) {
			t.Errorf("%s: status %d, to %q", form, res.StatusCode, to)
		}
	}
	if res, _ := h.send(http.MethodGet, "/o/..%2f..%2fcases/half", nil); strings.Contains(res.Header.Get("Location"), "../") {
		t.Errorf("a made-up link leads to %q", res.Header.Get("Location"))
	}
}

// TestForeignCallOfTheAPI: what another site sends is refused as the API refuses,
// whatever the script there says to accept.
func TestForeignCallOfTheAPI(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, accept := range []string{"*/*", "text/html"} {
		res, body := h.send(http.MethodPost, "/api/v1/cases", nil, "Origin", "https://evil.example", "Accept", accept)
		var problem struct {
			Status int    `json:"status"`
			Code   string `json:"code"`
		}
		if err := json.Unmarshal([]byte(body), &problem); err != nil || res.StatusCode != http.StatusForbidden || problem.Status != http.StatusForbidden || problem.Code == "" {
			t.Errorf("%s: status %d, %v: %.200s", accept, res.StatusCode, err, body)
		}
		if kind := res.Header.Get("Content-Type"); kind != "application/problem+json" {
			t.Errorf("%s: answered as %q", accept, kind)
		}
	}
}
