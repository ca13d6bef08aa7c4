package recorder

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"rekey"
	"rekey/seclog"
)

// defaultTables are the settings as they leave the factory, by the names and
// flat keys of Dahua-family recorders. Their form is the schema: a key that is
// true or false here stays so, and a number stays a number.
func defaultTables(i identity, t Traits) map[string]map[string]string {
	tables := map[string]map[string]string{
		"General": {"MachineName": i.Name, "LocalNo": "8", "MachineAddress": "", "MaxOnlineTime": "3600",
			"LockLoginEnable": strconv.FormatBool(t.Lock.Enabled), "LockLoginTimes": strconv.Itoa(t.Lock.Tries), "LoginFailLockTime": strconv.Itoa(int(t.Lock.LockFor / time.Second))},
		"Network": {"DefaultInterface": "eth0", "Domain": "", "Hostname": i.Class,
			"eth0.IPAddress": "127.0.0.1", "eth0.SubnetMask": "255.0.0.0", "eth0.DefaultGateway": "127.0.0.1",
			"eth0.DhcpEnable": "true", "eth0.DnsAutoGet": "true", "eth0.DnsServers[0]": "127.0.0.1", "eth0.DnsServers[1]": "127.0.0.1",
			"eth0.MTU": "1500", "eth0.PhysicalAddress": i.MAC},
		"Web":   {"Enable": "true", "Port": "80"},
		"Https": {"Enable": strconv.FormatBool(t.HTTPS), "Port": "443"},
		"RTSP":  {"Enable": "true", "Port": "554", "RTP.StartPort": "20000", "RTP.EndPort": "40000"},
		"DVRIP": {"TCPPort": strconv.Itoa(t.SDKPort), "UDPPort": strconv.Itoa(t.SDKPort + 1), "SSLPort": strconv.Itoa(t.SDKPort + 2), "MaxConnections": strconv.Itoa(t.MaxConnections), "MCASTAddress": "239.255.42.42", "MCASTPort": "36666"},
		"UPnP": {"Enable": "true", "Mode": "Custom",
			"MapTable[0].Enable": "true", "MapTable[0].InnerPort": "80", "MapTable[0].OuterPort": "80", "MapTable[0].Protocol": "TCP", "MapTable[0].ServiceName": "HTTP",
			"MapTable[1].Enable": "true", "MapTable[1].InnerPort": "554", "MapTable[1].OuterPort": "554", "MapTable[1].Protocol": "TCP", "MapTable[1].ServiceName": "RTSP"},
		"T2UServer":         {"Enable": "true", "UUID": i.Serial},
		"NTP":               {"Enable": "true", "Address": "pool.ntp.org", "Port": "123", "TimeZone": "0", "TimeZoneDesc": "London", "UpdatePeriod": "60"},
		"Locales":           {"DSTEnable": "false", "TimeFormat": "yyyy-MM-dd HH:mm:ss"},
		"Telnet":            {"Enable": "false"},
		"SSHD":              {"Enable": "false", "Port": "22"},
		"SNMP":              {"Enable": "false", "Port": "161"},
		"Multicast":         {"Enable": "true", "MulticastAddr": "239.255.42.42", "Port": "36666"},
		"Bonjour":           {"Enable": "true", "Name": i.Name},
		"UserGlobal":        {"OnvifLoginCheck": "true"},
		"PwdReset":          {"Enable": "true"},
		"AccessFilter":      {"Enable": "false", "Type": "TrustList"},
		"LoginFailureAlarm": {"Enable": "true"},
		"AutoMaintain":      {"AutoRebootEnable": "true", "AutoRebootDay": "2", "AutoRebootHour": "2", "AutoRebootMinute": "0"},
		"AutoUpgrade":       {"Enable": "false"},
	}
	if t.ONVIF == ONVIFNone {
		delete(tables, "UserGlobal")
	}
	if !t.Init && !t.HTTPS {
		delete(tables, "Https") // assumed: of old firmware, that knows neither
	}
	return tables
}

// Tables that the box itself goes by.
const (
	recoveryTable = "PwdReset"  // recovery by the support desk
	remoteTable   = "T2UServer" // remote access by way of the maker's servers
)

// Ports are where the doors of the box really listen; 0 = not at all. Real
// recorders listen where their settings say; this one may share a machine.
type Ports struct {
	Host                   string
	HTTP, HTTPS, RTSP, SDK int
}

// Serving tells the box where it is reached, so that its settings say so until
// it is opened again. Nothing is saved.
func (b *Box) Serving(p Ports) { b.serving.Store(&p) }

// Table is a copy of one table of the settings, keys without the "table.NAME." before them.
func (b *Box) Table(name string) (map[string]string, bool) {
	if name == cameraTable {
		return b.cameraTable()
	}
	stored, ok := b.state().Tables[name]
	if !ok {
		return nil, false
	}
	t := maps.Clone(stored)
	if p := b.serving.Load(); p != nil {
		p.overlay(name, t)
	}
	return t, true
}

func (p *Ports) overlay(name string, t map[string]string) {
	port := func(n int) {
		if n != 0 {
			t["Port"] = strconv.Itoa(n)
		}
	}
	switch name {
	case "Web":
		port(p.HTTP)
	case "Https":
		port(p.HTTPS)
	case "RTSP":
		port(p.RTSP)
	case "DVRIP":
		if p.SDK != 0 {
			t["TCPPort"] = strconv.Itoa(p.SDK)
		}
	case "Network":
		if p.Host != "" {
			t["eth0.IPAddress"] = p.Host
		}
	}
}

// TableNames are the names of all tables, sorted.
func (b *Box) TableNames() []string {
	s := b.state()
	names := slices.Collect(maps.Keys(s.Tables))
	if len(s.Cameras) > 0 {
		names = append(names, cameraTable)
	}
	slices.Sort(names)
	return names
}

