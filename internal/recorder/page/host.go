package page

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// client tells the box where the request comes from: by the connection, never by
// what a header says.
func client(r *http.Request) recorder.Client {
	return recorder.Client{Via: rekey.InterfaceWeb, Address: addressOf(r), Type: "Web"}
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// hostName is the name by which the browser knows the recorder, without the port.
func hostName(r *http.Request) string {
	if name, _, err := net.SplitHostPort(r.Host); err == nil {
		return name
	}
	return strings.Trim(r.Host, "[]")
}

// ownHost refuses requests that name another host. A page elsewhere could
// otherwise give its own name this address (DNS rebinding) and then be of our
// origin. Every IP address is right: routers translate them, and a page elsewhere
// cannot have one of ours as its name.
func (p *page) ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := hostName(r); net.ParseIP(name) != nil || p.named(name) {
			next.ServeHTTP(w, r)
			return
		}
		web.Fail(w, r, fmt.Errorf("%w: open the recorder by its IP address; it is known by no other name", rekey.ErrDenied))
	})
}

// named tells whether the box has that name on the network at hand. Names of one
// label and those below .local are nobody's in the DNS of the world.
func (p *page) named(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	network, _ := p.box.Table("Network")
	own := network["Hostname"]
	if own == "" || strings.Contains(own, ".") {
		return false
	}
	return strings.EqualFold(name, own) || strings.EqualFold(name, own+".local")
}

// encrypted sends who comes by plain HTTP on to HTTPS, where there is that. The
// start page is for programs, too, which look there for who answers: they get it
// as it is, and a browser, which asks for encryption, is sent on
// (https://www.w3.org/TR/upgrade-insecure-requests/). There is no HSTS: nobody
// vouches for the certificate, and with HSTS a browser would leave the owner of
// a new one no way in.
func (p *page) encrypted(next *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, at := next.Handler(r)
		switch {
		case r.TLS != nil || p.o.HTTPS == 0 || at == nowhere:
			next.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			onlyLook(w, r)
		case r.URL.Path == "/" && r.Header.Get("Upgrade-Insecure-Requests") != "1", strings.HasPrefix(r.URL.Path, "/static/"):
			w.Header().Set("Vary", "Upgrade-Insecure-Requests")
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Vary", "Upgrade-Insecure-Requests")
			http.Redirect(w, r, p.secureURL(r), http.StatusFound) //nolint:gosec // to the name by which the client came, which is ours
		}
	})
}

func (p *page) secureURL(r *http.Request) string {
	host := hostName(r)
	if p.o.HTTPS != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(p.o.HTTPS))
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	to := url.URL{Scheme: "https", Host: host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	return to.String()
}
