package dahua

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"rekey"
)

// service is where a service is switched.
type service struct {
	name     string
	table    string
	key      *regexp.Regexp
	inverted bool // on in the table means that the service is off
}

// plainEnable matches both forms in the field: "Enable" and "[0].Enable".
var plainEnable = regexp.MustCompile(`^(\[\d+\]\.)?Enable$`)

// services are the switches that rekey knows, by the names of rekey.Service.
func services() []service {
	return []service{
		{name: "http", table: "Web", key: plainEnable},
		{name: "https", table: "Https", key: plainEnable},
		{name: "rtsp", table: "RTSP", key: plainEnable},
		{name: "upnp", table: "UPnP", key: plainEnable},
		{name: "p2p", table: "T2UServer", key: plainEnable},
		{name: "telnet", table: "Telnet", key: plainEnable},
		{name: "ssh", table: "SSHD", key: plainEnable},
		{name: "snmp", table: "SNMP", key: plainEnable},
		{name: "multicast", table: "Multicast", key: plainEnable},
		{name: "bonjour", table: "Bonjour", key: plainEnable},
		{name: "ddns", table: "DDNS", key: plainEnable},
		{name: "onvif-without-login", table: "UserGlobal", key: regexp.MustCompile(`^OnvifLoginCheck$`), inverted: true},
	}
}

// on reports whether any plain Enable of the table is true; a table without one is on.
func (t *table) on() bool {
	told := false
	for path, value := range t.flat {
		if plainEnable.MatchString(path) {
			if value == "true" {
				return true
			}
			told = true
		}
	}
	return !told
}

// Services lists the services whose switch the recorder tells. A table that
// cannot be read is left out: no right and no such service look the same.
func (s *session) Services(ctx context.Context) ([]rekey.Service, error) {
	var list []rekey.Service
	for _, sv := range services() {
		t, err := s.table(ctx, sv.table)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		switches := sv.switches(t)
		if len(switches) == 0 {
			continue
		}
		on := false
		for _, path := range switches {
			on = on || (t.flat[path] == "true") != sv.inverted
		}
		port, _ := whole(t.flat["Port"])
		list = append(list, rekey.Service{Name: sv.name, Enabled: on, Port: int(port)})
	}
	return list, nil
}

// switches are the paths of the table that switch the service.
func (sv service) switches(t *table) []string {
	var paths []string
	for path := range t.flat {
		if sv.key.MatchString(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// SwitchService writes the switch in the form that was read. The door that the
// session came in by is not shut.
func (s *session) SwitchService(ctx context.Context, name string, on bool) error {
	sv, err := find(name)
	if err != nil {
		return err
	}
	if !on && ((name == "http" && !s.at.TLS) || (name == "https" && s.at.TLS)) {
		return fmt.Errorf("%w: %s is the door that this login came in by; log in by the other one to switch it off", rekey.ErrInput, name)
	}
	t, err := s.table(ctx, sv.table)
	if err != nil {
		return err
	}
	changes := map[string]string{}
	for _, path := range sv.switches(t) {
		changes[path] = strconv.FormatBool(on != sv.inverted)
	}
	if len(changes) == 0 {
		return fmt.Errorf("%w: the settings %q have no switch for %s", rekey.ErrUnsupported, sv.table, name)
	}
	return s.write(ctx, t, changes)
}

func find(name string) (service, error) {
	for _, sv := range services() {
		if sv.name == name {
			return sv, nil
		}
	}
	return service{}, fmt.Errorf("%w: no service %q is known for this family", rekey.ErrUnsupported, name)
}

var (
	_ rekey.ServiceLister   = (*session)(nil)
	_ rekey.ServiceSwitcher = (*session)(nil)
)
