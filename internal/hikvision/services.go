package hikvision

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"rekey"
)

// pathAccesses lists what listens on the recorder, with its ports.
const pathAccesses = "/ISAPI/Security/adminAccesses"

// protocol is one entry of that list.
type protocol struct {
	protocol string
	enabled  bool // also where there is no switch for it
	port     int
}

// name is the service's name in rekey.
func (p protocol) name() string {
	if strings.EqualFold(p.protocol, "DEV_MANAGE") {
		return "sdk"
	}
	return strings.ReplaceAll(strings.ToLower(p.protocol), "_", "-")
}

func readProtocol(n *node) protocol {
	p := protocol{protocol: n.value("protocol")}
	on, told := n.on("enabled")
	p.enabled = on || !told
	p.port, _ = n.number(1<<16-1, "portNo")
	return p
}

// protocols reads the list.
func (s *session) protocols(ctx context.Context) ([]protocol, error) {
	r, err := s.get(ctx, pathAccesses, "AdminAccessProtocolList")
	if err != nil {
		return nil, err
	}
	return readProtocols(r), nil
}

func readProtocols(r *node) []protocol {
	var list []protocol
	for _, n := range r.all("AdminAccessProtocol") {
		if p := readProtocol(n); p.protocol != "" {
			list = append(list, p)
		}
	}
	return list
}

// Services lists what listens: http, https, rtsp, sdk (the maker's own port),
// and on newer firmware websocket, iot and sdk-over-tls.
func (s *session) Services(ctx context.Context) ([]rekey.Service, error) {
	list, err := s.protocols(ctx)
	if err != nil {
		return nil, err
	}
	services := make([]rekey.Service, 0, len(list))
	for _, p := range list {
		services = append(services, rekey.Service{Name: p.name(), Enabled: p.enabled, Port: p.port})
	}
	return services, nil
}

// SwitchService writes the whole list back with one switch changed. The door
// that the session came in by is not shut.
func (s *session) SwitchService(ctx context.Context, name string, on bool) error {
	if !on && ((name == "http" && !s.at.TLS) || (name == "https" && s.at.TLS)) {
		return fmt.Errorf("%w: %s is the door that this login came in by; log in by the other one to switch it off", rekey.ErrInput, name)
	}
	w, err := s.web(ctx)
	if err != nil {
		return err
	}
	doc, err := w.getExactly(ctx, pathAccesses, "AdminAccessProtocolList")
	if err != nil {
		return err
	}
	for _, n := range doc.root.all("AdminAccessProtocol") {
		if readProtocol(n).name() != name {
			continue
		}
		enabled := n.find("enabled")
		if enabled == nil {
			return fmt.Errorf("%w: %s has no switch for %s", rekey.ErrUnsupported, s.at.Address(), name)
		}
		return waiting(w.put(ctx, pathAccesses, doc.apply(doc.set(enabled, strconv.FormatBool(on)))))
	}
	return fmt.Errorf("%w: %s lists no service %q", rekey.ErrUnsupported, s.at.Address(), name)
}

// waiting is a change that needs hands at the recorder before it is in force.
func waiting(err error) error {
	var reboot *rebootError
	if errors.As(err, &reboot) {
		return fmt.Errorf("%w: %w", rekey.ErrWaiting, err)
	}
	return err
}

var (
	_ rekey.ServiceLister   = (*session)(nil)
	_ rekey.ServiceSwitcher = (*session)(nil)
)
