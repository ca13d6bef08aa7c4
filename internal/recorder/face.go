package recorder

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rekey"
)

// Face is the kind of recorder that a box is: which doors it has and how it
// speaks behind them. It belongs to the identity; the button does not change it.
type Face string

// The faces. An identity that names none is FaceN841.
const (
	FaceN841         Face = "n841"          // a Lorex N841 of today, the default
	FaceLNR400       Face = "lnr400"        // of the days of 6-character passwords
	FaceD861         Face = "d861"          // 10 tries; HTTPS is off
	FaceBaseline2    Face = "baseline-2"    // security baseline 2: the envelope, SHA-256, ONVIF accounts of their own
	FaceBrokenDigest Face = "broken-digest" // CGI refuses the right password, too; RPC2 works
	FaceBasic2014    Face = "basic-2014"    // CGI with Basic and nothing else
	FaceNewScreen    Face = "new-screen"    // an N841 whose firmware has the new local UI: Users > User
)

// Faces are the names of all faces, sorted.
func Faces() []Face { return slices.Sorted(maps.Keys(faces)) }

// Traits are what the faces differ in. There is no other place where a box asks
// for its face.
type Traits struct {
	Vendor, Model, Class          string
	Firmware, BuildDate, Baseline string // Baseline "": the firmware tells none
	Rule                          rekey.PasswordRule
	Lock                          rekey.LockPolicy // as it leaves the factory
	Preset                        []rekey.Account  // accounts beside the admin that the first set-up makes
	HTTPS                         bool
	Init                          bool // tells strangers whether it is set up (DevInit, discovery)
	SDKPort                       int  // usual port of the maker's own client
	SDK                           bool // that door is there; nothing is spoken behind it
	MaxConnections                int  // as the settings tell it
	CGI                           CGITraits
	RPC2                          RPC2Traits
	ONVIF                         ONVIFList
	Screen                        Screen
}

// CGITraits are how CGI takes logins and passwords.
type CGITraits struct {
	Basic     bool   // HTTP Basic with the realm Device_CGI, and no digest
	Algorithm string // of the digest; empty = MD5, which is not named
	NoQOP     bool   // the digest is that of RFC 2069
	Broken    bool   // every digest is refused, and counts
	Passwords Passwords
	Manager   ManagerForm
	BareDisks bool // disks are listed as list[n], and not as list.info[n]
}

// Passwords say where CGI takes passwords in a query.
type Passwords int

// Where CGI takes passwords in a query.
const (
	PasswordsByHTTPS   Passwords = iota // and refuses them over plain HTTP
	PasswordsAnywhere                   // over plain HTTP, too
	PasswordsElsewhere                  // nowhere: the actions are not there
)

// ManagerForm is the spelling of modifyPasswordByManager.
type ManagerForm int

// The two spellings.
const (
	ManagerDocument ManagerForm = iota // name, pwd, managerName, managerPwd
	ManagerLive                        // userName, pwd, managerName, managerPwd, accountType=0
)

// RPC2Traits are what the JSON RPC offers.
type RPC2Traits struct {
	Offered     bool
	Integers    bool // sessions are integers, the same before and after the login; errors are those of old firmware
	SHA256      bool // logins by DigestSHA256
	Cookie      bool // calls want the cookie of the login beside the session
	Envelope    bool // passwords in the encrypted envelope, and DevInit and PasswdFind on /OutsideCmd
	CameraState bool // LogicDeviceManager
}

// ONVIFList says which accounts ONVIF logs in.
type ONVIFList int

// Which accounts ONVIF logs in.
const (
	ONVIFNone   ONVIFList = iota // there is no ONVIF
	ONVIFShared                  // those of the recorder
	ONVIFOwn                     // a list of its own, equal to the recorder's at the first set-up only
)

// The rules of the two generations. Eight characters: Dahua and Lorex manuals.
// Six: Lorex manuals say "6 characters" and no more; assumed: exactly six, of
// any classes, and the same signs forbidden as today.
var (
	eightCharacters = rekey.PasswordRule{Min: 8, Max: 32, Classes: 2, Forbidden: `'";:&`}
	sixCharacters   = rekey.PasswordRule{Min: 6, Max: 6, Classes: 1, Forbidden: `'";:&`}
)

func lockAfter(tries int) rekey.LockPolicy {
	return rekey.LockPolicy{Enabled: true, Tries: tries, LockFor: 30 * time.Minute}
}