// SetTable changes keys of one table for an admin. Keys that the table has not
// are ignored without a word, as real recorders do. A value of the wrong form is
// rekey.ErrInput and changes nothing; an unknown table is rekey.ErrNotFound.
func (b *Box) SetTable(actor, name string, changed map[string]string, from Client) error {
	if name == cameraTable && len(b.state().Cameras) > 0 {
		return b.setCameras(actor, changed, from)
	}
	schema, ok := b.defaults()[name]
	if !ok {
		return fmt.Errorf("%w: the recorder has no settings named %q", rekey.ErrNotFound, clip(name))
	}
	b.tries.Lock() // the lock policy may be among them
	defer b.tries.Unlock()
	err := b.commit(func(next *state) ([]seclog.Record, error) {
		if err := next.mustBeAdmin(mainList, actor); err != nil {
			return nil, err
		}
		before := next.lockPolicy()
		detail, err := next.setTable(name, schema, changed)
		if err != nil {
			return nil, err
		}
		if after := next.lockPolicy(); after.Enabled && (!before.Enabled || after.Tries < before.Tries) {
			b.forgive(next)
		}
		maps.Copy(detail, map[string]string{"address": from.Address, "client": from.Type})
		return []seclog.Record{{Actor: actor, Event: settingEvent(next.Tables[name], detail), Object: name, Result: "ok", Detail: detail}}, nil
	})
	if err != nil || name != recoveryTable || b.state().Tables[recoveryTable]["Enable"] == "true" {
		return err
	}
	return b.cancelSupport("", "switched off")
}

// setTable changes the keys that the table has, and gives them for the record.
func (s *state) setTable(name string, schema, changed map[string]string) (detail map[string]string, err error) {
	table := maps.Clone(s.Tables[name])
	detail = map[string]string{}
	for key, value := range changed {
		old, known := table[key]
		if !known || old == value {
			continue
		}
		if err := checkValue(name, key, schema[key], value); err != nil {
			return nil, err
		}
		table[key] = value
		detail["set "+key] = value
	}
	s.Tables[name] = table
	if name == remoteTable {
		s.RemoteFor = "" // decided by hand
	}
	return detail, nil
}

func settingEvent(table, detail map[string]string) string {
	switch {
	case detail["set Enable"] == "":
		return "settings.set"
	case table["Enable"] == "true":
		return "service.on"
	}
	return "service.off"
}

// maxValue bounds a value in the settings, in bytes.
const maxValue = 256

func checkValue(table, key, factory, value string) error {
	bad := func(expected string) error {
		return fmt.Errorf("%w: setting %s.%s must be %s", rekey.ErrInput, table, key, expected)
	}
	if r, ok := numberRange[table+"."+key]; ok {
		if n, err := strconv.Atoi(value); err != nil || n < r[0] || n > r[1] {
			return bad(fmt.Sprintf("a number from %d to %d", r[0], r[1]))
		}
		return nil
	}
	if factory == "true" || factory == "false" {
		if value != "true" && value != "false" {
			return bad("true or false")
		}
		return nil
	}
	if _, err := strconv.Atoi(factory); err == nil {
		if n, err := strconv.Atoi(value); err != nil || n < 0 || n > 65535 {
			return bad("a number from 0 to 65535")
		}
		return nil
	}
	if len(value) > maxValue || !printable(value) {
		return bad(fmt.Sprintf("at most %d printable characters", maxValue))
	}
	return nil
}

// numberRange holds the settings whose bounds matter to the lock.
var numberRange = map[string][2]int{
	"General.LockLoginTimes":    {1, 30},
	"General.LoginFailLockTime": {60, 86400},
}

// LockPolicy is after how many wrong tries an account locks, and for how long.
func (b *Box) LockPolicy() rekey.LockPolicy { return b.state().lockPolicy() }

func (s *state) lockPolicy() rekey.LockPolicy {
	g := s.Tables["General"]
	tries, _ := strconv.Atoi(g["LockLoginTimes"])      // checked when set
	seconds, _ := strconv.Atoi(g["LoginFailLockTime"]) // checked when set
	return rekey.LockPolicy{Enabled: g["LockLoginEnable"] == "true", Tries: tries, LockFor: time.Duration(seconds) * time.Second}
}

// codeTries and codeLock bound the codes of a second factor, which are short,
// whatever an administrator made of the lock policy.
const (
	codeTries = 5
	codeLock  = 30 * time.Minute
)

// lockPolicyOf is the lock policy of one account: against which wrong codes stand,
// never a loose one.
func (s *state) lockPolicyOf(name string) rekey.LockPolicy {
	p := s.lockPolicy()
	if s.Accounts[name].wrongCodes() == 0 {
		return p
	}
	if !p.Enabled {
		return rekey.LockPolicy{Enabled: true, Tries: codeTries, LockFor: codeLock}
	}
	return rekey.LockPolicy{Enabled: true, Tries: min(p.Tries, codeTries), LockFor: max(p.LockFor, codeLock)}
}

// SetLockPolicy changes the lock policy for an admin: 1 to 30 tries, 1 minute to 24 hours.
func (b *Box) SetLockPolicy(manager string, p rekey.LockPolicy, from Client) error {
	return b.SetTable(manager, "General", map[string]string{
		"LockLoginEnable":   strconv.FormatBool(p.Enabled),
		"LockLoginTimes":    strconv.Itoa(p.Tries),
		"LoginFailLockTime": strconv.Itoa(int(p.LockFor / time.Second)),
	}, from)
}

func (b *Box) defaults() map[string]map[string]string { return defaultTables(b.id, b.traits) }
