package missions

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/dahua"
	"rekey/internal/onvif"
	"rekey/internal/recorder"
	"rekey/internal/rekeytest"
)

func (h *house) driver() *dahua.Driver {
	quiet := slog.New(slog.DiscardHandler)
	switch h.Ready().Face {
	case recorder.FaceLNR400, recorder.FaceD861:
		return dahua.New(quiet, dahua.AcceptClearPassword())
	}
	return dahua.New(quiet)
}

type checker interface {
	Check(ctx context.Context, at rekey.Interface, l rekey.Login, tries rekey.Tries) error
}

type door struct {
	rekey.Interface
	by checker
}

// doors are all through which the network tries a password, but for the web page.
func (h *house) doors() (all []door) {
	h.t.Helper()
	ready, by := h.Ready(), h.driver()
	add := func(at string, by checker, kinds ...rekey.InterfaceKind) {
		u, err := url.Parse(at)
		must(h.t, err)
		if u.Host == "" {
			return
		}
		a, err := netip.ParseAddrPort(u.Host)
		must(h.t, err)
		for _, kind := range kinds {
			all = append(all, door{rekey.Interface{Kind: kind, Host: a.Addr().String(), Port: int(a.Port()), TLS: u.Scheme == "https"}, by})
		}
	}
	web := []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI}
	add(ready.HTTP, by, web...)
	add(ready.HTTPS, by, web...)
	add(ready.RTSP, by, rekey.InterfaceRTSP)
	if h.Box().Traits().ONVIF == recorder.ONVIFShared {
		add(ready.ONVIF, onvif.New(slog.New(slog.DiscardHandler)), rekey.InterfaceONVIF)
	}
	return all
}

// opensWith fails unless the password opens every door and the dead one none, the
// web page included. Each wrong try is followed by a right one, so that nobody is
// locked.
func (h *house) opensWith(account, password, dead string) {
	h.t.Helper()
	doors := h.doors()
	want := 3 // RPC2, CGI, RTSP
	if h.Ready().HTTPS != "" {
		want += 2
	}
	if len(doors) < want {
		h.t.Errorf("%d doors were found, not %d", len(doors), want)
	}
	for _, d := range doors {
		if dead != "" {
			if err := d.by.Check(h.t.Context(), d.Interface, rekey.Login{Account: account, Password: rekey.NewSecret(dead)}, &rekeytest.Book{}); !errors.Is(err, rekey.ErrDenied) {
				h.t.Errorf("%s with the dead password: %v", d, err)
			}
		}
		if err := d.by.Check(h.t.Context(), d.Interface, rekey.Login{Account: account, Password: rekey.NewSecret(password)}, &rekeytest.Book{}); err != nil {
			h.t.Errorf("%s with the password: %v", d, err)
		}
	}
	if p := h.visitor(); dead != "" && p.logIn(account, dead, false) {
		h.t.Error("the dead password opens the web page")
	}
	if p := h.visitor(); h.Box().SecondFactor(account).On {
		p.post("/login", "account", account, "password", password)
		if p.path != "/login/code" {
			h.t.Errorf("the web page asks for no code: %s", p.path)
		}
	} else if !p.logIn(account, password, false) {
		h.t.Error("the password does not open the web page")
	}
}

// recordings are how many the network gives out to who has the password.
func (h *house) recordings(password string) (n int, err error) {
	h.t.Helper()
	d, ctx := h.driver(), h.t.Context()
	t, err := rekey.ParseTarget(h.Ready().HTTP)
	must(h.t, err)
	id, err := d.Identify(ctx, t)
	must(h.t, err)
	s, err := d.Open(ctx, id, rekey.Login{Account: recorder.AdminAccount, Password: rekey.NewSecret(password)}, &rekeytest.Book{})
	must(h.t, err)
	defer func() { must(h.t, s.Close(ctx)) }()
	now := h.now()
	err = s.(rekey.RecordingLister).Recordings(ctx, now.AddDate(0, 0, -7), now.AddDate(0, 0, 7), func(rekey.Recording) error { n++; return nil })
	return n, err
}

// visitor is somebody at the recorder's web page, by HTTPS where it is there.
type visitor struct {
	t      *testing.T
	base   string
	http   *http.Client
	status int // of the last page
	path   string
	body   string
}

func (h *house) visitor() *visitor {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	must(h.t, err)
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // #nosec G402 -- of a box whose certificate is its own
	h.t.Cleanup(tr.CloseIdleConnections)
	v := &visitor{t: h.t, base: h.Ready().HTTPS, http: &http.Client{Jar: jar, Transport: tr, Timeout: time.Minute}}
	if v.base == "" {
		v.base = h.Ready().HTTP
	}
	return v
}

func (v *visitor) get(path string) { v.t.Helper(); v.send(http.MethodGet, path, nil) }

func (v *visitor) post(path string, fields ...string) {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	v.send(http.MethodPost, path, form)
}

func (v *visitor) send(method, path string, form url.Values) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(form.Encode()))
	must(v.t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.http.Do(r)
	must(v.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(v.t, err)
	v.status, v.path, v.body = res.StatusCode, res.Request.URL.Path, string(body)
}

// logIn tells whether the password opens the page; stay is for a phone that is
// to stay logged in.
func (v *visitor) logIn(account, password string, stay bool) bool {
	v.t.Helper()
	fields := []string{"account", account, "password", password}
	if stay {
		fields = append(fields, "keep", "on")
	}
	v.post("/login", fields...)
	return v.status == http.StatusOK && v.path != "/login"
}

// inside tells whether the log-in still counts.
func (v *visitor) inside() bool {
	v.t.Helper()
	v.get("/settings")
	return v.status == http.StatusOK && v.path == "/settings"
}
