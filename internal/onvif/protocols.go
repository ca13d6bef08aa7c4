package onvif

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// protocol is one of GetNetworkProtocols. Its other ports, among them the 0 that
// some write beside the true one, are kept to be written back.
type protocol struct {
	name  string // HTTP, HTTPS, RTSP, in the device's writing
	on    bool
	ports []string
}

// mostProtocols is far more than devices have.
const mostProtocols = 32

func (s *session) protocols(ctx context.Context) ([]protocol, error) {
	const operation = "GetNetworkProtocols"
	told, err := s.main.ask(ctx, ofDevice(operation, ""))
	if err != nil {
		return nil, err
	}
	list, err := protocolsOf(told)
	if err != nil {
		return nil, s.main.odd(operation, err)
	}
	return list, nil
}

func protocolsOf(told *element) ([]protocol, error) {
	var list []protocol
	for _, e := range told.named("NetworkProtocols") {
		p := protocol{name: e.exact("Name"), on: isTrue(e.line("Enabled"))}
		for _, port := range e.named("Port") {
			text := port.exact()
			if n, err := strconv.Atoi(text); err != nil || n < 0 || n > 65535 {
				return nil, fmt.Errorf("%q is no port", transport.Printable(text))
			}
			p.ports = append(p.ports, text)
		}
		if p.name == "" || len(list) == mostProtocols {
			return nil, errors.New("no list of protocols that any device has")
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		return nil, errors.New("no protocol in it")
	}
	return list, nil
}

// service is the name of rekey.Service.
func (p protocol) service() string { return transport.Printable(strings.ToLower(p.name)) }

// port is the first that can be one; 0: none.
func (p protocol) port() int {
	for _, text := range p.ports {
		if n, err := strconv.Atoi(text); err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// Interfaces tells the doors with the ports of the device's own list. The door in
// use is told as it was reached: a router may show it at another port.
func (s *session) Interfaces(ctx context.Context) ([]rekey.Interface, error) {
	list, err := s.protocols(ctx)
	if err != nil {
		return nil, err
	}
	here := s.main.http.At()
	doors := []rekey.Interface{here}
	for _, p := range list {
		i := rekey.Interface{Kind: rekey.InterfaceONVIF, Host: here.Host, Port: p.port()}
		switch p.service() {
		case "http":
		case "https":
			i.TLS = true
		case "rtsp":
			i.Kind = rekey.InterfaceRTSP
		default:
			continue
		}
		used := i.Kind == here.Kind && i.TLS == here.TLS
		if !p.on || i.Port == 0 || used || slices.Contains(doors, i) {
			continue
		}
		doors = append(doors, pinned(i, s.id.Interfaces))
	}
	return doors, nil
}

// pinned adds the certificate that was seen at that port before.
func pinned(at rekey.Interface, known []rekey.Interface) rekey.Interface {
	for _, i := range known {
		if at.TLS && at.CertSHA256 == "" && i.TLS && i.Port == at.Port {
			at.CertSHA256 = i.CertSHA256
		}
	}
	return at
}

// Services lists what GetNetworkProtocols tells: http, https and rtsp.
func (s *session) Services(ctx context.Context) ([]rekey.Service, error) {
	list, err := s.protocols(ctx)
	if err != nil {
		return nil, err
	}
	services := make([]rekey.Service, 0, len(list))
	for _, p := range list {
		services = append(services, rekey.Service{Name: p.service(), Enabled: p.on, Port: p.port()})
	}
	return services, nil
}

// SwitchService writes the whole list back as it was read, but for the one
// switch: of what is left out, devices think differently. The door that the
// session came in by is not shut.
func (s *session) SwitchService(ctx context.Context, name string, on bool) error {
	if !on && ((name == "http" && !s.main.http.At().TLS) || (name == "https" && s.main.http.At().TLS)) {
		return fmt.Errorf("%w: %s is the door that this login came in by; log in by the other one to switch it off", rekey.ErrInput, name)
	}
	list, err := s.protocols(ctx)
	if err != nil {
		return err
	}
	is := func(p protocol) bool { return p.service() == name }
	at := slices.IndexFunc(list, is)
	switch {
	case at < 0:
		return fmt.Errorf("%w: ONVIF at %s has no switch for %s, only for its network protocols", rekey.ErrUnsupported, s.host(), transport.Printable(name))
	case list[at].port() == 0:
		return fmt.Errorf("%w: %s tells no port of %s, so its list cannot be written back", rekey.ErrUnsupported, s.host(), name)
	case list[at].on == on:
		return nil
	}
	list[at].on = on
	_, err = s.main.ask(ctx, ofDevice("SetNetworkProtocols", written(list)))
	return err
}

func written(list []protocol) string {
	var b strings.Builder
	for _, p := range list {
		b.WriteString(`<tds:NetworkProtocols>` + tag("tt:Name", p.name) + tag("tt:Enabled", strconv.FormatBool(p.on)))
		for _, port := range p.ports {
			b.WriteString(tag("tt:Port", port))
		}
		b.WriteString(`</tds:NetworkProtocols>`)
	}
	return b.String()
}

var (
	_ rekey.InterfaceLister = (*session)(nil)
	_ rekey.ServiceLister   = (*session)(nil)
	_ rekey.ServiceSwitcher = (*session)(nil)
)
