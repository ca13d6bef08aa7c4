package onvif

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// Identify asks the device service what it tells anybody: clock, services, and
// once each, for many refuse it, device information and scopes. At most five
// requests, none with a login. rekey.ErrNotRecorder: there is no ONVIF there.
func (d *Driver) Identify(ctx context.Context, t rekey.Target) (rekey.Identity, error) {
	at := rekey.Interface{Kind: rekey.InterfaceONVIF, Host: t.Host, Port: t.HTTPPort(), TLS: t.TLS}
	id, moved, err := transport.Follow(at, func(at rekey.Interface) (rekey.Identity, error) { return d.fingerprint(ctx, at) })
	if err != nil {
		return rekey.Identity{}, err
	}
	moved.Note(&id)
	return id, nil
}

// fingerprint asks at one web port.
func (d *Driver) fingerprint(ctx context.Context, at rekey.Interface) (rekey.Identity, error) {
	c := transport.New(at, d.log, d.limits)
	defer c.Close()
	s := &service{http: c}
	id := rekey.Identity{Family: family, Init: rekey.InitUnknown}
	known, err := s.readClock(ctx, &id)
	if err != nil {
		return id, notONVIF(at, err)
	}
	offers, err := s.readServices(ctx, &id, at)
	if err != nil {
		return id, notONVIF(at, err)
	}
	if !known && !offers {
		return id, fmt.Errorf("%w: what answers at %s speaks SOAP, but not ONVIF", rekey.ErrNotRecorder, at.Address())
	}
	id.Learnt = append([]rekey.Fact{{What: "family", From: "ONVIF device service"}}, id.Learnt...)
	if err := s.readDevice(ctx, &id); err != nil {
		return id, err
	}
	id.Interfaces = slices.Insert(id.Interfaces, 0, c.At())
	c.NoteCertificate(&id)
	return id, nil
}

// notONVIF says so where something answered in another language, or only sends
// on to another page at the same door.
func notONVIF(at rekey.Interface, err error) error {
	var refused *fault
	var elsewhere *transport.RedirectError
	moved := errors.As(err, &elsewhere) && elsewhere.Within()
	if moved || errors.Is(err, errNotSOAP) || errors.As(err, &refused) {
		return fmt.Errorf("%w: what answers at %s has no ONVIF device service: %v", rekey.ErrNotRecorder, at.Address(), err)
	}
	return err
}

// readClock asks for the time, which needs no login on any device. It reports
// whether the answer is ONVIF's.
func (s *service) readClock(ctx context.Context, id *rekey.Identity) (bool, error) {
	const operation = "GetSystemDateAndTime"
	began := time.Now()
	told, err := s.ask(ctx, operation, "")
	var refused *fault
	if errors.As(err, &refused) && refused.soap {
		readRefusal(id, refused)
		return refused.denied(), nil
	}
	if err != nil {
		return false, err
	}
	now := began.Add(time.Since(began) / 2)
	if clock, ok := clockOf(told); ok {
		off := clock.Sub(now)
		id.Learnt = append(id.Learnt, rekey.Fact{What: clockWords(off), From: "ONVIF " + operation})
		if off.Abs() > clockMatters {
			id.Odd("clock-wrong", "Its "+clockWords(off)+": a temporary password goes by the recorder's day, and what it records is dated wrong; tell support the date that its screen shows, and set it right once you are in.")
		}
	}
	return true, nil
}

// clockMatters is how far a clock may be off before people should know.
const clockMatters = 10 * time.Minute

// clockOf is the device's UTC time; it may tell none.
func clockOf(told *element) (time.Time, bool) {
	return timeOf(told.find("SystemDateAndTime", "UTCDateTime"))
}

// timeOf reads ONVIF's DateTime, which is made of six numbers.
func timeOf(e *element) (time.Time, bool) {
	var parts []int
	for _, path := range [][2]string{{"Date", "Year"}, {"Date", "Month"}, {"Date", "Day"}, {"Time", "Hour"}, {"Time", "Minute"}, {"Time", "Second"}} {
		n, err := strconv.Atoi(e.line(path[0], path[1]))
		if err != nil || n < 0 || n > 9999 {
			return time.Time{}, false
		}
		parts = append(parts, n)
	}
	return time.Date(parts[0], time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5], 0, time.UTC), true
}

// clockWords tells how far a clock is off, by this computer's.
func clockWords(off time.Duration) string {
	switch off = off.Round(time.Second); {
	case off > 2*time.Second:
		return "clock " + off.String() + " ahead of this computer's"
	case off < -2*time.Second:
		return "clock " + off.Abs().String() + " behind this computer's"
	}
	return "clock agrees with this computer's"
}

