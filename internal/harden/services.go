package harden

import (
	"context"
	"slices"

	"rekey"
)

// The services that findings are about, by the names of rekey.Service.
const (
	serviceHTTP  = "http"
	serviceHTTPS = "https"
)

// switchable is one service that is better off.
type switchable struct {
	service string
	finding Finding
}

// betterOff lists them. Fix switches off these and nothing else: none is a
// door that rekey itself comes through.
func betterOff() []switchable {
	return []switchable{
		{"telnet", Finding{ID: TelnetOn, Severity: High, Title: "Telnet is on", Why: "it gives a command line to whoever knows or guesses a password, unencrypted", Do: "switch it off: --fix does"}},
		{"onvif-without-login", Finding{ID: ONVIFOpen, Severity: High, Title: "ONVIF answers without a login", Why: "anybody in the network can see the pictures and change settings through it", Do: "demand a login for ONVIF: --fix does; then give your video software its login"}},
		{"upnp", Finding{ID: UPnPOn, Severity: High, Title: "UPnP is on", Why: "the recorder opens ports in the router by itself and can then be reached from the internet", Do: "switch it off: --fix does; then look for leftover port mappings in the router"}},
		{"ssh", Finding{ID: SSHOn, Severity: Medium, Title: "SSH is on", Why: "it gives a command line that nobody needs for running the recorder", Do: "switch it off: --fix does"}},
		{"snmp", Finding{ID: SNMPOn, Severity: Medium, Title: "SNMP is on", Why: "its usual form tells about the recorder, and may change it, to anybody who knows a word that is often \"public\"", Do: "switch it off where no monitoring reads it: --fix does"}},
		{"p2p", Finding{ID: P2POn, Severity: Low, Title: "the cloud connection (P2P) is on", Why: "the recorder can be reached through the maker's servers with its serial number and a password", Do: "switch it off at Network > P2P where nobody uses the maker's app; the app stops working from outside then"}},
		{"multicast", Finding{ID: MulticastOn, Severity: Low, Title: "multicast is on", Why: "pictures are sent to the whole network, not only to who asked for them", Do: "switch it off where no display wall needs it: --fix does"}},
	}
}

func checkServices(ctx context.Context, s rekey.Session, in CheckInput) ([]Finding, error) {
	lister, err := can[rekey.ServiceLister](s)
	if err != nil {
		return nil, err
	}
	services, err := lister.Services(ctx)
	if err != nil {
		return nil, err
	}
	_, fixable := s.(rekey.ServiceSwitcher)
	var found []Finding
	for _, b := range betterOff() {
		if on(services, b.service) {
			b.finding.Fixable, b.finding.Certainty = fixable, rekey.Verified
			found = append(found, b.finding)
		}
	}
	if plainOnly(services, in.Identity) {
		found = append(found, Finding{
			ID: PlainHTTP, Severity: Medium, Certainty: rekey.Verified,
			Fixable: fixable && listed(services, serviceHTTPS),
			Title:   "the web page is offered without encryption only",
			Why:     "whoever listens in the network sees what is sent after the login, and on some recorders a new password",
			Do:      "switch HTTPS on (Network > HTTPS), use it, then switch HTTP off",
		})
	}
	return found, nil
}

func on(services []rekey.Service, name string) bool {
	return slices.ContainsFunc(services, func(s rekey.Service) bool { return s.Name == name && s.Enabled })
}

func listed(services []rekey.Service, name string) bool {
	return slices.ContainsFunc(services, func(s rekey.Service) bool { return s.Name == name })
}

// plainOnly takes the recorder's own list, and where that is silent about the
// web page, what was seen of its doors.
func plainOnly(services []rekey.Service, id rekey.Identity) bool {
	if listed(services, serviceHTTP) || listed(services, serviceHTTPS) {
		return on(services, serviceHTTP) && !on(services, serviceHTTPS)
	}
	webDoors := []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI, rekey.InterfaceISAPI, rekey.InterfaceONVIF, rekey.InterfaceWeb}
	plain, encrypted := false, false
	for _, i := range id.Interfaces {
		if slices.Contains(webDoors, i.Kind) {
			plain, encrypted = plain || !i.TLS, encrypted || i.TLS
		}
	}
	return plain && !encrypted
}

// checkLogin takes from the identity that a recorder knows no login but the
// readable one.
func checkLogin(_ context.Context, _ rekey.Session, in CheckInput) ([]Finding, error) {
	if !slices.ContainsFunc(in.Identity.Oddities, func(o rekey.Oddity) bool { return o.ID == BasicOnly }) {
		return nil, nil
	}
	return []Finding{{
		ID: BasicOnly, Severity: High, Certainty: rekey.Verified,
		Title: "passwords cross the network readable (HTTP Basic)",
		Why:   "whoever listens at one login has the password",
		Do:    "log in over HTTPS only, if it has it, or keep it in a network of its own; look for newer firmware",
	}}, nil
}
