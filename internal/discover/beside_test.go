package discover

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rekey"
)

// tells is an identifier to which each web port says something else.
type tells struct {
	family string
	at     map[int]rekey.Identity
}

func (s tells) Family() string { return s.family }

func (s tells) Identify(_ context.Context, t rekey.Target) (rekey.Identity, error) {
	if id, is := s.at[t.HTTPPort()]; is {
		return id, nil
	}
	return rekey.Identity{}, rekey.ErrNotRecorder
}

// Behind one address there may be a camera at one port and a recorder at
// another: what one tells is not mixed into the other.
func TestTwoBoxesBehindOneAddress(t *testing.T) {
	t.Parallel()
	camera := rekey.Identity{Family: "onvif", Model: "IPC-1", MAC: "001f54000001"}
	recorder := rekey.Identity{Family: "f", Serial: "AB0001"}
	for name, tc := range map[string]struct {
		family, also map[int]rekey.Identity
		model, uuid  string
		others       string // ports of other devices
	}{
		"camera first":               {map[int]rekey.Identity{8080: recorder}, map[int]rekey.Identity{81: camera}, "", "", "81"},
		"both speak ONVIF":           {map[int]rekey.Identity{8080: recorder}, map[int]rekey.Identity{81: camera, 8080: {UUID: "u-8080"}}, "", "u-8080", "81"},
		"no family, two boxes":       {nil, map[int]rekey.Identity{81: camera, 8080: {Model: "N841", UUID: "u-8080"}}, "IPC-1", "", "8080"},
		"no family, one box":         {nil, map[int]rekey.Identity{81: camera, 8080: {Model: "ipc-1", UUID: "u-81"}}, "IPC-1", "u-81", ""},
		"one box, by serial":         {map[int]rekey.Identity{8080: recorder}, map[int]rekey.Identity{81: {Serial: "ab0001", Model: "N841"}}, "N841", "", ""},
		"one that says nothing":      {map[int]rekey.Identity{8080: recorder}, map[int]rekey.Identity{81: {Family: "onvif"}}, "", "", ""},
		"the family is at the first": {map[int]rekey.Identity{81: recorder}, map[int]rekey.Identity{81: {Model: "N841"}, 8080: camera}, "N841", "", ""},
	} {
		q := inquiry{families: []Identifier{tells{"f", tc.family}}, also: []Identifier{tells{"onvif", tc.also}}}
		at := rekey.Target{Host: "127.0.0.1"}
		_ = q.first(t.Context(), []rekey.Target{{Host: at.Host, Port: 81}, {Host: at.Host, Port: 8080}})
		id, err := q.result(t.Context(), at, nil)
		if err != nil || id.Model != tc.model || id.UUID != tc.uuid || (id.Serial == "") != (tc.family == nil) {
			t.Errorf("%s: %+v: %v", name, id, err)
		}
		words := ""
		for _, o := range id.Oddities {
			words += o.ID + " " + o.Words
		}
		if (words == "") != (tc.others == "") || tc.others != "" && !strings.HasPrefix(words, "another-device Another device answers at port "+tc.others+" of the same address") {
			t.Errorf("%s: %q", name, words)
		}
	}
}

// What the name does not lead to is told as such, not as a box that is switched off.
func TestIdentifyAsksOneAddress(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]struct {
		kind  error
		words string
	}{
		"no-such-recorder.invalid": {rekey.ErrUnreachable, "no address is known for the name"},
		"fe80::1":                  {rekey.ErrInput, "say by which network interface"},
		"255.255.255.255":          {rekey.ErrInput, "is not the address of a host"},
	} {
		_, err := Identify(t.Context(), rekey.Target{Host: host}, nil, nil, nil)
		if !errors.Is(err, want.kind) || !strings.Contains(err.Error(), want.words) || strings.Contains(err.Error(), "cable") {
			t.Errorf("%s: %v", host, err)
		}
	}
	web := page(t, printer)
	var mu sync.Mutex
	var hosts []string
	f := hears{hosts: &hosts, mu: &mu}
	if _, err := Identify(t.Context(), rekey.Target{Host: "localhost", Port: web}, []Identifier{f}, []Identifier{f}, nil); err != nil || !slices.Equal(hosts, []string{"127.0.0.1", "127.0.0.1"}) {
		t.Errorf("asked at %q: %v", hosts, err)
	}
}

// hears notes at which host it was asked.
type hears struct {
	hosts *[]string
	mu    *sync.Mutex
}

func (hears) Family() string { return "f" }

func (h hears) Identify(_ context.Context, t rekey.Target) (rekey.Identity, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*h.hosts = append(*h.hosts, t.Host)
	return rekey.Identity{Family: "f"}, nil
}

func TestWhereADiscoveryAnswerMaySendUs(t *testing.T) {
	t.Parallel()
	for port, want := range map[int]bool{-1: false, 0: false, 22: false, 25: false, 80: true, 81: true, 90: false, 443: true, 445: false, 1023: false, 8000: true, 8999: true, 49152: true, 65535: true, 65536: false} {
		id := rekey.Identity{Interfaces: []rekey.Interface{{Kind: rekey.InterfaceCGI, Port: port}}}
		at := named(rekey.Target{Host: "192.0.2.1", Port: 1}, []rekey.Identity{id})
		if (len(at) == 1) != want {
			t.Errorf("%d: %v", port, at)
		}
	}
}

// A page that sends elsewhere is told with where to, and nobody goes there.
func TestARedirectIsToldAndNotFollowed(t *testing.T) {
	t.Parallel()
	there := page(t, func(http.ResponseWriter, *http.Request) { t.Error("it was followed") })
	url := "http://127.0.0.1:" + strconv.Itoa(there) + "/"
	here := page(t, func(w http.ResponseWriter, r *http.Request) {
		to := url
		if r.URL.Path != "/" {
			t.Error(r.URL)
		}
		w.Header().Set("Location", to+strings.Repeat("x", 1000))
		w.WriteHeader(http.StatusFound)
	})
	words, spoke := describe(t.Context(), rekey.Target{Host: "127.0.0.1", Port: here})
	if !spoke || !strings.Contains(words, `points to "`+url) || len(words) > 300 {
		t.Errorf("%q", words)
	}
}

// Of a page that does not end, 64 KiB are read.
func TestAPageIsCutOff(t *testing.T) {
	t.Parallel()
	endless := page(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	res, body, err := fetch(t.Context(), rekey.Target{Host: "127.0.0.1", Port: endless}) //nolint:bodyclose // fetch closes it
	if err != nil || res.StatusCode != http.StatusOK || len(body) == 0 || len(body) > 64<<10 {
		t.Errorf("%d bytes: %v", len(body), err)
	}
}