// readServices asks which services there are, in the new form or in the old. It
// reports whether the device told any.
func (s *service) readServices(ctx context.Context, id *rekey.Identity, at rekey.Interface) (bool, error) {
	operation := "GetServices"
	told, err := s.ask(ctx, operation, `<tds:IncludeCapability>false</tds:IncludeCapability>`)
	var refused *fault
	if errors.As(err, &refused) && refused.soap && !refused.denied() {
		operation = "GetCapabilities"
		told, err = s.ask(ctx, operation, `<tds:Category>All</tds:Category>`)
	}
	switch {
	case errors.As(err, &refused), errors.Is(err, errNotSOAP):
		return false, nil // the clock answered or did not; that decides
	case err != nil:
		return false, err
	}
	names := serviceNames(told)
	if len(names) == 0 {
		return false, nil
	}
	id.Learnt = append(id.Learnt, rekey.Fact{What: "ONVIF services " + strings.Join(names, ", "), From: "ONVIF " + operation})
	readDoors(id, told, at)
	return true, nil
}

// serviceNames are the services of an answer: of GetServices by the namespace,
// e.g. "media" of http://www.onvif.org/ver20/media/wsdl, of GetCapabilities by
// the element that holds the address.
func serviceNames(told *element) (names []string) {
	add := func(name string) {
		if name = transport.Printable(strings.ToLower(name)); name != "" && len(names) < 32 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, s := range told.named("Service") {
		if parts := strings.Split(s.line("Namespace"), "/"); len(parts) > 4 && parts[2] == "www.onvif.org" {
			add(parts[4])
		}
	}
	told.find("Capabilities").each(func(e *element) {
		if e.find("XAddr") != nil {
			add(e.name)
		}
	})
	slices.Sort(names)
	return names
}

// readDoors takes the other ports of the device service, and whether it calls
// itself by another address than the one it was asked at.
func readDoors(id *rekey.Identity, told *element, at rekey.Interface) {
	here, err := netip.ParseAddr(at.Host)
	if err != nil {
		return // asked by name; what address that is, the transport knows alone
	}
	var words []string
	told.each(func(e *element) {
		if e.name == "XAddr" && len(words) < mostXAddrs {
			words = append(words, strings.TrimSpace(string(e.text)))
		}
	})
	other := rekey.Identity{}
	if !readXAddrs(&other, words, here) {
		id.Oddities = append(id.Oddities, other.Oddities...)
		return
	}
	for _, door := range other.Interfaces {
		if door.Port != at.Port {
			id.Interfaces = append(id.Interfaces, door)
		}
	}
}

// readDevice asks for device information and scopes, once each and without a
// login. A refusal that counts or locks ends it.
func (s *service) readDevice(ctx context.Context, id *rekey.Identity) error {
	told, err := s.ask(ctx, "GetDeviceInformation", "")
	if err == nil {
		readInformation(id, told)
	} else if stop := goOn(id, err); stop != nil || id.Lock != nil {
		return stop
	}
	if told, err = s.ask(ctx, "GetScopes", ""); err != nil {
		return goOn(id, err)
	}
	var scopes []string
	for _, e := range told.named("Scopes") {
		scopes = append(scopes, e.find("ScopeItem").words(1)...)
	}
	// What is known already was told more exactly.
	fresh := rekey.Identity{Init: rekey.InitUnknown}
	profiles, _ := readScopes(&fresh, scopes[:min(len(scopes), mostScopes)])
	fill(id, fresh, "ONVIF GetScopes")
	if len(profiles) > 0 {
		id.Learnt = append(id.Learnt, rekey.Fact{What: "ONVIF profiles " + strings.Join(profiles, ", "), From: "ONVIF GetScopes"})
	}
	return nil
}

// goOn takes a refusal for an answer and returns what is none.
func goOn(id *rekey.Identity, err error) error {
	var refused *fault
	switch {
	case errors.As(err, &refused):
		readRefusal(id, refused)
		return nil
	case errors.Is(err, errNotSOAP):
		return nil
	}
	return err
}

// readRefusal takes what a refusal tells of the lock.
func readRefusal(id *rekey.Identity, f *fault) {
	lock := f.lock()
	if lock.Locked || lock.TriesLeft >= 0 {
		id.Lock = &lock
	}
	if lock.Locked || f.status == http.StatusForbidden {
		id.Odd("banned-or-locked", "It refuses even a question without a login: the account or this computer's address may be locked. Wait 30 minutes without any login, then look again.")
	}
}
