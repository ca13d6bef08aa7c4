package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rekey/internal/desk"
)

// sentSecret must never come back in a refusal.
const sentSecret = "hunter2-do-not-repeat-me"

// TestBadBodies are refused with one clear line that repeats nothing, and cost
// nothing.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol()
	c := p.as("ann")
	number := p.openCase(c, b, "withheld")
	agent := p.browse("ann")
	path := fmt.Sprintf("/cases/%d/challenge", number)
	deep := strings.Repeat(`{"id":`, 40) + "1" + strings.Repeat("}", 40)
	for name, body := range map[string]string{
		"empty": "", "spaces": "  ", "null": "null", "not an object": `["` + sentSecret + `"]`, "a string": `"` + sentSecret + `"`,
		"unknown field":         `{"challenge":"x","` + sentSecret + `":true}`,
		"unknown nested field":  `{"challenge":"x","step_up":{"id":"1","assertion":{},"` + sentSecret + `":1}}`,
		"wrong type":            `{"challenge":["` + sentSecret + `"]}`,
		"wrong nested type":     `{"challenge":"x","step_up":"` + sentSecret + `"}`,
		"two values":            `{"challenge":"x"}{"challenge":"` + sentSecret + `"}`,
		"cut off":               `{"challenge":"` + sentSecret,
		"no challenge":          `{}`,
		"twice":                 `{"challenge":"x","challenge":"` + sentSecret + `"}`,
		"twice, in two cases":   `{"challenge":"x","Challenge":"` + sentSecret + `"}`,
		"another case":          `{"Challenge":"` + sentSecret + `"}`,
		"too long":              `{"challenge":"` + strings.Repeat(sentSecret, 100) + `"}`,
		"not UTF-8":             "{\"challenge\":\"" + sentSecret + "\xff\"}",
		"a form":                "challenge=" + sentSecret,
		"too deep":              `{"challenge":"x","step_up":{"id":"1","assertion":` + deep + `}}`,
		"NUL":                   "{\"challenge\":\"x\x00" + sentSecret + "\"}",
		"a number as challenge": `{"challenge":7}`,
	} {
		status, got := agent.send("POST", path, body)
		if status != http.StatusBadRequest || !strings.Contains(got, `"code":"input"`) || strings.Count(got, "\n") > 1 {
			t.Errorf("%s: %d %s", name, status, got)
		}
		if strings.Contains(got, sentSecret[:8]) {
			t.Errorf("%s: what was sent comes back: %s", name, got)
		}
	}
	if status, got := agent.send("POST", path, `{"challenge":"`+strings.Repeat("x", 2<<20)+`"}`); status != http.StatusRequestEntityTooLarge || !strings.Contains(got, `"code":"too_large"`) {
		t.Errorf("2 MiB: %d %s", status, got)
	}
	if of, err := c.Case(t.Context(), number); err != nil || of.Stage != desk.StageEvidence {
		t.Errorf("stage %q after all that: %v", of.Stage, err)
	}
}

// TestBadPathsAndQueries are refused in the same form.
func TestBadPathsAndQueries(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	agent, sue := p.browse("ann"), p.browse("sue")
	for path, want := range map[string]int{
		"/cases/" + sentSecret: http.StatusBadRequest, "/cases/0": http.StatusBadRequest, "/cases/-1": http.StatusBadRequest,
		"/cases/99999999999999999999": http.StatusBadRequest, "/cases/7": http.StatusNotFound,
		"/recorders/" + sentSecret: http.StatusBadRequest, "/cases?stage=" + sentSecret: http.StatusBadRequest,
		"/cases?most=501": http.StatusBadRequest, "/cases?open=" + sentSecret: http.StatusBadRequest, "/cases?" + sentSecret + "=1": http.StatusBadRequest,
		"/" + sentSecret: http.StatusNotFound, "/cases/1/" + sentSecret: http.StatusNotFound,
		"/cases?text=" + strings.Repeat("x", 201): http.StatusBadRequest,
	} {
		status, header, got := agent.ask("GET", path, "")
		if status != want || header.Get("Content-Type") != "application/problem+json" || strings.Contains(got, sentSecret[:8]) {
			t.Errorf("%s: %d %s %s", path, status, header.Get("Content-Type"), got)
		}
	}
	for _, path := range []string{"/figures", "/figures?since=yesterday&until=today", "/export?since=2026-01-01T00:00:00Z"} {
		if status, got := sue.send("GET", path, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, status, got)
		}
	}
	status, header, got := agent.ask("DELETE", "/cases", "")
	if status != http.StatusMethodNotAllowed || header.Get("Allow") != "GET, POST" {
		t.Errorf("DELETE /cases: %d %q %s", status, header.Get("Allow"), got)
	}
	status, header, got = agent.ask("GET", "/openapi.json", "")
	if status != http.StatusOK || header.Get("Content-Type") != "application/openapi+json" || !strings.Contains(got, `"openapi": "3.1.0"`) {
		t.Errorf("the document: %d %s", status, header.Get("Content-Type"))
	}
}
