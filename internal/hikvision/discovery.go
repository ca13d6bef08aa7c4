package hikvision

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"rekey"
)

// Prober asks by SADP (UDP 37020). The zero value is ready.
type Prober struct {
	// UDPPort is asked in place of 37020 when it is not 0.
	UDPPort int
}

// sadp is where what a reply tells was learnt.
const sadp = "SADP reply"

// mostPacket is more than UDP carries.
const mostPacket = 64 << 10

// Name is the protocol's.
func (p Prober) Name() string { return "SADP" }

// Port is where devices listen.
func (p Prober) Port() int {
	if p.UDPPort != 0 {
		return p.UDPPort
	}
	return 37020
}

// Multicast is the group that devices join, and broadcast.
func (p Prober) Multicast() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{239, 255, 255, 250}), netip.AddrFrom4([4]byte{255, 255, 255, 255})}
}

// AnswersToGroup: most firmware answers to the group at Port, and not to who asked.
func (p Prober) AnswersToGroup() bool { return true }

// Frame is the inquiry, which changes nothing, with a UUID of its own. Lines end
// in LF alone; there is no frame around the XML.
func (p Prober) Frame() []byte {
	return []byte("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Probe>\n<Uuid>" + newUUID() + "</Uuid>\n<Types>inquiry</Types>\n</Probe>\n")
}

// newUUID is a random UUID (RFC 9562, version 4) in upper case, as SADP has it.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Parse reads a ProbeMatch, whoever asked for it, and the Hello that devices
// send when they start. Answers to SADP's other questions tell of no device.
func (p Prober) Parse(packet []byte, from netip.AddrPort) (rekey.Identity, error) {
	if len(packet) > mostPacket {
		return rekey.Identity{}, errors.New("the discovery packet is larger than UDP carries")
	}
	root, f, err := parseFields(packet)
	if err != nil {
		return rekey.Identity{}, err
	}
	if !strings.EqualFold(root, "ProbeMatch") && !strings.EqualFold(root, "Hello") {
		return rekey.Identity{}, errors.New("the packet is no SADP answer")
	}
	if f.text("DeviceSN") == "" && f.text("MAC") == "" {
		return rekey.Identity{}, errors.New("the SADP packet tells of no device")
	}
	return announced(f, from.Addr()), nil
}

// announced reads the fields of a ProbeMatch. What is not read here is of no use
// to an owner (Salt, DSPVersion, BootTime), or what it stands for is not known
// for sure (DeviceLock is true on devices that are not locked; ResetAbility is
// false and PasswordResetModeSecond true on nearly all).
func announced(f fields, source netip.Addr) rekey.Identity {
	id := rekey.Identity{Family: family, Serial: f.text("DeviceSN"), MAC: macOf(f.text("MAC")), Init: rekey.InitUnknown}
	readModel(&id, f.text("DeviceDescription"), f.text("DeviceType"))
	readBrand(&id, f.text("OEMInfo"))
	id.Firmware, id.Built = splitFirmware(f.text("SoftwareVersion"))
	for _, name := range []string{"AnalogChannelNum", "DigitalChannelNum"} {
		if n, ok := f.number(name, 1024); ok {
			id.Channels = max(id.Channels, n)
		}
	}
	if activated, told := f.is("Activated"); told && activated {
		id.Init = rekey.InitDone
	} else if told {
		factoryState(&id)
	}
	readResets(&id, f)
	readDoors(&id, f, source.String())
	if own, err := netip.ParseAddr(f.text("IPv4Address")); err == nil && source.Unmap().Is4() && !own.IsUnspecified() && own != source.Unmap() {
		id.Odd("foreign-xaddr", fmt.Sprintf("It announces its address as %s, but it answers at %s, which rekey uses; set its network settings right if other programs cannot reach it.", own, source))
	}
	id.Credit(sadp)
	return id
}

// readDoors takes the ports that are announced, at the address that answered.
func readDoors(id *rekey.Identity, f fields, host string) {
	for _, d := range []struct {
		port string
		kind rekey.InterfaceKind
		tls  bool
	}{{"HttpPort", rekey.InterfaceISAPI, false}, {"HttpsPort", rekey.InterfaceISAPI, true}, {"CommandPort", rekey.InterfaceSDK, false}, {"SDKOverTLSPort", rekey.InterfaceSDK, true}} {
		if off, told := f.is("SDKOverTLSServerStatus"); d.port == "SDKOverTLSPort" && told && !off {
			continue
		}
		if port, ok := f.port(d.port); ok {
			id.Interfaces = append(id.Interfaces, rekey.Interface{Kind: d.kind, Host: host, Port: port, TLS: d.tls})
		}
	}
}

// readResets puts the announced ways of resetting the password in words. No
// document of the maker's explains the fields: their names do, so each is
// named, and none tells whether the owner has set the way up.
func readResets(id *rekey.Identity, f fields) {
	can, told := f.is("PasswordResetAbility")
	if told && !can {
		id.Odd("reset-off", "It announces that its password cannot be reset over the network; the ways at the box itself remain.")
		return
	}
	for _, r := range []struct{ field, words string }{
		{"SupportSecurityQuestion", "security questions, where they were set up"},
		{"SupportGUID", "a recovery file (GUID), where one was exported before"},
		{"SupportMailBox", "the e-mail address left with the recorder, where one was"},
		{"HCPlatformEnable", "the Hik-Connect app, where the recorder is bound to an account in it"},
		{"PasswordResetAbility", "the SADP tool on the same network, with a code or file from the maker's support"},
	} {
		if on, _ := f.is(r.field); on {
			id.Resets = append(id.Resets, r.words+" (announced as "+r.field+"; inferred from the name)")
		}
	}
}

// serialModel is a serial number that begins with the model; then come the day
// of making, and letters: AA of a camera, CC of a recorder, where two digits of
// channels stand before the day.
var serialModel = regexp.MustCompile(`^(i?DS-[0-9A-Za-z/()-]+?)([0-9]{2})?(20[0-3][0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))([A-Z]{2})`)

// modelNumber is a type that names a model; most are numbers or kinds.
var modelNumber = regexp.MustCompile(`^i?DS-[0-9A-Za-z/()-]+$`)

// readModel takes the description, which is the model on nearly all, and else
// only the kind: then the type may be the model, or it stands in the serial number.
func readModel(id *rekey.Identity, description, kind string) {
	switch strings.ToUpper(description) {
	case "", "NVR", "DVR", "IPCAMERA", "IP CAMERA", "IPDOME", "IP DOME", "IPC":
	default:
		id.Model = description
		return
	}
	id.Class = classOf(description)
	if modelNumber.MatchString(kind) {
		id.Model = kind
		return
	}
	m := serialModel.FindStringSubmatch(id.Serial)
	if m == nil {
		return
	}
	id.Model = m[1]
	if recorder := id.Class == "NVR" || id.Class == "DVR" || m[4] == "CC"; !recorder {
		id.Model += m[2] // no digits of channels there
	}
	id.Odd("model-in-update-serial", fmt.Sprintf("It announces only what kind it is; the model %s was taken from its serial number, so compare it with the label.", id.Model))
}