// faces is the one table. What no source tells is marked "assumed".
var faces = map[Face]Traits{
	// Assumed: ports, lock and rule are those of its generation.
	FaceN841: {
		Vendor: "Lorex", Model: "N841", Class: "NVR", Firmware: "4.002.0000000.8.R", BuildDate: "2024-10-30", Baseline: "V2.2",
		Rule: eightCharacters, Lock: lockAfter(5), HTTPS: true, Init: true, SDKPort: 35000, MaxConnections: 10,
		CGI:    CGITraits{Passwords: PasswordsByHTTPS, Manager: ManagerDocument},
		RPC2:   RPC2Traits{Offered: true, Envelope: true, CameraState: true},
		ONVIF:  ONVIFShared,
		Screen: screenSystem,
	},
	// Known: rule, 3 tries for 30 minutes, the account default for live pictures.
	// Integer sessions and the codes 268632070 and 268632071 are told of old
	// firmware, so it has RPC2 with them. Assumed: version and date; the digest of
	// RFC 2069; passwords change by CGI alone, since nothing tells how RPC2 of then
	// takes one; no DevInit, no ONVIF. Left out: the preset password 000000. Like
	// every face it has no password before its first set-up.
	FaceLNR400: {
		Vendor: "Lorex", Model: "LNR400", Class: "NVR", Firmware: "2.616.0000.0", BuildDate: "2013-11-14",
		Rule: sixCharacters, Lock: lockAfter(3), SDKPort: 35000, MaxConnections: 10,
		Preset: []rekey.Account{{Name: "default", Group: GroupUser, Memo: "live view only"}},
		CGI:    CGITraits{NoQOP: true, Passwords: PasswordsAnywhere, Manager: ManagerDocument},
		RPC2:   RPC2Traits{Offered: true, Integers: true},
		Screen: screenSetting,
	},
	// Known by an owner's test: 10 tries for about 30 minutes, ports 35000, 80 and
	// 554, HTTPS off, 20 connections, build 2022-06-24, no ONVIF accounts of its
	// own. ONVIF is off when it leaves the factory; assumed: its owner switched it
	// on. Assumed: version, baseline, and that it takes the envelope.
	FaceD861: {
		Vendor: "Lorex", Model: "D861A8B", Class: "DVR", Firmware: "4.001.0000005.7.R", BuildDate: "2022-06-24", Baseline: "V2.1",
		Rule: eightCharacters, Lock: lockAfter(10), Init: true, SDKPort: 35000, SDK: true, MaxConnections: 20,
		CGI:    CGITraits{Passwords: PasswordsAnywhere, Manager: ManagerLive},
		RPC2:   RPC2Traits{Offered: true, Envelope: true, CameraState: true},
		ONVIF:  ONVIFShared,
		Screen: screenSystem,
	},
	// Known of one such recorder: version, date, baseline V2.2, the session of the
	// second answer and its cookie. Assumed: that SHA-256, told of some firmware, is
	// the only digest of CGI and of the RPC2 login; that CGI has lost its password
	// actions; that the cookie is asked for; 5 tries for 30 minutes.
	FaceBaseline2: {
		Vendor: "Dahua", Model: "DHI-NVR5232-EI", Class: "NVR", Firmware: "4.002.0000000.8.R", BuildDate: "2024-10-30", Baseline: "V2.2",
		Rule: eightCharacters, Lock: lockAfter(5), HTTPS: true, Init: true, SDKPort: 37777, SDK: true, MaxConnections: 10,
		CGI:    CGITraits{Algorithm: "SHA-256", Passwords: PasswordsElsewhere},
		RPC2:   RPC2Traits{Offered: true, SHA256: true, Cookie: true, Envelope: true, CameraState: true},
		ONVIF:  ONVIFOwn,
		Screen: screenAccount,
	},
	// Known of one camera: CGI answers 401 to the right password, RPC2 works.
	// Assumed: that a refused digest counts, the worst case; everything else.
	FaceBrokenDigest: {
		Vendor: "Lorex", Model: "N842", Class: "NVR", Firmware: "4.001.0000005.0", BuildDate: "2020-11-17", Baseline: "V2.1",
		Rule: eightCharacters, Lock: lockAfter(5), HTTPS: true, Init: true, SDKPort: 35000, MaxConnections: 10,
		CGI:    CGITraits{Broken: true, Passwords: PasswordsByHTTPS, Manager: ManagerDocument},
		RPC2:   RPC2Traits{Offered: true, Envelope: true, CameraState: true},
		ONVIF:  ONVIFShared,
		Screen: screenSystem,
	},
	// Known of a camera of 2014: Basic, realm Device_CGI. Assumed: that such a
	// recorder takes no digest, has no RPC2, no ONVIF and no HTTPS; 5 tries for 30
	// minutes; the digits of the version and the day; that it is one of those that
	// list their disks as list[n], which is told of some firmware.
	FaceBasic2014: {
		Vendor: "Lorex", Model: "LHV2008", Class: "DVR", Firmware: "2.420.0000.0.R", BuildDate: "2014-06-17",
		Rule: sixCharacters, Lock: lockAfter(5), SDKPort: 35000, MaxConnections: 10,
		CGI:    CGITraits{Basic: true, Passwords: PasswordsAnywhere, Manager: ManagerDocument, BareDisks: true},
		Screen: screenSetting,
	},
	// Known: the path Users > User of the new local UI. Assumed: that nothing else
	// differs from its N841.
	FaceNewScreen: {
		Vendor: "Lorex", Model: "N841", Class: "NVR", Firmware: "4.002.0000000.8.R", BuildDate: "2024-10-30", Baseline: "V2.2",
		Rule: eightCharacters, Lock: lockAfter(5), HTTPS: true, Init: true, SDKPort: 35000, MaxConnections: 10,
		CGI:    CGITraits{Passwords: PasswordsByHTTPS, Manager: ManagerDocument},
		RPC2:   RPC2Traits{Offered: true, Envelope: true, CameraState: true},
		ONVIF:  ONVIFShared,
		Screen: screenUsers,
	},
}

// traits finds a face; the empty name is FaceN841.
func (f Face) traits() (Traits, error) {
	if f == "" {
		f = FaceN841
	}
	t, known := faces[f]
	if !known {
		names := make([]string, 0, len(faces))
		for _, name := range Faces() {
			names = append(names, string(name))
		}
		return Traits{}, fmt.Errorf("%w: face %q; expected one of %s", rekey.ErrInput, clip(string(f)), strings.Join(names, ", "))
	}
	return t, nil
}

// Face is the box's face.
func (b *Box) Face() Face {
	if b.id.Face == "" {
		return FaceN841
	}
	return b.id.Face
}

// Traits are those of the box's face. They must not be modified.
func (b *Box) Traits() Traits { return b.traits }
